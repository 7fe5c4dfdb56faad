"""How much memory Redis needs, and how many primaries."""
# ruff: noqa: RUF001 (the lines are read by people, as arithmetic)

import math
from dataclasses import dataclass
from typing import Final

from streamproc.errors import StreamprocError
from streamproc.sizing.constants import under_rules
from streamproc.sizing.load import RULES, SHARDS_PER_PRIMARY, Load, Plan, between, number, si

_ID_BYTES: Final = 10
_GIB: Final = 1 << 30
_PAGE_BYTES: Final = 4_096
#: Redis's one thread must not be busier, or latency rises.
_REDIS_BUSY: Final = 0.6
#: Signals that wait while Kafka is away; a shard takes nothing in beyond 50,000.
_OUTBOX_S: Final = 600
_OUTBOX_RECORDS_MAX: Final = 50_000
_PRIMARIES_MAX: Final = 10_000


def add_redis(plan: Plan, back: float, signals_per_s: float, shards: int) -> None:
    """Raises StreamprocError if no installation of this kind is large enough."""
    load, name = plan.load, f"customer_bytes_{plan.load.history}"
    more, letter = (
        under_rules("bytes", max(load.rules, RULES)) - under_rules("bytes", RULES),
        number("id_byte_bytes"),
    )
    each = number(name) + more + (load.id_bytes - _ID_BYTES) * letter
    told = (
        f"{number(name):g} + {more:.0f} of {max(load.rules, RULES) - RULES} more rules + "
        f"({load.id_bytes} − {_ID_BYTES}) × {letter:.2f}"
    )
    names = (name, "rules_few_bytes", "rules_some_bytes", "rules_many_bytes", "id_byte_bytes")
    plan.line(
        "redis",
        f"a customer, {load.history} history, id of {load.id_bytes} bytes",
        told,
        each,
        "bytes",
        *names,
    )
    customers = plan.line(
        "redis",
        "all customers",
        f"{si(load.customers)} × {each:.0f} bytes",
        load.customers * each / _GIB,
        "GiB",
    )
    records = min(signals_per_s * _OUTBOX_S, shards * _OUTBOX_RECORDS_MAX)
    waiting = records * number("signal_bytes") / _GIB
    told = (
        f"{si(records)} signals × {number('signal_bytes'):g} bytes: {si(signals_per_s)}/s × {_OUTBOX_S} s, at most "
        f"{_OUTBOX_RECORDS_MAX:,} a shard"
    )
    plan.line("redis", "outbox, if Kafka is away for ten minutes", told, waiting, "GiB", "signal_bytes")
    ratio = number("resident_ratio")
    told = f"({customers:.2f} + {waiting:.2f}) × {ratio:g}"
    resident = plan.line(
        "redis",
        "with what the allocator wastes",
        told,
        (customers + waiting) * ratio,
        "GiB",
        "resident_ratio",
    )
    cpu = between(plan, "redis", "an event", "redis_us", "µs of Redis's one thread", back)
    _add_primaries(plan, resident, cpu * load.events_per_s / 1e6, shards)


@dataclass(frozen=True, slots=True)
class _Primary:
    """The fullest of so many: it has the memory of its shards, and its forks copy some of that."""

    count: int
    shards: int
    mine_gib: float
    touched_gib: float
    copied_gib: float
    rewrite_s: float
    busy: float


def _primary(load: Load, count: int, shards: int, resident_gib: float, busy: float) -> _Primary:
    held = math.ceil(shards / count)
    share = held / shards
    mine_gib = resident_gib * share
    rewrite_s = mine_gib * number("rewrite_s_per_gib")
    touched_gib = load.events_per_s * share * rewrite_s * number("cow_pages_per_event") * _PAGE_BYTES / _GIB
    # Some pages are touched again and again: of M that are drawn n times at random, M (1 - e^(-n/M)).
    copied_gib = mine_gib * -math.expm1(-touched_gib / mine_gib) if mine_gib else 0.0
    return _Primary(count, held, mine_gib, touched_gib, copied_gib, rewrite_s, busy * share)


def _add_primaries(plan: Plan, resident_gib: float, busy: float, shards: int) -> None:
    """The fewest that have the memory, with what a fork copies, and the time."""
    load = plan.load
    for count in range(1, _PRIMARIES_MAX):
        one = _primary(load, count, max(shards, SHARDS_PER_PRIMARY * count), resident_gib, busy)
        if one.mine_gib + one.copied_gib <= load.redis_memory_gb and one.busy <= _REDIS_BUSY:
            break
    else:
        raise StreamprocError(
            f"{_PRIMARIES_MAX - 1:,} Redis primaries of {load.redis_memory_gb:g} GiB are not enough: "
            f"{resident_gib:,.0f} GiB of customers, and {busy:,.0f} threads of Redis",
            fix="check the numbers (10M, 50k, 1e6); larger nodes: --redis-memory-gb; or several installations",
        )
    told = f"for {resident_gib:.1f} GiB and the forks on {load.redis_memory_gb:g} GiB each, {busy:.2f} of a thread on "
    plan.line("redis", "primaries", f"{told}{_REDIS_BUSY:g} each", one.count, "")
    there = max(shards, SHARDS_PER_PRIMARY * one.count)
    told = f"{one.shards} of {there} shards × {resident_gib:.1f} GiB"
    plan.line("redis", "the fullest has", told, one.mine_gib, "GiB")
    rate = load.events_per_s * one.mine_gib / resident_gib
    told = f"{si(rate)} events/s × {one.rewrite_s:,.0f} s × {number('cow_pages_per_event'):g} pages of 4 KiB"
    names = ("cow_pages_per_event", "rewrite_s_per_gib")
    plan.line("redis", "written while its file is rewritten", told, one.touched_gib, "GiB", *names)
    told = f"{one.mine_gib:.2f} × (1 − e^−{one.touched_gib / one.mine_gib:.2f}): pages are copied once"
    plan.line("redis", "of that, the fork copies", told, one.copied_gib, "GiB")
    node_gib = one.mine_gib + one.copied_gib
    plan.line("redis", "memory of a node", f"{one.mine_gib:.2f} + {one.copied_gib:.2f}", node_gib, "GiB")
    plan.line("redis", "its one thread is busy", f"{busy:.2f} × {one.shards} ÷ {there}", one.busy, "share")
    nodes = one.count * (1 + load.replicas)
    plan.line("redis", "nodes with replicas", f"{one.count} × (1 + {load.replicas})", nodes, "")
    plan.results |= {
        "redis_primaries": one.count,
        "redis_nodes": nodes,
        "redis_gib": resident_gib,
        "redis_node_gib": node_gib,
        "redis_busy": one.busy,
    }
