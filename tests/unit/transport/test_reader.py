"""The reader, on aiokafka's own positions and fetch results; only the answers of a broker are made up."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from aiokafka.consumer.fetcher import FetchError, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import IllegalStateError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition

from streamproc.transport.chunks import Chunk
from streamproc.transport.reader import Reader

WEB = TopicPartition("web", 0)
APP = TopicPartition("app", 0)


class Record(NamedTuple):
    offset: int


class Log:
    """aiokafka's MemoryRecords: the batches of one answer; there is one, and it is its own iterator."""

    producer_id = None
    is_control_batch = False
    is_transactional = False

    def __init__(self, offsets: list[int], next_offset: int) -> None:
        self.next_offset = next_offset
        self._records = map(Record, offsets)
        self._batches = [self]

    def has_next(self) -> bool:
        return bool(self._batches)

    def next_batch(self) -> "Log":
        return self._batches.pop()

    def __iter__(self) -> Iterator[Record]:
        return self._records


class Fetcher:
    """As much of aiokafka's fetcher as the reader touches."""

    _isolation_level = 1

    def __init__(self, subscription: SubscriptionState) -> None:
        self._subscriptions = subscription
        self._records: OrderedDict[TopicPartition, Any] = OrderedDict()
        self._wait_consume_future = None
        self._waiters: set[asyncio.Future[None]] = set()

    def _notify(self, future: Any) -> None:
        """Wakes the fetch task, which there is none of."""

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        return waiter

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        return False


class Consumer:
    """An aiokafka consumer that has been assigned WEB and APP in generation 3."""

    def __init__(self) -> None:
        self._subscription = SubscriptionState()
        self._subscription.subscribe({"web", "app"})
        self._subscription.assign_from_subscribed({WEB, APP})
        self._fetcher = Fetcher(self._subscription)
        self._coordinator = type("Coordinator", (), {"generation": 3})()

    def assignment(self) -> set[TopicPartition]:
        return set(self._subscription.assigned_partitions())

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._subscription.seek(tp, offset)
        self._fetcher._records.pop(tp, None)

    @property
    def assigned(self) -> Any:
        return self._subscription.subscription.assignment

    def position(self, tp: TopicPartition) -> int:
        return int(self.assigned.state_value(tp).position)

    def answer(self, tp: TopicPartition, *offsets: int, next_offset: int | None = None) -> None:
        """A fetch at the present position brings these records and ends at `next_offset`."""
        position = self.position(tp)
        end = next_offset if next_offset is not None else max([position, *(o + 1 for o in offsets)])
        self._fetcher._records[tp] = FetchResult(
            tp,
            assignment=self.assigned,
            partition_records=PartitionRecords(
                tp, Log(list(offsets), end), [], position, None, None, check_crcs=False, isolation_level=1
            ),
            backoff=0,
        )
        for waiter in self._fetcher._waiters:
            if not waiter.done():
                waiter.set_result(None)


@pytest.fixture
async def consumer() -> Consumer:
    return Consumer()


def reader_of(consumer: Consumer, *, chunk_records: int = 100, start: int = 10) -> Reader:
    reader = Reader(consumer, chunk_records=chunk_records, now_ms=lambda: 5_000)
    reader.seek({WEB: start, APP: start}, session=1, generation=3)
    return reader


async def read_one(reader: Reader) -> Chunk | None:
    chunks = await reader.read({WEB}, 0)
    return chunks[0] if chunks else None


def bounds(chunk: Chunk | None) -> tuple[int, list[int], int] | None:
    if chunk is None:
        return None
    return chunk.start_offset, [record.offset for record in chunk.records], chunk.next_offset


async def test_chunks_of_a_partition_follow_each_other(consumer: Consumer) -> None:
    """Each starts where the last one ended, none is larger than asked for, and all name their session."""
    reader = reader_of(consumer, chunk_records=3)
    consumer.answer(WEB, 10, 11, 12, 13, 14)
    first, second = await read_one(reader), await read_one(reader)
    assert bounds(first) == (10, [10, 11, 12], 13)
    assert bounds(second) == (13, [13, 14], 15)
    assert await read_one(reader) is None
    assert first is not None
    assert (first.session, first.generation, first.tp) == (1, 3, WEB)
    assert reader.stats.records == 5


async def test_each_call_gives_every_wanted_partition_its_turn(consumer: Consumer) -> None:
    """One chunk each; a partition nobody wants keeps its records."""
    reader = reader_of(consumer, chunk_records=2)
    consumer.answer(WEB, 10, 11, 12)
    consumer.answer(APP, 10)
    both = await reader.read({WEB, APP}, 0)
    assert {chunk.topic: len(chunk.records) for chunk in both} == {"web": 2, "app": 1}
    assert await reader.read({APP}, 0) == []
    assert bounds(await read_one(reader)) == (12, [12], 13)


async def test_a_partition_is_silent_until_it_is_sought(consumer: Consumer) -> None:
    """A new assignment starts somewhere of Kafka's choosing; nothing of that may be read."""
    reader = reader_of(consumer)
    consumer.answer(WEB, 10)
    reader.forget()
    assert await read_one(reader) is None
    reader.seek({WEB: 5}, session=2, generation=3)
    consumer.answer(WEB, 5)
    chunk = await read_one(reader)
    assert bounds(chunk) == (5, [5], 6)
    assert chunk is not None
    assert chunk.session == 2


async def test_a_seek_voids_the_fetch_before_it(consumer: Consumer) -> None:
    """Records that were fetched for the old position are never read as those of the new one."""
    reader = reader_of(consumer)
    consumer.answer(WEB, 10, 11)
    reader.seek({WEB: 2}, session=2, generation=3)
    assert await read_one(reader) is None
    assert consumer.position(WEB) == 2


async def test_a_seek_of_another_generation_is_refused(consumer: Consumer) -> None:
    """A session that a rebalance overtook must not move what belongs to the next one."""
    reader = reader_of(consumer)
    with pytest.raises(IllegalStateError, match="generation"):
        reader.seek({WEB: 2}, session=2, generation=2)
    with pytest.raises(IllegalStateError, match="assigned"):
        reader.seek({TopicPartition("web", 9): 2}, session=2, generation=3)
    assert consumer.position(WEB) == 10


async def test_a_hole_is_believed_when_a_second_fetch_shows_it(consumer: Consumer) -> None:
    """Transaction markers and compaction leave holes; the chunk after one starts before it."""
    reader = reader_of(consumer)
    consumer.answer(WEB, 14, 15)
    assert await read_one(reader) is None
    assert consumer.position(WEB) == 10
    consumer.answer(WEB, 14, 15)
    assert bounds(await read_one(reader)) == (10, [14, 15], 16)
    assert (reader.stats.holes_confirmed, reader.stats.holes_refuted) == (1, 0)


async def test_a_hole_that_the_second_fetch_fills_loses_nothing(consumer: Consumer) -> None:
    """The records that were missing at first are read."""
    reader = reader_of(consumer)
    consumer.answer(WEB, 14, 15)
    assert await read_one(reader) is None
    consumer.answer(WEB, 10, 11, 12, 13, 14, 15)
    assert bounds(await read_one(reader)) == (10, [10, 11, 12, 13, 14, 15], 16)
    assert (reader.stats.holes_confirmed, reader.stats.holes_refuted) == (0, 1)


async def test_offsets_without_records_still_move_the_position(consumer: Consumer) -> None:
    """Markers at the end of a log come as a chunk without records, once two fetches agree."""
    reader = reader_of(consumer)
    consumer.answer(WEB, next_offset=12)
    assert await read_one(reader) is None
    consumer.answer(WEB, next_offset=12)
    assert bounds(await read_one(reader)) == (10, [], 12)


async def test_a_position_that_somebody_moved_is_put_back(consumer: Consumer) -> None:
    """Whoever it was, the next chunk starts where the last one ended."""
    reader = reader_of(consumer)
    consumer._subscription.seek(WEB, 50)
    consumer.answer(WEB, 50)
    assert await read_one(reader) is None
    assert reader.stats.positions_disturbed == 1
    consumer.answer(WEB, 10)
    assert bounds(await read_one(reader)) == (10, [10], 11)


async def test_an_error_of_the_broker_comes_out(consumer: Consumer) -> None:
    """The caller must decide about an offset that is out of range."""
    reader = reader_of(consumer)
    consumer._fetcher._records[WEB] = FetchError(error=OffsetOutOfRangeError({WEB: 10}), backoff=0)
    with pytest.raises(OffsetOutOfRangeError):
        await read_one(reader)
    assert await read_one(reader) is None


async def test_reading_waits_for_records_and_can_be_woken(consumer: Consumer) -> None:
    """Records end the wait; so does `wake`, also one that came just before the wait."""
    reader = reader_of(consumer)
    waiting = asyncio.create_task(reader.read({WEB}, 30))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    consumer.answer(WEB, 10)
    assert [bounds(chunk) for chunk in await waiting] == [(10, [10], 11)]
    waiting = asyncio.create_task(reader.read({WEB}, 30))
    await asyncio.sleep(0.01)
    reader.wake()
    assert await waiting == []
    reader.wake()
    assert await reader.read({WEB}, 30) == []


@contextmanager
def answered(consumer: Consumer, *, end: int, at_ms: int) -> Iterator[None]:
    """While a fetch request is under way, its answer comes: no record, the log ends at `end`."""
    state = consumer.assigned.state_value(WEB)

    async def answer(assignment: Any, node_id: int, request: Any) -> bool:
        state.highwater, state.lso, state.timestamp = end + 3, end, at_ms
        return False

    consumer._fetcher._proc_fetch_request = answer  # type: ignore[method-assign]
    yield


async def test_a_poll_notes_when_it_was_asked_for(consumer: Consumer) -> None:
    """The request's time counts, not the answer's; the end is that of committed transactions."""
    with answered(consumer, end=42, at_ms=9_999):
        reader = reader_of(consumer)
    request = type("Request", (), {"topics": [("web", [(0, 10, 1)]), ("app", [(0, 10, 1)])]})()
    await consumer._fetcher._proc_fetch_request(consumer.assigned, 0, request)
    assert reader.polls == {WEB: (5_000, 42)}
    reader.seek({WEB: 2}, session=2, generation=3)
    assert reader.polls == {}
