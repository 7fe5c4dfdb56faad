"""Records in bulk, beside the stream: produce many of them, read whole topics, read single records again.

For files, failed events and demos; nothing here belongs to a consumer group, and no worker uses it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import ConsumerRecord as Record
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.connect import start, tell_failures
from streamproc.transport.outlet import Outgoing, batches, open_client, places
from streamproc.transport.topics import describe

#: Batches on their way; the oldest is waited for beyond that, which bounds the memory.
_BATCHES_IN_FLIGHT: Final = 256
#: After a refusal, how long others on their way may take to be counted.
_SETTLE_S: Final = 2.0
#: What aiokafka says, after its request timeout (40 s), where nobody is there to take records.
_UNANSWERED: Final = (
    KafkaConnectionError,
    KafkaTimeoutError,
    LeaderNotAvailableError,
    NodeNotReadyError,
    NotLeaderForPartitionError,
    RequestTimedOutError,
)
_POLL_MS: Final = 100
#: A broker that shows neither records nor an end for half a minute is not going to.
_QUIET_POLLS_MAX: Final = 300
#: Reading on over so many records is quicker than a seek.
_SKIP_RECORDS: Final = 200


class NotTaken(StreamprocError):
    """Kafka refused records, or does not answer. `taken`: how many it has acknowledged of the `handed` ones."""

    def __init__(self, why: str, fix: str, *, taken: int, handed: int) -> None:
        told = f"{taken:,} of the first {handed:,} records are in Kafka, the other {handed - taken:,} not for certain"
        super().__init__(f"{why}; {told}", fix=fix)
        self.taken, self.handed = taken, handed


class BulkProducer:
    """Produces records at the speed of the broker: with `acks=all`, keyed by murmur2 as Java clients do.

    Records of one partition keep their order. They carry the time of sending as Kafka timestamp, not that of
    the event, so a topic's retention does not expire a backfill on arrival.
    """

    def __init__(self, client: AIOKafkaProducer, partition_counts: Mapping[str, int]) -> None:
        """Takes a started producer and the number of partitions of every topic that `send` will see."""
        self._client, self._counts = client, partition_counts
        self._in_flight: deque[tuple[asyncio.Future[Any], str]] = deque()  # with the topic
        self._keyless = self._handed = self._taken = 0

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Hand records over; waits while too much is on its way.

        Raises NotTaken for what Kafka refused of these or of earlier ones.
        """
        found = places(records, self._counts, self._keyless)
        self._keyless += sum(record.key is None for record in records)
        self._handed += len(records)
        for place, batch in batches(self._client, records, found):
            await self._submit(place, batch)

    async def flush(self) -> None:
        """Wait until Kafka has acknowledged everything. Raises NotTaken for what it refused."""
        while self._in_flight:
            await self._first()

    async def _submit(self, place: TopicPartition, builder: BatchBuilder) -> None:
        count = builder.record_count()

        def answered(future: asyncio.Future[Any]) -> None:
            if not future.cancelled() and future.exception() is None:
                self._taken += count

        try:
            future = await self._client.send_batch(builder, place.topic, partition=place.partition)
        except KafkaError as error:
            raise await self._refused(place.topic, error) from error
        future.add_done_callback(answered)
        self._in_flight.append((future, place.topic))
        if len(self._in_flight) > _BATCHES_IN_FLIGHT:
            await self._first()

    async def _first(self) -> None:
        """Wait for the oldest batch on its way."""
        future, topic = self._in_flight.popleft()
        try:
            await future
        except KafkaError as error:
            raise await self._refused(topic, error) from error

    async def _refused(self, topic: str, error: KafkaError) -> NotTaken:
        """In words, once what is on its way has had a moment to arrive."""
        if self._in_flight:
            await asyncio.wait([future for future, _ in self._in_flight], timeout=_SETTLE_S)
        if isinstance(error, TopicAuthorizationFailedError):
            why = f"this user may not write to topic {topic}"
            fix = f"allow it WRITE on topic {topic} (docs/security.md)"
        elif isinstance(error, _UNANSWERED):
            why = f"the brokers do not answer, or topic {topic} has no leader"
            fix = "start the brokers; every partition needs a leader (streamproc doctor)"
        else:
            why = f"Kafka refuses records for topic {topic}: {error.description or type(error).__name__}"
            fix = "look at the settings of the topic and at the brokers' logs"
        return NotTaken(why, fix, taken=self._taken, handed=self._handed)


async def partition_counts(brokers: Brokers, prefix: str, topics: Iterable[str]) -> dict[str, int]:
    """The number of partitions of these topics of an installation (names with the prefix).

    Raises StreamprocError if one is missing.
    """
    found = await describe(brokers, prefix)
    counts = {}
    for topic in topics:
        info = found.get(topic)
        if info is None:
            raise StreamprocError(
                f"there is no topic {topic}",
                fix="create the topics: streamproc topics create --partitions 12",
            )
        counts[topic] = info.partitions
    return counts


@asynccontextmanager
async def open_bulk_producer(
    brokers: Brokers, partition_counts: Mapping[str, int]
) -> AsyncIterator[BulkProducer]:
    """A producer for `send`; everything is acknowledged when the context ends without an error.

    Raises StreamprocError if no broker lets us in, and NotTaken.
    """
    asyncio.get_running_loop().set_exception_handler(tell_failures)  # batches that are given up, too
    async with open_client(brokers) as client:
        producer = BulkProducer(client, partition_counts)
        yield producer
        await producer.flush()


@asynccontextmanager
async def open_consumer(
    brokers: Brokers, places: Iterable[TopicPartition]
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer without a group, at the beginning of these partitions. Raises StreamprocError if no broker
    lets us in.
    """
    consumer = AIOKafkaConsumer(
        **brokers.client_options(),
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        fetch_max_wait_ms=_POLL_MS,
    )
    try:
        await start(consumer, brokers)
        consumer.assign(list(places))
        yield consumer
    finally:
        await consumer.stop()


async def log_bounds(
    brokers: Brokers, topics: Sequence[str], partitions: int
) -> dict[tuple[str, int], tuple[int, int]]:
    """(topic, partition) -> first and next offset of its log. Raises StreamprocError if no broker lets us in."""
    places = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
    async with open_consumer(brokers, places) as consumer:
        try:
            firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        except KafkaError as error:
            raise StreamprocError(
                f"Kafka does not say where its logs begin and end: {error!r}",
                fix="see whether all brokers answer",
            ) from error
        await _show_ends(consumer, ends)
        ends = {place: max(end, consumer.highwater(place) or 0) for place, end in ends.items()}
    return {(place.topic, place.partition): (firsts[place], ends[place]) for place in places}


async def _show_ends(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
    """Fetch at the ends that the broker has told: Tansu tells too little, and only a fetch shows the true ones."""
    for place, end in ends.items():
        consumer.seek(place, end)
    hidden = set(ends)
    for _ in range(_QUIET_POLLS_MAX):
        await consumer.getmany(*hidden, timeout_ms=_POLL_MS, max_records=1)
        hidden = {place for place in hidden if consumer.highwater(place) is None}
        if not hidden:
            return
    raise _silent(hidden)


async def read_topic(brokers: Brokers, topic: str, partitions: int) -> AsyncIterator[list[Record]]:
    """Everything that was in a topic when the reading began, in chunks, each of one partition.

    Raises StreamprocError if no broker lets us in, or if it does not show the end of a partition.
    """
    places = {TopicPartition(topic, partition) for partition in range(partitions)}
    async for records in _read(brokers, places):
        yield records


async def read_partition(brokers: Brokers, topic: str, partition: int) -> AsyncIterator[list[Record]]:
    """As `read_topic`, but of one partition."""
    async for records in _read(brokers, {TopicPartition(topic, partition)}):
        yield records


async def _read(brokers: Brokers, unread: set[TopicPartition]) -> AsyncIterator[list[Record]]:
    ends: dict[TopicPartition, int] = {}
    quiet = 0
    async with open_consumer(brokers, unread) as consumer:
        while unread:
            chunks = await consumer.getmany(*unread, timeout_ms=_POLL_MS)
            for records in chunks.values():
                yield records
            for place in tuple(unread):
                # The end comes with the first fetch; asking for end offsets is not reliable on every broker.
                if place not in ends and (end := consumer.highwater(place)) is not None:
                    ends[place] = end
                if place in ends and await consumer.position(place) >= ends[place]:
                    unread.remove(place)
            quiet = 0 if chunks else quiet + 1
            if quiet > _QUIET_POLLS_MAX:
                raise _silent(unread)


async def read_records(
    brokers: Brokers, wanted: Mapping[TopicPartition, Iterable[int]]
) -> AsyncIterator[Record]:
    """The records at these offsets, as far as Kafka still has them: by partition, by offset.

    Raises StreamprocError as `read_topic`.
    """
    async with open_consumer(brokers, wanted) as consumer:
        for place, offsets in sorted(wanted.items()):
            record: Record | None = None
            for offset in sorted(offsets):
                if record is None or offset - record.offset > _SKIP_RECORDS:
                    consumer.seek(place, offset)
                    record = await _next_record(consumer, place)
                while record is not None and record.offset < offset:
                    record = await _next_record(consumer, place)
                if record is None:
                    break
                if record.offset == offset:
                    yield record


async def _next_record(consumer: AIOKafkaConsumer, place: TopicPartition) -> Record | None:
    """The next record of a partition; None at its end."""
    for _ in range(_QUIET_POLLS_MAX):
        chunks = await consumer.getmany(place, timeout_ms=_POLL_MS, max_records=1)
        if records := chunks.get(place):
            record: Record = records[0]
            return record
        end = consumer.highwater(place)
        if end is not None and await consumer.position(place) >= end:
            return None
    raise _silent({place})


def _silent(places: Iterable[TopicPartition]) -> StreamprocError:
    names = ", ".join(f"{place.topic}/{place.partition}" for place in sorted(places))
    return StreamprocError(
        f"the broker shows no end of {names}", fix="look at the brokers' logs; every partition needs a leader"
    )
