"""The state store on Redis when connections break and others write."""

import asyncio

import pytest
import redis.asyncio

from streamproc.state import redis_commit
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, StoreUnavailable, Superseded
from tests.contract.proxy import Fault, breaking_proxy
from tests.contract.shard import APP, COMMIT, WEB, acquire, after_look, dump, restore


@pytest.mark.parametrize("fault", ["before", "within", "after"])
@pytest.mark.parametrize("marker", [b"WATCH", b"EXEC"])
async def test_a_connection_that_breaks_in_a_commit(
    redis_db: str, client: redis.asyncio.Redis, fault: Fault, marker: bytes
) -> None:
    """Whatever was lost, request or reply: applied once, and the caller knows."""
    async with breaking_proxy(redis_db) as (proxy, url):
        store = RedisStore(url, prefix="p.", group="g")
        head = await acquire(store)
        proxy.break_at(fault, marker)
        head = await store.commit(head, COMMIT)
        assert proxy.broken == 1
        assert await store.read_head(0) == head
        assert await store.due_entries(head, 5) == [(330_000, b"ann")]
        assert await store.outbox_read(head, None, 9) == [("1-0", b"entered")]
        await store.aclose()


async def test_a_commit_whose_outcome_stays_unknown(redis_db: str) -> None:
    """The server is gone for longer than the retries: the next acquire shows what became of it."""
    async with breaking_proxy(redis_db) as (proxy, url):
        store = RedisStore(url, prefix="p.", group="g", attempts=3)
        head = await acquire(store)
        proxy.break_at("after", b"EXEC")
        proxy.break_at("before", b"WATCH", times=2)
        with pytest.raises(StoreUnavailable):
            await store.commit(head, COMMIT)
        found = await acquire(store)
        assert (found.seq, found.offsets) == (1, {WEB: 2, APP: 7})
        with pytest.raises(Superseded):
            await store.commit(head, COMMIT)
        await store.aclose()


@pytest.mark.parametrize("marker", [b"EVALSHA", b"HGETALL"])
async def test_other_requests_are_repeated(redis_db: str, marker: bytes) -> None:
    async with breaking_proxy(redis_db) as (proxy, url):
        store = RedisStore(url, prefix="p.", group="g")
        await acquire(store)
        proxy.break_at("after", marker)
        head = await acquire(store)
        assert await store.reload(head) == head
        assert proxy.broken == 1
        await store.aclose()


async def test_a_cancelled_commit_leaves_a_usable_store(redis_store: RedisStore, redis_db: str) -> None:
    """The reply that nobody waited for is not taken for that of the next request."""
    head = await acquire(redis_store)
    for _ in range(5):
        commit = asyncio.create_task(redis_store.commit(head, COMMIT))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        stored = await redis_store.read_head(0)
        assert stored is not None
        assert await redis_store.load(stored, [b"nobody"]) == [None]
        head = await acquire(redis_store)


async def test_a_new_owner_between_look_and_leap(
    redis_db: str, redis_store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXEC does nothing when the head has moved after it was compared."""
    head = await acquire(redis_store)
    other = RedisStore(redis_db, prefix="p.", group="g")
    monkeypatch.setattr(redis_commit, "execute", after_look(lambda: acquire(other, generation=2)))
    with pytest.raises(Superseded, match="epoch"):
        await redis_store.commit(head, COMMIT)
    assert await redis_store.customers(0) == 0
    assert await redis_store.outbox_length(0) == 0
    await other.aclose()


async def test_redis_went_back_in_time(redis_store: RedisStore, client: redis.asyncio.Redis) -> None:
    """Every step with the head from the lost future is refused; the next acquire counts a rewind."""
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    past = await dump(client)
    lost = await redis_store.commit(head, Commit(offsets={WEB: 9}, outbox=[b"ghost"]))
    await restore(client, past)
    for step in (
        redis_store.commit(lost, Commit()),
        redis_store.load(lost, [b"ann"]),
        redis_store.minutes(lost),
        redis_store.reload(lost),
    ):
        with pytest.raises(Superseded, match="seq"):
            await step
    found = (await acquire(redis_store)).since(lost)
    assert (found.seq, found.offsets, found.rewinds) == (1, {WEB: 2, APP: 7}, 1)
    found = await redis_store.commit(found, Commit(offsets={WEB: 3}, outbox=[b"new"]))
    with pytest.raises(Superseded):
        await redis_store.outbox_trim(lost, "2-0")  # id 2-0 was the ghost's
    assert await redis_store.outbox_read(found, "1-0", 9) == [("2-0", b"new")]


async def test_an_epoch_that_redis_hands_out_twice(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """After a rewind two workers can hold the same epoch and seq; only one of them owns the shard."""
    await acquire(redis_store)
    past = await dump(client)
    zombie = await acquire(redis_store)
    await restore(client, past)
    owner = await acquire(redis_store)
    assert (zombie.epoch, zombie.seq) == (owner.epoch, owner.seq)
    assert (await redis_store.commit(owner, COMMIT)).seq == 1
    for step in (
        redis_store.commit(zombie, Commit()),
        redis_store.outbox_read(zombie, None, 9),
        redis_store.outbox_trim(zombie, "1-0"),
        redis_store.reload(zombie),
    ):
        with pytest.raises(Superseded, match="owner"):
            await step
    assert await redis_store.outbox_length(0) == 1
