"""What more customers cost: the throughput of one worker with ten thousand to three million customers in Redis.

Two draws on four partitions. `uniform` is what happens: with few customers, one of them has several events in a chunk,
which are cheaper together. `cycle` gives everybody one event before anybody gets another, so that chunks do the same
work whatever the number of customers; the difference is what the customers in Redis cost.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from benchmarks.bench import Bench, Spread, rotated, spread
from benchmarks.stage import Stage
from benchmarks.worker_run import WorkerFigures, run_worker
from benchmarks.workload import Backlog, draw, publish, templates

_PARTITIONS: Final = 4


class Customers(msgspec.Struct):
    """By draw and number of customers, the repetitions."""

    events: int
    partitions: int
    draws: dict[str, dict[int, list[WorkerFigures]]]

    def ratio(self, distribution: str) -> Spread | None:
        """Worker CPU per event with most customers, divided by that with fewest."""
        runs: Mapping[int, list[WorkerFigures]] = self.draws.get(distribution, {})
        if len(runs) < 2:
            return None
        pairs = zip(runs[max(runs)], runs[min(runs)], strict=True)
        return spread(few.per_cpu_s / many.per_cpu_s for many, few in pairs)


async def measure_customers(bench: Bench) -> Customers:
    """All numbers of customers."""
    sizes = bench.sizes
    found = Customers(
        sizes.growth_events, _PARTITIONS,
        {kind: {number: [] for number in sizes.growth} for kind in sizes.growth_draws},
    )  # fmt: skip
    for repetition in range(sizes.repetitions):
        for number in rotated(sizes.growth, repetition):
            # Servers of their own: what millions of customers leave behind in a Redis is not the next one's business.
            with bench.stage() as stage:
                await _of_number(bench, stage, number, repetition, found)
    return found


async def _of_number(bench: Bench, stage: Stage, number: int, repetition: int, found: Customers) -> None:
    sizes = bench.sizes
    lives = await bench.live("settled")
    for kind in sizes.growth_draws:
        site = stage.site(f"customers.{kind}.{number}.{repetition}.", _PARTITIONS)
        backlog = Backlog(
            events=templates(),
            who=draw(kind, number, sizes.growth_events, seed=repetition),
            begin_ms=lives.end_ms,
            per_s=sizes.per_s,
        )
        await site.create_topics()
        await publish(site, backlog)
        run = await run_worker(stage, site, lives, number, backlog)
        found.draws[kind][number].append(run)
        bench.say(f"  {number:,} customers, {kind}: {run.us[0]:.1f} µs an event")
