"""From customers and events to shards, workers and memory: every step as a line that shows its numbers.

Pure arithmetic on `constants`. What it leaves out, and how far beyond the measured it goes: docs/scaling.md.
"""
# ruff: noqa: RUF001 (the lines are read by people, as arithmetic)

import math
from typing import Final

from streamproc.sizing.constants import under_rules
from streamproc.sizing.load import RULES, SHARDS_PER_PRIMARY, Load, Plan, between, number, si
from streamproc.sizing.redis import add_redis
from streamproc.sizing.wires import add_network, add_time

_DAY_S: Final = 86_400
#: A second worker, so that one may fail.
_WORKERS_MIN: Final = 2
#: Room for so many times the workers before there are more of them than shards; and customers of a shard: the most
#: that were measured are a million.
_GROWTH: Final = 3
_CUSTOMERS_PER_SHARD: Final = 500_000
_SHARDS_MIN: Final = 12
#: The most that were measured.
_SHARDS_PER_WORKER: Final = 96


def plan_for(load: Load) -> Plan:
    """Everything that the load needs."""
    plan = Plan(load)
    back = _share_back(plan)
    worker_per_s = _workers(plan, back)
    signals_per_s = _signals(plan, back)
    add_redis(plan, back, signals_per_s, _shards_wanted(load, plan.results["workers"]))
    _shards(plan)
    add_network(plan, back, signals_per_s)
    add_time(plan, worker_per_s)
    _notes(plan)
    return plan


def _share_back(plan: Plan) -> float:
    """The first event of a customer's day brings somebody back, and costs more than those behind it."""
    load = plan.load
    a_day = load.events_per_s * _DAY_S
    told = f"{si(load.active)} customers a day ÷ ({si(load.events_per_s)} × 86,400)"
    share = min(1.0, load.active / a_day) if a_day else 1.0
    return plan.line("events", "events that are a customer's first of the day", told, share, "share")


def _workers(plan: Plan, back: float) -> float:
    load = plan.load
    base = between(plan, "workers", "an event, with 30 rules", "worker_us", "µs", back)
    usual, wanted = under_rules("us", RULES), under_rules("us", load.rules)
    cost = max(base / 2, base + wanted - usual)
    told = f"{base:.1f} + {wanted:.1f} under {load.rules} rules − {usual:.1f} under {RULES}"
    names = ("rules_few_us", "rules_some_us", "rules_many_us")
    plan.line("workers", f"with {load.rules} rules", told, cost, "µs", *names)
    shared = min(1.0, number("linearity"))  # sharing out makes nothing faster, whatever was measured
    most = plan.line(
        "workers", "a worker at its most", f"1,000,000 ÷ {cost:.1f} × {shared:g}",
        1e6 / cost * shared, "events/s", "linearity",
    )  # fmt: skip
    needed = max(1, math.ceil(load.events_per_s / (most * load.busy)))
    told = f"{si(load.events_per_s)} ÷ ({most:,.0f} × {load.busy:g}), at least {_WORKERS_MIN}: one may fail"
    workers = plan.line("workers", "workers, a core each", told, max(needed, _WORKERS_MIN), "")
    memory = workers * number("worker_mib") / 1024
    plan.line(
        "workers", "their memory", f"{workers:g} × {number('worker_mib'):g} MiB", memory, "GiB", "worker_mib"
    )
    machines = math.ceil(workers / load.cores)
    plan.line(
        "workers", f"machines of {load.cores} cores for them", f"{workers:g} ÷ {load.cores}", machines, ""
    )
    plan.results |= {"workers": workers, "worker_machines": machines, "worker_events_per_s": most}
    return most


def _signals(plan: Plan, back: float) -> float:
    load = plan.load
    each = between(plan, "signals", "signals of an event, with 30 rules", "signals", "", back)
    told = f"{si(load.events_per_s)} × {each:.3f} × {load.rules} ÷ {RULES}"
    per_s = load.events_per_s * each * load.rules / RULES
    plan.results["signals_per_s"] = per_s
    return plan.line("signals", "signals", told, per_s, "/s")


def _shards_wanted(load: Load, workers: float, primaries: float = 0) -> int:
    return rounded_up(
        max(_GROWTH * workers, load.customers / _CUSTOMERS_PER_SHARD, SHARDS_PER_PRIMARY * primaries)
    )


def _shards(plan: Plan) -> None:
    load, workers, primaries = plan.load, plan.results["workers"], plan.results["redis_primaries"]
    told = (
        f"the most of {_GROWTH} × {workers:g} workers, {si(load.customers)} ÷ {_CUSTOMERS_PER_SHARD:,} customers, "
        f"{SHARDS_PER_PRIMARY} × {primaries:g} primaries and {_SHARDS_MIN}; up to a number with many divisors"
    )
    shards = _shards_wanted(load, workers, primaries)
    plan.results["partitions"] = plan.line("shards", "partitions of each topic", told, shards, "")


def rounded_up(wanted: float) -> int:
    """The next of 12, 24, 36, 48, 60, 72, 96, 120, 144, 192 ...: even shares for many numbers of workers."""
    scale = _SHARDS_MIN
    while wanted > 6 * scale:
        scale *= 2
    return scale * math.ceil(max(wanted, _SHARDS_MIN) / scale)


def _notes(plan: Plan) -> None:
    load, results = plan.load, plan.results
    per_shard = load.customers / results["partitions"]
    if results["redis_primaries"] > 1:
        plan.notes.append(
            "more than one primary is Redis Cluster: a shard is one slot; spread the slots that have one evenly "
            "(docs/scaling.md)"
        )
    if load.events_per_s / results["partitions"] > number("shard_events_per_s"):
        plan.notes.append("a shard would have more events than one worker can do: more partitions")
    if per_shard > 1_000_000:
        plan.notes.append(f"{per_shard:,.0f} customers a shard: more than were measured (a million)")
    if results["partitions"] / results["workers"] > _SHARDS_PER_WORKER:
        each = math.ceil(results["partitions"] / results["workers"])
        plan.notes.append(f"{each} shards a worker: more than were measured ({_SHARDS_PER_WORKER})")
    if load.customers > 3_000_000 or results["workers"] > 2:
        plan.notes.append(
            "measured are up to 3 million customers and 2 workers on one machine; beyond that this is arithmetic"
        )
    if load.events_per_s * _DAY_S > 0 and load.active > load.events_per_s * _DAY_S:
        plan.notes.append("fewer events than active customers a day: every event is taken for a first one")
    plan.notes.append(
        "the number of partitions cannot be changed later without a rebuild: it has room for three times the workers"
    )
