"""A real worker on a Redis Cluster and on a Redis with Sentinels, while slots move and primaries die.

Whatever happens, every customer is counted once for every event, and each change is said once.
"""

import asyncio
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from redis.crc import key_slot

from streamproc.contracts.outbox import OutRecord
from streamproc.state.keys import Keyspace
from streamproc.state.store import Head, StoreUnavailable
from streamproc.transport.bulk import read_topic
from tests.integration.worker import Installation, WorkerProcess, event, until, wall_ms
from tests.oracle.said import as_said
from tests.reference.partition import partition_of
from tests.reference.record import Record
from tests.servers.redis_cluster import LocalCluster, local_cluster
from tests.servers.redis_sentinel import watched_redis

pytestmark = pytest.mark.usefixtures("require_apache_kafka", "_require_redis_server")

#: Everybody enters one segment after the other while events come.
STEPS = range(3, 400, 4)
RULES = "segments:\n" + "".join(
    f"  - {{key: s{least}, name: S {least}, version: 1, enter: events_7d >= {least}}}\n" for least in STEPS
)
PARTITIONS = 6
CUSTOMERS = [f"c-{n}" for n in range(60)]
#: What a failover may take from the kill to the first commit, with timeouts of two seconds on a busy machine.
FAILOVER_WITHIN_S = 30


@pytest.fixture(scope="session")
def _require_redis_server() -> None:
    if shutil.which("redis-server") is None:
        pytest.fail("these tests need redis-server on the PATH: make redis", pytrace=False)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Six nodes: three primaries, each with a replica."""
    with local_cluster(tmp_path_factory.mktemp("cluster"), replicas=3, timeout_ms=2_000) as made:
        yield made


class Stream:
    """Events of all customers, one after the other, for as long as it runs. `sent`: how many each got."""

    def __init__(self, installation: Installation) -> None:
        self.sent: Counter[str] = Counter()
        self._installation = installation

    async def run(self) -> None:
        """Publish until cancelled; what is under way is published whole."""
        for round_ in count():
            await asyncio.shield(self._send(CUSTOMERS[round_ % 3 :: 3]))
            await asyncio.sleep(0.05)

    async def _send(self, customers: list[str]) -> None:
        logs: dict[tuple[str, int], list[Record]] = {}
        for customer in customers:
            self.sent[customer] += 1
            place = ("events.web", partition_of(customer, PARTITIONS))
            value = event(customer, wall_ms(), self.sent[customer])
            logs.setdefault(place, []).append(Record(0, customer.encode(), value))
        await self._installation.publish(logs)


@asynccontextmanager
async def streaming(installation: Installation) -> AsyncIterator[Stream]:
    """Events come while the body runs."""
    stream = Stream(installation)
    running = asyncio.create_task(stream.run())
    try:
        yield stream
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def installed(
    kafka: str, redis: str, prefix: str, directory: Path, **settings: object
) -> AsyncIterator[tuple[Installation, WorkerProcess]]:
    """An installation under the live clock, and its worker, which is ready."""
    installation = Installation(kafka, redis, prefix, directory, partitions=PARTITIONS, clock="live")
    installation.rules = directory / "rules.yaml"
    installation.rules.write_text(RULES)
    await installation.create_topics()
    try:
        yield installation, installation.worker(**settings).wait_ready()
    finally:
        installation.stop_all()


async def assert_nothing_lost_or_doubled(
    installation: Installation, stream: Stream, worker: WorkerProcess
) -> None:
    """All is applied; counts are those of the stream; each change was said once, with rising versions."""
    await installation.wait_applied(stream.sent.total(), worker)
    assert "Traceback" not in worker.text
    found = (await installation.customers(wall_ms())).features
    assert {customer: found[customer]["events_7d"][0] for customer in found} == stream.sent
    wanted = {
        (customer, f"s{least}") for customer in CUSTOMERS for least in STEPS if stream.sent[customer] >= least
    }

    async def all_said() -> bool:
        return {(change.customer, change.key) for change in await changes(installation)} >= wanted

    await until(all_said, within_s=20)
    ids: dict[tuple[str, str], set[str]] = {}
    versions: dict[str, int] = {}
    for change in await changes(installation):
        assert (change.kind, change.entry_seq) == ("entered", 1)
        assert change.version >= versions.get(change.customer, 0)
        versions[change.customer] = change.version
        if change.cause != "restored":
            ids.setdefault((change.customer, change.key), set()).add(change.id)
    assert ids.keys() == wanted
    assert all(len(each) == 1 for each in ids.values()), ids


class Change(NamedTuple):
    """One record of segments.changes."""

    customer: str
    key: str
    kind: str
    entry_seq: int
    version: int
    cause: str
    id: str


async def changes(installation: Installation) -> list[Change]:
    """All of them, those of a customer in order."""
    found = []
    topic = installation.prefix + "segments.changes"
    async for records in read_topic(installation.brokers, topic, PARTITIONS):
        for record in records:
            said = as_said(OutRecord("segments.changes", record.key, list(record.headers), record.value))
            place = (said["customer"], said["key"], said["kind"], said["entry_seq"], said["version"])
            found.append(Change(*place, said["cause"], dict(record.headers)["ce_id"].decode()))
    return found


async def heads(installation: Installation) -> list[Head | None]:
    """What Redis says of every shard; of none while one of them is not served."""
    with suppress(StoreUnavailable):
        return await installation.heads()
    return [None] * PARTITIONS


async def seq(installation: Installation, partition: int) -> int:
    """The number of the shard's last commit; 0 while it is not served."""
    head = (await heads(installation))[partition]
    return 0 if head is None else head.seq


async def pause_s(installation: Installation, partition: int, fault: Callable[[], object]) -> float:
    """How long the shard stands from `fault`, which takes its server away, to its next commit."""
    began_s = time.monotonic()
    await asyncio.to_thread(fault)
    at = 0

    async def commits() -> bool:
        nonlocal at
        at, before = await seq(installation, partition), at
        return 0 < before < at

    await until(commits, FAILOVER_WITHIN_S)
    return time.monotonic() - began_s


def tell(record: Callable[[str, object], None], what: str, seconds: float) -> None:
    sys.stdout.write(f"{what}: {seconds:.1f} s\n")
    record(what, round(seconds, 1))


async def test_a_cluster_whose_slots_move_and_whose_primary_dies(
    cluster: LocalCluster,
    kafka_server: str,
    topic_prefix: str,
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    place = (kafka_server, cluster.url, topic_prefix, tmp_path)
    async with installed(*place, redis_replicas=1) as (installation, worker):
        keyspace = Keyspace(installation.prefix, installation.group)
        slots = [key_slot(keyspace.shard(partition).head) for partition in range(PARTITIONS)]
        async with streaming(installation) as stream:
            await until(lambda: stream.sent.total() > 200, within_s=20)
            # A slot moves key by key, so slowly that its shard stands half here, half there.
            for partition in (0, 1):
                move = cluster.begin_move(slots[partition], cluster.elsewhere(slots[partition]))
                while keys := move.keys(1):
                    move.carry(*keys)
                    await asyncio.sleep(0.3)
                move.finish()
            # A primary dies with commits that its replica does not have.
            partition = 2
            primary = cluster.holder(slots[partition])
            replica = cluster.follower(primary)
            os.kill(replica.pid, signal.SIGSTOP)
            primary.call("CLIENT", "KILL", "TYPE", "replica")
            last = await seq(installation, partition)

            async def has_more() -> bool:
                return await seq(installation, partition) > last + 1

            await until(has_more, within_s=10)

            def fail_over() -> None:
                primary.kill()
                os.kill(replica.pid, signal.SIGCONT)

            standing_s = await pause_s(installation, partition, fail_over)
            assert cluster.holder(slots[partition]) is replica
            tell(record_testsuite_property, "redis_cluster_failover_s", standing_s)
            # It comes back as a replica, and its slots move on.
            primary.start()
            cluster.wait_whole()
            cluster.move(slots[partition], cluster.elsewhere(slots[partition]))
            seen = stream.sent.total()
            await until(lambda: stream.sent.total() > seen + 200, within_s=20)
        await assert_nothing_lost_or_doubled(installation, stream, worker)
        assert any(head is not None and head.rewinds for head in await heads(installation)), "none was lost"
        assert worker.terminate()[0] == 0


async def test_sentinels_follow_a_primary_that_dies(
    kafka_server: str,
    topic_prefix: str,
    tmp_path: Path,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    (tmp_path / "redis").mkdir()
    with watched_redis(tmp_path / "redis") as watched:
        async with installed(kafka_server, watched.url, topic_prefix, tmp_path) as (installation, worker):
            async with streaming(installation) as stream:
                await until(lambda: stream.sent.total() > 200, within_s=20)
                primary = watched.primary()
                standing_s = await pause_s(installation, 0, primary.kill)
                tell(record_testsuite_property, "redis_sentinel_failover_s", standing_s)
                await until(lambda: watched.primary() is not primary, within_s=10)
                primary.start()
                seen = stream.sent.total()
                await until(lambda: stream.sent.total() > seen + 200, within_s=20)
            await assert_nothing_lost_or_doubled(installation, stream, worker)
            assert worker.terminate()[0] == 0
