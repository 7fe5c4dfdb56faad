"""The scene: Kafka, Redis with a replica, workers and the load, with a proxy on each way that can be cut.

load → Kafka ← proxy ← workers → proxy → Redis → proxy → replica
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from streamproc.sources import SOURCES
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Head, StoreError
from tests.faults.crew import Crew
from tests.faults.logs import Logs
from tests.faults.servers import Servers
from tests.faults.steps import POINTS
from tests.integration.worker import Installation
from tests.servers.process import DIE_WITH_PARENT

RULES: Final = Path(__file__).parent / "rules.yaml"
PREFIX: Final = "faults."
#: A shard that is not back after so long never will be.
GIVE_UP_S: Final = 60.0


@dataclass(kw_only=True)
class Scene:
    """Everything of one run. `start` makes servers, logs, crew and load.

    `mutation`: a deliberate bug in all workers. `points`: where the fault `step` may end a worker.
    """

    directory: Path
    seed: int
    partitions: int = 4
    worker_count: int = 2
    rate: int = 1_000
    customers: int = 2_000
    mutation: str = ""
    replicas: str = "auto"
    points: tuple[str, ...] = POINTS
    #: What is not as it must be, as the faults see it.
    wrong: list[str] = field(default_factory=list)
    #: Records that were lost with an operator's consent.
    lost: int = 0
    #: When (monotonic) no shard is ahead of the wall clock any more.
    clocks_right_s: float = 0.0

    async def start(self) -> None:
        """Servers, topics, workers, load."""
        self.servers = Servers(self.directory)
        self.servers.start()
        self.logs = Logs(self.servers.kafka.bootstrap, PREFIX, self.partitions)
        await self.logs.create()
        self.installation = Installation(
            f"127.0.0.1:{self.servers.kafka_proxy.port}",
            f"redis://127.0.0.1:{self.servers.redis_proxy.port}/0",
            PREFIX,
            self.directory,
            partitions=self.partitions,
            rules=RULES,
            clock="live",
            program="tests.faults.worker",
            extra={"FAULTS_MUTATION": self.mutation},
        )
        self.crew = Crew(installation=self.installation, directory=self.directory, replicas=self.replicas)
        for _ in range(self.worker_count):
            self.crew.start_worker()
        self.load = self._start_load()

    def _start_load(self) -> subprocess.Popen[bytes]:
        arguments = (PREFIX, self.partitions, self.seed, self.rate, self.customers)
        command = [sys.executable, "-m", "tests.faults.load", self.logs.bootstrap, *map(str, arguments)]
        with (self.directory / "load.log").open("wb") as log:
            return subprocess.Popen(
                [*DIE_WITH_PARENT, *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            )

    @asynccontextmanager
    async def store(self) -> AsyncIterator[RedisStore]:
        """The workers' state, past the proxy."""
        store = RedisStore(
            f"redis://127.0.0.1:{self.servers.primary.port}/0",
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
        """Signals that wait to be sent."""
        with redis.Redis(port=self.servers.primary.port) as client:
            return sum(client.xlen(key) for key in client.keys("sp:*:outbox"))

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

    async def caught_up_s(self, within_s: float = GIVE_UP_S) -> float | None:
        """How long it takes from now until all that is in the topics now is applied; None: longer than `within_s`."""
        begin_s = time.monotonic()
        ends = await self.logs.ends()
        while time.monotonic() - begin_s < within_s:
            self.crew.supervise()
            if await self.applied(ends):
                return time.monotonic() - begin_s
            await asyncio.sleep(0.1)
        return None

    async def accept_loss(self, count: int) -> float | None:
        """Start workers that go on beyond `count` lost records, as an operator would; how long they take to recover."""
        self.crew.accepting_loss = True
        first, begin_s = self.crew.started, time.monotonic()
        for _ in range(self.worker_count):
            self.crew.start_worker()
        recovered = await self.crew.ready_s(GIVE_UP_S) is not None and await self.caught_up_s() is not None
        self.crew.accepting_loss = False
        if (told := self.crew.told_lost(first)) != count:
            self.wrong.append(f"{count} records were lost, workers told of {told}")
        self.lost += count
        return time.monotonic() - begin_s if recovered else None

    def step_clocks(self, ahead_ms: int) -> None:
        """Make the wall clock of all workers wrong by so much."""
        back_ms = self.crew.clock_ahead_ms - ahead_ms
        self.crew.clock_ahead_ms = ahead_ms
        self.clocks_right_s = max(self.clocks_right_s, time.monotonic() + back_ms / 1000)

    async def drain(self, within_s: float = 180) -> None:
        """Stop the load; return once everything is applied and sent. AssertionError if that does not happen."""
        self.load.terminate()
        self.load.wait(60)
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            self.crew.supervise()
            ends = await self.logs.ends()  # re-keyed events come back
            if (
                await self.applied(ends)
                and not await self.outbox_records()
                and ends == await self.logs.ends()
            ):
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
            self.crew.supervise()
            await asyncio.sleep(0.2)

    def close(self) -> None:
        """End everything, however far `start` came."""
        if hasattr(self, "crew"):
            self.crew.close()
        if hasattr(self, "load"):
            self.load.kill()
        self.servers.close()
