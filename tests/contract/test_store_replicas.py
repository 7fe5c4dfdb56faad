"""Signals leave when the replicas that must have a commit have it: a failover then takes nothing back."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from streamproc.state.redis_store import RedisStore
from streamproc.state.store import StoreUnavailable, Superseded
from tests.contract.shard import acquire, some_commit
from tests.servers.redis import RedisProcess


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[RedisProcess, RedisProcess]]:
    """A primary and a replica in step with it."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    at_once = ("--repl-diskless-sync-delay", "0")
    with RedisProcess(directory=tmp_path / "a", options=at_once) as primary:
        # With an AOF it could not be stopped while it writes its first one.
        following = ("--replicaof", f"127.0.0.1 {primary.port}", "--appendonly", "no")
        with RedisProcess(directory=tmp_path / "b", options=following) as replica:
            with redis.Redis(port=primary.port) as client:
                client.set("x", "1")
                assert client.wait(1, 10_000) == 1
            yield primary, replica


@pytest.mark.parametrize("replicas", [None, 1])
async def test_waits_for_a_replica_that_lags(
    pair: tuple[RedisProcess, RedisProcess], replicas: int | None
) -> None:
    """Of commits over any connection: a WAIT alone would cover its own connection only."""
    primary, replica = pair
    committing = RedisStore(primary.url, prefix="p.", group="g", attempts=1)
    relaying = RedisStore(primary.url, prefix="p.", group="g", attempts=1, replicas=replicas)
    head = await committing.commit(await acquire(committing), some_commit())
    await relaying.await_replicas(head, head.seq)
    os.kill(replica.pid, signal.SIGSTOP)
    head = await committing.commit(head, some_commit(offsets={}))
    with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
        await relaying.await_replicas(head, head.seq)
    os.kill(replica.pid, signal.SIGCONT)
    await relaying.await_replicas(head, head.seq)
    await committing.aclose()
    await relaying.aclose()


@pytest.mark.parametrize(("replicas", "waits"), [(None, False), (0, False), (1, True)])
async def test_without_a_replica(redis_db: str, replicas: int | None, waits: bool) -> None:
    store = RedisStore(redis_db, prefix="p.", group="g", attempts=1, replicas=replicas)
    head = await acquire(store)
    if waits:
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            await store.await_replicas(head, head.seq)
    else:
        await store.await_replicas(head, head.seq)
    await store.aclose()


async def test_a_former_owner_is_told(pair: tuple[RedisProcess, RedisProcess]) -> None:
    store = RedisStore(pair[0].url, prefix="p.", group="g", attempts=1)
    former = await acquire(store)
    await acquire(store)
    with pytest.raises(Superseded):
        await store.await_replicas(former, former.seq)
    await store.aclose()


async def test_a_commit_that_this_server_does_not_have_is_not_covered(redis_db: str) -> None:
    """It was read from another, before a failover, which left owner and epoch as they were."""
    store = RedisStore(redis_db, prefix="p.", group="g", attempts=1, replicas=1)
    head = await acquire(store)
    with pytest.raises(Superseded, match="seq"):
        await store.await_replicas(head, head.seq + 1)
    await store.aclose()
