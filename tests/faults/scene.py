"""The scene: Kafka, Redis with a replica, workers and the load, with a proxy on each way that can be cut.

The disks of both Redis are file systems in memory of their own (as root), so that they can be full.

    load → Kafka ← proxy ← workers → proxy → Redis → proxy → replica

Workers that end by themselves are started again, as an orchestrator does.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streamproc.sources import SOURCES
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Head, StoreError
from streamproc.transport.bulk import read_topic
from streamproc.transport.topics import create_topics
from tests.faults.proxy import Proxy
from tests.faults.steps import POINTS
from tests.integration.worker import Installation, WorkerProcess
from tests.servers.kafka import SETTINGS, KafkaProcess
from tests.servers.process import DIE_WITH_PARENT, free_port
from tests.servers.redis import RedisProcess

RULES: Final = Path(__file__).parent / "rules.yaml"
PREFIX: Final = "faults."
SESSION_TIMEOUT_MS: Final = 4_000
#: How a worker ends that will not go on before somebody does something.
REFUSED: Final = 2
#: A shard that is not back after so long never will be.
GIVE_UP_S: Final = 60.0
#: Now and then aiokafka never gets an answer while a broker comes back; the next client does.
_ENDS_WITHIN_MS: Final = 5_000
_DISK_BYTES: Final = 512 << 20


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
    replicas: str = "auto"
    points: tuple[str, ...] = POINTS  # at which the fault `step` may end a worker
    started: int = 0
    restarts: int = 0
    unexpected: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    #: What Kafka no longer holds, though it was applied; and how many were lost, with an operator's consent.
    archive: list[ConsumerRecord] = field(default_factory=list)
    lost: int = 0
    accepting_loss: bool = False
    clocks_right_s: float = 0.0  # when (monotonic) no shard is ahead of the wall clock any more
    disks: list[Path] = field(default_factory=list)
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
        options = ("--appendfsync", "everysec", "--repl-diskless-sync-delay", "0")
        self.primary = RedisProcess(directory=self._disk("redis-a"), options=options).start()
        self.replication_proxy = Proxy(free_port(), self.primary.port).start()
        self.replica = RedisProcess(directory=self._disk("redis-b"), options=options).start()
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

    def _disk(self, name: str) -> Path:
        """A directory on a file system of its own, if this user may mount one."""
        disk = self._folder(name)
        command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(disk)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            self.disks.append(disk)
        return self._folder(f"{name}/data")

    def disk_of(self, server: RedisProcess) -> Path:
        """The file system of one Redis. RuntimeError if it has none of its own."""
        disk = server.directory.parent
        if disk not in self.disks:
            raise RuntimeError("disk_full needs to mount a tmpfs: run as root, or leave it out (--only ...)")
        return disk

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
            extra={"FAULTS_MUTATION": self.mutation, "FAULTS_CLOCK": str(self._clock)},
        )

    async def start(self) -> None:
        """Servers, topics, workers, load."""
        self._clock.write_text("0")
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
        loss = {"STREAMPROC_LOST_RECORDS": "skip"} if self.accepting_loss else {}
        made.extra = {**made.extra, **loss, **(extra or {})}
        made.directory = self._worker_folder(self.started)
        self.started += 1
        made.workers = []
        worker = made.worker(
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_ms=500,
            log_format="json",
            redis_replicas=self.replicas,
        )
        self.workers.append(worker)
        return worker

    def supervise(self) -> None:
        """Start workers again that are gone."""
        for worker in [worker for worker in self.workers if worker.process.poll() is not None]:
            self.workers.remove(worker)
            self._look_at_end(worker)
            self.restarts += 1
            self.start_worker()

    def _look_at_end(self, worker: WorkerProcess) -> None:
        """A worker may be killed, end, or refuse to go on and say what to do (2): nothing else."""
        code = worker.process.returncode
        if code == REFUSED:
            self.unexpected.append(f"{code}: {worker.text[-600:]}")
        elif code not in (0, -signal.SIGKILL):
            self.wrong.append(f"a worker ended with {code}: {worker.text[-600:]}")

    def stop_workers(self) -> None:
        """Kill all workers; none is started in their place yet."""
        for worker in self.workers:
            worker.kill()
            self._look_at_end(worker)
        self.workers.clear()

    async def all_end(self, within_s: float, why: str) -> bool:
        """Whether all workers that run now, and one started then, refuse to go on, saying `why`."""
        doomed = list(self.workers)
        deadline_s = time.monotonic() + within_s
        while any(worker.process.poll() is None for worker in doomed):
            if time.monotonic() > deadline_s:
                return False
            await asyncio.sleep(0.1)
        await self.check_refusal(why)
        return all(why in worker.text for worker in doomed if worker.process.returncode == REFUSED)

    async def check_refusal(self, why: str, within_s: float = 40) -> None:
        """Start a worker that must refuse to work, saying `why`."""
        worker = self.start_worker()
        code = await asyncio.to_thread(_wait, worker, within_s)
        self.workers.remove(worker)
        if code != REFUSED or why not in worker.text:
            self.wrong.append(f"should refuse ({why}), ended with {code}: {worker.text[-600:]}")
            worker.kill()

    async def accept_loss(self, count: int) -> float:
        """Start workers that go on beyond lost records, as an operator would; how long until all is applied."""
        self.accepting_loss = True
        began = self.started
        for _ in range(self.worker_count):
            self.start_worker()
        begin_s = time.monotonic()
        while any(worker.get("/readyz")[0] != 200 for worker in self.workers):
            if time.monotonic() - begin_s > GIVE_UP_S:
                break
            await asyncio.sleep(0.1)
        applied_s = await self.caught_up_s(GIVE_UP_S)
        recovery_s = None if applied_s is None else time.monotonic() - begin_s
        self.accepting_loss = False
        if recovery_s is None:
            self.wrong.append("no recovery from an accepted loss")
            return float("nan")
        said = 0
        for number in range(began, self.started):
            log = self._worker_folder(number) / "worker-0.log"
            said += sum(map(int, re.findall(r"skipped up to (\d+) lost", log.read_text())))
        if said != count:
            self.wrong.append(f"{count} records were lost, workers told of {said}")
        self.lost += count
        return recovery_s

    def step_clocks(self, ahead_ms: int) -> None:
        """Make the wall clock of all workers wrong by so much."""
        before_ms = int(self._clock.read_text())
        self._clock.write_text(str(ahead_ms))
        if ahead_ms < before_ms:
            self.clocks_right_s = time.monotonic() + (before_ms - ahead_ms) / 1000

    @property
    def _clock(self) -> Path:
        return self.directory / "clock"

    async def lose(self, topic: str, partition: int, applied: int, until: int) -> None:
        """Keep what is applied of a partition, and what is not up to `until` out of the account: it will be gone."""
        place = TopicPartition(PREFIX + topic, partition)
        async for records in read_topic(self.kafka.bootstrap, place.topic, self.partitions):
            if records[0].partition == partition:
                self.archive += [record for record in records if record.offset < min(applied, until)]

    async def delete_records(self, topic: str, partition: int, before: int) -> None:
        """What retention does: the log begins at `before` now."""
        place = TopicPartition(PREFIX + topic, partition)
        async with self._admin() as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})

    async def recreate(self, topic: str) -> None:
        """Delete a source topic and make it anew, empty."""
        async with self._admin() as admin:
            await admin.delete_topics([PREFIX + topic])
            while PREFIX + topic in await admin.list_topics():
                await asyncio.sleep(0.1)
        await create_topics(self.kafka.bootstrap, PREFIX, self.partitions)

    async def add_partitions(self, topic: str, count: int) -> None:
        """Give a topic more partitions."""
        async with self._admin() as admin:
            await admin.create_partitions({PREFIX + topic: NewPartitions(count)})

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()

    def sample_memory(self) -> None:
        for worker in self.workers:
            try:
                status = Path(f"/proc/{worker.process.pid}/status").read_text()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith("VmRSS:"):
                    self.rss_mb.append((time.monotonic(), worker.process.pid, int(line.split()[1]) / 1024))

    @asynccontextmanager
    async def store(self) -> AsyncIterator[RedisStore]:
        """The workers' state, past the proxy."""
        store = RedisStore(
            f"redis://127.0.0.1:{self.primary.port}/0",
            prefix=PREFIX,
            group=self.installation.group,
            attempts=1,
            socket_timeout_s=1,
        )
        try:
            yield store
        finally:
            await store.aclose()

    async def heads(self) -> list[Head | None]:
        """What Redis says of every shard."""
        async with self.store() as store:
            return [await store.read_head(partition) for partition in range(self.partitions)]

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
        while True:
            async with AIOKafkaConsumer(
                bootstrap_servers=self.kafka.bootstrap, request_timeout_ms=_ENDS_WITHIN_MS
            ) as consumer:
                with suppress(KafkaTimeoutError):
                    ends = await consumer.end_offsets(places)
                    break
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
        for disk in self.disks:
            subprocess.run(["umount", "--lazy", str(disk)], check=True)

    def _worker_folder(self, number: int) -> Path:
        return self._folder(f"worker-{number:03}")

    def _folder(self, name: str) -> Path:
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _wait(worker: WorkerProcess, within_s: float) -> int | None:
    """How the worker ends; None: not in time."""
    try:
        return worker.process.wait(within_s)
    except subprocess.TimeoutExpired:
        return None
