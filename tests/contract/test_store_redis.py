"""The state store against what only a real Redis does: types, memory limits, restarts, broken connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio

from streamproc.state import redis_commit
from streamproc.state.keys import Keyspace, due_entry
from streamproc.state.redis_link import execute
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import (
    Commit,
    Head,
    RedisConfigError,
    StateCorrupt,
    StoreUnavailable,
    Superseded,
)
from tests.contract.proxy import Fault, breaking_proxy

KEYS = Keyspace("p.", "g").shard(0)
COMMIT = Commit(
    states=[(b"ann", b"A1"), (b"bob", b"B1" * 1_000)],
    due={5: [due_entry(330_000, b"ann")]},
    outbox=[b"entered"],
    offsets={"web": 2},
)


@pytest.fixture
async def client(redis_db: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """A plain client: the operator, or somebody who should not be here."""
    async with redis.asyncio.Redis.from_url(redis_db) as client:
        yield client


@pytest.fixture
async def store(redis_db: str) -> AsyncIterator[RedisStore]:
    """A store that gives up soon."""
    store = RedisStore(redis_db, prefix="p.", group="g", attempts=2)
    yield store
    await store.aclose()


async def acquire(store: RedisStore, generation: int = 1) -> Head:
    return await store.acquire(
        0,
        generation=generation,
        member="g@1",
        partitions=12,
        layout=1,
        offsets_if_new={"web": 0},
        create=True,
    )


async def dump(client: "redis.asyncio.Redis") -> dict[bytes, bytes]:
    """Everything in the database, to compare or to go back to."""
    return {key: await client.dump(key) for key in await client.keys("*")}


async def restore(client: "redis.asyncio.Redis", keys: dict[bytes, bytes]) -> None:
    """Go back in time, as a failover to a replica that lags does."""
    await client.flushdb()
    for key, value in keys.items():
        await client.restore(key, 0, value)


# --- keys of the wrong type --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEYS.head, KEYS.state, KEYS.minutes, KEYS.outbox, KEYS.due(5), KEYS.due(6)])
async def test_a_planted_key_refuses_the_whole_commit(
    store: RedisStore, client: "redis.asyncio.Redis", key: bytes
) -> None:
    """Neither EXEC nor a script rolls back, so every type is checked before the first write."""
    head = await acquire(store)
    await client.delete(key)
    await client.set(key, "planted")
    before = await dump(client)
    with pytest.raises((StateCorrupt, Superseded)):
        await store.commit(
            head, Commit(states=[(b"a", b"1")], due=COMMIT.due, consumed_minutes=[6], outbox=[b"x"])
        )
    assert await dump(client) == before


@pytest.mark.parametrize("key", [KEYS.head, KEYS.state, KEYS.minutes, KEYS.outbox])
async def test_a_planted_key_refuses_the_acquire(
    store: RedisStore, client: "redis.asyncio.Redis", key: bytes
) -> None:
    await client.rpush(key, "planted")
    with pytest.raises(StateCorrupt, match="list"):
        await acquire(store)
    assert await client.keys("*") == [key]


async def test_states_without_a_head_are_not_taken_for_a_new_shard(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    await store.commit(await acquire(store), COMMIT)
    await client.delete(KEYS.head)
    with pytest.raises(StateCorrupt, match="head is gone"):
        await acquire(store)


async def test_an_outbox_from_the_future_of_the_head_is_refused(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    """Its next entry ids could not be added, in the middle of a commit."""
    await store.commit(await acquire(store), COMMIT)
    await client.hset(KEYS.head.decode(), "seq", "0")
    with pytest.raises(StateCorrupt, match="1-0"):
        await acquire(store)


async def test_a_head_with_a_hole_is_refused(store: RedisStore, client: "redis.asyncio.Redis") -> None:
    await acquire(store)
    await client.hdel(KEYS.head.decode(), "rewinds")
    with pytest.raises(StateCorrupt, match="rewinds"):
        await store.read_head(0)


# --- a server that refuses ---------------------------------------------------------------------------------


async def test_out_of_memory_leaves_nothing_written(store: RedisStore, client: "redis.asyncio.Redis") -> None:
    """Refused whole, and applied when there is memory again."""
    head = await acquire(store)
    before = await dump(client)
    await client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreUnavailable, match="memory") as full:
            await store.commit(head, COMMIT)
        assert full.value.fix
        assert await dump(client) == before
    finally:
        await client.config_set("maxmemory", "0")
    assert (await store.commit(head, COMMIT)).seq == 1


async def test_out_of_memory_the_outbox_can_still_be_drained(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    """Even by a worker that was started anew: it is what frees memory."""
    await store.commit(await acquire(store), COMMIT)
    await client.config_set("maxmemory", "1mb")
    try:
        head = await acquire(store, generation=2)
        assert await store.load(head, [b"ann"]) == [b"A1"]
        assert await store.outbox_read(head, None, 9) == [("1-0", b"entered")]
        assert await store.outbox_trim(head, "1-0") == 1
    finally:
        await client.config_set("maxmemory", "0")


async def test_memory_that_runs_out_while_queueing_leaves_nothing_written(
    store: RedisStore, client: "redis.asyncio.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between look and leap."""
    head = await acquire(store)

    async def fill_up() -> None:
        await client.config_set("maxmemory", "1mb")

    monkeypatch.setattr(redis_commit, "execute", after_look(fill_up))
    try:
        with pytest.raises(StoreUnavailable, match="memory"):
            await store.commit(head, COMMIT)
    finally:
        await client.config_set("maxmemory", "0")
    assert await client.keys("*") == [KEYS.head]
    assert await store.reload(head) == head


async def test_a_replica_refuses_until_it_is_promoted(
    redis_db: str, store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    """A failover in progress: first an error to back off on, then, within the retries, success."""
    head = await acquire(store)
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    patient = RedisStore(redis_db, prefix="p.", group="g", attempts=20)
    try:
        with pytest.raises(StoreUnavailable, match="read only"):
            await store.commit(head, COMMIT)
        waiting = asyncio.create_task(patient.commit(head, COMMIT))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")
    assert (await waiting).seq == 1
    await patient.aclose()


async def test_a_server_busy_with_a_script_is_waited_for(
    redis_db: str, store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    head = await acquire(store)
    await client.config_set("busy-reply-threshold", "10")
    patient = RedisStore(redis_db, prefix="p.", group="g", attempts=20)
    async with redis.asyncio.Redis.from_url(redis_db) as other:
        endless = asyncio.ensure_future(other.eval("while true do end", 0))
        await asyncio.sleep(0.1)
        try:
            with pytest.raises(StoreUnavailable, match="BUSY"):
                await store.commit(head, COMMIT)
            waiting = asyncio.create_task(patient.commit(head, COMMIT))
            await asyncio.sleep(0.1)
        finally:
            await client.script_kill()
            with pytest.raises(redis.ResponseError, match="killed"):
                await endless
            await client.config_set("busy-reply-threshold", "5000")
    assert (await waiting).seq == 1
    await patient.aclose()


async def test_too_few_replicas_refuse_the_whole_commit(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    head = await acquire(store)
    await client.config_set("min-replicas-to-write", "1")
    try:
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            await store.commit(head, COMMIT)
    finally:
        await client.config_set("min-replicas-to-write", "0")
    assert await store.reload(head) == head


async def test_scripts_are_loaded_again_after_a_flush(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    """A restarted server knows no script."""
    await client.script_flush()
    head = await store.commit(await acquire(store), COMMIT)
    await client.script_flush()
    assert await store.outbox_trim(head, "1-0") == 1
    await client.script_flush()
    assert await store.reset_generation(0) is True
    assert (await acquire(store)).seq == 1


# --- broken connections ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["before", "within", "after"])
@pytest.mark.parametrize("marker", [b"WATCH", b"EXEC"])
async def test_a_connection_that_breaks_in_a_commit(
    redis_db: str, client: "redis.asyncio.Redis", fault: Fault, marker: bytes
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
        assert (found.seq, found.offsets) == (1, {"web": 2})
        with pytest.raises(Superseded):
            await store.commit(head, COMMIT)
        await store.aclose()


async def test_a_lost_reply_is_not_taken_for_another_commit(redis_db: str) -> None:
    """The same owner at the next seq, but with other contents: not ours."""
    store = RedisStore(redis_db, prefix="p.", group="g")
    head = await acquire(store)
    await store.commit(head, COMMIT)
    assert (await store.commit(head, COMMIT)).seq == 1
    with pytest.raises(Superseded, match="seq"):
        await store.commit(head, Commit(states=[(b"ann", b"A2"), *COMMIT.states[1:]], outbox=[b"entered"]))
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


async def test_a_cancelled_commit_leaves_a_usable_store(store: RedisStore, redis_db: str) -> None:
    """The reply that nobody waited for is not taken for that of the next request."""
    head = await acquire(store)
    for _ in range(5):
        commit = asyncio.create_task(store.commit(head, COMMIT))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        stored = await store.read_head(0)
        assert stored is not None
        assert await store.load(stored, [b"nobody"]) == [None]
        head = await acquire(store)


# --- other writers -----------------------------------------------------------------------------------------


def after_look(competitor: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[bool]]:
    """`execute` of the commit, with somebody else acting just before it."""

    async def late_execute(*args: Any) -> bool:
        await competitor()
        return await execute(*args)

    return late_execute


async def test_a_new_owner_between_look_and_leap(
    redis_db: str, store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EXEC does nothing when the head has moved after it was compared."""
    head = await acquire(store)
    other = RedisStore(redis_db, prefix="p.", group="g")
    monkeypatch.setattr(redis_commit, "execute", after_look(lambda: acquire(other, generation=2)))
    with pytest.raises(Superseded, match="epoch"):
        await store.commit(head, COMMIT)
    assert await store.customers(0) == 0
    assert await store.outbox_length(0) == 0
    await other.aclose()


async def test_redis_went_back_in_time(store: RedisStore, client: "redis.asyncio.Redis") -> None:
    """Every step with the head from the lost future is refused; the next acquire counts a rewind."""
    head = await store.commit(await acquire(store), COMMIT)
    past = await dump(client)
    lost = await store.commit(head, Commit(offsets={"web": 9}, outbox=[b"ghost"]))
    await restore(client, past)
    for step in (
        store.commit(lost, Commit()),
        store.load(lost, [b"ann"]),
        store.outbox_read(lost, None, 9),
        store.reload(lost),
    ):
        with pytest.raises(Superseded, match="seq"):
            await step
    found = (await acquire(store)).since(lost)
    assert (found.seq, found.offsets, found.rewinds) == (1, {"web": 2}, 1)
    found = await store.commit(found, Commit(offsets={"web": 3}, outbox=[b"new"]))
    with pytest.raises(Superseded):
        await store.outbox_trim(lost, "2-0")  # id 2-0 was the ghost's
    assert await store.outbox_read(found, "1-0", 9) == [("2-0", b"new")]


async def test_an_epoch_that_redis_hands_out_twice(store: RedisStore, client: "redis.asyncio.Redis") -> None:
    """After a rewind two workers can hold the same epoch and seq; only one of them owns the shard."""
    await acquire(store)
    past = await dump(client)
    zombie = await acquire(store)
    await restore(client, past)
    owner = await acquire(store)
    assert (zombie.epoch, zombie.seq) == (owner.epoch, owner.seq)
    with pytest.raises(Superseded, match="owner"):
        await store.commit(zombie, COMMIT)
    assert (await store.commit(owner, COMMIT)).seq == 1


# --- the server's set-up -----------------------------------------------------------------------------------


async def test_a_good_server_has_nothing_to_complain_about(store: RedisStore) -> None:
    assert await store.check_server() == []


async def test_a_server_that_may_evict_is_refused(store: RedisStore, client: "redis.asyncio.Redis") -> None:
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(RedisConfigError, match="allkeys-lru") as refused:
            await store.check_server()
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
    assert "noeviction" in refused.value.fix


async def test_a_server_without_append_only_file_is_warned_about(
    store: RedisStore, client: "redis.asyncio.Redis"
) -> None:
    await client.config_set("appendonly", "no")
    try:
        assert ["appendonly" in warning for warning in await store.check_server()] == [True]
    finally:
        await client.config_set("appendonly", "yes")
        while (await client.info("persistence"))["aof_rewrite_in_progress"]:
            await asyncio.sleep(0.02)  # until the new file is written, the server refuses to stop


async def test_a_server_that_forbids_config_can_be_checked(
    redis_db: str, client: "redis.asyncio.Redis"
) -> None:
    """Managed servers do: INFO says enough."""
    await client.acl_setuser(
        "worker", enabled=True, passwords=["+s3cret"], keys=["*"], commands=["+@all", "-config"]
    )
    store = RedisStore(redis_db.replace("redis://", "redis://worker:s3cret@"), prefix="p.", group="g")
    try:
        assert await store.check_server() == []
        assert (await store.commit(await acquire(store), COMMIT)).seq == 1
    finally:
        await store.aclose()
        await client.acl_deluser("worker")


async def test_forbidden_commands_are_a_mistake_of_the_setup(
    redis_db: str, client: "redis.asyncio.Redis"
) -> None:
    """Not a matter of waiting; and were MULTI forbidden, no write may slip through beside a transaction."""
    store = RedisStore(redis_db.replace("redis://", "redis://worker:s3cret@"), prefix="p.", group="g")
    for forbidden in ("-multi", "-xadd"):
        await client.acl_setuser(
            "worker",
            enabled=True,
            passwords=["+s3cret"],
            keys=["*"],
            commands=["+@all", forbidden],
            reset=True,
        )
        try:
            head = await acquire(store)
            with pytest.raises(RedisConfigError, match="permission"):
                await store.commit(head, COMMIT)
        finally:
            await store.aclose()
            await client.acl_deluser("worker")
        assert await client.keys("*") == [KEYS.head]


async def test_no_error_tells_the_password(redis_db: str) -> None:
    for url in (
        redis_db.replace("redis://", "redis://nobody:s3cret@"),  # refused by the server
        "redis://:s3cret@127.0.0.1:1/0",  # nobody listens
        "redis://u:s3cret@127.0.0.1:1/0?no_such_option=1",
        "redis://u:s3/cret@127.0.0.1:1/0",  # not percent-encoded: the port does not parse
        "http://u:s3cret@127.0.0.1/0",
    ):
        with pytest.raises((RedisConfigError, StoreUnavailable)) as failed:
            await RedisStore(url, prefix="", group="g", attempts=1).check_server()
        assert "s3" not in str(failed.value)
        assert failed.value.__cause__ is None or "s3" not in str(failed.value.__cause__)
