"""Seek sessions: from the offsets that the owner stored to positions of the consumer.

Kafka's committed offsets play no part. A session asks the owner, compares its answer with what the log still
holds, sets all positions in one step of the consumer's thread and tells the owner where its shards start. It
has a deadline of its own: Faust would log a seek that takes too long and then idle for ever.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.owner import Owner, Unavailable
from streamproc.transport.settings import LostPolicy

logger = logging.getLogger(__name__)

#: After a leader election a broker may show an end below what it has already served; looked at this often ...
_END_CHECKS = 10
#: ... this far apart before an offset is declared past the end.
_END_CHECK_PAUSE_S = 0.3


class OffsetLost(StreamprocError):
    """Kafka no longer holds the record a partition must go on with."""


class SeekFailed(StreamprocError):
    """A seek session did not end in time, or the owner's answer cannot be used."""


class Log(Protocol):
    """The consumer's view of the brokers; implemented by the consumer thread."""

    async def log_bounds(self, tps: set[TopicPartition]) -> Mapping[TopicPartition, tuple[int, int]]:
        """(beginning, end) offset of each partition; the end may be too low."""

    async def shown_end(self, tp: TopicPartition, offset: int) -> int | None:
        """The log's end as a fetch at `offset` shows it; None if the broker calls `offset` out of range."""

    async def start_reading(
        self, starts: Mapping[TopicPartition, int], *, session: int, generation: int
    ) -> None:
        """Set the positions; IllegalStateError if the group has moved on."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition's reading begins, and how many records at most are jumped over for it."""

    offset: int
    lost: int = 0


def resolve_start(
    tp: TopicPartition, stored: int | None, beginning: int, end: int, policy: LostPolicy
) -> Start:
    """Compare the stored next offset with the log's bounds (`end` must be trustworthy).

    Raises OffsetLost under policy `fail`. Past the end, `skip` goes to the end: the log was either cut back
    to records that were counted already, or made anew, and only an operator can tell.
    """
    if stored is None:
        return Start(beginning)
    if stored < beginning:
        if policy == "skip":
            return Start(beginning, lost=beginning - stored)
        raise OffsetLost(
            f"{tp.topic}[{tp.partition}] must go on at offset {stored}, but Kafka's log begins at "
            f"{beginning}: retention removed {beginning - stored} unread records",
            fix="restore the records, or accept the loss with STREAMPROC_LOST_RECORDS=skip; "
            "raise the topic's retention above the longest time a worker may be down",
        )
    if stored > end:
        if policy == "skip":
            return Start(end, lost=end - beginning)
        raise OffsetLost(
            f"{tp.topic}[{tp.partition}] must go on at offset {stored}, but Kafka's log ends at {end}: the "
            "topic was made anew or cut back",
            fix="if it was made anew, so must the state be: streamproc rebuild --wipe; if it lost its "
            "end in an unclean election, go on with STREAMPROC_LOST_RECORDS=skip",
        )
    return Start(stored)


class SeekSessions:
    """Runs seek sessions one at a time. `deadline_s` bounds each, the owner's part included."""

    def __init__(self, owner: Owner, log: Log, *, policy: LostPolicy, deadline_s: float) -> None:
        self._owner = owner
        self._log = log
        self._policy = policy
        self._deadline_s = deadline_s
        self._lock = asyncio.Lock()
        self._numbers = itertools.count(1)

    async def run(
        self, assigned: Callable[[], set[TopicPartition]], generation: int
    ) -> dict[TopicPartition, int]:
        """Seek the partitions that `assigned` names once the session's turn has come; returns the positions.

        Raises OffsetLost, SeekFailed, Unavailable, what the owner raises, and aiokafka's IllegalStateError if a
        rebalance overtakes the session. Cancelling it is safe at any moment.
        """
        async with self._lock:
            tps = assigned()
            if not tps:
                return {}
            try:
                async with asyncio.timeout(self._deadline_s):
                    return await self._seek(tps, generation)
            except TimeoutError as error:
                raise SeekFailed(
                    f"finding the offsets of {len(tps)} partitions took more than {self._deadline_s:.0f} s",
                    fix="see whether Redis and the Kafka brokers answer; the worker must be started again",
                ) from error

    async def _seek(self, tps: set[TopicPartition], generation: int) -> dict[TopicPartition, int]:
        shards = {tp.partition for tp in tps}
        stored = await self._owner.acquire(shards, generation)
        unknown = tps - stored.keys()
        if unknown:
            raise SeekFailed(f"the state store named no offset for {sorted(unknown)}")
        bounds = await self._bounds(tps)
        starts = {}
        # Together: each may have to look several times before an end is believed.
        found = await asyncio.gather(
            *(self._start_of(tp, stored[tp], *bounds[tp]) for tp in sorted(tps)), return_exceptions=True
        )
        for tp, start in zip(sorted(tps), found, strict=True):
            if isinstance(start, BaseException):
                raise start
            starts[tp] = start.offset
            if start.lost:
                logger.error("%s[%d]: skipped up to %d lost records", tp.topic, tp.partition, start.lost)
                self._owner.on_lost(tp, start.lost)
        session = next(self._numbers)
        await self._log.start_reading(starts, session=session, generation=generation)
        self._owner.started(starts, session)
        return starts

    async def _bounds(self, tps: set[TopicPartition]) -> Mapping[TopicPartition, tuple[int, int]]:
        try:
            return await self._log.log_bounds(tps)
        except KafkaError as error:
            raise Unavailable(f"the brokers do not say which offsets they hold: {error!r}") from error

    async def _start_of(self, tp: TopicPartition, stored: int | None, beginning: int, end: int) -> Start:
        if stored is not None and stored > end:
            end = await self._true_end(tp, stored, end)
        return resolve_start(tp, stored, beginning, end, self._policy)

    async def _true_end(self, tp: TopicPartition, stored: int, end: int) -> int:
        """`end`, or more if a fetch shows more: it must not be believed at once that it is below `stored`."""
        checks = 0
        while checks < _END_CHECKS and end < stored:
            try:
                end = max(end, await self._log.shown_end(tp, stored) or 0)
                checks += 1
            except KafkaError as error:
                logger.warning("%s[%d]: cannot see the end of the log: %s", tp.topic, tp.partition, error)
            if end < stored:
                await asyncio.sleep(_END_CHECK_PAUSE_S)
        return end
