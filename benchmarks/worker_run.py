"""A worker on a backlog: measured as the peers are, and checked.

The clock runs from a tenth of the events to 95 % of them, and on until no more signals wait for Kafka than at its
beginning: a worker that puts its signals off has not done its work. Of several workers it does not run before they have
shared out the partitions. The CPU time of the worker's process is what "per
core" means; that of Redis and Kafka is stated beside.

The customers are put into Redis before. They are as of the instant at which the backlog begins; it lies some minutes
back, so time moves with the events, as in every catching-up.
"""

import asyncio
import math
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.population import Lives, settle
from benchmarks.progress import FROM, TO, Progress, cpu_s, figures, resident_mb
from benchmarks.stage import Site, Stage
from benchmarks.workload import Backlog, name
from streamproc.clock import wall_ms
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.state.layout import unpack
from streamproc.state.redis_store import RedisStore
from streamproc.transport.partitioner import partition_of
from tests.integration.worker import WorkerProcess

_POLL_S: Final = 0.1
#: A shard without events commits its time every ten seconds.
_LATE_MS: Final = 15_000
#: How long a worker may take for the whole.
WITHIN_S: Final = 1_200
#: Customers whose number of events is looked at afterwards.
_LOOKED_AT: Final = 500


class RunFailed(Exception):
    """A worker ended, was not done in time, or did something else than its work."""


class WorkerFigures(msgspec.Struct, frozen=True):
    """The measured part of a run; `signals` and `commits` are of the whole of it, `resident_mb` is the most it took."""

    events: int
    s: float
    cpu_s: float
    redis_cpu_s: float
    kafka_cpu_s: float
    signals_per_event: float
    commits: int
    resident_mb: float

    @property
    def per_s(self) -> float:
        """Events per second. NaN, as the others, if the run was too short to be measured."""
        return self.events / self.s if self.events else math.nan

    @property
    def per_cpu_s(self) -> float:
        """Events per CPU second of the worker's process."""
        return self.events / self.cpu_s if self.events and self.cpu_s else math.nan

    @property
    def us(self) -> tuple[float, float, float]:
        """CPU microseconds per event: worker, Redis, Kafka."""
        each = 1e6 / self.events if self.events else math.nan
        return self.cpu_s * each, self.redis_cpu_s * each, self.kafka_cpu_s * each


class Sight(NamedTuple):
    """What is seen of a run at an instant."""

    worker: Progress
    redis_cpu_s: float
    kafka_cpu_s: float
    waiting: int  #: signals that wait for Kafka
    ready: bool  #: whether several workers have shared out the partitions


@dataclass(frozen=True)
class Lookout:
    """What Redis and the kernel show of a running worker."""

    stage: Stage
    site: Site
    store: RedisStore
    workers: Sequence[WorkerProcess]

    async def sight(self, ready: bool = True) -> Sight:
        """How far the shards are, and what that has cost. ready: was so before, or need not be looked at."""
        done = waiting = 0
        for partition in range(self.site.partitions):
            if (head := await self.store.read_head(partition)) is not None:
                done += sum(head.offsets.values())
            waiting += await self.store.outbox_length(partition)
        for worker in self.workers:
            if worker.process.poll() is not None:
                raise RunFailed(f"a worker ended with {worker.process.returncode}\n{worker.text[-3000:]}")
        used_s = sum(cpu_s(worker.process.pid) for worker in self.workers)
        progress = Progress(done, time.monotonic(), used_s)
        ready = ready or await asyncio.to_thread(
            lambda: all(worker.get("/readyz")[0] == HTTPStatus.OK for worker in self.workers)
        )
        return Sight(progress, cpu_s(self.stage.redis.pid), cpu_s(self.stage.kafka.pid), waiting, ready)

    async def caught_up(self) -> None:
        """Return once what fell due before the workers were up has fired, and is sent."""
        begin_s = time.monotonic()
        while True:
            heads = [await self.store.read_head(partition) for partition in range(self.site.partitions)]
            late_ms = wall_ms() - min((head.time_ms or 0) if head else 0 for head in heads)
            if late_ms < _LATE_MS and not (await self.sight()).waiting:
                return
            if time.monotonic() - begin_s > WITHIN_S:
                raise RunFailed(f"the shards are still {late_ms / 1000:,.0f} s late after {WITHIN_S} s")
            await asyncio.sleep(_POLL_S)

    async def watch(self, events: int) -> list[Sight]:
        """Look on until so many events are applied and all signals sent."""
        sights = [await self.sight(ready=len(self.workers) == 1)]
        while sights[-1].worker.done < events or sights[-1].waiting:
            if sights[-1].worker.s - sights[0].worker.s > WITHIN_S:
                raise RunFailed(f"only {sights[-1].worker.done:,} of {events:,} after {WITHIN_S} s")
            await asyncio.sleep(_POLL_S)
            sights.append(await self.sight(sights[-1].ready))
        return sights


async def run_worker(
    stage: Stage,
    site: Site,
    lives: Lives,
    customers: int,
    backlog: Backlog,
    workers: int = 1,
    checked: bool = True,
) -> WorkerFigures:
    """A worker (or more, on one group) that begins with `customers` copies of the lives, on the backlog in the topics.

    Raises RunFailed if it does anything but apply each event once and send each signal.
    """
    store = RedisStore(stage.redis.url, prefix=site.prefix, group=site.group)
    try:
        await settle(lives, store, site.partitions, customers)
        await stage.rest()
        started = [site.start() for _ in range(workers)]
        lookout = Lookout(stage, site, store, started)
        sights = await lookout.watch(len(backlog.who))
        metrics = await asyncio.to_thread(lambda: [worker.metrics() for worker in started])
        memory_mb = statistics.mean(resident_mb(worker.process.pid) for worker in started)
        site.stop_all()
        if checked:
            check_counts(metrics, len(backlog.who))
            await check_customers(store, site, lives, customers, backlog)
        for partition in range(site.partitions):
            await store.wipe(partition)
    finally:
        site.stop_all()
        await store.aclose()
    return worker_figures(sights, len(backlog.who), metrics, memory_mb)


def worker_figures(
    sights: Sequence[Sight], events: int, metrics: Sequence[dict[str, float]], memory_mb: float
) -> WorkerFigures:
    """The part that counts: see above."""
    begin = next((s for s in sights if s.worker.done >= FROM * events and s.ready), sights[-1])
    end = next((s for s in sights if s.worker.done >= TO * events and s.waiting <= begin.waiting), sights[-1])
    part = figures("streamproc", [begin.worker, end.worker], events)
    return WorkerFigures(
        events=part.events,
        s=part.s,
        cpu_s=part.cpu_s,
        redis_cpu_s=end.redis_cpu_s - begin.redis_cpu_s,
        kafka_cpu_s=end.kafka_cpu_s - begin.kafka_cpu_s,
        signals_per_event=total(metrics, "signals_total") / events,
        commits=round(total(metrics, "commits_total")),
        resident_mb=memory_mb,
    )


def total(metrics: Sequence[dict[str, float]], name: str, label: str = "") -> float:
    """A counter of all workers, over all its labels (or those samples that have `label` in their name)."""
    return sum(
        value
        for samples in metrics
        for sample, value in samples.items()
        if sample.partition("{")[0] == f"streamproc_{name}" and label in sample
    )


def check_counts(metrics: Sequence[dict[str, float]], events: int) -> None:
    """Every event was accepted, once; nobody was evaluated because of new rules; every signal arrived."""
    expected = {
        "events_accepted_total": events, "events_failed_total": 0, "events_repeated_total": 0,
        "events_too_late_total": 0, "swept_customers_total": 0,
    }  # fmt: skip
    found = {name: total(metrics, name) for name in expected}
    if found != expected:
        raise RunFailed(f"the worker did {found} instead of {expected}")
    made, sent = total(metrics, "signals_total"), total(metrics, "relayed_total")
    if made != sent:
        raise RunFailed(f"{made:,.0f} signals were made and {sent:,.0f} sent")


async def check_customers(
    store: RedisStore, site: Site, lives: Lives, customers: int, backlog: Backlog
) -> None:
    """Some customers have as many events more as the backlog has of them, `identify` calls left out."""
    more: Counter[int] = Counter()
    for i, number in enumerate(backlog.who):
        if backlog.events[i % len(backlog.events)][1]["type"] != "identify":
            more[number] += 1
    chosen = sorted(set(backlog.who))[:: max(1, len(set(backlog.who)) // _LOOKED_AT)]
    keys = [name(number).encode() for number in chosen]
    after = [await store.get(partition_of(key, site.partitions), key) for key in keys]
    before = [lives.states[number % len(lives.states)] if number < customers else None for number in chosen]
    gained = _events(after) - _events(before)
    wrong = np.flatnonzero(gained != [more[number] for number in chosen])
    if len(wrong):
        first = int(wrong[0])
        raise RunFailed(
            f"{len(wrong)} of {len(chosen)} customers have wrong counts; {name(chosen[first])} got {gained[first]} "
            f"events instead of {more[chosen[first]]}"
        )


def _events(states: Sequence[bytes | None]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """How many events each customer has had."""
    table = unpack([""] * len(states), states)
    return Frame(table, np.zeros(len(states), np.int64)).value(FEATURES["events_total"])
