"""What more partitions cost: the throughput of one worker that has one, four or twelve of them."""

import msgspec

from benchmarks.bench import Bench, rotated
from benchmarks.worker_run import WorkerFigures, run_worker
from benchmarks.workload import Backlog, draw, publish, templates


class Partitions(msgspec.Struct):
    """By number of partitions, the repetitions."""

    customers: int
    events: int
    counts: dict[int, list[WorkerFigures]]


async def measure_partitions(bench: Bench) -> Partitions:
    """All numbers of partitions."""
    sizes = bench.sizes
    found = Partitions(
        sizes.partition_customers, sizes.partition_events, {count: [] for count in sizes.partition_counts}
    )
    with bench.stage() as stage:
        lives = await bench.live("settled")
        backlog = Backlog(
            events=templates(),
            who=draw("uniform", sizes.partition_customers, sizes.partition_events, seed=1),
            begin_ms=lives.end_ms,
            per_s=sizes.per_s,
        )
        for count in sizes.partition_counts:
            site = stage.site(f"partitions{count}.", count)
            await site.create_topics()
            await publish(site, backlog)
        for repetition in range(sizes.repetitions):
            for count in rotated(sizes.partition_counts, repetition):
                site = stage.site(f"partitions{count}.", count, life=f"r{repetition}")
                run = await run_worker(stage, site, lives, sizes.partition_customers, backlog)
                found.counts[count].append(run)
                bench.say(f"  {count} partitions: {run.us[0]:.1f} µs an event, {run.per_s:,.0f} events/s")
    return found
