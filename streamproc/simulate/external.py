"""Servers of the user's own, used for a demo without leaving anything behind.

All topics and keys of a demo start with a prefix of its own, so it touches nothing else, and what it made can be
removed at the end.
"""

from redis.asyncio import Redis

from streamproc.state.keys import Keyspace

_SCAN_COUNT = 1_000


async def remove_state(redis_url: str, prefix: str, group: str, partitions: int) -> None:
    """Delete the keys of the shards of an installation."""
    keys = Keyspace(prefix, group)
    async with Redis.from_url(redis_url) as redis:
        for partition in range(partitions):
            # Braces and brackets of the hash tag have no meaning in a pattern, and no name can hold a star.
            pattern = f"{keys.shard(partition).base}:*"
            names = [name async for name in redis.scan_iter(match=pattern, count=_SCAN_COUNT)]
            if names:
                await redis.unlink(*names)
