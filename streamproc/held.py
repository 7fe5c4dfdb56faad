"""A shard in this worker's hands: its pipeline, its relay, and how far its topics are read."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from aiokafka.structs import TopicPartition

from streamproc.clock import monotonic_s, wall_ms
from streamproc.pace import Traffic
from streamproc.pipeline import Batch, Shard
from streamproc.relay import Relay
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.plan import Plan
from streamproc.transport.chunks import Chunk, Tail
from streamproc.transport.owner import Progress

#: Later than every instant of the wall clock.
NEVER_MS: Final = sys.maxsize
#: Signals that wait for Kafka, beyond which timers wait, too: those of events would be sent behind them.
_SIGNALS_AHEAD_MAX: Final = 1_000


class Reader(Protocol):
    """What the shards need to know of the consumer that feeds them."""

    def tail(self, tp: TopicPartition) -> Tail | None: ...

    async def reseek(self, shards: set[int]) -> bool:
        """Acquire and seek these shards again; False: a rebalance is about to do the same."""

    async def committed(self, shards: set[int]) -> Mapping[TopicPartition, Progress]:
        """What Kafka holds for this group, where there is anything."""

    async def tell(self) -> bool:
        """Tell Kafka how far all shards are; whether it knows."""

    async def ends(self) -> Mapping[TopicPartition, int]:
        """Where the logs of all source partitions end. Raises KafkaError while brokers are away."""

    def partition_count(self) -> int:
        """Partitions of the source topics."""

    def assigned_shards(self) -> set[int]:
        """What Kafka's group has given to this worker, held or not."""


@dataclass(slots=True)
class Held:
    """An acquired shard, from its acquisition to its release."""

    shard: Shard
    relay: Relay
    reader: Reader
    settings: Settings
    traffic: Traffic
    rebuild: Plan | None = None
    session: int = 0
    received: dict[int, int] = field(default_factory=dict)  # by topic: the offset after the last queued chunk
    sent_seq: int = 0  # the commit up to which signals may have been seen outside, or are about to be
    told_seq: int = -1  # up to which Kafka knows both of the commit and of that
    timers_seqs: tuple[int, int] = (-1, -1)  # the last two commits of this session with timers
    sweep_cursor: int | None = None  # None: no sweep is under way
    stirred: asyncio.Event = field(default_factory=asyncio.Event)  # there may be something to do
    room: asyncio.Event = field(default_factory=asyncio.Event)  # a batch was taken from the inbox
    stopping: bool = False
    drained_ms: int = NEVER_MS  # `--until`: since when (wall clock) all is committed and sent
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def runs(self) -> bool:
        """Whether it is read and applied: not still to be sought, and not to be let go."""
        return bool(self.tasks) and not self.stopping

    @property
    def partition(self) -> int:
        return self.shard.head.partition

    async def next_batch(self, waiting: list[int], until_ms: int | None) -> Batch | None:
        """What to do next; None: nothing before more records come or more time passes."""
        if self.rebuild is not None:
            return await self.shard.take_past(waiting, self.rebuild.until_ms[self.partition])
        if self.settings.clock == "event":
            return await self.shard.take_ticks(waiting, until_ms)
        return await self.shard.take_live(
            self._live_time_ms(), with_timers=not self.timers_wait, expects_events=self._expects_events
        )

    @property
    def timers_wait(self) -> bool:
        """Whether so many signals wait for Kafka that those of events would come late behind more of them.

        While there are events, timers go portion by portion: one while the signals of the one before are on their way.
        """
        if self.relay.backlog > _SIGNALS_AHEAD_MAX:
            return True
        return self._expects_events and self.relay.owes(self.timers_seqs[0])

    @property
    def _expects_events(self) -> bool:
        return self.traffic.flows(monotonic_s())

    def stepped(self, batch: Batch) -> None:
        """A batch is committed: its signals go to the relay."""
        if batch.slice is not None:
            self.traffic.note(monotonic_s())
        if batch.due or batch.recheck:
            self.timers_seqs = self.timers_seqs[1], self.shard.head.seq
        self.relay.committed(self.shard.head.seq, self.shard.sent)

    def let_go(self) -> None:
        """Take nothing any more, and wake everybody who waits here."""
        self.stopping = True
        self.stirred.set()
        self.room.set()

    async def ended(self, patience_s: float) -> None:
        """Wait for the tasks: a commit in flight is always finished, a batch on its way to Kafka if it is quick."""
        others = {task for task in self.tasks if task is not asyncio.current_task()}
        sending = others.intersection(self.tasks[1:])
        if sending:
            _, sending = await asyncio.wait(sending, timeout=patience_s)
        while sending:
            for task in sending:
                task.cancel()  # again and again: `wait_for` of Python 3.11, inside redis-py, may swallow one
            _, sending = await asyncio.wait(sending, timeout=1.0)
        if others:
            await asyncio.wait(others)

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it is under way any more but what asks."""
        return all(task.done() or task is asyncio.current_task() for task in self.tasks)

    def share_of(self, topic: int, chunk: Chunk) -> Chunk | None:
        """What of a chunk is to be applied; None: nothing, a rebuild leaves all of it to workers."""
        end = self._end_of(topic)
        if end is None or chunk.next_offset <= end:
            return chunk
        if self.received[topic] >= end:
            return None
        records = [record for record in chunk.records if record.offset < end]
        return replace(chunk, records=records, next_offset=end)

    def waiting(self) -> list[int]:
        """The topics that have not shown their end, or whose last chunk is still on its way."""
        return [code for code in range(len(SOURCES)) if not self._caught_up(code)[0]]

    def has_shown_ends(self, after_ms: int) -> bool:
        """Whether fetches sent after an instant (wall clock) showed nothing that is not applied."""
        shown = [self._caught_up(code) for code in range(len(SOURCES))]
        return len(self.shard.inbox) == 0 and all(end and polled_ms > after_ms for end, polled_ms in shown)

    def unheard_ms(self, now_ms: int) -> int:
        """How long ago the last fetch was sent that Kafka answered, of the topic that waits longest; 0: not idle."""
        if len(self.shard.inbox):
            return 0  # who has enough to do does not ask for more
        polled = [self._caught_up(code)[1] for code in range(len(SOURCES))]
        return now_ms - min(polled)

    def _live_time_ms(self) -> int:
        """The shard's time: where caught up, the time of the fetch that showed it, less the grace period."""
        all_fits = len(self.shard.inbox) <= self.shard.batch_records  # into the next batch
        times_ms = []
        for code, topic in enumerate(SOURCES):
            caught_up, polled_at_ms = self._caught_up(code)
            if caught_up and all_fits:
                times_ms.append(polled_at_ms - self.settings.grace_ms)
            else:
                times_ms.append(self.shard.head.max_ms.get(topic, 0))
        # Producers' clocks may be ahead, and then so is what was read of a topic that is not caught up.
        return min(*times_ms, wall_ms() - self.settings.grace_ms)

    def _caught_up(self, code: int) -> tuple[bool, int]:
        """Whether all of a topic is queued here, and since when that is known (epoch ms)."""
        end = self._end_of(code)
        if end is not None and self.received.get(code, -1) >= end:
            return True, wall_ms()
        tp = TopicPartition(self.settings.topic_prefix + SOURCES[code], self.partition)
        tail = self.reader.tail(tp)
        if tail is None:
            return False, 0
        return tail.at_end and tail.handed_next_offset == self.received.get(code), tail.polled_at_ms

    def _end_of(self, code: int) -> int | None:
        """Where a rebuild stops to read a topic; None: where its log ends."""
        return None if self.rebuild is None else self.rebuild.end_of(SOURCES[code], self.partition)
