"""The newest records of the source topics: whether they lie where their customers belong."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_consumer
from streamproc.transport.lines import customer_key
from streamproc.transport.partitioner import crc32_partition, partitions_of

#: Of each partition, the newest; and of all together, where there are very many.
RECORDS_MAX: Final = 200
_RECORDS_IN_ALL: Final = 20_000
_RECORDS_MIN: Final = 10
WITHIN_S: Final = 5.0
_POLL_MS: Final = 200
_LOG_APPEND_TIME: Final = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """The newest records of a topic, counted.

    nameless: their value has no customer id. other_keys: they have one, and another key. elsewhere: they lie on another
    partition than murmur2 of their customer gives; of these, keyless have no key, by_crc32 lie where CRC32 puts their
    key, by_key where murmur2 puts their own, other key. newest_ms: of Kafka's timestamps, which are_of_brokers or of
    producers; None: no records. oldest: by partition, the oldest timestamp and the last offset.
    """

    records: int = 0
    nameless: int = 0
    other_keys: int = 0
    elsewhere: int = 0
    keyless: int = 0
    by_crc32: int = 0
    by_key: int = 0
    newest_ms: int | None = None
    are_of_brokers: bool = False
    oldest: Mapping[int, tuple[int, int]] = field(default_factory=dict)


async def sample_topics(
    brokers: Brokers, bounds: Mapping[tuple[str, int], tuple[int, int]], partitions: int
) -> dict[str, Sample]:
    """By topic, what was read of it within a few seconds. bounds: (topic, partition) -> first and next offset.

    Raises StreamprocError if no broker lets us in, or if these may not be read.
    """
    some = max(_RECORDS_MIN, min(RECORDS_MAX, _RECORDS_IN_ALL // max(1, len(bounds))))
    starts = {
        TopicPartition(*place): max(first, end - some)
        for place, (first, end) in bounds.items()
        if end > first
    }
    ends = {TopicPartition(*place): end for place, (_, end) in bounds.items()}
    found: dict[str, list[ConsumerRecord]] = {topic: [] for topic, _ in bounds}
    if not starts:
        return {topic: Sample() for topic in found}
    try:
        async with open_consumer(brokers, starts) as consumer:
            for place, start in starts.items():
                consumer.seek(place, start)
            await _read(consumer, starts, ends, found)
    except KafkaError as error:
        raise StreamprocError(
            f"the newest records cannot be read: {error!r}",
            fix="give the user READ on the source topics (docs/security.md); every partition needs a leader",
        ) from error
    return {topic: counted(records, partitions) for topic, records in found.items()}


async def _read(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    found: Mapping[str, list[ConsumerRecord]],
) -> None:
    """Until all ends are reached, or time is up."""
    unread = set(starts)
    try:
        async with asyncio.timeout(WITHIN_S):
            while unread:
                for place, records in (await consumer.getmany(*unread, timeout_ms=_POLL_MS)).items():
                    found[place.topic].extend(record for record in records if record.offset < ends[place])
                    if records[-1].offset >= ends[place] - 1:
                        unread.discard(place)
                for place in tuple(unread):  # the last offsets may be no records, but marks of transactions
                    if await consumer.position(place) >= ends[place]:
                        unread.discard(place)
    except TimeoutError:
        return


def counted(records: Sequence[ConsumerRecord], partitions: int) -> Sample:
    """A sample of these records, all of one topic."""
    customers = [customer_key(record.value) for record in records]
    named = [(record, who) for record, who in zip(records, customers, strict=True) if who is not None]
    places = partitions_of([who for _, who in named], partitions).tolist()
    strays = [
        (record, who) for (record, who), place in zip(named, places, strict=True) if place != record.partition
    ]
    other = [(record, who) for record, who in strays if record.key is not None and record.key != who]
    oldest: dict[int, tuple[int, int]] = {}
    for record in records:
        stamp, last = oldest.get(record.partition, (record.timestamp, record.offset))
        oldest[record.partition] = min(stamp, record.timestamp), max(last, record.offset)
    return Sample(
        records=len(records),
        nameless=len(records) - len(named),
        other_keys=sum(record.key is not None and record.key != who for record, who in named),
        elsewhere=len(strays),
        keyless=sum(record.key is None for record, _ in strays),
        by_crc32=sum(
            crc32_partition(record.key or who, partitions) == record.partition for record, who in strays
        ),
        by_key=_at_home([record for record, _ in other], partitions),
        newest_ms=max((record.timestamp for record in records), default=None),
        are_of_brokers=any(record.timestamp_type == _LOG_APPEND_TIME for record in records),
        oldest=oldest,
    )


def _at_home(records: Iterable[ConsumerRecord], partitions: int) -> int:
    """How many lie where murmur2 of their own key puts them."""
    some = list(records)
    found = partitions_of([record.key for record in some], partitions).tolist()
    return sum(place == record.partition for place, record in zip(found, some, strict=True))
