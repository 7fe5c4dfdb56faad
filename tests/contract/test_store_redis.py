"""The state store against what only a real Redis does: types, memory limits, failovers."""

import asyncio

import pytest
import redis.asyncio

from streamproc.state import redis_commit
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, StateCorrupt, StoreUnavailable
from tests.contract.shard import COMMIT, KEYS, acquire, after_look, dump


@pytest.mark.parametrize("key", [KEYS.head, KEYS.state, KEYS.minutes, KEYS.outbox, KEYS.due(5), KEYS.due(6)])
async def test_a_planted_key_refuses_the_whole_commit(
    redis_store: RedisStore, client: redis.asyncio.Redis, key: bytes
) -> None:
    """Neither EXEC nor a script rolls back, so every type is checked before the first write."""
    head = await acquire(redis_store)
    await client.delete(key)
    await client.set(key, "planted")
    before = await dump(client)
    with pytest.raises(StateCorrupt):
        await redis_store.commit(
            head, Commit(states=[(b"a", b"1")], due=COMMIT.due, consumed_minutes=[6], outbox=[b"x"])
        )
    assert await dump(client) == before


@pytest.mark.parametrize("key", [KEYS.head, KEYS.state, KEYS.minutes, KEYS.outbox])
async def test_a_planted_key_refuses_the_acquire(
    redis_store: RedisStore, client: redis.asyncio.Redis, key: bytes
) -> None:
    await client.rpush(key, "planted")
    with pytest.raises(StateCorrupt, match="list"):
        await acquire(redis_store)
    assert await client.keys("*") == [key]


async def test_states_without_a_head_are_not_taken_for_a_new_shard(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    await redis_store.commit(await acquire(redis_store), COMMIT)
    await client.delete(KEYS.head)
    with pytest.raises(StateCorrupt, match="head is gone"):
        await acquire(redis_store)


@pytest.mark.parametrize("key", [KEYS.state, KEYS.minutes, KEYS.outbox])
async def test_a_key_that_was_evicted_is_missed(
    redis_store: RedisStore, client: redis.asyncio.Redis, key: bytes
) -> None:
    """Customers would begin anew, timers and signals would be lost: neither commit nor acquire may go on."""
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    await client.delete(key)
    before = await dump(client)
    with pytest.raises(StateCorrupt, match="gone"):
        await redis_store.commit(head, Commit(states=[(b"a", b"1")], outbox=[b"x"]))
    with pytest.raises(StateCorrupt, match="gone"):
        await acquire(redis_store)
    assert await dump(client) == before


async def test_a_due_list_that_was_evicted_is_missed(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """With one more entry it would look whole."""
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    (minute,) = COMMIT.due
    await client.delete(KEYS.due(minute))
    before = await dump(client)
    with pytest.raises(StateCorrupt, match=f"due:{minute} is gone"):
        await redis_store.commit(head, Commit(due=COMMIT.due, listed=[minute]))
    assert await dump(client) == before
    await redis_store.commit(head, Commit(due=COMMIT.due))  # the caller knows of none


async def test_minutes_that_are_all_over_are_not_missed(redis_store: RedisStore) -> None:
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    head = await redis_store.commit(head, Commit(consumed_minutes=COMMIT.due.keys()))
    assert await redis_store.minutes(head) == []
    head = await redis_store.commit(await acquire(redis_store), Commit(due=COMMIT.due))
    assert await redis_store.minutes(head) == list(COMMIT.due)


async def test_an_outbox_that_is_sent_is_not_missed(redis_store: RedisStore) -> None:
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    await redis_store.outbox_trim(head, "1-999")
    assert await redis_store.outbox_length(0) == 0
    await redis_store.commit(head, Commit(outbox=[b"x"], offsets={}))
    await acquire(redis_store)


async def test_an_outbox_from_the_future_of_the_head_is_refused(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """Its next entry ids could not be added, in the middle of a commit."""
    await redis_store.commit(await acquire(redis_store), COMMIT)
    await client.hset(KEYS.head.decode(), "seq", "0")
    with pytest.raises(StateCorrupt, match="1-0"):
        await acquire(redis_store)


async def test_a_head_with_a_hole_is_refused(redis_store: RedisStore, client: redis.asyncio.Redis) -> None:
    await acquire(redis_store)
    await client.hdel(KEYS.head.decode(), "rewinds")
    with pytest.raises(StateCorrupt, match="rewinds"):
        await redis_store.read_head(0)


async def test_out_of_memory_leaves_nothing_written(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """Refused whole, and applied when there is memory again."""
    head = await acquire(redis_store)
    before = await dump(client)
    await client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreUnavailable, match="memory") as full:
            await redis_store.commit(head, COMMIT)
        assert full.value.fix
        assert await dump(client) == before
    finally:
        await client.config_set("maxmemory", "0")
    assert (await redis_store.commit(head, COMMIT)).seq == 1


async def test_out_of_memory_the_outbox_can_still_be_drained(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """Even by a worker that was started anew: it is what frees memory."""
    await redis_store.commit(await acquire(redis_store), COMMIT)
    await client.config_set("maxmemory", "1mb")
    try:
        head = await acquire(redis_store, generation=2)
        assert await redis_store.load(head, [b"ann"]) == [b"A1"]
        assert await redis_store.outbox_read(head, None, 9) == [("1-0", b"entered")]
        assert await redis_store.outbox_trim(head, "1-0") == 1
    finally:
        await client.config_set("maxmemory", "0")


async def test_memory_that_runs_out_while_queueing_leaves_nothing_written(
    redis_store: RedisStore, client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between look and leap."""
    head = await acquire(redis_store)

    async def fill_up() -> None:
        await client.config_set("maxmemory", "1mb")

    monkeypatch.setattr(redis_commit, "execute", after_look(fill_up))
    try:
        with pytest.raises(StoreUnavailable, match="memory"):
            await redis_store.commit(head, COMMIT)
    finally:
        await client.config_set("maxmemory", "0")
    assert await client.keys("*") == [KEYS.head]
    assert await redis_store.reload(head) == head


async def test_a_replica_refuses_until_it_is_promoted(
    redis_db: str, redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """A failover in progress: first an error to back off on, then, within the retries, success."""
    head = await acquire(redis_store)
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    patient = RedisStore(redis_db, prefix="p.", group="g", attempts=20)
    try:
        with pytest.raises(StoreUnavailable, match="read only"):
            await redis_store.commit(head, COMMIT)
        waiting = asyncio.create_task(patient.commit(head, COMMIT))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")
    assert (await waiting).seq == 1
    await patient.aclose()


async def test_a_server_busy_with_a_script_is_waited_for(
    redis_db: str, redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    head = await acquire(redis_store)
    await client.config_set("busy-reply-threshold", "10")
    patient = RedisStore(redis_db, prefix="p.", group="g", attempts=20)
    async with redis.asyncio.Redis.from_url(redis_db) as other:
        endless = asyncio.ensure_future(other.eval("while true do end", 0))
        await asyncio.sleep(0.1)
        try:
            with pytest.raises(StoreUnavailable, match="BUSY"):
                await redis_store.commit(head, COMMIT)
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
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    head = await acquire(redis_store)
    await client.config_set("min-replicas-to-write", "1")
    try:
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            await redis_store.commit(head, COMMIT)
    finally:
        await client.config_set("min-replicas-to-write", "0")
    assert await redis_store.reload(head) == head


async def test_scripts_are_loaded_again_after_a_flush(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    """A restarted server knows no script."""
    await client.script_flush()
    head = await redis_store.commit(await acquire(redis_store), COMMIT)
    await client.script_flush()
    assert await redis_store.outbox_trim(head, "1-0") == 1
    await client.script_flush()
    assert await redis_store.reset_generation(0) is True
    assert (await acquire(redis_store)).seq == 1
