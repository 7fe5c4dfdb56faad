"""The partition of a customer: Kafka's default partitioner (murmur2) as Java computes it."""

SEED = 0x9747B28C
MULTIPLIER = 0x5BD1E995
WORD = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """32-bit MurmurHash2 of `data`, unsigned (org.apache.kafka.common.utils.Utils.murmur2)."""
    h = (SEED ^ len(data)) & WORD
    whole = len(data) - len(data) % 4
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little")
        k = (k * MULTIPLIER) & WORD
        k ^= k >> 24
        k = (k * MULTIPLIER) & WORD
        h = ((h * MULTIPLIER) & WORD) ^ k
    rest = data[whole:]
    if rest:
        h ^= int.from_bytes(rest, "little")
        h = (h * MULTIPLIER) & WORD
    h ^= h >> 13
    h = (h * MULTIPLIER) & WORD
    return h ^ (h >> 15)


def partition_of(customer: str, partitions: int) -> int:
    """The shard (0..partitions-1) in which `customer` lives."""
    return (murmur2(customer.encode()) & 0x7FFFFFFF) % partitions
