"""Faust's aiokafka transport, changed to hand agents one message per chunk of records.

What is changed, and why it must be (faust-streaming 0.15.3):

- Faust moves one record at a time through a dozen coroutines: 10k events/s for an agent that does nothing.
  Here the message is a whole `Chunk`.
- Faust starts where Kafka's committed offset says, and commits what agents acknowledged. Here the owner's
  offsets decide (`seek.py`). What is committed to Kafka is for lag monitors, with a note for the owner.
- Faust's bookkeeping of acknowledged offsets, gaps and read offsets silently drops what does not fit it. Here
  a chunk counts if it is of its partition's latest seek session; nothing else is looked at.
- Faust seeks on the wrong thread and accepts fetches that were under way. Here `reader.py` orders both.
- Faust pauses every partition and sleeps when one agent is slow. Here each partition waits for its own agent.

The consumer object lives on the worker's main event loop; `_thread` runs aiokafka on a loop of its own.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT, ConsumerMessage, Message
from faust.types.transports import ConsumerT, TPorTopicSet
from mode import ServiceT
from yarl import URL

from streamproc.errors import StreamprocError
from streamproc.transport.assignor import check_copartitioned
from streamproc.transport.chunks import Chunk, Tail
from streamproc.transport.handover import Handover
from streamproc.transport.membership import NameTaken
from streamproc.transport.owner import Fenced, Owner, Progress, Unavailable
from streamproc.transport.reader import Poll, ReadStats
from streamproc.transport.seek import SeekSessions
from streamproc.transport.settings import TransportSettings
from streamproc.transport.thread import ConsumerThread

logger = logging.getLogger(__name__)

#: How long one look for records waits; it ends sooner when there are some, or an agent wants more.
_READ_TIMEOUT_S = 0.2
#: After a look that found few records, so long more of them gather: a look of one record costs what one of many does.
_GATHER_S = 0.005
#: How long finding the offsets may take, however long requests may.
_SEEK_WITHIN_S = 30.0


@dataclass(slots=True)
class Stats:
    """Counters since the start, for metrics."""

    #: Chunks read before a seek or a rebalance and dropped after it.
    chunks_void: int = 0
    seeks: int = 0
    commit_failures: int = 0
    releases_abandoned: int = 0


class Consumer(driver.Consumer):
    """Hands out chunks; see the module's docstring. All methods belong to the main event loop."""

    transport: "Transport"
    _thread: ConsumerThread

    def __init__(self, transport: "Transport", *args: Any, **kwargs: Any) -> None:
        self.stats = Stats()
        self._settings = transport.settings
        self._owner = transport.owner
        self._committed: dict[TopicPartition, Progress] = {}
        self._partition_count = 0
        self._given_up = False
        #: Partitions left out of the look for records that is under way.
        self._left_out: set[TP] = set()
        super().__init__(transport, *args, **kwargs)
        self._handover = Handover(lambda: self._thread.reader)
        self._seek_sessions = SeekSessions(
            self._owner,
            self._thread,
            policy=self._settings.lost_policy,
            # Faust's recovery waits for a seek as long as for a request, then forgets about it.
            deadline_s=min(_SEEK_WITHIN_S, self.app.conf.broker_request_timeout / 2),
        )

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(
            self,
            chunk_records=self._settings.chunk_records,
            now_ms=self.transport.now_ms,
            on_name_taken=self._on_name_taken,
            loop=self.loop,
            beacon=self.beacon,
        )

    # -- what agents and shards ask

    def is_current(self, chunk: Chunk) -> bool:
        """Whether `chunk` is of its partition's latest seek; if not, it must be dropped unapplied."""
        return self._handover.is_current(chunk)

    def tail(self, tp: TopicPartition) -> Tail | None:
        """How far `tp` was handed over and whether that was all; None while it is not being read."""
        return self._handover.tail(tp)

    def partition_count(self) -> int:
        """Partitions of each source topic, as checked at the last assignment; 0 before the first."""
        return self._partition_count

    def assigned_shards(self) -> set[int]:
        """What the group has given to this worker; nothing before it has joined."""
        return {tp.partition for tp in self._assigned()} if self._thread.reader is not None else set()

    async def committed(self, shards: set[int]) -> dict[TopicPartition, Progress]:
        """What Kafka holds for the group on the sources of `shards`, where there is anything."""
        asked = {TopicPartition(topic, shard) for topic in self._settings.sources for shard in shards}
        return await self._thread.committed(asked)

    async def ends(self) -> dict[TopicPartition, int]:
        """Where the logs of all source partitions end, assigned or not. Raises KafkaError while brokers are away."""
        places = {
            TopicPartition(topic, shard)
            for topic in self._settings.sources
            for shard in range(self._partition_count)
        }
        return {tp: end for tp, (_, end) in (await self._thread.log_bounds(places)).items()}

    def poll(self, tp: TopicPartition) -> Poll | None:
        """The last answered fetch of `tp`; None while it is not being read."""
        reader = self._thread.reader
        return None if reader is None else reader.polls.get(tp)

    def commit_failures(self) -> int:
        """Offset commits that Kafka has refused, since the start."""
        return self.stats.commit_failures

    @property
    def read_stats(self) -> ReadStats:
        """The reader's counters."""
        reader = self._thread.reader
        return ReadStats() if reader is None else reader.stats

    async def reseek(self, shards: set[int]) -> bool:
        """Start these shards again from the offsets the owner holds, in a new session.

        For a shard whose commit was refused, or which was handed a chunk that does not start where the last
        one ended. Does nothing for a shard that is sought anew before its turn has come. False if a rebalance
        is under way, which does the same. Raises Unavailable: try again later. Any other failure stops the worker.
        """
        session_of = self._handover.session_of
        sessions = {tp: session_of(tp) for tp in self._assigned() if tp.partition in shards}
        try:
            await self._run_session(
                lambda: {tp for tp in sessions.keys() & self._assigned() if session_of(tp) == sessions[tp]}
            )
        except IllegalStateError:
            return False
        return True

    # -- seeking

    def _assigned(self) -> set[TopicPartition]:
        return {TopicPartition(*tp) for tp in self.assignment() if tp.topic in self._settings.sources}

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Every way by which Faust starts to read leads here. What could not be sought is read later."""
        shards = {tp.partition for tp in self._assigned()}
        try:
            return cast(Mapping[TP, int], await self._run_session(self._assigned))
        except Unavailable as error:
            logger.warning("nothing is read yet: %s", error)
            self._owner.on_unsought(shards)
            return {}

    async def _run_session(self, assigned: Callable[[], set[TopicPartition]]) -> dict[TopicPartition, int]:
        """Raises IllegalStateError, which Faust knows, if a rebalance is under way or about to be."""
        generation = self.app.consumer_generation_id
        try:
            # A process that has joined under our name has our generation, too: the store could not tell us apart.
            await self._thread.confirm_name()
            starts = await self._seek_sessions.run(assigned, generation)
        except NameTaken as error:
            raise IllegalStateError(str(error)) from error
        except (IllegalStateError, Unavailable):
            raise
        except Fenced as error:
            logger.warning("the group has gone on without this worker: %s", error)
            self.add_future(self._expect_rebalance(generation, error))
            raise IllegalStateError(str(error)) from error
        except Exception as error:
            await self._give_up(error)
            raise
        self.stats.seeks += 1
        return starts

    async def _expect_rebalance(self, generation: int, reason: Exception) -> None:
        """A worker that was stopped for long learns from its next heartbeat that it is out; or never."""
        await self.sleep(self.app.conf.broker_session_timeout)
        if (
            self.app.consumer_generation_id == generation
            and not self.app.rebalancing
            and not self.should_stop
        ):
            await self._give_up(
                StreamprocError(
                    f"generation {generation} of the group is older than that of its state: {reason}",
                    fix="if the group was deleted in Kafka, its generations began anew: reset the state's",
                )
            )

    def _on_name_taken(self) -> None:
        instance = self.app.conf.consumer_group_instance_id
        error = StreamprocError(
            f"another process has joined group {self.app.conf.id} as STREAMPROC_INSTANCE={instance}",
            fix="give each worker a name of its own, or none; the one that joined last goes on",
        )
        self.add_future(self._give_up(error))

    async def _give_up(self, error: Exception) -> None:
        """Stop the whole worker, loudly: one that cannot seek would live on and read nothing.

        What fails after it because the worker stops says nothing new.
        """
        if self._given_up:
            return
        self._given_up = True
        logger.critical("the worker stops: %s", error)
        await self.crash(error)

    async def seek(self, partition: TP, offset: int) -> None:
        """Nothing may seek but a session."""
        raise StreamprocError(f"{partition} cannot be sought to {offset}", fix="call Consumer.reseek")

    # -- reading

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        """One look for records: at most one chunk per partition whose agent has taken the last one."""
        await self._wait_for_flow()
        active = set() if self.should_stop else set(self._get_active_partitions())
        wanted = {tp for tp in active if self._has_room(tp)}
        self._left_out = active - wanted
        try:
            chunks = await self._thread.read(wanted, timeout)
        except OffsetOutOfRangeError as error:
            # Retention overtook us, or the topic was made anew: a session finds out which and what to do.
            [offsets] = error.args
            logger.error("the log no longer has %s", offsets)
            await self.reseek({tp.partition for tp in offsets})
            return
        for chunk in chunks:
            # Chunks that count may come between a seek and the end of its rebalance: they wait for it.
            await self._wait_for_flow()
            if self.should_stop:
                return
            if self.is_current(chunk):
                self._handover.note(chunk)
                tp = TP(chunk.topic, chunk.partition)
                yield tp, self._to_message(tp, chunk)
            else:
                self.stats.chunks_void += 1

    async def _wait_for_flow(self) -> None:
        while not self.flow_active and not self.should_stop:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # asyncio's events will do

    def _has_room(self, tp: TP) -> bool:
        """Whether the agents of `tp` have taken what they were handed.

        Each partition has its own queue (`isolated_partitions=True`), so one whose shard is busy, or waits
        for another topic of the shard, does not hold up the others.
        """
        channels = self.app.topics._tp_index.get(tp, ())  # type: ignore[attr-defined]
        return all(channel.queue.empty() for channel in channels)

    def on_chunk_taken(self, tp: TP) -> None:
        """An agent took the chunk that waited for it, so `tp` has room again."""
        if tp in self._left_out:
            self._thread.wake()

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        chunk: Chunk = record
        return ConsumerMessage(
            chunk.topic,
            chunk.partition,
            offset=chunk.next_offset - 1,
            timestamp=0.0,
            timestamp_type=0,
            headers=None,
            key=None,
            value=cast(bytes, chunk),  # a chunk topic's schema passes it on as it is
            checksum=None,
            tp=tp,
            generation_id=chunk.generation,
        )

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Faust's fetch task, without the offsets it would remember and compare."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                records = 0
                async for _, message in self.getmany(timeout=_READ_TIMEOUT_S):
                    await self.callback(message)
                    records += len(cast(Chunk, message.value).records)
                if 0 < records < self._settings.chunk_records // 4:
                    await asyncio.sleep(_GATHER_S)
        except (asyncio.CancelledError, ConsumerStoppedError):
            if not self.app.should_stop:
                raise

    def on_buffer_full(self, tp: TP) -> None:
        """`_has_room` does this; Faust would stop reading and sleep for a second."""

    def on_buffer_drop(self, tp: TP) -> None:
        """See `on_buffer_full`."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watchdog takes silence for a hang; `tail` tells them apart."""

    # -- rebalances

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Refuse shards that are not whole; acquiring and seeking come later, in the recovery task."""
        sources = [TopicPartition(*tp) for tp in assigned if tp.topic in self._settings.sources]
        try:
            counts = await self._thread.partition_counts(self._settings.sources)
            check_copartitioned(self._settings.sources, sources, counts)
        except (StreamprocError, KafkaError) as error:
            # aiokafka would log what its listener raises, and go on.
            await self._give_up(error)
            return
        self._partition_count = max(counts.values())
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Hand over nothing more, then let the owner finish what it began."""
        await super().on_partitions_revoked(revoked)
        await self._release({tp.partition for tp in revoked})

    async def _release(self, shards: set[int]) -> None:
        self._committed.clear()
        if not shards:
            return
        limit_s = self.app.conf.broker_rebalance_timeout / 5
        try:
            async with asyncio.timeout(limit_s):
                await self._owner.release(shards)
        except TimeoutError:
            self.stats.releases_abandoned += 1
            logger.warning("letting go of shards took more than %.1f s; fencing protects them", limit_s)
        except Exception:
            self.stats.releases_abandoned += 1
            logger.exception("letting go of shards failed; fencing protects them")

    async def on_stop(self) -> None:
        """Agents have stopped before; afterwards the thread leaves the group."""
        if self._thread.reader is not None:
            await self._release({tp.partition for tp in self._assigned()})
        await super().on_stop()

    # -- Kafka's committed offsets

    async def force_commit(
        self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True
    ) -> bool:
        """What Faust calls every few seconds."""
        return await self.tell()

    async def tell(self) -> bool:
        """Tell Kafka the owner's progress, where it has changed; whether Kafka knows it all."""
        owned = self._owner.committed_offsets()
        changed = {tp: progress for tp, progress in owned.items() if self._committed.get(tp) != progress}
        if not changed:
            return True
        done = await self._thread.tell(changed)
        if done:
            self._committed.update(changed)
        else:
            self.stats.commit_failures += 1
        return done


class Transport(driver.Transport):
    """Faust's view of Kafka for one app; see `faust_app.batch_app`."""

    Consumer: ClassVar[type[ConsumerT]] = Consumer
    driver_version = f"chunks over {driver.Transport.driver_version}"

    def __init__(
        self,
        url: list[URL],
        app: AppT,
        *,
        owner: Owner,
        settings: TransportSettings,
        now_ms: Callable[[], int],
    ) -> None:
        super().__init__(url, app)
        self.owner = owner
        self.settings = settings
        self.now_ms = now_ms
