"""A walk over the customers of a shard that somebody else may own, and change meanwhile."""

from collections.abc import AsyncIterator

from streamproc.state.store import Store

#: Customers of a step, about.
SCAN = 1_000


async def browse(store: Store, partition: int) -> AsyncIterator[list[tuple[bytes, bytes]]]:
    """All customers with their packed states, some at a time; repeats happen, as in Store.scan."""
    cursor = 0
    while True:
        cursor, part = await store.browse(partition, cursor, SCAN)
        yield part
        if not cursor:
            return
