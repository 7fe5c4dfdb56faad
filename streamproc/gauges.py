"""What is looked at every few seconds for metrics: lag, the time of shards, the sizes of segments.

It is here that a Kafka which has stopped to answer is noticed, so here the log says so.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.contracts.signal_types import BANDS
from streamproc.metrics import Metrics
from streamproc.settings import Settings
from streamproc.shards import Shards
from streamproc.sizes import NO_BAND
from streamproc.sources import SOURCES
from streamproc.transport.owner import Progress, Unavailable
from streamproc.transport.reader import Poll

_log = structlog.get_logger(__name__)

#: Between two looks.
_EVERY_S: Final = 5.0
#: A partition that is read tells its end several times a second. Of one that has told nothing for so long it is asked.
_UNTOLD_MS: Final = 2_000
#: An end that was told so long ago says nothing any more.
_FORGOTTEN_MS: Final = 30_000
#: Of a partition that has told nothing for so long, though it was asked, the log says so.
_SILENT_MS: Final = 10_000
_SILENT_FIX: Final = "are the brokers up, and has every partition a leader? streamproc doctor looks"
#: How long one question to Kafka may take.
_ANSWER_WITHIN_S: Final = 5.0


class Feed(Protocol):
    """What must be known of the consumer."""

    def poll(self, tp: TopicPartition) -> Poll | None:
        """The last answered fetch; None while it is not being read."""

    def partition_count(self) -> int:
        """Partitions of the source topics; 0: not known yet."""

    def assigned_shards(self) -> set[int]:
        """What Kafka's group has given to this worker."""

    async def committed(self, shards: set[int]) -> Mapping[TopicPartition, Progress]:
        """What Kafka holds for the group on the sources of shards. Raises KafkaError."""

    def commit_failures(self) -> int:
        """Offset commits that Kafka has refused, so far."""


class Ends(Protocol):
    """Who knows where logs end."""

    async def ask(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """The ends. Raises Unavailable."""


@dataclass(slots=True)
class _End:
    """Where a log ended at an instant (wall clock); None: nobody has said so since then."""

    told_ms: int
    offset: int | None = None


class _Silence:
    """Says once that Kafka has stopped to answer, and once that it answers again."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap, self._told = bootstrap, False

    def note(self, silent: list[int]) -> None:
        """`silent`: the partitions of which Kafka has said nothing for too long."""
        if silent and not self._told:
            _log.warning("waiting for Kafka", partitions=silent, brokers=self._bootstrap, fix=_SILENT_FIX)
        elif self._told and not silent:
            _log.info("Kafka answers again", brokers=self._bootstrap)
        self._told = bool(silent)


class Gauges:
    """Of one worker. A shard that waits or stands still is behind more and more, and its gauges say so."""

    def __init__(
        self,
        shards: Shards,
        feed: Callable[[], Feed],
        ends: Ends,
        settings: Settings,
        metrics: Metrics,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        """`feed`: the consumer, which is there once the app has started."""
        self._shards, self._feed, self._log_ends = shards, feed, ends
        self._settings, self._metrics, self._now_ms = settings, metrics, now_ms
        self._ends: dict[TopicPartition, _End] = {}
        self._offsets: dict[TopicPartition, int] = {}
        self._times_ms: dict[int, int] = {}
        self._refused = 0
        self._silence = _Silence(settings.kafka)
        self._shown: dict[str, set[tuple[str, ...]]] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Bring all gauges up to date. Raises nothing if Kafka does not answer."""
        feed, metrics = self._feed(), self._metrics
        assigned = feed.assigned_shards() | self._shards.held.keys()
        await self._learn_offsets(feed, assigned)
        await self._learn_ends(feed, assigned)
        self._show_lag()
        self._show_time(assigned)
        self._show_sizes()
        for shard, held in self._shards.held.items():  # the relay says so only when it gets through
            metrics.set("outbox_records", held.relay.backlog, str(shard))
        metrics.set("waiting_shards", len(self._shards.waiting()))
        metrics.set("partitions", feed.partition_count())
        refused = feed.commit_failures()
        metrics.count("kafka_commit_failures_total", refused - self._refused)
        self._refused = refused

    # -- lag

    async def _learn_offsets(self, feed: Feed, assigned: set[int]) -> None:
        """How far all assigned shards are. Of those that wait Kafka says it, or what was known last holds."""
        offsets = {tp: offset for tp, offset in self._offsets.items() if tp.partition in assigned}
        unheld = assigned - self._shards.held.keys()
        if unheld - {tp.partition for tp in offsets}:
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(_ANSWER_WITHIN_S):
                    committed = await feed.committed(unheld)
                offsets |= {tp: progress.offset for tp, progress in committed.items()}
        held = self._shards.committed_offsets()
        self._offsets = offsets | {tp: progress.offset for tp, progress in held.items()}

    async def _learn_ends(self, feed: Feed, assigned: set[int]) -> None:
        now_ms, prefix = self._now_ms(), self._settings.topic_prefix
        places = [TopicPartition(prefix + topic, shard) for shard in sorted(assigned) for topic in SOURCES]
        self._ends = {tp: self._ends.get(tp) or _End(now_ms) for tp in places}
        for tp, known in self._ends.items():
            poll = feed.poll(tp)
            if poll is not None and (known.offset is None or poll.sent_ms > known.told_ms):
                self._ends[tp] = _End(poll.sent_ms, poll.end)
        untold = [
            tp
            for tp, known in self._ends.items()
            if known.offset is None or now_ms - known.told_ms > _UNTOLD_MS
        ]
        if untold:
            with suppress(Unavailable, TimeoutError):
                async with asyncio.timeout(_ANSWER_WITHIN_S):
                    told = await self._log_ends.ask(untold)
                self._ends |= {tp: _End(now_ms, offset) for tp, offset in told.items()}
        if self._ends:  # else nobody has been asked
            silent = {tp.partition for tp, end in self._ends.items() if now_ms - end.told_ms > _SILENT_MS}
            self._silence.note(sorted(silent))

    def _show_lag(self) -> None:
        now_ms = self._now_ms()
        ages_ms = [now_ms - known.told_ms for known in self._ends.values()]
        self._metrics.set("lag_age_seconds", max(max(ages_ms, default=0), 0) / 1000)
        lags: dict[tuple[str, ...], float] = {
            (tp.topic, str(tp.partition)): float(max(known.offset - self._offsets[tp], 0))
            for tp, known in self._ends.items()
            if known.offset is not None and now_ms - known.told_ms <= _FORGOTTEN_MS and tp in self._offsets
        }
        self._show("lag_records", lags)

    # -- time

    def _show_time(self, assigned: set[int]) -> None:
        """How far shards are behind the clock. Time stands still for those that wait."""
        if self._settings.clock != "live":
            return
        known = {shard: ms for shard, ms in self._times_ms.items() if shard in assigned}
        held = {shard: held.shard.time_ms for shard, held in self._shards.held.items()}
        self._times_ms = {shard: ms for shard, ms in (known | held).items() if ms}
        now_ms = self._now_ms()
        self._show(
            "shard_lag_seconds",
            {(str(shard),): max(now_ms - ms, 0) / 1000 for shard, ms in self._times_ms.items()},
        )

    # -- sizes

    def _show_sizes(self) -> None:
        shards = [held.shard for held in self._shards.held.values()]
        counted = [shard.sizes for shard in shards if shard.sizes is not None]
        ruleset = self._shards.definitions.ruleset
        segments = Counter({segment.key: 0 for segment in ruleset.segments})
        bands = Counter(dict.fromkeys((NO_BAND, *BANDS), 0))
        for sizes in counted:
            segments.update(sizes.segments)
            bands.update(sizes.bands)
        self._metrics.set("uncounted_shards", len(shards) - len(counted))
        self._show("segment_customers", {(key,): float(count) for key, count in segments.items()})
        self._show("band_customers", {(band,): float(count) for band, count in bands.items()})

    def _show(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a gauge for these labels, and drop those that it had for others."""
        for labels, value in values.items():
            self._metrics.set(name, value, *labels)
        for labels in self._shown.get(name, set()) - values.keys():
            self._metrics.forget(name, *labels)
        self._shown[name] = set(values)
