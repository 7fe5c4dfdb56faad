"""The state store and the set-up of its Redis: configuration, permissions, passwords."""

import asyncio
from pathlib import Path

import pytest
import redis.asyncio

from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, RedisConfigError, StoreUnavailable
from tests.contract.shard import COMMIT, KEYS, acquire

DOCUMENT = Path(__file__).parents[2] / "docs" / "state.md"


async def test_a_good_server_has_nothing_to_complain_about(redis_store: RedisStore) -> None:
    assert await redis_store.check_server() == []


async def test_a_server_that_may_evict_is_refused(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(RedisConfigError, match="allkeys-lru") as refused:
            await redis_store.check_server()
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
    assert "noeviction" in refused.value.fix


async def test_a_server_without_append_only_file_is_warned_about(
    redis_store: RedisStore, client: redis.asyncio.Redis
) -> None:
    await client.config_set("appendonly", "no")
    try:
        assert ["appendonly" in warning for warning in await redis_store.check_server()] == [True]
    finally:
        await client.config_set("appendonly", "yes")
        while (await client.info("persistence"))["aof_rewrite_in_progress"]:
            await asyncio.sleep(0.02)  # until the new file is written, the server refuses to stop


async def test_a_server_that_forbids_config_can_be_checked(
    redis_db: str, client: redis.asyncio.Redis
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


async def test_the_documented_permissions_are_enough(redis_db: str, client: redis.asyncio.Redis) -> None:
    """The line of docs/state.md, for a user who may do nothing else."""
    (line,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("    ~sp:* ")]
    await client.execute_command("ACL", "SETUSER", "worker", "reset", "on", ">s3cret", *line.split())
    store = RedisStore(redis_db.replace("redis://", "redis://worker:s3cret@"), prefix="p.", group="g")
    replicated = RedisStore(
        redis_db.replace("redis://", "redis://worker:s3cret@"), prefix="p.", group="g", attempts=1, replicas=1
    )
    try:
        assert await store.check_server() == []
        await client.script_flush()
        head = await store.commit(await acquire(store), COMMIT)
        head = await store.commit(head, Commit(consumed_minutes=[5]))
        assert await store.reload(head) == head
        assert await store.load(head, [b"nobody"]) == [None]
        assert await store.minutes(head) == []
        assert await store.due_entries(head, 5) == []
        assert len((await store.scan(head, 0, 10))[1]) == await store.customers(0)
        assert await store.get(0, b"nobody") is None
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await replicated.await_replicas(head, head.seq)
        assert len(await store.outbox_read(head, None, 9)) == await store.outbox_length(0) == 1
        assert await store.outbox_trim(head, "1-0") == 1
        assert await store.reset_generation(0) is True
        head = await acquire(store, generation=1)
        assert await store.commit(head, COMMIT)
        assert await store.commit(head, COMMIT)
        assert await store.wipe(0) == 2
    finally:
        await store.aclose()
        await replicated.aclose()
        await client.acl_deluser("worker")


async def test_forbidden_commands_are_a_mistake_of_the_setup(
    redis_db: str, client: redis.asyncio.Redis
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
