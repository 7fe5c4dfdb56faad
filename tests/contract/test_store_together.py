"""Shards of one worker that ask and commit at the same time: each gets what is its own, whatever befalls the others."""

import asyncio
from dataclasses import replace

import pytest
import redis.asyncio

from streamproc.state import redis_commit
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head, StateCorrupt, Store, Superseded
from tests.contract.proxy import Fault, breaking_proxy
from tests.contract.shard import KEYS, WEB, acquire, dump, some_commit

SHARDS = range(4)


async def acquire_all(store: Store) -> list[Head]:
    return [await acquire(store, partition) for partition in SHARDS]


def own_commit(partition: int) -> Commit:
    return some_commit(states=[(b"ann", b"of %d" % partition)], offsets={WEB: 10 + partition})


async def commit_all(store: Store, heads: list[Head]) -> list[Head | BaseException]:
    commits = (store.commit(head, own_commit(head.partition)) for head in heads)
    return await asyncio.gather(*commits, return_exceptions=True)


async def check(store: Store, partition: int) -> None:
    """The shard holds its own commit, once."""
    head = await store.read_head(partition)
    assert head is not None
    assert (head.seq, head.offsets[WEB]) == (1, 10 + partition)
    assert await store.get(partition, b"ann") == b"of %d" % partition
    assert await store.outbox_length(partition) == 2
    assert len(await store.due_entries(head, 5)) == 1


async def test_commits_at_the_same_time(store: Store) -> None:
    heads = await acquire_all(store)
    assert [head.seq for head in await commit_all(store, heads) if isinstance(head, Head)] == [1] * 4
    for partition in SHARDS:
        await check(store, partition)


async def test_they_are_one_transaction(
    redis_store: RedisStore, client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = await acquire_all(redis_store)
    await client.config_resetstat()
    await commit_all(redis_store, heads)
    assert (await client.info("commandstats"))["cmdstat_exec"]["calls"] == 1
    (steps,) = redis_store._commits._steps.values()
    monkeypatch.setattr(steps, "_most", 1)
    await client.config_resetstat()
    found = [await redis_store.reload(head) for head in heads]
    await asyncio.gather(*(redis_store.commit(head, Commit(states=[(b"bob", b"1")])) for head in found))
    assert (await client.info("commandstats"))["cmdstat_exec"]["calls"] == 4


@pytest.mark.parametrize("lost", SHARDS)
async def test_one_that_is_superseded_takes_nothing_from_the_others(store: Store, lost: int) -> None:
    heads = await acquire_all(store)
    await acquire(store, lost, generation=2)
    found = await commit_all(store, heads)
    assert [isinstance(one, Superseded) for one in found] == [partition == lost for partition in SHARDS]
    for partition in set(SHARDS) - {lost}:
        await check(store, partition)
    assert await store.get(lost, b"ann") is None


async def test_one_that_was_applied_before_is_not_applied_again(store: Store) -> None:
    heads = await acquire_all(store)
    await store.commit(heads[2], own_commit(2))
    assert all(isinstance(one, Head) for one in await commit_all(store, heads))
    for partition in SHARDS:
        await check(store, partition)


async def test_a_wrong_type_in_one_shard_stops_all_of_a_worker_and_writes_nothing(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    heads = await acquire_all(redis_store)
    await client.set(KEYS.minutes, b"no sorted set")
    before = await dump(client)
    found = await commit_all(redis_store, heads)
    assert all(isinstance(one, StateCorrupt) for one in found)
    assert await dump(client) == before


@pytest.mark.parametrize("fault", ["before", "within", "after"])
@pytest.mark.parametrize("marker", [b"WATCH", b"EXEC"])
async def test_a_connection_that_breaks_under_all_of_them(redis_db: str, fault: Fault, marker: bytes) -> None:
    async with breaking_proxy(redis_db) as (proxy, url):
        store = RedisStore(url, prefix="p.", group="g")
        heads = await acquire_all(store)
        proxy.break_at(fault, marker)
        assert all(isinstance(one, Head) for one in await commit_all(store, heads))
        assert proxy.broken == 1
        for partition in SHARDS:
            await check(store, partition)
        await store.aclose()


async def test_somebody_who_acquires_between_look_and_leap(
    redis_store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction of all does nothing; alone, each finds its own outcome."""
    heads = await acquire_all(redis_store)
    execute, others = redis_commit.execute, [True]

    async def late(*args: object) -> bool:
        if others and others.pop():
            await acquire(redis_store, 1, generation=2)
        return await execute(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(redis_commit, "execute", late)
    found = await commit_all(redis_store, heads)
    assert [isinstance(one, Superseded) for one in found] == [False, True, False, False]
    for partition in (0, 2, 3):
        await check(redis_store, partition)


async def test_reads_at_the_same_time(store: Store) -> None:
    heads = [head for head in await commit_all(store, await acquire_all(store)) if isinstance(head, Head)]
    zombie = replace(heads[1], owner="gone")
    found = await asyncio.gather(
        store.load(heads[0], [b"ann", b"eve"]),
        store.load(zombie, [b"ann"]),
        store.load(heads[2], [b"ann"]),
        store.outbox_trim(heads[3], "1-0"),
        return_exceptions=True,
    )
    assert found[0] == [b"of 0", None]
    assert isinstance(found[1], Superseded)
    assert found[2:] == [[b"of 2"], 1]


async def test_the_connections_of_many_questions_are_few(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    heads = await acquire_all(redis_store)
    await client.config_resetstat()
    for _ in range(5):
        await asyncio.gather(*(redis_store.load(head, [b"ann"]) for head in heads))
    assert (await client.info("stats"))["total_connections_received"] == 0
