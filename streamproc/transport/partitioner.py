"""Which partition a key belongs to, by the two hash families that producers use.

Java clients (and everything streamproc ships) use murmur2; librdkafka's default is CRC32. A customer whose
events come from both families is spread over two partitions, so a worker checks what it reads.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_SEED = 0x9747B28C
_M = 0x5BD1E995
_U32 = 0xFFFFFFFF

#: Longer keys are hashed one by one: the table of the vectorised hash is as wide as its longest key.
_VECTOR_KEY_BYTES_MAX = 128
#: Fewer keys are hashed one by one, too: however few they are, the vectorised hash costs as much as some thirty.
_VECTOR_KEYS_MIN = 32


def murmur2(key: bytes) -> int:
    """32-bit murmur2 of `key`, unsigned (org.apache.kafka.common.utils.Utils.murmur2)."""
    length = len(key)
    whole = length & ~3
    h = _SEED ^ length
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * _M & _U32
        k = (k ^ k >> 24) * _M & _U32
        h = (h * _M & _U32) ^ k
    if whole != length:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _M & _U32
    h = (h ^ h >> 13) * _M & _U32
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition Java's default partitioner gives to a non-null key: toPositive(murmur2(key)) mod n."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def partitions_of(keys: Sequence[bytes], partitions: int) -> npt.NDArray[np.int64]:
    """`partition_of` for many keys at once: int64[n]."""
    if len(keys) < _VECTOR_KEYS_MIN:
        return np.array([partition_of(key, partitions) for key in keys], np.int64)
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    hashes = np.empty(len(keys), np.uint32)
    short = lengths <= _VECTOR_KEY_BYTES_MAX
    hashes[short] = _murmur2_many([key for key in keys if len(key) <= _VECTOR_KEY_BYTES_MAX], lengths[short])
    for i in np.flatnonzero(~short).tolist():
        hashes[i] = murmur2(keys[i])
    return (hashes & np.uint32(0x7FFFFFFF)).astype(np.int64) % partitions


def _murmur2_many(keys: Sequence[bytes], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """murmur2 of every key, one 4-byte word of all keys at a time; uint32 arithmetic wraps as in C."""
    if not len(keys):
        return np.empty(0, np.uint32)
    m: Any = np.uint32(_M)
    width = (int(lengths.max()) + 3) // 4 * 4
    padded = b"".join([key.ljust(width, b"\0") for key in keys])
    words = np.frombuffer(padded, "<u4").reshape(len(keys), width // 4)
    h = np.uint32(_SEED) ^ lengths.astype(np.uint32)
    whole_words = lengths // 4
    for i in range(width // 4):
        k = words[:, i] * m
        k = (k ^ k >> np.uint32(24)) * m
        h = np.where(i < whole_words, (h * m) ^ k, h)
    has_rest = lengths % 4 != 0
    # The padding is zero, so the word after the whole ones is exactly the rest of the key.
    rest = words[np.flatnonzero(has_rest), whole_words[has_rest]]
    h[has_rest] = (h[has_rest] ^ rest) * m
    h = (h ^ h >> np.uint32(13)) * m
    return np.asarray(h ^ h >> np.uint32(15), np.uint32)


def crc32_partition(key: bytes, partitions: int) -> int:
    """The partition librdkafka's default partitioner (`consistent_random`) gives to a non-empty key."""
    return zlib.crc32(key) % partitions
