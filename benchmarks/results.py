"""Everything that was measured, as it is kept in bench.json."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec

from benchmarks.bench import Bench
from benchmarks.customers import Customers, measure_customers
from benchmarks.environment import Environment
from benchmarks.latency import Latency, measure_latency
from benchmarks.memory import Memory, measure_memory
from benchmarks.partitions import Partitions, measure_partitions
from benchmarks.rule_cost import RuleCost, measure_rule_cost
from benchmarks.throughput import Throughput, measure_throughput
from benchmarks.timers import Timers, measure_timers
from benchmarks.workers import Workers, measure_workers

#: The measurements, in the order in which they are made; each is a field of Results.
MEASUREMENTS: Final[Mapping[str, Callable[[Bench], Awaitable[Any]]]] = MappingProxyType(
    {
        "throughput": measure_throughput,
        "latency": measure_latency,
        "memory": measure_memory,
        "timers": measure_timers,
        "rules": measure_rule_cost,
        "customers": measure_customers,
        "partitions": measure_partitions,
        "workers": measure_workers,
    }
)


class Results(msgspec.Struct):
    """By measurement; None: not made. environments: in which each was made, since they may be made one by one."""

    environments: dict[str, Environment] = {}
    throughput: Throughput | None = None
    latency: Latency | None = None
    memory: Memory | None = None
    timers: Timers | None = None
    rules: RuleCost | None = None
    customers: Customers | None = None
    partitions: Partitions | None = None
    workers: Workers | None = None


def load(file: Path) -> Results:
    """What was kept before; nothing if there is no such file."""
    return msgspec.json.decode(file.read_bytes(), type=Results) if file.exists() else Results()


def save(results: Results, file: Path) -> None:
    """Keep it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")
