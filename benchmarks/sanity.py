"""Whether figures are there and can be true. For the smoke run, whose figures mean nothing else."""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from benchmarks.peers.measure import fetched
from benchmarks.results import MEASUREMENTS, Results
from benchmarks.throughput import KINDS
from benchmarks.worker_run import WorkerFigures

#: A Python process with numpy takes more, and nothing here takes so much.
_MEMORY_MB: Final = (30, 8_000)
_PER_CPU_S: Final = (10, 10_000_000)


def mistakes(results: Results, names: Iterable[str] = MEASUREMENTS) -> Iterator[str]:
    """What is missing or cannot be, of these measurements."""
    for name in names:
        if getattr(results, name) is None:
            yield f"{name} was not measured"
        else:
            yield from (f"{name}: {mistake}" for mistake in _CHECKS[name](results))


def _throughput(results: Results) -> Iterator[str]:
    assert results.throughput is not None
    for distribution, draw in results.throughput.draws.items():
        for kind in KINDS:
            yield from _runs(f"{distribution}, {kind}", draw.workers[kind])
        for peer in fetched():
            runs = draw.others.get(peer, [])
            if not runs:
                yield f"{distribution}: {peer} did not run"
            for run in runs:
                if not math.isnan(run.per_cpu_s) and not _PER_CPU_S[0] < run.per_cpu_s < _PER_CPU_S[1]:
                    yield f"{distribution}: {peer} does {run.per_cpu_s:,.0f} events per CPU second"
        fresh, settled = (draw.workers[kind][0].signals_per_event for kind in KINDS)
        if not settled < fresh:
            yield f"{distribution}: {fresh:.2f} signals an event when fresh, {settled:.2f} when settled"


def _latency(results: Results) -> Iterator[str]:
    assert results.latency is not None
    for rate in results.latency.rates:
        for run in (*rate.echoes, *rate.signals):
            if run.missing or not 0 < run.p50_s <= run.p95_s <= run.p99_s:
                yield f"at {rate.per_s}/s: {run}"


def _memory(results: Results) -> Iterator[str]:
    assert results.memory is not None
    for name, use in results.memory.uses.items():
        parts = sum(part.bytes for part in use.parts.values())
        if not math.isclose(parts, use.mean_bytes, rel_tol=1e-6):
            yield f"the parts of a {name} customer are {parts:,.1f} bytes, all of it {use.mean_bytes:,.1f}"


def _timers(results: Results) -> Iterator[str]:
    assert results.timers is not None
    found = results.timers
    if found.transitions_per_customer < 1 or found.evaluations_per_customer < 1:
        yield "not every customer was evaluated and moved"
    if found.storm.missing:
        yield f"{found.storm.missing} events had no signal"


def _rules(results: Results) -> Iterator[str]:
    assert results.rules is not None
    for each in results.rules.sets:
        if not all(0 < cpu_us < 1e5 for cpu_us in each.cpu_us):
            yield f"{each.rules} rules cost {each.cpu_us} µs an event"


def _customers(results: Results) -> Iterator[str]:
    assert results.customers is not None
    for kind, by_number in results.customers.draws.items():
        for number, runs in by_number.items():
            yield from _runs(f"{number} customers, {kind}", runs)


def _partitions(results: Results) -> Iterator[str]:
    assert results.partitions is not None
    for count, runs in results.partitions.counts.items():
        yield from _runs(f"{count} partitions", runs)


def _workers(results: Results) -> Iterator[str]:
    assert results.workers is not None
    for number, runs in results.workers.together.items():
        yield from _runs(f"{number} workers", runs)
    for share, runs in enumerate(results.workers.shares):
        yield from _runs(f"share {share}", runs)


def _runs(what: str, runs: Sequence[WorkerFigures]) -> Iterator[str]:
    """A run that was too short to be measured is no mistake here; one that did nothing is."""
    if not runs:
        yield f"{what}: no run"
    for run in runs:
        rate_fits = math.isnan(run.per_cpu_s) or _PER_CPU_S[0] < run.per_cpu_s < _PER_CPU_S[1]
        memory_fits = _MEMORY_MB[0] < run.resident_mb < _MEMORY_MB[1]
        if not rate_fits or not memory_fits or run.commits < 1 or run.signals_per_event <= 0:
            yield f"{what}: {run}"


_CHECKS: Final = {
    "throughput": _throughput,
    "latency": _latency,
    "memory": _memory,
    "timers": _timers,
    "rules": _rules,
    "customers": _customers,
    "partitions": _partitions,
    "workers": _workers,
}
