"""Workers are restarted one after the other under load. `python -m tests.faults.rolling`, or `make rolling`.

Three workers, twelve partitions, the live clock. Each worker in turn gets SIGTERM and is started again; everything is
counted afterwards (`verdict.py`), and the pause of each partition is the longest time in which none of its records was
applied, seen from outside, in Redis. Events come all the time, so some always wait.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streamproc.state.redis_store import RedisStore
from streamproc.state.store import StoreError
from streamproc.transport.brokers import Brokers
from streamproc.transport.topics import create_topics
from tests.faults.verdict import IDLE_MS, Verdict, judge
from tests.integration.worker import START_WITHIN_S, Installation, WorkerProcess, until
from tests.servers.kafka import KafkaProcess
from tests.servers.process import DIE_WITH_PARENT
from tests.servers.redis import RedisProcess

RULES: Final = Path(__file__).parent / "rules.yaml"
PARTITIONS: Final = 12
NAMES: Final = ["worker-0", "worker-1", "worker-2"]
#: What no partition may pause for.
PAUSE_MAX_S: Final = 10.0
_LOOK_S: Final = 0.05
#: A partition that advanced so lately runs.
_RUNS_S: Final = 0.5


class Watch:
    """When the applied offsets of each partition advanced. `run` looks until it is cancelled."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        now_s = time.monotonic()
        self._offsets = [-1] * installation.partitions
        self._advanced_s = [now_s] * installation.partitions
        #: Per partition: from when to when nothing was applied.
        self._pauses: list[list[tuple[float, float]]] = [[] for _ in range(installation.partitions)]

    async def run(self) -> None:
        store = RedisStore(
            self._installation.redis, prefix=self._installation.prefix, group=self._installation.group
        )
        try:
            while True:
                for partition in range(self._installation.partitions):
                    try:
                        head = await store.read_head(partition)
                    except StoreError:
                        continue
                    if head is not None:
                        self._note(partition, sum(head.offsets.values()))
                await asyncio.sleep(_LOOK_S)
        finally:
            await store.aclose()

    def _note(self, partition: int, offsets: int) -> None:
        if offsets != self._offsets[partition]:
            now_s = time.monotonic()
            self._pauses[partition].append((self._advanced_s[partition], now_s))
            self._offsets[partition], self._advanced_s[partition] = offsets, now_s

    def all_run(self, since_s: float) -> bool:
        """Whether every partition has advanced since then, and just now."""
        now_s = time.monotonic()
        return all(advanced_s > max(since_s, now_s - _RUNS_S) for advanced_s in self._advanced_s)

    def longest_s(self, partition: int, since_s: float) -> float:
        """The longest pause of a partition that ended since then."""
        return max((end - begin for begin, end in self._pauses[partition] if end > since_s), default=0.0)


@dataclass
class Pauses:
    """What restarts did to partitions, in seconds, one figure per partition and restart."""

    own: list[float] = field(default_factory=list)  # of the worker that was restarted
    others: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)  # from SIGTERM to the end, per restart
    starts: list[float] = field(default_factory=list)  # from the start to ready

    @property
    def longest_s(self) -> float:
        return max(*self.own, *self.others)

    def rows(self) -> list[str]:
        """As a table's rows: what, how often, median, most."""
        parts = {
            "partitions of the restarted worker": self.own,
            "partitions of the others": self.others,
            "stop": self.stops,
            "start": self.starts,
        }
        return [
            f"{name:36} {len(found):4} {statistics.median(found):7.2f} {max(found):7.2f}"
            for name, found in parts.items()
            if found
        ]


@dataclass
class Fleet:
    """The workers of a group. `named`: those that the group knows by their names."""

    installation: Installation
    named: Collection[str]
    workers: dict[str, WorkerProcess] = field(default_factory=dict)

    def start(self, name: str) -> WorkerProcess:
        """Start a worker, for the first time or again, with the settings that a worker has by default."""
        self.workers[name] = self.installation.worker(
            instance=name if name in self.named else None, session_timeout_ms=None, heartbeat_ms=None
        )
        return self.workers[name]

    async def start_all(self, names: list[str]) -> None:
        """Return once all are ready and each has its share."""
        for name in names:
            self.start(name)
        share = self.installation.partitions // len(names)
        await until(
            lambda: all(len(shards_of(one)) >= share for one in self.workers.values()), START_WITHIN_S
        )

    async def restart(self, name: str, watch: Watch, pauses: Pauses, away_s: float = 0.0) -> None:
        """Stop a worker and start it again `away_s` later; return once all partitions run."""
        own = shards_of(self.workers[name])
        begin_s = time.monotonic()
        code, stop_s = await asyncio.to_thread(self.workers[name].terminate)
        assert code == 0, self.workers[name].text[-4000:]
        await asyncio.sleep(away_s)
        start_s = time.monotonic()
        worker = self.start(name)
        await until(lambda: worker.get("/readyz")[0] == 200 and bool(shards_of(worker)), START_WITHIN_S)
        pauses.starts.append(time.monotonic() - start_s)
        await until(lambda: watch.all_run(begin_s), START_WITHIN_S)
        await asyncio.sleep(1.0)  # a rebalance that is still to come would show
        await until(lambda: watch.all_run(begin_s), START_WITHIN_S)
        pauses.stops.append(stop_s)
        for partition in range(self.installation.partitions):
            (pauses.own if partition in own else pauses.others).append(watch.longest_s(partition, begin_s))


def shards_of(worker: WorkerProcess) -> set[int]:
    """The partitions that a worker holds, by its metrics."""
    name = 'streamproc_shard_time_seconds{partition="'
    return {int(sample[len(name) : -2]) for sample in worker.metrics() if sample.startswith(name)}


@asynccontextmanager
async def loaded(installation: Installation, rate: int, customers: int) -> AsyncIterator[None]:
    """Events at a steady rate, as long as the block lasts."""
    arguments = (installation.kafka, installation.prefix, installation.partitions, 7, rate, customers)
    command = [*DIE_WITH_PARENT, sys.executable, "-m", "tests.faults.load", *map(str, arguments)]
    load = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        yield
    finally:
        load.terminate()
        await asyncio.to_thread(load.wait)


@asynccontextmanager
async def watching(installation: Installation) -> AsyncIterator[Watch]:
    """Look at the partitions as long as the block lasts."""
    watch = Watch(installation)
    looking = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        looking.cancel()


async def roll(
    installation: Installation,
    *,
    named: Collection[str],
    rounds: int = 1,
    rate: int = 1_000,
    customers: int = 2_000,
    away_s: float = 0.0,
    afterwards: Callable[[Fleet, Watch], Awaitable[None]] | None = None,
) -> tuple[Pauses, Verdict]:
    """Restart three workers in turn, so many rounds; then let everything be applied and look what came of it.

    `afterwards`: what else is to happen under load.
    """
    fleet, pauses = Fleet(installation, named), Pauses()
    async with loaded(installation, rate, customers):
        await fleet.start_all(NAMES)
        async with watching(installation) as watch:
            begin_s = time.monotonic()
            await until(lambda: watch.all_run(begin_s), START_WITHIN_S)
            for _ in range(rounds):
                for name in NAMES:
                    await fleet.restart(name, watch, pauses, away_s)
            if afterwards is not None:
                await afterwards(fleet, watch)
    await installation.wait_applied(sum((await installation.ends()).values()), fleet.workers[NAMES[0]])
    await asyncio.sleep(IDLE_MS / 1000 + 2)  # everybody falls silent, and Kafka is told
    for worker in fleet.workers.values():
        worker.terminate()
    return pauses, await judge(
        installation.kafka,
        installation.redis,
        installation.prefix,
        installation.group,
        installation.partitions,
    )


async def run(directory: Path, given: argparse.Namespace) -> int:
    """Measure the kinds of membership that were asked for; 1 if something is not as it must be."""
    failed = False
    for folder in ("kafka", "redis"):
        (directory / folder).mkdir()
    # A group's first members wait for others as long as they do with a broker's own settings.
    settings = {"group.initial.rebalance.delay.ms": "3000"}
    with (
        KafkaProcess(directory=directory / "kafka", settings=settings) as kafka,
        RedisProcess(directory=directory / "redis") as server,
    ):
        for kind in given.membership:
            prefix = f"{kind}."
            (directory / kind).mkdir()
            await create_topics(Brokers(kafka.bootstrap), prefix, PARTITIONS)
            installation = Installation(
                kafka.bootstrap,
                server.url,
                prefix,
                directory / kind,
                partitions=PARTITIONS,
                rules=RULES,
                clock="live",
            )
            try:
                pauses, verdict = await roll(
                    installation,
                    named=NAMES if kind == "static" else (),
                    rounds=given.rounds,
                    rate=given.rate,
                    away_s=given.away_s,
                )
            finally:
                installation.stop_all()
            print(
                f"{kind}: {verdict.events:,} events, {verdict.signals:,} signals, {verdict.repeats} repeats"
            )
            print(f"{'seconds':36} {'n':>4} {'median':>7} {'most':>7}", *pauses.rows(), sep="\n")
            print(*(f"WRONG: {wrong}" for wrong in verdict.wrong), sep="\n", flush=True)
            if given.json:
                with given.json.open("a") as file:
                    file.write(
                        json.dumps({"membership": kind, "away_s": given.away_s, **vars(pauses)}) + "\n"
                    )
            failed |= bool(verdict.wrong) or pauses.longest_s > PAUSE_MAX_S + given.away_s
    return int(failed)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = ["dynamic", "static"]
    parser.add_argument("--membership", nargs="*", choices=kinds, default=kinds)
    parser.add_argument("--rounds", type=int, default=3, help="how often each worker is restarted")
    parser.add_argument("--rate", type=int, default=1_000, help="events per second")
    parser.add_argument("--away-s", type=float, default=0.0, help="how long a worker is gone between the two")
    parser.add_argument("--json", type=Path, default=None, help="add the figures to this file, a line each")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rolling-") as folder:
        return asyncio.run(run(Path(folder), given))


if __name__ == "__main__":
    sys.exit(main())
