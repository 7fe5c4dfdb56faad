"""Heads of a group that has campaigns."""

from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit

HELD_MS = 1_790_000_000_000


async def heads(**extra: bytes) -> MemoryStore:
    """Of two shards, of which the second has something to say."""
    store = MemoryStore()
    for partition, own in enumerate(({}, extra)):
        head = await store.acquire(
            partition, generation=1, member="g", partitions=2, layout=1, offsets_if_new={}, create=True
        )
        await store.commit(head, Commit(extra=own))
    return store
