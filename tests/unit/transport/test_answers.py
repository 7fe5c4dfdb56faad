"""What is taken out of a broker's answer is what aiokafka takes out of it."""

import struct
from dataclasses import dataclass
from typing import Any, Final

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.answers import Answer, take

TP = TopicPartition("web", 0)
_ATTRIBUTES_AT: Final = 21  # what a batch's checksum begins with
_CRC_AT: Final = 17
_CONTROL: Final = 0x20
_ABORT_KEY: Final = struct.pack(">hh", 0, 0)
_COMMIT_KEY: Final = struct.pack(">hh", 0, 1)


@dataclass(frozen=True)
class Batch:
    """gaps: before each record, as compaction leaves them. tail: how many records are missing at the end."""

    gaps: list[int]
    tail: int = 0
    compression: int = 0
    producer: int = -1  # of a transaction
    control: bytes | None = None  # the key of the only record of a control batch


def encode(batch: Batch, base_offset: int) -> tuple[bytes, int]:
    """A batch as Kafka sends it, and the offset after it."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0 if batch.control else batch.compression,
        is_transactional=batch.producer >= 0,
        producer_id=batch.producer,
        producer_epoch=0,
        base_sequence=0,
        batch_size=1_000_000,
    )
    relative = 0
    for gap in [0] if batch.control else batch.gaps:
        relative += gap
        key = batch.control or b"k"
        builder.append(relative, 1_000 + relative, key, b"value %d" % relative, [("h", b"1"), ("n", None)])
        relative += 1
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base_offset)
    last_delta = max(relative + batch.tail, 1) - 1
    struct.pack_into(">i", data, 23, last_delta)
    if batch.control:
        data[_ATTRIBUTES_AT + 1] |= _CONTROL
    struct.pack_into(">I", data, _CRC_AT, calc_crc32c(bytes(data[_ATTRIBUTES_AT:])))
    return bytes(data), base_offset + last_delta + 1


def log(batches: list[Batch]) -> bytes:
    data, offset = b"", 0
    for batch in batches:
        encoded, offset = encode(batch, offset)
        data += encoded
    return data


def fetched(data: bytes, position: int = 0, aborted: Any = ()) -> PartitionRecords:
    return PartitionRecords(
        TP,
        MemoryRecords(data),
        list(aborted),
        position,
        None,
        None,
        check_crcs=True,
        isolation_level=READ_COMMITTED,
    )


def fields(record: Any) -> tuple[Any, ...]:
    return record.offset, record.timestamp, record.key, record.value, list(record.headers)


batches = st.lists(
    st.builds(
        Batch,
        gaps=st.lists(st.integers(0, 2), min_size=1, max_size=5),
        tail=st.integers(0, 2),
        compression=st.sampled_from([0, 1]),
        producer=st.sampled_from([-1, -1, 7, 8]),
        control=st.sampled_from([None, None, None, _ABORT_KEY, _COMMIT_KEY]),
    ),
    max_size=6,
)


@given(
    batches,
    st.integers(0, 12),
    st.lists(st.tuples(st.sampled_from([7, 8]), st.integers(0, 15)), max_size=3),
    st.integers(1, 7),
)
def test_records_and_positions_are_those_of_aiokafka(
    of_log: list[Batch], position: int, aborted: list[tuple[int, int]], limit: int
) -> None:
    """Whatever the batches, and however many are taken at once; the position is in the first of them."""
    if of_log:
        position %= encode(of_log[0], 0)[1]
    theirs = fetched(log(of_log), position, aborted)
    expected = [fields(record) for record in theirs]
    answer = Answer(fetched(log(of_log), position, aborted))
    found: list[tuple[Any, ...]] = []
    while not answer.is_over:
        records = answer.take(limit)
        found += map(fields, records)
        assert len(records) == limit or answer.is_over
        if records:
            assert answer.next_fetch_offset > records[-1].offset
    assert found == expected
    assert answer.next_fetch_offset == theirs.next_fetch_offset


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("magic", [0, 1])
def test_formats_of_old(magic: int, compression: int) -> None:
    """A topic may hold batches that were written years ago."""
    builder = LegacyRecordBatchBuilder(magic=magic, compression_type=compression, batch_size=10_000)
    for offset in range(4):
        builder.append(offset, 5, b"k", b"v%d" % offset)
    data = bytes(builder.build())
    # A record that is not compressed is a batch of its own, and brokers send none that ends before the position.
    position = 2 if compression else 0
    expected = [fields(record) for record in fetched(data, position)]
    assert [fields(record) for record in Answer(fetched(data, position)).take(10)] == expected
    assert [offset for offset, *_ in expected] == list(range(position, 4))


def result_of(data: bytes) -> tuple[FetchResult, Any]:
    subscription = SubscriptionState()
    subscription.subscribe({TP.topic})
    subscription.assign_from_subscribed({TP})
    subscription.seek(TP, 0)
    assignment = subscription.subscription.assignment
    result = FetchResult(TP, assignment=assignment, partition_records=fetched(data), backoff=0)
    return result, assignment.state_value(TP)


async def test_what_cannot_be_read_is_not_passed_over() -> None:
    """Its batch fails; afterwards there is nothing more in the answer, so that it is fetched again."""
    broken = bytearray(log([Batch([0, 0]), Batch([0]), Batch([0])]))
    second = len(encode(Batch([0, 0]), 0)[0])
    broken[second + _CRC_AT] ^= 1
    result, state = result_of(bytes(broken))
    assert len(take(result, 2)) == 2
    assert state.position == 2
    with pytest.raises(CorruptRecordException):
        take(result, 2)
    assert take(result, 2) == []
    assert not result.has_more()
    assert state.position == 2


async def test_after_a_seek_nothing_is_taken() -> None:
    """It was fetched for another position."""
    result, state = result_of(log([Batch([0, 0, 0])]))
    assert [record.offset for record in take(result, 2)] == [0, 1]
    state.seek(0)
    assert take(result, 2) == []
    assert not result.has_more()
