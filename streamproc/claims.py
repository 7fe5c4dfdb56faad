"""Taking a shard from the store, and noticing a Redis that is not where it had been."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog
from aiokafka.structs import TopicPartition

from streamproc.metrics import Metrics
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.plan import Plan
from streamproc.state.rewinds import lost_commits, since_told, was_seen_otherwise
from streamproc.state.store import Fenced as StoreFenced
from streamproc.state.store import Head, Store
from streamproc.transport.owner import Fenced, Progress

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A shard that was taken.

    `head`: with `rewinds` raised if Redis lost acknowledged writes. `is_continued`: nothing was lost since this
    process held the shard. `is_rewound`: something was, and the next commit must say so. `restate`: consumers may
    have been told what the shard knows nothing of.
    """

    head: Head
    offsets: Mapping[TopicPartition, int | None]
    is_continued: bool
    is_rewound: bool
    restate: bool


class Claims:
    """Takes shards for one worker, and remembers how far each had come when it was let go.

    `rebuild`: shards are made anew, whatever Kafka was told before.
    """

    def __init__(self, store: Store, settings: Settings, metrics: Metrics, rebuild: Plan | None) -> None:
        self._store, self._settings, self._metrics, self._rebuild = store, settings, metrics, rebuild
        self._last: dict[int, Head] = {}

    @property
    def last(self) -> list[Head]:
        """How far the shards had come that were let go."""
        return list(self._last.values())

    def remember(self, head: Head) -> None:
        """This is how far the shard has come."""
        self._last[head.partition] = head

    async def take(
        self,
        partition: int,
        *,
        generation: int,
        partitions: int,
        committed: Mapping[TopicPartition, Progress],
    ) -> Taken:
        """Take a shard. `committed`: what Kafka was told of the group.

        Signals sent from a future that Redis has lost are superseded: versions rise. Raises Fenced, and what the
        store raises.
        """
        rebuild = self._rebuild
        known = committed if rebuild is None else {}
        mine = {tp: progress for tp, progress in known.items() if tp.partition == partition}
        try:
            stored = await self._store.acquire(
                partition,
                generation=generation,
                member=self._settings.group,
                partitions=partitions,
                layout=LAYOUT_VERSION,
                offsets_if_new={},
                create=not mine,
            )
        except StoreFenced as error:
            raise Fenced(error.message) from error
        prefix = self._settings.topic_prefix
        offsets = {TopicPartition(prefix + topic, partition): stored.offsets.get(topic) for topic in SOURCES}
        if rebuild is not None:
            for topic in SOURCES:
                offsets[TopicPartition(prefix + topic, partition)] = stored.offsets.get(
                    topic, rebuild.begin_of(topic, partition)
                )
        last, notes = self._last.get(partition), [progress.note for progress in mine.values()]
        behind = any(progress.offset > (offsets[tp] or 0) for tp, progress in mine.items())
        head = since_told(stored, last, notes, behind=behind)
        if rebuild is not None:
            head = replace(head, rewinds=max(head.rewinds, rebuild.rewinds))
            return Taken(head, offsets, last is not None, head.rewinds != stored.rewinds, restate=False)
        restate = was_seen_otherwise(stored, notes)
        if head.rewinds != stored.rewinds:
            self._note_rewind(head, lost_commits(stored, notes))
        if restate:
            _log.warning(
                "signals of lost commits may have been seen; restating what holds",
                partition=partition,
                other_history=stored.rewinds != head.rewinds - 1,
            )
        return Taken(
            head,
            offsets,
            is_continued=last is not None and last.rewinds == head.rewinds,
            is_rewound=head.rewinds != stored.rewinds,
            restate=restate,
        )

    def _note_rewind(self, head: Head, lost: int) -> None:
        self._metrics.count("rewinds_total")
        self._metrics.count("rewound_commits_total", lost)
        _log.warning(
            "Redis lost acknowledged writes; reading again",
            partition=head.partition,
            rewinds=head.rewinds,
            lost_commits=lost,
        )
