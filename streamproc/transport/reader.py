"""Takes records out of aiokafka's fetcher as chunks, without losing track of a single offset.

Everything here runs in the consumer's own thread and event loop, where aiokafka's state changes only between
awaits. A seek, and taking a partition's records with the position before and after, are one step each; so
what was taken before a seek carries an older session, and what is taken after it starts where it went.
`cursors` and `polls` may be read from any thread: their entries are replaced, never changed in a way that a
reader could see half of.

aiokafka (pinned to 0.14) offers no public way to learn a poll's position and time, hence the private names.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchError
from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import TopicPartition

from streamproc.transport.answers import take
from streamproc.transport.chunks import Chunk, Record
from streamproc.transport.lenient import LenientRecords
from streamproc.transport.owner import Progress

logger = logging.getLogger(__name__)

#: How many records one call takes out of the fetcher, unless a single chunk is larger.
POLL_RECORDS_MAX = 4_000
#: aiokafka holds back a node's next fetch this long while a partition's records wait to be taken. Its 0.1 s
#: would stall the partitions a merge is waiting for behind the one it has enough of.
_PREFETCH_BACKOFF_S = 0.01
_PROBE_WAIT_MS = 50


@dataclass(slots=True)
class Cursor:
    """Where the reading of a partition stands since its last seek."""

    session: int
    generation: int
    start_offset: int
    next_offset: int
    #: The first record after a hole that was seen once; it is believed when a second fetch shows it too.
    doubted_offset: int | None = None


class Poll(NamedTuple):
    """An answered fetch request: when it was sent (epoch ms) and where the log then ended."""

    sent_ms: int
    end: int


@dataclass(slots=True)
class ReadStats:
    """Counters since the start; every one of them but the first should stay 0 on an ordinary topic."""

    records: int = 0
    #: Holes in the offsets that a second fetch confirmed (transaction markers, compaction).
    holes_confirmed: int = 0
    #: Holes that a second fetch did not show: records that would have been lost.
    holes_refuted: int = 0
    #: Positions that were not where the last chunk had left them.
    positions_disturbed: int = 0


class Reader:
    """Reads the assigned partitions of one started aiokafka consumer.

    `now_ms` gives the wall clock. A partition is silent until `seek` names it.
    """

    def __init__(self, consumer: AIOKafkaConsumer, *, chunk_records: int, now_ms: Callable[[], int]) -> None:
        self.cursors: dict[TopicPartition, Cursor] = {}
        self.polls: dict[TopicPartition, Poll] = {}
        self.stats = ReadStats()
        self._consumer = consumer
        self._chunk_records = chunk_records
        self._now_ms = now_ms
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._fetcher: Any = consumer._fetcher
        self._fetcher._prefetch_backoff = _PREFETCH_BACKOFF_S
        self._proc_fetch_request = self._fetcher._proc_fetch_request
        self._fetcher._proc_fetch_request = self._timed_fetch_request

    # -- seeking

    def seek(self, starts: Mapping[TopicPartition, int], *, session: int, generation: int) -> None:
        """Make `starts` the positions of these partitions; what was taken before is void from now on.

        Raises IllegalStateError if the group has moved on to another generation; then nothing is sought.
        """
        if self._consumer._coordinator.generation != generation:
            raise IllegalStateError(f"the group has left generation {generation}")
        if self._fetcher._subscriptions.reassignment_in_progress:
            raise IllegalStateError("the group is about to share its partitions anew")
        not_assigned = starts.keys() - self._consumer.assignment()
        if not_assigned:
            raise IllegalStateError(f"no longer assigned: {sorted(not_assigned)}")
        for tp, offset in starts.items():
            self._consumer.seek(tp, offset)
            self.polls.pop(tp, None)
            self.cursors[tp] = Cursor(session, generation, offset, offset)

    def forget(self) -> None:
        """All partitions are being revoked: void what was taken, take nothing until the next seek."""
        self.cursors.clear()
        self.polls.clear()

    # -- reading

    async def read(self, wanted: Iterable[TopicPartition], timeout_s: float) -> list[Chunk]:
        """At most one chunk per wanted partition; waits up to `timeout_s` for the first, or until `wake`.

        Raises OffsetOutOfRangeError if the broker no longer has a position, and other KafkaErrors that
        aiokafka cannot resolve by trying again.
        """
        wanted = set(wanted)
        deadline = asyncio.get_running_loop().time() + timeout_s
        # Being in here counts as polling: an owner that is busy or waits for its store keeps its partitions.
        with self._fetcher._subscriptions.fetch_context():
            while True:
                chunks = self._take_all(wanted)
                wait_s = deadline - asyncio.get_running_loop().time()
                if chunks or self._woken or wait_s <= 0:
                    self._woken = False
                    return chunks
                self._waiter = waiter = self._fetcher._create_fetch_waiter()
                done, _ = await asyncio.wait([waiter], timeout=wait_s)
                if done:
                    waiter.result()  # raises what the group coordinator cannot recover from
                else:
                    waiter.cancel()

    def wake(self) -> None:
        """Make the call of `read` under way return, or the next one if there is none."""
        self._woken = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take_all(self, wanted: set[TopicPartition]) -> list[Chunk]:
        if self._fetcher._subscriptions.reassignment_in_progress:
            return []
        chunks: list[Chunk] = []
        room = max(POLL_RECORDS_MAX, self._chunk_records)
        for tp in [tp for tp in self._fetcher._records if tp in wanted and tp in self.cursors]:
            chunk = self._take(tp, self.cursors[tp], min(room, self._chunk_records))
            if chunk is not None:
                chunks.append(chunk)
                room -= len(chunk.records)
                if room <= 0:
                    break
        return chunks

    def _take(self, tp: TopicPartition, cursor: Cursor, limit: int) -> Chunk | None:
        state = self._consumer._subscription.subscription.assignment.state_value(tp)
        if state.position != cursor.next_offset:
            self.stats.positions_disturbed += 1
            self._consumer.seek(tp, cursor.next_offset)
            return None
        records = self._fetched(tp, limit)
        next_offset: int = state.position
        if next_offset == cursor.next_offset:
            return None
        if not self._believed(tp, cursor, records[0].offset if records else next_offset):
            return None
        start_offset, cursor.next_offset, cursor.doubted_offset = cursor.next_offset, next_offset, None
        self.stats.records += len(records)
        return Chunk(
            topic=tp.topic,
            partition=tp.partition,
            records=records,
            start_offset=start_offset,
            next_offset=next_offset,
            generation=cursor.generation,
            session=cursor.session,
        )

    def _fetched(self, tp: TopicPartition, limit: int) -> list[Record]:
        """Up to `limit` fetched records of one partition: aiokafka's `fetched_records` without its awaits."""
        results = self._fetcher._records
        result = results[tp]
        if isinstance(result, FetchError):
            del results[tp]
            self._fetcher._notify(self._fetcher._wait_consume_future)
            result.check_raise()
        try:
            records = take(result, limit)
        except UnicodeDecodeError:
            self._read_leniently(tp)
            del results[tp]  # the position is where it was: they are fetched again
            self._fetcher._notify(self._fetcher._wait_consume_future)
            return []
        if result.has_more():
            results.move_to_end(tp)  # the next call starts with the partitions this one left out
        else:
            del results[tp]
            self._fetcher._notify(self._fetcher._wait_consume_future)
        return records

    def _read_leniently(self, tp: TopicPartition) -> None:
        """From now on read all batches by code that does not mind what header names are made of."""
        if fetcher.MemoryRecords is not LenientRecords:
            logger.warning(
                "%s[%d] has a record with a header name that is not UTF-8; from now on batches are read in Python, "
                "more slowly. Look for the producer that sends it",
                tp.topic,
                tp.partition,
            )
            fetcher.MemoryRecords = LenientRecords

    def _believed(self, tp: TopicPartition, cursor: Cursor, first_offset: int) -> bool:
        """Whether to accept that the log goes on at `first_offset`; if not, the position is put back.

        Holes between the records of one broker answer are the log's own. One at its front is believed only if
        a second fetch from the same position shows it too.
        """
        if first_offset == cursor.next_offset:
            self.stats.holes_refuted += cursor.doubted_offset is not None
            return True
        if first_offset == cursor.doubted_offset:
            self.stats.holes_confirmed += 1
            return True
        cursor.doubted_offset = first_offset
        self._consumer.seek(tp, cursor.next_offset)
        return False

    # -- what the broker says

    async def _timed_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """aiokafka's fetch, noting of each answered partition when it was asked for and the log's end."""
        asked = [
            TopicPartition(topic, part[0]) for topic, partitions in request.topics for part in partitions
        ]
        sent_ms = self._now_ms()
        answered_before = {tp: assignment.state_value(tp).timestamp for tp in asked}
        has_data: bool = await self._proc_fetch_request(assignment, node_id, request)
        for tp in asked:
            state = assignment.state_value(tp)
            if tp in self.cursors and state.timestamp != answered_before[tp]:
                self.polls[tp] = Poll(sent_ms, self._visible_end(state.highwater, state.lso))
        return has_data

    def _visible_end(self, highwater: int, last_stable: int | None) -> int:
        """The offset up to which the isolation level lets us read."""
        if self._fetcher._isolation_level == READ_COMMITTED and last_stable is not None and last_stable >= 0:
            return last_stable
        return highwater

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Partitions of each topic; 0 if the broker does not know it."""
        client = self._consumer._client
        await client._maybe_wait_metadata()
        counts = {topic: len(client.cluster.partitions_for_topic(topic) or ()) for topic in topics}
        if not all(counts.values()):
            await client.force_metadata_update()
            counts = {topic: len(client.cluster.partitions_for_topic(topic) or ()) for topic in topics}
        return counts

    async def committed(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, Progress]:
        """What the group has committed to Kafka for those of these partitions for which it ever has."""
        tps = list(tps)
        known = await self._consumer._coordinator.fetch_committed_offsets(tps)
        # Kafka says -1 for none.
        return {
            tp: Progress(known[tp].offset, known[tp].metadata)
            for tp in tps
            if tp in known and known[tp].offset >= 0
        }

    async def log_bounds(self, tps: Iterable[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
        """(beginning, end) offsets. The end may be too low on a broker that is not Apache Kafka."""
        tps = list(tps)
        beginnings, ends = await asyncio.gather(
            self._consumer.beginning_offsets(tps), self._consumer.end_offsets(tps)
        )
        return {tp: (beginnings[tp], ends[tp]) for tp in tps}

    async def shown_end(self, tp: TopicPartition, offset: int) -> int | None:
        """The log's end as a fetch at `offset` shows it; None if the broker calls `offset` out of range.

        Raises KafkaError while the partition has no leader that answers.
        """
        client = self._consumer._client
        leader = client.cluster.leader_for_partition(tp)
        if leader is None or leader < 0:
            await client.force_metadata_update()
            raise KafkaError("the partition has no leader")
        level = self._fetcher._isolation_level
        # Tansu answers nothing at all to a request that does not wait.
        request = FetchRequest(
            _PROBE_WAIT_MS, 1, 1, level, [(tp.topic, [(tp.partition, offset, 1)])], rack_id=""
        )
        response = await client.send(leader, request)
        for _, [(_, error_code, highwater, last_stable, *_)] in response.topics:
            error = for_code(error_code)
            if error is OffsetOutOfRangeError:
                return None
            if error_code:
                client.force_metadata_update()
                raise error()
            return self._visible_end(highwater, last_stable)
        raise KafkaError("the broker gave an empty answer")
