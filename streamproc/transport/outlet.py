"""Records on their way out, as batches by partition.

A record handed to aiokafka alone costs about 40 µs of Python, and its partitioner hashes keys in Python; in a batch
that is made here it costs a few.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from streamproc.transport.brokers import Brokers
from streamproc.transport.connect import start
from streamproc.transport.partitioner import partitions_of

#: Large enough that a record costs the broker little, small enough for every broker's default limit (1 MB).
_BATCH_BYTES: Final = 131_072
_REQUEST_BYTES_MAX: Final = 2_097_152
#: How long the end of a producer may wait for answers.
_STOP_WITHIN_S: Final = 3.0


@asynccontextmanager
async def open_client(brokers: Brokers, *, linger_ms: int = 0) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer with `acks=all`. Raises StreamprocError if no broker lets us in.

    `linger_ms`: so long a batch waits for others, to leave in one request with them.
    """
    client = AIOKafkaProducer(
        **brokers.client_options(),
        acks="all",
        linger_ms=linger_ms,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_REQUEST_BYTES_MAX,
    )
    try:
        await start(client, brokers)
        yield client
    finally:
        with suppress(TimeoutError):  # it waits for what brokers owe it, and they may be away
            await asyncio.wait_for(client.stop(), _STOP_WITHIN_S)


class Outgoing(NamedTuple):
    """A record to produce. `partition`: None is that of the key by murmur2; without a key, any."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    partition: int | None = None


class Outlet:
    """Produces records by a started producer with `acks=all`, keyed by murmur2 as Java clients do."""

    def __init__(self, client: AIOKafkaProducer) -> None:
        self._client = client

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Return once Kafka has acknowledged all. Records of one partition keep their order.

        Raises KafkaError for what it refused; then others may have been taken or not, or may be yet.
        """
        counts = {
            topic: len(await self._client.partitions_for(topic)) for topic in {one.topic for one in records}
        }
        acks = [
            await self._client.send_batch(batch, place.topic, partition=place.partition)
            for place, batch in batches(self._client, records, places(records, counts))
        ]
        await asyncio.gather(*acks)


def batches(
    client: AIOKafkaProducer, records: Sequence[Outgoing], places: Sequence[TopicPartition]
) -> Iterator[tuple[TopicPartition, BatchBuilder]]:
    """The records, each with its place, in batches of the client's size. Those of one place are in order."""
    filling: dict[TopicPartition, BatchBuilder] = {}
    for place, record in zip(places, records, strict=True):
        batch = filling.get(place)
        if batch is None or not _append(batch, record):
            if batch is not None:
                yield place, batch
            batch = filling[place] = client.create_batch()
            _append(batch, record)
    yield from filling.items()


def places(
    records: Sequence[Outgoing], counts: Mapping[str, int], keyless_from: int = 0
) -> list[TopicPartition]:
    """Where each record goes. `counts`: topic -> its partitions. Records without a key take turns among them."""
    hashed: dict[str, list[int]] = defaultdict(list)
    partitions = [0 if record.partition is None else record.partition for record in records]
    for row, record in enumerate(records):
        if record.partition is None:
            if record.key is None:
                keyless_from += 1
                partitions[row] = keyless_from % counts[record.topic]
            else:
                hashed[record.topic].append(row)
    for topic, rows in hashed.items():
        found = partitions_of([records[row].key or b"" for row in rows], counts[topic])
        for row, partition in zip(rows, found.tolist(), strict=True):
            partitions[row] = partition
    return [
        TopicPartition(record.topic, partition) for record, partition in zip(records, partitions, strict=True)
    ]


def _append(batch: BatchBuilder, record: Outgoing) -> bool:
    """Whether the record went into the batch; the first one always does."""
    _, key, value, headers, _ = record
    return batch.append(timestamp=None, key=key, value=value, headers=list(headers)) is not None
