"""Several workers of one group: whole shards each, and nothing lost or repeated when they come and go."""

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streamproc.transport.brokers import Brokers
from streamproc.transport.topics import Topics, create_topics
from tests.integration.transport_worker import Store, StoreOwner, build, running, until
from tests.servers.process import DIE_WITH_PARENT

ROOT = Path(__file__).parents[2]
SHARDS = 4


@dataclass
class Group:
    """Worker processes of one group over one database."""

    bootstrap: str
    prefix: str
    directory: Path
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.directory / "state"

    def start(self, name: str) -> None:
        command = [*DIE_WITH_PARENT, sys.executable, "-m", "tests.integration.transport_worker"]
        arguments = [self.bootstrap, self.prefix + "group", self.prefix, str(self.database), name]
        with (self.directory / f"{name}.log").open("wb") as log:
            self.workers[name] = subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=log, stderr=log)

    async def stop(self, name: str, number: signal.Signals) -> int:
        """Send a signal and wait for the end; the exit code."""
        worker = self.workers.pop(name)
        worker.send_signal(number)
        return await asyncio.to_thread(worker.wait, 15)

    def log(self, name: str) -> str:
        return (self.directory / f"{name}.log").read_text()

    def kill_all(self) -> None:
        for worker in self.workers.values():
            worker.kill()
            worker.wait()


@pytest.fixture
async def group(kafka_server: str, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Group]:
    """A group without workers; those that are left at the end are killed."""
    await create_topics(Brokers(kafka_server), topic_prefix, SHARDS)
    group = Group(kafka_server, topic_prefix, tmp_path)
    yield group
    group.kill_all()


@asynccontextmanager
async def flowing(group: Group) -> AsyncIterator[dict[tuple[str, int], int]]:
    """Records to partitions by chance for as long as the block lasts; yields how many each one got."""
    counts: dict[tuple[str, int], int] = {}
    stop = asyncio.Event()

    async def produce() -> None:
        topics = Topics(group.prefix).sources
        async with AIOKafkaProducer(bootstrap_servers=group.bootstrap, linger_ms=5) as producer:
            while not stop.is_set():
                for _ in range(50):
                    tp = (random.choice(topics), random.randrange(SHARDS))
                    counts[tp] = counts.get(tp, 0) + 1
                    await producer.send(tp[0], b"x", partition=tp[1])
                await asyncio.sleep(0.05)
            await producer.flush()

    producing = asyncio.create_task(produce())
    try:
        yield counts
    finally:
        stop.set()
        await producing


async def test_workers_come_and_go_and_are_killed(group: Group) -> None:
    """Three workers, of which one is killed and one is stopped, and a fourth that comes later.

    Every record is applied once and in order, and every worker has had whole shards (it would have refused
    others). SIGTERM ends a worker quickly and with exit code 0.
    """
    store = Store(group.database, "test")

    async def applying(*names: str) -> None:
        """Until all these workers, of those that run, have applied something new."""
        store.forget_workers()
        await until(lambda: set(names) <= store.workers().keys(), timeout_s=40)

    async with flowing(group) as counts:
        group.start("a")
        group.start("b")
        group.start("c")
        await applying("a", "b", "c")
        assert await group.stop("b", signal.SIGKILL) == -signal.SIGKILL
        group.start("d")
        await applying("a", "c", "d")
        loop = asyncio.get_running_loop()
        before_s = loop.time()
        assert await group.stop("c", signal.SIGTERM) == 0
        assert loop.time() - before_s < 6
        await applying("a", "d")
    await until(lambda: store.count() == sum(counts.values()), timeout_s=40)
    assert await group.stop("a", signal.SIGINT) == 0
    assert await group.stop("d", signal.SIGTERM) == 0
    assert store.applied() == {tp: list(range(count)) for tp, count in counts.items()}
    for name in "abcd":
        assert "Traceback" not in group.log(name), name


async def test_a_worker_that_slept_too_long_rejoins(group: Group) -> None:
    """Stopped past its session, it finds its shards taken: its commits are refused, and it comes back."""
    store = Store(group.database, "test")
    async with flowing(group) as counts:
        group.start("a")
        group.start("b")
        await until(lambda: store.workers().keys() == {"a", "b"}, timeout_s=40)
        group.workers["a"].send_signal(signal.SIGSTOP)
        store.forget_workers()
        await until(lambda: store.workers().get("b") == set(range(SHARDS)), timeout_s=40)
        group.workers["a"].send_signal(signal.SIGCONT)
        store.forget_workers()
        await until(lambda: store.workers().keys() == {"a", "b"}, timeout_s=40)
    await until(lambda: store.count() == sum(counts.values()), timeout_s=40)
    assert store.applied() == {tp: list(range(count)) for tp, count in counts.items()}
    assert "Traceback" not in group.log("a")


async def test_a_worker_can_be_stopped_in_the_middle_of_a_rebalance(group: Group) -> None:
    """While the group waits for a dead member, a living one leaves it within seconds; the rest goes on."""

    def joins(name: str) -> int:
        return group.log(name).count("(Re-)joining group")

    group.start("a")
    group.start("b")
    await until(lambda: "Worker ready" in group.log("a") and "Worker ready" in group.log("b"), timeout_s=40)
    await group.stop("b", signal.SIGKILL)
    before = joins("a")
    group.start("c")
    await until(lambda: joins("a") > before)
    loop = asyncio.get_running_loop()
    before_s = loop.time()
    assert await group.stop("a", signal.SIGTERM) == 0
    assert loop.time() - before_s < 10
    store = Store(group.database, "test")
    async with flowing(group) as counts:
        await until(lambda: store.count() > 0, timeout_s=40)
    await until(lambda: store.count() == sum(counts.values()))
    assert store.workers() == {"c": set(range(SHARDS))}


async def test_busy_agents_do_not_delay_a_rebalance(
    kafka_server: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Agents wait for their shards while a second worker comes and goes, several times.

    Faust's leftovers of the agents that had to stop are cleared away.
    """

    class Slow(StoreOwner):
        pause_s = 0.2

        async def before_commit(self, chunk: object) -> None:
            await asyncio.sleep(self.pause_s)

    await create_topics(Brokers(kafka_server), topic_prefix, SHARDS)
    records, topics = 30_000, Topics(topic_prefix).sources
    async with AIOKafkaProducer(bootstrap_servers=kafka_server, linger_ms=5) as producer:
        for number in range(records):
            await producer.send(topics[number % len(topics)], b"x", partition=number // len(topics) % SHARDS)
        await producer.flush()
    group = topic_prefix + "group"
    first = Slow(Store(tmp_path / "state", "first"))
    app = build(kafka_server, group, topic_prefix, first, chunk_records=100)
    async with running(app):
        await until(lambda: first.store.count() > 0)
        for visit in range(2):
            second = Slow(Store(tmp_path / "state", f"second-{visit}"))
            async with running(build(kafka_server, group, topic_prefix, second, chunk_records=100)):
                await until(lambda: len(first.shards) == len(second.shards) == SHARDS // 2)  # noqa: B023
                await until(lambda: f"second-{visit}" in first.store.workers())  # noqa: B023
            await until(lambda: len(first.shards) == SHARDS)
            assert second.holes == []
        first.pause_s = 0
        await until(lambda: first.store.count() == records, timeout_s=60)
        [agent] = app.agents.values()
        assert len(agent.supervisor._services) == len(topics) * SHARDS
        assert app.crash_reason is None
    assert first.holes == []
    assert {len(offsets) for offsets in first.store.applied().values()} == {records // (len(topics) * SHARDS)}
    assert all(offsets == sorted(offsets) for offsets in first.store.applied().values())
