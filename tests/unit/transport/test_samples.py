"""What the newest records of a topic are counted as."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord

from streamproc.transport.partitioner import crc32_partition, partition_of
from streamproc.transport.samples import Sample, counted

PARTITIONS = 6
WHO = [f"u-{i}".encode() for i in range(60)]


def record(customer: bytes | None, partition: int, key: bytes | None, **more: Any) -> ConsumerRecord:
    body = {"event": "x"} if customer is None else {"userId": customer.decode()}
    values = {"timestamp": 1, "timestamp_type": 0, **more}
    return ConsumerRecord(
        topic="events.web", partition=partition, offset=0, key=key, value=json.dumps(body).encode(),
        checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(), **values,
    )  # fmt: skip


def sample(records: Iterable[ConsumerRecord]) -> Sample:
    return counted(list(records), PARTITIONS)


def test_java_is_at_home() -> None:
    found = sample(record(who, partition_of(who, PARTITIONS), who) for who in WHO)
    assert (found.records, found.elsewhere, found.other_keys) == (60, 0, 0)


def test_librdkafka_is_recognised() -> None:
    """All strays are where CRC32 puts them; some are at home by chance."""
    found = sample(record(who, crc32_partition(who, PARTITIONS), who) for who in WHO)
    assert 40 <= found.elsewhere < 60
    assert found.by_crc32 == found.elsewhere


def test_another_key_is_recognised() -> None:
    found = sample(record(who, partition_of(b"s" + who, PARTITIONS), b"s" + who) for who in WHO)
    assert found.other_keys == 60
    assert found.by_key == found.elsewhere > 40


def test_no_key_and_no_customer() -> None:
    """Only those that lie elsewhere are asked for their key."""
    home = partition_of(WHO[0], PARTITIONS)
    away = (home + 1) % PARTITIONS
    found = sample([record(WHO[0], home, None), record(WHO[0], away, None), record(None, 0, b"k")])
    assert (found.elsewhere, found.keyless, found.nameless, found.records) == (1, 1, 1, 3)


@pytest.mark.parametrize("kind", [0, 1])
def test_stamps_and_whose_they_are(kind: int) -> None:
    found = sample(record(WHO[0], 0, WHO[0], timestamp=at, timestamp_type=kind) for at in (30, 10, 20))
    assert (found.oldest, found.newest_ms, found.are_of_brokers) == ({0: (10, 0)}, 30, kind == 1)


def test_anonymous_customers_have_their_own_name() -> None:
    """Their key is anon: and the id."""
    home = partition_of(b"anon:a-1", PARTITIONS)
    other = ConsumerRecord(
        topic="events.web", partition=home, offset=0, key=b"anon:a-1", value=b'{"anonymousId": "a-1"}',
        checksum=None, serialized_key_size=0, serialized_value_size=0, headers=(), timestamp=1, timestamp_type=0,
    )  # fmt: skip
    assert sample([other]).elsewhere == 0
