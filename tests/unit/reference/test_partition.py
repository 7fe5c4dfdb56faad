"""The partitioner agrees with Java's."""

import pytest

from tests.reference.partition import murmur2, partition_of

#: From org.apache.kafka.common.utils.UtilsTest#testMurmur2 (signed 32-bit integers).
VECTORS = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("key", "expected"), VECTORS.items())
def test_murmur2_of_kafkas_own_vectors(key: str, expected: int) -> None:
    """Kafka's test suite computes the same."""
    assert murmur2(key.encode()) == expected % 2**32


def test_the_sign_bit_is_dropped_before_the_remainder() -> None:
    """toPositive: -973932308 & 0x7fffffff = 1173551340; not the absolute value."""
    assert partition_of("21", 7) == 1173551340 % 7
    assert partition_of("abc", 12) == 479470107 % 12


def test_keys_are_hashed_as_utf8() -> None:
    """Two bytes for é."""
    assert partition_of("é", 1000) == (murmur2(b"\xc3\xa9") & 0x7FFFFFFF) % 1000
