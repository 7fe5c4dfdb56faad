"""The state store on a Redis Cluster whose slots move: commits are whole or not at all, nobody reads half a shard."""

import asyncio
import os
import signal
from itertools import count
from pathlib import Path

import pytest
from redis.crc import key_slot

from streamproc.sinks.webhook.journal import open_journal
from streamproc.sinks.webhook.message import Message
from streamproc.state import redis_commit
from streamproc.state.keys import Keyspace
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head, RedisConfigError, StateCorrupt, StoreUnavailable, Superseded
from tests.contract.shard import APP, KEYS, WEB, acquire, after_look, everything, some_commit
from tests.servers.redis_cluster import LocalCluster, Move

SLOT = key_slot(KEYS.head)
DOCS = Path(__file__).parents[2] / "docs"


def everywhere(cluster: LocalCluster) -> dict[bytes, bytes]:
    """Every key of every node; AssertionError if two have the same."""
    found: dict[bytes, bytes] = {}
    for node in cluster.nodes:
        kept = node.dump()
        assert not kept.keys() & found.keys()
        found |= kept
    return found


async def test_shards_are_on_all_nodes(cluster: LocalCluster, cluster_store: RedisStore) -> None:
    heads = [await acquire(cluster_store, partition) for partition in range(12)]
    await asyncio.gather(*(cluster_store.commit(head, some_commit()) for head in heads))
    await cluster_store.set_control("mode:c", "paused")
    assert all(node.call("DBSIZE") > 0 for node in cluster.nodes)
    assert await cluster_store.controls() == {"mode:c": "paused"}
    assert [await cluster_store.customers(head.partition) for head in heads] == [2] * 12
    assert await cluster_store.check_server() == []


async def test_shards_of_one_slot_are_one_transaction(
    cluster: LocalCluster, cluster_store: RedisStore
) -> None:
    keyspace = Keyspace("p.", "g")
    twin = next(p for p in count(1) if key_slot(keyspace.shard(p).head) == SLOT)
    heads = [await acquire(cluster_store, partition) for partition in (0, twin)]
    holder = cluster.holder(SLOT)
    holder.call("CONFIG", "RESETSTAT")
    await asyncio.gather(*(cluster_store.commit(head, some_commit()) for head in heads))
    assert holder.facts("INFO", "commandstats")["cmdstat_exec"].startswith("calls=1,")


async def test_a_slot_that_has_moved_is_followed(cluster: LocalCluster, cluster_store: RedisStore) -> None:
    """By reads, scripts and commits, each the first to learn of it, and by all of a worker at once."""
    head = await cluster_store.commit(await acquire(cluster_store), some_commit())
    cluster.move(SLOT, cluster.elsewhere(SLOT))
    assert await cluster_store.load(head, [b"ann"]) == [b"A1"]
    cluster.move(SLOT, cluster.elsewhere(SLOT))
    assert await cluster_store.outbox_trim(head, "1-0") == 1
    cluster.move(SLOT, cluster.elsewhere(SLOT))
    others = [await acquire(cluster_store, partition) for partition in range(1, 6)]
    committed = await asyncio.gather(*(cluster_store.commit(one, some_commit()) for one in (head, *others)))
    assert [one.seq for one in committed] == [2, 1, 1, 1, 1, 1]


NAMES = ("head", "state", "minutes", "outbox", "due:5")


@pytest.mark.parametrize("gone", [(name,) for name in NAMES] + [tuple(set(NAMES) - {name}) for name in NAMES])
async def test_half_a_shard_is_refused_whole(
    cluster: LocalCluster, cluster_store: RedisStore, gone: tuple[str, ...]
) -> None:
    """Whatever of it has left: nothing is written, nothing is read as if it were not there; then all goes on."""
    head = await cluster_store.commit(await acquire(cluster_store), some_commit())
    move = cluster.begin_move(SLOT, cluster.elsewhere(SLOT))
    move.carry(*(f"{KEYS.base}:{name}".encode() for name in gone))
    before = everywhere(cluster)
    with pytest.raises(StoreUnavailable, match="a slot is being moved"):
        await cluster_store.commit(head, some_commit(listed=[5]))
    for create in (True, False) if gone != ("due:5",) else ():  # which acquiring does not ask for
        with pytest.raises(StoreUnavailable, match="a slot is being moved"):
            await acquire(cluster_store, create=create)
    assert everywhere(cluster) == before
    patient = RedisStore(cluster.url, prefix="p.", group="g", attempts=20)
    waiting = asyncio.create_task(patient.commit(head, some_commit(listed=[5])))
    await asyncio.sleep(0.1)
    move.finish()
    assert (await waiting).seq == 2
    assert (await everything(patient))["due"] == {5: [(330_000, b"ann")] * 2}
    await patient.aclose()


@pytest.mark.parametrize("gone", ["head", "state", "minutes", "outbox", "due:5"])
async def test_a_move_that_its_source_has_forgotten(
    cluster: LocalCluster, cluster_store: RedisStore, gone: str
) -> None:
    """As a replica has that takes over in its midst: a shard without one of its keys is refused, and not touched."""
    head = await cluster_store.commit(await acquire(cluster_store), some_commit())
    move = cluster.begin_move(SLOT, cluster.elsewhere(SLOT))
    move.carry(f"{KEYS.base}:{gone}".encode())
    move.source.call("CLUSTER", "SETSLOT", SLOT, "STABLE")
    before = everywhere(cluster)
    with pytest.raises((StateCorrupt, Superseded)):
        await cluster_store.commit(head, some_commit(listed=[5]))
    if gone != "due:5":
        with pytest.raises(StateCorrupt, match="gone") as refused:
            await acquire(cluster_store)
        assert "redis-cli --cluster fix" in refused.value.fix
    assert everywhere(cluster) == before
    move.source.call("CLUSTER", "SETSLOT", SLOT, "MIGRATING", move.target.id())
    move.finish()
    assert (await cluster_store.commit(head, some_commit(listed=[5]))).seq == 2


@pytest.mark.parametrize("what", ["a key", "the slot"])
async def test_what_leaves_between_look_and_leap(
    cluster: LocalCluster, cluster_store: RedisStore, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """The transaction is refused, and made again where the shard is then; once."""
    head = await cluster_store.commit(await acquire(cluster_store), some_commit())
    moves: list[Move] = []

    async def leave() -> None:
        if moves:
            return
        moves.append(cluster.begin_move(SLOT, cluster.elsewhere(SLOT)))
        moves[0].carry(KEYS.outbox)
        if what == "the slot":
            moves[0].finish()

    monkeypatch.setattr(redis_commit, "execute", after_look(leave))
    patient = RedisStore(cluster.url, prefix="p.", group="g", attempts=20)
    waiting = asyncio.create_task(patient.commit(head, some_commit(outbox=[b"x"])))
    await asyncio.sleep(0.3)
    if what == "a key":
        assert not waiting.done()
        moves[0].finish()
    assert (await waiting).seq == 2
    assert [entry.id for entry in await patient.outbox_read(await waiting, None, 9)] == ["1-0", "1-1", "2-0"]
    await patient.aclose()


async def test_commits_while_the_slot_goes_round(cluster: LocalCluster) -> None:
    """Each is applied once, wherever the keys are; a zombie is refused wherever it asks."""
    store = RedisStore(cluster.url, prefix="p.", group="g", attempts=30)
    zombie = await acquire(store)
    head = await acquire(store)

    async def commits(head: Head) -> Head:
        for n in range(20):
            commit = Commit(states=[(b"ann", b"%d" % n)], outbox=[b"%d" % n], offsets={WEB: n})
            head = await store.commit(head, commit)
            await asyncio.sleep(0.01)
        return head

    working = asyncio.create_task(commits(head))
    while not working.done():
        await asyncio.to_thread(cluster.move, SLOT, cluster.elsewhere(SLOT))
        await asyncio.sleep(0.05)
    head = await working
    assert (head.seq, head.offsets) == (20, {WEB: 19, APP: 7})
    assert [entry.record for entry in await store.outbox_read(head, None, 99)] == [
        b"%d" % n for n in range(20)
    ]
    with pytest.raises(Superseded):
        await store.commit(zombie, some_commit())
    await store.aclose()


async def test_a_journal_moves_with_its_slot(cluster: LocalCluster) -> None:
    message = Message(offset=1, customer=b"c", id="m1", body=b"{}", read_ms=1, ends_ms=2_000_000)
    async with open_journal(cluster.url, prefix="p.", group="g", url="https://example.com") as journal:
        claim = await journal.claim(3)
        await journal.read_on(claim, None, 2, [message])
        slot = key_slot(b"{webhook}")
        cluster.move(slot, cluster.elsewhere(slot))
        await journal.finish(claim, message)
        assert [one async for one in journal.pending(3)] == []
        assert await journal.partitions() == {3: 2}
        assert await journal.check_server() == []


async def test_a_node_that_is_not_fit_is_named(cluster: LocalCluster, cluster_store: RedisStore) -> None:
    node = cluster.primaries[2]
    node.call("CONFIG", "SET", "appendonly", "no")
    try:
        (warning,) = await cluster_store.check_server()
        assert warning.startswith(f"127.0.0.1:{node.port}: appendonly is off")
        node.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        with pytest.raises(RedisConfigError, match=f"{node.port} cannot hold state.*allkeys-lru"):
            await cluster_store.check_server()
    finally:
        node.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
        node.call("CONFIG", "SET", "appendonly", "yes")
        while node.facts("INFO", "persistence")["aof_rewrite_in_progress"] != "0":
            await asyncio.sleep(0.02)


async def test_the_url_of_one_server_for_a_cluster(cluster: LocalCluster) -> None:
    """Whatever is asked first, it says which form to use, and no password."""
    for node in cluster.nodes:
        node.call("ACL", "SETUSER", "u", "on", ">s3cret", "~*", "+@all")
    place = f"u:s3cret@127.0.0.1:{cluster.elsewhere(SLOT).port}"
    store = RedisStore(f"redis://{place}", prefix="p.", group="g")
    for step in (store.check_server(), store.read_head(0), acquire(store)):
        with pytest.raises(RedisConfigError, match="cluster node") as refused:
            await step
        assert "redis+cluster://" in refused.value.fix
        assert "s3cret" not in str(refused.value)
    await store.aclose()
    right = RedisStore(f"redis+cluster://{place}", prefix="p.", group="g")
    assert (await acquire(right)).epoch == 1
    await right.aclose()
    for node in cluster.nodes:
        node.call("ACL", "DELUSER", "u")


async def test_the_documented_permissions_are_enough(cluster: LocalCluster) -> None:
    """The line of docs/state.md, and what docs/redis.md adds to it."""
    (line,) = [line for line in (DOCS / "state.md").read_text().splitlines() if line.startswith("    ~sp:* ")]
    (more,) = [
        line for line in (DOCS / "redis.md").read_text().splitlines() if line.startswith("    +cluster")
    ]
    for node in cluster.nodes:
        node.call("ACL", "SETUSER", "worker", "reset", "on", ">s3cret", *line.split(), *more.split())
    store = RedisStore(cluster.url.replace("://", "://worker:s3cret@"), prefix="p.", group="g", replicas=0)
    assert await store.check_server() == []
    head = await store.commit(await acquire(store), some_commit())
    cluster.move(SLOT, cluster.elsewhere(SLOT))
    await store.await_replicas(head, head.seq)
    assert await store.outbox_trim(head, "1-1") == 2
    assert await store.wipe(0) == 2
    await store.aclose()
    for node in cluster.nodes:
        node.call("ACL", "DELUSER", "worker")


async def test_other_forms_for_one_server(redis_db: str) -> None:
    place = redis_db.removeprefix("redis://").removesuffix("/0")
    for url, names in (
        (f"redis+cluster://{place}", "no cluster"),
        (f"redis+sentinel://{place}/x", "no Sentinel"),
    ):
        store = RedisStore(url, prefix="p.", group="g")
        with pytest.raises(RedisConfigError, match=names) as refused:
            await store.check_server()
        assert "redis://" in refused.value.fix
        with pytest.raises(RedisConfigError, match=names):
            await store.read_head(0)
        await store.aclose()


async def test_a_node_that_is_silent_holds_up_its_own_shards_only(cluster: LocalCluster) -> None:
    """Even those who do not know the cluster yet, and may ask it first."""
    silent, *others = cluster.primaries
    mine = next(
        p for p in range(12) if cluster.holder(key_slot(Keyspace("p.", "g").shard(p).head)) is others[0]
    )
    os.kill(silent.pid, signal.SIGSTOP)
    try:
        for _ in range(3):
            store = RedisStore(cluster.url, prefix="p.", group="g", attempts=1)
            async with asyncio.timeout(3):
                assert (await acquire(store, mine)).partition == mine
            await store.aclose()
    finally:
        os.kill(silent.pid, signal.SIGCONT)


async def test_a_cluster_without_a_node_that_answers() -> None:
    store = RedisStore("redis+cluster://u:s3cret@127.0.0.1:1,127.0.0.1:2", prefix="", group="g", attempts=2)
    for step in (store.check_server(), store.read_head(0)):
        with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1, 127\.0\.0\.1:2") as refused:
            await step
        assert "s3cret" not in str(refused.value)
    await store.aclose()
