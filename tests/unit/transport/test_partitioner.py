"""Partitions of keys, frozen from the producers' own code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.partitioner import crc32_partition, murmur2, partition_of, partitions_of

#: key, murmur2 as a signed int, partition of 12 and of 7: Utils of kafka-clients 4.3.1.
JAVA = [
    ("", 275646681, 9, 2),
    ("4", 1514888353, 1, 6),
    ("34", -2026295078, 6, 6),
    ("234", -406844982, 2, 4),
    ("1234", -1614185708, 0, 0),
    ("21", -973932308, 0, 3),
    ("foobar", -790332482, 6, 0),
    ("a-little-bit-long-string", -985981536, 8, 1),
    ("a-little-bit-longer-string", -1486304829, 11, 0),
    ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971, 5, 3),
    ("abc", 479470107, 3, 4),
    ("customer-1", 1939597761, 9, 3),
    ("customer-42", -542987495, 9, 1),
    ("user:7f3c", 680267610, 6, 1),
    ("anon:3b9a1c", 1694716905, 9, 0),
    ("Zürich-ß", 340707872, 8, 1),
    ("顧客-1", -52465438, 10, 5),
]

#: key, partition of 12 and of 7: produced with librdkafka 2.16.0 and its default partitioner.
LIBRDKAFKA = [
    ("4", 4, 1),
    ("34", 2, 1),
    ("234", 1, 2),
    ("1234", 7, 2),
    ("21", 4, 6),
    ("foobar", 5, 6),
    ("a-little-bit-long-string", 6, 3),
    ("abc", 6, 5),
    ("customer-1", 9, 3),
    ("customer-42", 5, 5),
    ("user:7f3c", 0, 1),
    ("anon:3b9a1c", 9, 5),
    ("Zürich-ß", 8, 4),
    ("顧客-1", 1, 4),
]


@pytest.mark.parametrize(("key", "signed", "of_12", "of_7"), JAVA)
def test_partitions_are_those_of_java_clients(key: str, signed: int, of_12: int, of_7: int) -> None:
    """murmur2 and the partition agree with Kafka's Java client, bit for bit."""
    assert murmur2(key.encode()) == signed % 2**32
    assert partition_of(key.encode(), 12) == of_12
    assert partition_of(key.encode(), 7) == of_7


@pytest.mark.parametrize(("key", "of_12", "of_7"), LIBRDKAFKA)
def test_crc32_partitions_are_those_of_librdkafka(key: str, of_12: int, of_7: int) -> None:
    """The wrong partition of a wrongly set producer is foreseen."""
    assert crc32_partition(key.encode(), 12) == of_12
    assert crc32_partition(key.encode(), 7) == of_7


@given(st.lists(st.binary(max_size=160), max_size=20), st.integers(1, 1000))
def test_many_keys_at_once_give_the_same_partitions(keys: list[bytes], partitions: int) -> None:
    """The vectorised hash equals the plain one for any mixture of lengths."""
    for some in (keys, keys * 32):  # few are hashed one by one
        assert partitions_of(some, partitions).tolist() == [partition_of(key, partitions) for key in some]


def test_a_batch_of_nothing_but_long_keys() -> None:
    """Keys beyond the vectorised width are hashed one by one."""
    keys = [b"x" * length for length in (*range(129, 160), 200, 5_000)]
    assert partitions_of(keys, 12).tolist() == [partition_of(key, 12) for key in keys]
