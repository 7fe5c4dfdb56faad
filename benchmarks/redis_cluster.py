"""What a Redis Cluster costs against one server, how long a move of a slot and a failover hold a shard up.

    python -m benchmarks.redis_cluster commit                    # a round of commits, here and there
    python -m benchmarks.redis_cluster move --customers 100000   # a slot moves while its shard and others commit
    python -m benchmarks.redis_cluster failover --silent-ms 5000 # a primary is killed: of a cluster, and with Sentinels

All servers are processes on this machine. docs/redis.md has the figures.
"""

import argparse
import asyncio
import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from redis.crc import key_slot

from streamproc.state.keys import Keyspace, due_entry
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head, StoreUnavailable, Superseded
from tests.servers.redis import RedisProcess
from tests.servers.redis_cluster import LocalCluster, local_cluster
from tests.servers.redis_sentinel import watched_redis

PREFIX, GROUP = "bench.", "g"
SHARDS: Final = 12
_STATE: Final = random.Random(1).randbytes(350)
_ROUNDS: Final = 100


def store_at(url: str) -> RedisStore:
    return RedisStore(url, prefix=PREFIX, group=GROUP)


def slot_of(partition: int) -> int:
    return key_slot(Keyspace(PREFIX, GROUP).shard(partition).head)


async def acquire(store: RedisStore, partition: int) -> Head:
    return await store.acquire(
        partition, generation=1, member="g", partitions=SHARDS, layout=1, offsets_if_new={}, create=True
    )


def batch(customers: int, offset: int) -> Commit:
    """What a worker commits of so many customers: states, some timers, some signals."""
    chosen = [b"customer-%d" % random.randrange(100_000) for _ in range(customers)]
    timers = {offset: [due_entry(offset * 60_000, customer) for customer in chosen[: customers // 4]]}
    return Commit(
        states=[(customer, _STATE) for customer in chosen],
        due=timers,
        outbox=[_STATE] * (customers // 10),
        offsets={"events.web": offset},
    )


async def commit_rounds(url: str, customers: int) -> tuple[float, float]:
    """Wall and client CPU milliseconds of a round: every shard loads its customers and commits them."""
    store = store_at(url)
    heads = [await acquire(store, partition) for partition in range(SHARDS)]
    walls_ms, began_cpu_s = [], time.process_time()
    for n in range(_ROUNDS):
        commits = [batch(customers // SHARDS, n) for _ in heads]
        began_s = time.monotonic()
        await asyncio.gather(
            *(
                store.load(head, [customer for customer, _ in commit.states])
                for head, commit in zip(heads, commits, strict=True)
            )
        )
        heads = list(
            await asyncio.gather(
                *(store.commit(head, commit) for head, commit in zip(heads, commits, strict=True))
            )
        )
        walls_ms.append(1_000 * (time.monotonic() - began_s))
    await store.aclose()
    return statistics.median(walls_ms), 1_000 * (time.process_time() - began_cpu_s) / _ROUNDS


def measure_commits() -> None:
    for customers in (24, 2_000):
        for name, serving in (
            ("one server", one_server),
            ("cluster of one node", lambda: a_cluster(1)),
            ("cluster of three", lambda: a_cluster(3)),
        ):
            with serving() as url:
                wall_ms, cpu_ms = asyncio.run(commit_rounds(url, customers))
            print(f"{customers} customers, {name}: {wall_ms:.1f} ms, client CPU {cpu_ms:.1f} ms", flush=True)


@contextmanager
def one_server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, RedisProcess(directory=Path(folder)) as server:
        yield server.url


@contextmanager
def a_cluster(primaries: int) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, local_cluster(Path(folder), primaries=primaries) as made:
        yield made.url


class Pulse:
    """Small commits of one shard, one after the other, by who goes on as a worker does. `longest_s`: between two."""

    def __init__(self, store: RedisStore, partition: int) -> None:
        self.longest_s, self.commits, self.restarts = 0.0, 0, 0
        self._store, self._partition = store, partition

    async def run(self) -> None:
        head, at_s = await acquire(self._store, self._partition), time.monotonic()
        while True:
            try:
                head = await self._store.commit(head, batch(4, 0))
            except (StoreUnavailable, Superseded):
                self.restarts += 1
                head = await self._again()
                continue
            self.commits += 1
            self.longest_s, at_s = max(self.longest_s, time.monotonic() - at_s), time.monotonic()
            await asyncio.sleep(0.005)

    async def _again(self) -> Head:
        while True:
            try:
                return await acquire(self._store, self._partition)
            except StoreUnavailable:
                await asyncio.sleep(random.uniform(0.5, 1.0))


async def pulses(url: str, partitions: list[int], fault: Callable[[], object], after_s: float) -> list[Pulse]:
    """The pulses of some shards while `fault` happens, and some time after it."""
    store = store_at(url)
    made = [Pulse(store, partition) for partition in partitions]
    running = [asyncio.create_task(pulse.run()) for pulse in made]
    await asyncio.sleep(1)
    for pulse in made:
        pulse.longest_s = 0.0
    await asyncio.to_thread(fault)
    counts = [pulse.commits for pulse in made]
    while any(pulse.commits < count + 20 for pulse, count in zip(made, counts, strict=True)):
        await asyncio.sleep(0.05)
    await asyncio.sleep(after_s)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await store.aclose()
    return made


async def fill(url: str, partition: int, customers: int, minutes: int) -> None:
    store = store_at(url)
    head = await acquire(store, partition)
    for start in range(0, customers, 2_000):
        states = [(b"customer-%d" % n, _STATE) for n in range(start, min(start + 2_000, customers))]
        head = await store.commit(head, Commit(states=states))
    for start in range(0, minutes, 500):
        due = {m: [due_entry(m * 60_000, b"customer-1")] for m in range(start, min(start + 500, minutes))}
        head = await store.commit(head, Commit(due=due))
    await store.aclose()


def measure_move(customers: int, minutes: int) -> None:
    # Redis's default timeout: a MIGRATE that lasts longer looks like two dead nodes.
    with tempfile.TemporaryDirectory() as folder, local_cluster(Path(folder), timeout_ms=15_000) as cluster:
        asyncio.run(fill(cluster.url, 0, customers, minutes))
        slot = slot_of(0)
        source, target = cluster.holder(slot), cluster.elsewhere(slot)
        beside = next(p for p in range(1, 99) if cluster.holder(slot_of(p)) is source)
        at_target = next(p for p in range(1, 99) if cluster.holder(slot_of(p)) is target)
        timings: dict[str, float] = {}
        found = asyncio.run(
            pulses(cluster.url, [0, beside, at_target], lambda: timings.update(moved(cluster, slot)), 1)
        )
        print(f"{customers} customers, {minutes} due lists: {timings}")
        for name, pulse in zip(
            ("its shard", "another of the source", "another of the target"), found, strict=True
        ):
            print(f"  {name}: longest pause {pulse.longest_s:.2f} s, restarts {pulse.restarts}", flush=True)


def moved(cluster: LocalCluster, slot: int) -> dict[str, float]:
    """Move a slot as redis-cli does; seconds of all of it, and of its longest MIGRATE."""
    began_s, longest_s = time.monotonic(), 0.0
    move = cluster.begin_move(slot, cluster.elsewhere(slot))
    while keys := move.keys(10):
        one_s = time.monotonic()
        move.carry(*keys)
        longest_s = max(longest_s, time.monotonic() - one_s)
    move.finish()
    return {"all_s": round(time.monotonic() - began_s, 2), "longest_migrate_s": round(longest_s, 2)}


def fall_silent(server: RedisProcess, how: str, plan: Callable[[], object]) -> None:
    """End the server; or stop it: connections stay open and nothing answers; or do as an operator plans it."""
    if how == "kill":
        server.kill()
    elif how == "stop":
        os.kill(server.pid, signal.SIGSTOP)
    else:
        plan()


def measure_failover(silent_ms: int, how: str, coverage: str) -> None:
    options = ("--cluster-require-full-coverage", coverage)
    with (
        tempfile.TemporaryDirectory() as folder,
        local_cluster(Path(folder), replicas=3, timeout_ms=silent_ms, options=options) as cluster,
    ):
        primary = cluster.holder(slot_of(0))
        other = next(p for p in range(1, 99) if cluster.holder(slot_of(p)) is not primary)
        fault = partial(
            fall_silent, primary, how, lambda: cluster.follower(primary).call("CLUSTER", "FAILOVER")
        )
        found = asyncio.run(pulses(cluster.url, [0, other], fault, 1))
        for name, pulse in zip(("its shards", "others"), found, strict=True):
            print(f"cluster, node timeout {silent_ms} ms, {how}, {name}: {pulse.longest_s:.1f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder, watched_redis(Path(folder), silent_ms=silent_ms) as watched:
        primary_of_two = watched.primary()
        fault = partial(fall_silent, primary_of_two, how, watched.fail_over)
        (pulse,) = asyncio.run(pulses(watched.url, [0], fault, 1))
        print(f"Sentinels, down after {silent_ms} ms, {how}: {pulse.longest_s:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("commit", "move", "failover"))
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--minutes", type=int, default=1_000, help="due lists of the shard that moves")
    parser.add_argument("--silent-ms", type=int, default=5_000)
    parser.add_argument("--how", choices=("kill", "stop", "plan"), default="kill")
    parser.add_argument("--full-coverage", choices=("yes", "no"), default="yes")
    given = parser.parse_args()
    if given.what == "commit":
        measure_commits()
    elif given.what == "move":
        measure_move(given.customers, given.minutes)
    else:
        measure_failover(given.silent_ms, given.how, given.full_coverage)


if __name__ == "__main__":
    main()
