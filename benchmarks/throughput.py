"""Throughput end to end, and in the same run the limits of the stack and the peers, on the same events.

Kafka → windows in Redis with the whole playbook, churn, timers, outbox → Kafka: one worker process, a backlog that
waits in the topics, and customers who have 90 days of history. Everybody reads the same topics; the slow peers read
topics with the first part of the same events, or a run would take days. Programs run one at a time, in an order that
moves on with each repetition.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, get_args

import msgspec

from benchmarks.bench import Bench, Spread, rotated, spread
from benchmarks.peers.measure import PeerFailed, expected, fetched, measure
from benchmarks.peers.results import Windows
from benchmarks.population import Kind, Lives
from benchmarks.progress import Figures
from benchmarks.stage import Site, Stage
from benchmarks.worker_run import WorkerFigures, run_worker
from benchmarks.workload import Backlog, draw, publish, templates

#: What part of the events a slow peer gets.
_SHARES: Final = {"faust-nothing": 1 / 4, "faust-redis": 1 / 32, "faust-table": 1 / 16, "quix": 1 / 4}
#: The limits of the stack are measured always, the other programs where there is time.
LIMITS: Final = ("fetch", "decode")
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


class DrawFigures(msgspec.Struct):
    """One distribution: the worker by population, the others by name; a figure for each repetition."""

    workers: dict[str, list[WorkerFigures]]
    others: dict[str, list[Figures]]

    def ratio(self, kind: str, other: str) -> Spread | None:
        """Events per core of the worker, divided by another's of the same repetition."""
        pairs = zip(self.workers.get(kind, []), self.others.get(other, []), strict=False)
        return spread(mine.per_cpu_s / theirs.per_cpu_s for mine, theirs in pairs)

    def per_cpu_s(self, name: str) -> Spread | None:
        """Of a worker, by its population, or of another program."""
        return spread(run.per_cpu_s for run in self.workers.get(name, self.others.get(name, [])))

    def per_s(self, name: str) -> Spread | None:
        """As `per_cpu_s`, by the clock on the wall."""
        return spread(run.per_s for run in self.workers.get(name, self.others.get(name, [])))


class Throughput(msgspec.Struct):
    """customers, events, partitions: of the run. draws: by distribution."""

    customers: int
    events: int
    partitions: int
    lives: int
    headline: str
    draws: dict[str, DrawFigures]


@dataclass(frozen=True)
class Filled:
    """Topics with events in them, and what a peer must come to."""

    site: Site
    backlog: Backlog
    right: Windows


async def measure_throughput(bench: Bench) -> Throughput:
    """All distributions."""
    sizes = bench.sizes
    draws = {}
    for distribution in sizes.draws:
        with bench.stage() as stage:
            draws[distribution] = await _of_draw(bench, stage, distribution)
    return Throughput(sizes.customers, sizes.events, sizes.partitions, sizes.lives, bench.headline, draws)


async def _of_draw(bench: Bench, stage: Stage, distribution: str) -> DrawFigures:
    sizes = bench.sizes
    kinds = KINDS if sizes.both_populations else (bench.headline,)
    lives = {kind: await bench.live(kind) for kind in kinds}
    end_ms = max(each.end_ms for each in lives.values())
    backlog = Backlog(
        events=templates(),
        who=draw(distribution, sizes.customers, sizes.events, seed=1),
        begin_ms=end_ms,
        per_s=sizes.per_s,
    )
    others = [peer for peer in fetched() if peer in LIMITS or distribution in sizes.peer_draws]
    lengths = {peer: max(sizes.peer_events, int(sizes.events * _SHARES.get(peer, 1))) for peer in others}
    bench.say(f"publishing {sizes.events:,} events, {distribution}")
    filled = {
        length: await _fill(stage, f"{distribution}{length}.", sizes.partitions, backlog.first(length))
        for length in sorted({sizes.events, *lengths.values()})
    }
    found = DrawFigures({kind: [] for kind in kinds}, {peer: [] for peer in others})
    for repetition in range(sizes.repetitions):
        jobs: list[Callable[[], Awaitable[None]]] = [
            *(
                partial(_worker, bench, stage, filled[sizes.events], lives[kind], kind, found)
                for kind in kinds
            ),
            *(partial(_other, bench, filled[lengths[peer]], peer, found) for peer in others),
        ]
        bench.say(f"{distribution}, repetition {repetition + 1} of {sizes.repetitions}")
        await bench.each(rotated(jobs, repetition))
    return found


async def _fill(stage: Stage, prefix: str, partitions: int, backlog: Backlog) -> Filled:
    site = stage.site(prefix, partitions)
    await site.create_topics()
    await publish(site, backlog)
    return Filled(site, backlog, await expected(site))


async def _worker(
    bench: Bench, stage: Stage, filled: Filled, lives: Lives, kind: Kind, found: DrawFigures
) -> None:
    runs = found.workers[kind]
    site = stage.site(filled.site.prefix, filled.site.partitions, life=f"{kind}{len(runs)}")
    runs.append(await run_worker(stage, site, lives, bench.sizes.customers, filled.backlog))
    bench.say(
        f"  streamproc, {kind}: {runs[-1].per_cpu_s:,.0f} events/s per core, {runs[-1].per_s:,.0f} events/s, "
        f"{runs[-1].signals_per_event:.2f} signals an event"
    )


async def _other(bench: Bench, filled: Filled, peer: str, found: DrawFigures) -> None:
    try:
        run = await measure(peer, filled.site, filled.right, bench.sizes.peer_within_s)
    except PeerFailed as failure:
        if bench.sizes.repetitions == 1:
            raise
        # An hour's figures are not to be lost with one of others; the repetition has none of it.
        bench.say(f"  FAILED: {failure}")
        run = Figures(peer, 0, 0.0, 0.0)
    found.others[peer].append(run)
    bench.say(f"  {peer}: {run.per_cpu_s:,.0f} events/s per core, {run.per_s:,.0f} events/s")


def catch_up_s(applied_per_s: float, backlog_s: float, input_per_s: float) -> float:
    """How long a worker takes for a backlog of so many seconds while the same input goes on; it may be for ever."""
    if applied_per_s <= input_per_s:
        return math.inf
    return backlog_s * input_per_s / (applied_per_s - input_per_s)
