"""docs/performance.md: the template beside this file, filled with what was measured."""

import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template
from typing import Final

from benchmarks.bench import Spread, spread
from benchmarks.environment import Environment
from benchmarks.peers.measure import PEERS
from benchmarks.results import Results
from benchmarks.targets import Judged, judge
from benchmarks.throughput import DrawFigures, Throughput, catch_up_s
from benchmarks.worker_run import WorkerFigures

TEMPLATE: Final = Path(__file__).with_name("performance.md.in")
_NOT_MEASURED: Final = "*Not measured.*"
#: Backlogs for which catching up is told: seconds of input, events per second.
_BACKLOGS: Final = ((600, 1_000), (600, 5_000), (600, 10_000), (3_600, 5_000))


def report(results: Results) -> str:
    """The whole page."""
    run, memory = results.throughput, results.memory
    return Template(TEMPLATE.read_text()).substitute(
        environment=_environments(results),
        targets=targets_table(list(judge(results))),
        lives=f"{run.lives:,}" if run else "-",
        headline=run.headline if run else "-",
        throughput=_throughput(run) if run else _NOT_MEASURED,
        catch_up=_catch_up(run) if run else _NOT_MEASURED,
        latency=_latency(results),
        ring_ids_max=memory.ring_ids_max if memory else "-",
        ring_id_bytes=f"{memory.ring_id_bytes:.1f}" if memory else "-",
        memory=_memory(results),
        parts=_parts(results),
        population_bytes=_populations(results),
        timers=_timers(results),
        rules=_rules(results),
        customers=_customers(results),
        partitions=_partitions(results),
        workers=_workers(results),
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """In Markdown; all columns but the first are numbers."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shown(found: Spread | None, decimals: int = 0) -> str:
    """A median, with least and most if they differ from it."""
    if found is None:
        return "-"
    median, least, most = (f"{value:,.{decimals}f}" for value in (found.median, found.least, found.most))
    return median if least == most else f"{median} ({least} to {most})"


def targets_table(judged: Sequence[Judged]) -> str:
    """What the figures should be, and are."""
    rows = [
        [
            one.target.what,
            one.target.bound,
            shown(one.found, one.target.decimals),
            f"**{one.verdict}**" + (f": {one.reason}" if one.reason else ""),
        ]
        for one in judged
    ]
    return table(["figure", "target", "measured", ""], rows)


def _environments(results: Results) -> str:
    """One table if all was measured at once; else which part was measured when."""
    if not results.environments:
        return _NOT_MEASURED
    first = next(iter(results.environments.values()))
    packages = ", ".join(f"{name} {version}" for name, version in first.packages.items())
    lines = [
        f"- {first.cpu}, {first.cores} cores, {first.memory_gb} GB; Linux {first.kernel}",
        f"- {first.kafka} ({first.java}), one broker; {first.redis}",
        f"- Python {first.python}; {packages}",
    ]
    when: dict[tuple[str, str], list[str]] = {}
    for name, each in results.environments.items():
        when.setdefault((each.at[:10], each.commit), []).append(name)
    lines += [
        f"- {day}, commit `{commit}`" + ("" if len(when) == 1 else f": {', '.join(names)}")
        for (day, commit), names in when.items()
    ]
    return "\n".join([*lines, *_other_machines(list(results.environments.values()))])


def _other_machines(environments: Sequence[Environment]) -> list[str]:
    machines = {(each.cpu, each.cores, each.kernel) for each in environments}
    return ["- **not all on one machine**"] if len(machines) > 1 else []


def _throughput(run: Throughput) -> str:
    parts = [f"{run.customers:,} customers, {run.events:,} events, {run.partitions} partitions."]
    for distribution, draw in run.draws.items():
        rows = [_worker_row(kind, runs, len(draw.workers)) for kind, runs in draw.workers.items()]
        rows += [
            [
                PEERS[name].what, shown(draw.per_s(name)), shown(draw.per_cpu_s(name)),
                *(shown(draw.ratio(kind, name), 2) for kind in draw.workers),
            ]
            for name in draw.others
        ]  # fmt: skip
        head = ["program", "events/s", "events/s per core", *(f"{kind} ÷ it" for kind in draw.workers)]
        parts += [f"### {distribution}", table(head, rows), _costs(draw)]
    return "\n\n".join(parts)


def _worker_row(kind: str, runs: Sequence[WorkerFigures], columns: int) -> list[str]:
    per_s, per_cpu_s = (
        spread(run.per_s for run in runs),
        spread(run.per_cpu_s for run in runs),
    )
    return [f"**streamproc**, {kind}", shown(per_s), shown(per_cpu_s), *("" for _ in range(columns))]


def _costs(draw: DrawFigures) -> str:
    rows = []
    for kind, runs in draw.workers.items():
        worker, redis, kafka = (spread(run.us[i] for run in runs) for i in range(3))
        rows.append(
            [
                kind, shown(worker, 1), shown(redis, 1), shown(kafka, 1),
                shown(spread(run.signals_per_event for run in runs), 2),
                shown(spread(run.resident_mb for run in runs)),
            ]
        )  # fmt: skip
    head = ["CPU µs per event", "worker", "Redis", "Kafka", "signals per event", "worker's memory, MiB"]
    return table(head, rows)


def _catch_up(run: Throughput) -> str:
    rows = []
    for backlog_s, per_s in _BACKLOGS:
        cells = []
        for draw in run.draws.values():
            applied_per_s = draw.per_s(run.headline)
            took_s = catch_up_s(applied_per_s.median, backlog_s, per_s) if applied_per_s else math.nan
            cells.append({math.inf: "never"}.get(took_s, f"{took_s:,.0f} s"))
        rows.append([f"{backlog_s // 60} minutes of {per_s:,} events/s", *cells])
    return table(["backlog", *run.draws], rows)


def _latency(results: Results) -> str:
    found = results.latency
    if found is None:
        return _NOT_MEASURED
    rows = []
    for rate in found.rates:
        for what, runs in (("echo", rate.echoes), ("signals", rate.signals)):
            cells = [
                shown(spread(1000 * getattr(run, name) for run in runs), 1)
                for name in ("p50_s", "p95_s", "p99_s")
            ]
            last = "" if what == "echo" else shown(rate.ratio(), 1) if rate.kept_up else "beyond capacity"
            rows.append([f"{what} at {rate.per_s:,}/s", *cells, last])
    return table(["milliseconds", "p50", "p95", "p99", "p99 ÷ echo"], rows)


def _memory(results: Results) -> str:
    if results.memory is None:
        return _NOT_MEASURED
    rows = [
        [
            name, str(use.active_days), f"{use.customers}", shown(use.without_ring_bytes), shown(use.state_bytes),
            f"{use.redis_bytes:,.0f}",
        ]
        for name, use in results.memory.uses.items()
    ]  # fmt: skip
    head = [
        "customer",
        "active days",
        "customers seen",
        "without the ring",
        "with it",
        "in Redis, with key and timers",
    ]
    return table(head, rows)


def _parts(results: Results) -> str:
    if results.memory is None:
        return _NOT_MEASURED
    uses = results.memory.uses
    names = list(dict.fromkeys(name for use in uses.values() for name in use.parts))
    rows = []
    for name in names:
        parts = [use.parts.get(name) for use in uses.values()]
        rows.append([name, *(f"{part.bytes:,.0f} ({part.rows:,.1f})" if part else "" for part in parts)])
    rows.append(["all", *(f"{use.mean_bytes:,.0f}" for use in uses.values())])
    return table(["part", *uses], rows)


def _populations(results: Results) -> str:
    found = results.memory.populations if results.memory else {}
    return " and ".join(f"{bytes_:,.0f} ({kind})" for kind, bytes_ in found.items()) or "-"


def _timers(results: Results) -> str:
    found = results.timers
    if found is None:
        return _NOT_MEASURED
    storm = found.storm
    return (
        f"{found.customers:,} customers become cart abandoners within the same seconds, by time alone. With nothing "
        f"else to do, a worker publishes {shown(found.per_s())} transitions per second, {shown(found.per_cpu_s())} per "
        "core "
        f"({found.transitions_per_customer:.1f} signals and {found.evaluations_per_customer:.1f} evaluations a "
        f"customer).\n\nWith {found.storm_per_s:,} events/s beside, the storm lasted {storm.lasted_s:,.1f} s. From "
        f"produce to signal, p50 and p99 of the events were {storm.before_p50_s * 1000:,.0f} and "
        f"{storm.before_p99_s * 1000:,.0f} ms before, {storm.during_p50_s * 1000:,.0f} and "
        f"{storm.during_p99_s * 1000:,.0f} ms in it; {storm.missing} were lost."
    )


def _rules(results: Results) -> str:
    if results.rules is None:
        return _NOT_MEASURED
    fewest = results.rules.sets[0].rules
    rows = [
        [
            str(each.rules), shown(spread(each.cpu_us), 1), shown(results.rules.ratio(each.rules, fewest), 2),
            f"{each.signals_per_event:.2f}", f"{each.state_bytes:,.0f}",
        ]
        for each in results.rules.sets
    ]  # fmt: skip
    head = ["rules", "CPU µs per event", f"÷ {fewest} rules", "signals per event", "bytes of a state"]
    return table(head, rows)


def _runs_row(what: str, runs: Sequence[WorkerFigures]) -> list[str]:
    worker, redis = (spread(run.us[i] for run in runs) for i in range(2))
    memory_mb = statistics.median(run.resident_mb for run in runs)
    return [
        what,
        shown(worker, 1),
        shown(redis, 1),
        shown(spread(run.per_s for run in runs)),
        f"{memory_mb:,.0f}",
    ]


_RUNS_HEAD: Final = ["", "worker, CPU µs per event", "Redis", "events/s", "worker's memory, MiB"]


def _customers(results: Results) -> str:
    if results.customers is None:
        return _NOT_MEASURED
    parts = [
        f"More customers, settled, {results.customers.partitions} partitions. `uniform`: as they come; with few "
        "customers a chunk has several events of one, which are cheaper together. `cycle`: everybody once, then "
        "everybody again, so that chunks do the same work whatever the number of customers."
    ]
    for distribution, by_number in results.customers.draws.items():
        rows = [
            _runs_row(f"{number:,} customers, {distribution}", runs) for number, runs in by_number.items()
        ]
        parts += [
            table(_RUNS_HEAD, rows),
            f"Most ÷ fewest, {distribution}: {shown(results.customers.ratio(distribution), 2)}",
        ]
    return "\n\n".join(parts)


def _partitions(results: Results) -> str:
    if results.partitions is None:
        return _NOT_MEASURED
    rows = [_runs_row(f"{count} partitions", runs) for count, runs in results.partitions.counts.items()]
    return table(_RUNS_HEAD, rows)


def _workers(results: Results) -> str:
    found = results.workers
    if found is None:
        return _NOT_MEASURED
    rows = [
        _runs_row(f"{number} workers" if number > 1 else "1 worker", r)
        for number, r in found.together.items()
    ]
    rows += [
        _runs_row(f"share {share + 1} of {len(found.shares)}, alone", runs)
        for share, runs in enumerate(found.shares)
    ]
    return (
        f"{table(_RUNS_HEAD, rows)}\n\nMost workers ÷ one, events/s, on cores that Kafka and Redis share: "
        f"{shown(found.speed_up(), 2)}. Events per core of the shares, run alone one after the other, ÷ those of one "
        f"worker with all partitions: {shown(found.linearity(), 2)}; 1 is linear."
    )
