"""The scene: Kafka, Redis with a replica, workers and the load, with a proxy on each way that can be cut.

    load → Kafka ← proxy ← workers → proxy → Redis → proxy → replica

Workers that end by themselves are started again, as an orchestrator does.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streamproc.sources import SOURCES
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Head, StoreError
from streamproc.transport.topics import create_topics
from tests.faults.proxy import Proxy
from tests.integration.worker import Installation, WorkerProcess
from tests.servers.kafka import SETTINGS, KafkaProcess
from tests.servers.process import DIE_WITH_PARENT, free_port
from tests.servers.redis import RedisProcess

RULES: Final = Path(__file__).parent / "rules.yaml"
PREFIX: Final = "faults."
SESSION_TIMEOUT_MS: Final = 4_000


@dataclass(kw_only=True)
class Scene:
    """Everything of one run. `mutation`: a deliberate bug in all workers."""

    directory: Path
    seed: int
    partitions: int = 4
    worker_count: int = 2
    rate: int = 1_000
    customers: int = 2_000
    mutation: str = ""
    started: int = 0
    restarts: int = 0
    unexpected: list[str] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)
    rss_mb: list[tuple[float, int, float]] = field(default_factory=list)  # (when, pid, MiB)

    def start_servers(self) -> None:
        """Kafka with a second listener behind a proxy, Redis and its replica, both behind proxies."""
        proxied = free_port()
        self.kafka_proxy = Proxy(free_port(), proxied).start()
        own = free_port()
        listeners = "PLAINTEXT://127.0.0.1:{},PROXIED://127.0.0.1:{}"
        protocols = SETTINGS["listener.security.protocol.map"] + ",PROXIED:PLAINTEXT"
        controller = free_port()
        self.kafka = KafkaProcess(
            directory=self._folder("kafka"),
            port=own,
            controller_port=controller,
            settings={
                "listeners": listeners.format(own, proxied) + f",CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": listeners.format(own, self.kafka_proxy.port),
                "listener.security.protocol.map": protocols,
            },
        ).start()
        self.primary = RedisProcess(
            directory=self._folder("redis-a"), options=("--appendfsync", "everysec")
        ).start()
        self.replication_proxy = Proxy(free_port(), self.primary.port).start()
        self.replica = RedisProcess(
            directory=self._folder("redis-b"), options=("--appendfsync", "everysec")
        ).start()
        self.follow()
        self.redis_proxy = Proxy(free_port(), self.primary.port).start()

    def follow(self) -> None:
        """Make the replica follow the primary."""
        self.replication_proxy.target_port = self.primary.port
        with redis.Redis(port=self.replica.port) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", self.replication_proxy.port)

    def in_step(self) -> bool:
        """Whether the replica has all that the primary has."""
        with redis.Redis(port=self.primary.port) as client:
            told = client.info("replication")
            follower = told.get("slave0")
            return bool(follower) and follower["state"] == "online" and follower["lag"] <= 1

    @property
    def installation(self) -> Installation:
        return Installation(
            f"127.0.0.1:{self.kafka_proxy.port}",
            f"redis://127.0.0.1:{self.redis_proxy.port}/0",
            PREFIX,
            self.directory,
            partitions=self.partitions,
            rules=RULES,
            clock="live",
            program="tests.faults.worker",
            extra={"FAULTS_MUTATION": self.mutation},
        )

    async def start(self) -> None:
        """Servers, topics, workers, load."""
        self.start_servers()
        await create_topics(self.kafka.bootstrap, PREFIX, self.partitions)
        for _ in range(self.worker_count):
            self.start_worker()
        arguments = (PREFIX, self.partitions, self.seed, self.rate, self.customers)
        guard = DIE_WITH_PARENT if shutil.which(DIE_WITH_PARENT[0]) else []
        with (self.directory / "load.log").open("wb") as log:
            self.load = subprocess.Popen(
                [
                    *guard,
                    sys.executable,
                    "-m",
                    "tests.faults.load",
                    self.kafka.bootstrap,
                    *map(str, arguments),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    def start_worker(self, extra: Mapping[str, str] | None = None) -> WorkerProcess:
        """One more worker, in the place of one that is gone."""
        made = self.installation
        made.extra = {**made.extra, **(extra or {})}
        made.directory = self._folder(f"worker-{self.started:03}")
        self.started += 1
        made.workers = []
        worker = made.worker(session_timeout_ms=SESSION_TIMEOUT_MS, heartbeat_ms=500, log_format="json")
        self.workers.append(worker)
        return worker

    def supervise(self) -> None:
        """Start workers again that are gone."""
        for worker in [worker for worker in self.workers if worker.process.poll() is not None]:
            self.workers.remove(worker)
            if worker.process.returncode not in (0, -signal.SIGKILL):
                self.unexpected.append(f"{worker.process.returncode}: {worker.text[-600:]}")
            self.restarts += 1
            self.start_worker()

    def sample_memory(self) -> None:
        for worker in self.workers:
            try:
                status = Path(f"/proc/{worker.process.pid}/status").read_text()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    self.rss_mb.append((time.monotonic(), worker.process.pid, int(line.split()[1]) / 1024))

    async def heads(self) -> list[Head | None]:
        """What Redis says of every shard; asked past the proxy."""
        store = RedisStore(
            f"redis://127.0.0.1:{self.primary.port}/0",
            prefix=PREFIX,
            group=self.installation.group,
            attempts=1,
            socket_timeout_s=1,
        )
        try:
            return [await store.read_head(partition) for partition in range(self.partitions)]
        finally:
            await store.aclose()

    async def outbox_records(self) -> int:
        with redis.Redis(port=self.primary.port) as client:
            keys = client.keys("sp:*:outbox")
            return sum(client.xlen(key) for key in keys)

    async def ends(self) -> dict[tuple[str, int], int]:
        """The end of every source partition; asked past the proxy."""
        places = [
            TopicPartition(PREFIX + topic, partition)
            for topic in SOURCES
            for partition in range(self.partitions)
        ]
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap) as consumer:
            ends = await consumer.end_offsets(places)
        return {(place.topic.removeprefix(PREFIX), place.partition): end for place, end in ends.items()}

    async def applied(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether everything below `ends` is applied."""
        try:
            heads = await self.heads()
        except StoreError:
            return False
        return all(
            head is not None
            and all(
                head.offsets.get(topic, 0) >= ends[topic, place] for topic in SOURCES if ends[topic, place]
            )
            for place, head in enumerate(heads)
        )

    async def caught_up_s(self, within_s: float) -> float | None:
        """How long it takes from now until all that is in the topics now is applied; None: longer than `within_s`."""
        begin_s = time.monotonic()
        ends = await self.ends()
        while time.monotonic() - begin_s < within_s:
            self.supervise()
            if await self.applied(ends):
                return time.monotonic() - begin_s
            await asyncio.sleep(0.1)
        return None

    async def drain(self, within_s: float = 180) -> None:
        """Stop the load; return once everything is applied and sent. AssertionError if that does not happen."""
        self.load.terminate()
        self.load.wait(60)
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            self.supervise()
            ends = await self.ends()  # re-keyed events come back
            if await self.applied(ends) and not await self.outbox_records() and ends == await self.ends():
                return
            await asyncio.sleep(0.3)
        raise AssertionError(
            f"not drained within {within_s} s: {ends} {[h and h.offsets for h in await self.heads()]}"
        )

    async def drain_outbox(self, within_s: float = 60) -> None:
        """Return once everything is sent; AssertionError if that does not happen."""
        deadline_s = time.monotonic() + within_s
        while await self.outbox_records():
            assert time.monotonic() < deadline_s, "the outbox does not drain"
            self.supervise()
            await asyncio.sleep(0.2)

    def close(self) -> None:
        """End everything."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGCONT)
            worker.kill()
        if hasattr(self, "load"):
            self.load.kill()
        for name in ("kafka_proxy", "redis_proxy", "replication_proxy"):
            if hasattr(self, name):
                getattr(self, name).close()
        for name in ("kafka", "primary", "replica"):
            if hasattr(self, name):
                getattr(self, name).kill()

    def _folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder
