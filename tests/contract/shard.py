"""A shard of a store under test: acquired, written to, and looked at as a whole."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import redis.asyncio

from streamproc.state.keys import Keyspace, due_entry
from streamproc.state.redis_node import execute
from streamproc.state.store import Commit, Head, Store

WEB, APP = "p.events.web", "p.events.app"
KEYS = Keyspace("p.", "g").shard(0)


async def acquire(store: Store, partition: int = 0, **overrides: Any) -> Head:
    """The head of the partition, acquired by generation 1 of the group."""
    wanted: dict[str, Any] = {
        "generation": 1,
        "member": "g@1",
        "partitions": 12,
        "layout": 1,
        "offsets_if_new": {WEB: 0, APP: 7},
        "create": True,
    }
    return await store.acquire(partition, **{**wanted, **overrides})


async def everything(store: Store, partition: int = 0) -> dict[str, Any]:
    """All that the shard holds, read by an observer who acquires it."""
    stored = await store.read_head(partition)
    assert stored is not None
    head = await acquire(store, partition, generation=max(stored.generation, 1))
    cursor, states = await store.scan(head, 0, 100)
    while cursor:
        cursor, more = await store.scan(head, cursor, 100)
        states += more
    return {
        "head": replace(stored, epoch=0, owner="", generation=0),
        "states": dict(states),
        "due": {minute: await store.due_entries(head, minute) for minute in await store.minutes(head)},
        "outbox": await store.outbox_read(head, None, 1_000_000),
    }


def some_commit(**changes: Any) -> Commit:
    """A commit that writes something of every kind."""
    return Commit(
        **{
            "states": [(b"ann", b"A1"), (b"bob", b"B1")],
            "due": {5: [due_entry(5 * 60_000 + 30_000, b"ann")]},
            "outbox": [b"entered", b"risk"],
            "offsets": {WEB: 2},
            "max_ms": {WEB: 1_000},
            "time_ms": 1_000,
            "extra": {"rules": b'{"v": 1}'},
            **changes,
        }
    )


#: Large enough not to be a small string inside Redis.
COMMIT = Commit(
    states=[(b"ann", b"A1"), (b"bob", b"B1" * 1_000)],
    due={5: [due_entry(330_000, b"ann")]},
    outbox=[b"entered"],
    offsets={WEB: 2},
)


async def dump(client: redis.asyncio.Redis) -> dict[bytes, bytes]:
    """Everything in the database, to compare or to go back to."""
    return {key: await client.dump(key) for key in await client.keys("*")}


async def restore(client: redis.asyncio.Redis, keys: dict[bytes, bytes]) -> None:
    """Go back in time, as a failover to a replica that lags does."""
    await client.flushdb()
    for key, value in keys.items():
        await client.restore(key, 0, value)


def after_look(competitor: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[bool]]:
    """`execute` of the commit, with somebody else acting just before it."""

    async def late_execute(*args: Any) -> bool:
        await competitor()
        return await execute(*args)

    return late_execute
