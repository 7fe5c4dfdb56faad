"""Two workers: together on this machine, and each alone on its share of the partitions.

Here Kafka, Redis and the workers share the cores, so two workers are not twice as fast whatever they do. What sharing
out the partitions itself costs is seen when the shared cores are taken away: each worker's share is run alone, one
after the other. A worker still has all partitions then, but there are events in its share only. If a share's events per
core are those of the whole, workers on cores of their own add up.
"""

from functools import partial

import msgspec

from benchmarks.bench import Bench, Spread, spread
from benchmarks.population import Lives
from benchmarks.stage import Site, Stage
from benchmarks.worker_run import WorkerFigures, run_worker
from benchmarks.workload import Backlog, draw, of_partitions, publish, templates


class Workers(msgspec.Struct):
    """together: by number of workers (CPU of all of them). shares: by the worker whose partitions they are."""

    partitions: int
    events: int
    together: dict[int, list[WorkerFigures]]
    shares: list[list[WorkerFigures]]

    def speed_up(self) -> Spread | None:
        """Events per second of most workers, divided by those of one."""
        pairs = zip(self.together[max(self.together)], self.together[1], strict=True)
        return spread(many.per_s / one.per_s for many, one in pairs)

    def linearity(self) -> Spread | None:
        """Events per core of the shares alone, on average, divided by those of one worker with all; 1 is linear."""
        found = []
        for repetition, one in enumerate(self.together[1]):
            alone = [share[repetition].per_cpu_s for share in self.shares]
            found.append(sum(alone) / len(alone) / one.per_cpu_s)
        return spread(found)


async def measure_workers(bench: Bench) -> Workers:
    """One worker, more, and the shares."""
    sizes = bench.sizes
    most = max(sizes.worker_counts)
    found = Workers(
        sizes.partitions, sizes.worker_events, {n: [] for n in sizes.worker_counts}, [[] for _ in range(most)]
    )
    with bench.stage() as stage:
        lives = await bench.live("settled")
        who = draw("uniform", sizes.partition_customers, sizes.worker_events, seed=1)
        whole = await _fill(stage, "workers.", sizes.partitions, lives, who, sizes.per_s)
        shares = []
        for share in range(most):
            kept = range(share, sizes.partitions, most)
            its = of_partitions(who, sizes.partition_customers, sizes.partitions, kept)
            shares.append(await _fill(stage, f"share{share}.", sizes.partitions, lives, its, sizes.per_s))
        for repetition in range(sizes.repetitions):
            runs = await bench.each(
                [
                    *(
                        partial(_run, bench, stage, *whole, lives, f"{number}of{repetition}", number)
                        for number in found.together
                    ),
                    *(
                        partial(_run, bench, stage, *share, lives, f"share{repetition}", 1)
                        for share in shares
                    ),
                ]
            )
            for its_runs, run in zip((*found.together.values(), *found.shares), runs, strict=True):
                its_runs.append(run)
    return found


async def _fill(
    stage: Stage, prefix: str, partitions: int, lives: Lives, who: list[int], per_s: int
) -> tuple[Site, Backlog]:
    site = stage.site(prefix, partitions)
    backlog = Backlog(events=templates(), who=who, begin_ms=lives.end_ms, per_s=per_s)
    await site.create_topics()
    await publish(site, backlog)
    return site, backlog


async def _run(
    bench: Bench, stage: Stage, site: Site, backlog: Backlog, lives: Lives, life: str, workers: int
) -> WorkerFigures:
    own = stage.site(site.prefix, site.partitions, life=life)
    run = await run_worker(stage, own, lives, bench.sizes.partition_customers, backlog, workers)
    bench.say(
        f"  {workers} on {len(backlog.who):,} events: {run.per_s:,.0f} events/s, {run.per_cpu_s:,.0f} per core"
    )
    return run
