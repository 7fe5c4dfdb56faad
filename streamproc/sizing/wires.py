"""Bytes on the wires, and how long things take."""
# ruff: noqa: RUF001 (the lines are read by people, as arithmetic)

import math
from typing import Final

from streamproc.sizing.constants import constants
from streamproc.sizing.load import Plan, between, number, si

_DAY_S: Final = 86_400
_SWEEP_PER_S: Final = 5_000


def add_network(plan: Plan, back: float, signals_per_s: float) -> None:
    load, mb = plan.load, 1e6
    events = load.events_per_s * load.event_bytes / mb
    signals = signals_per_s * number("signal_bytes") / mb
    plan.line(
        "network",
        "events into Kafka, and out to the workers",
        f"{si(load.events_per_s)} × {load.event_bytes} bytes",
        events,
        "MB/s",
    )
    told = f"{si(signals_per_s)} × {number('signal_bytes'):g} bytes"
    plan.line("network", "signals into Kafka", told, signals, "MB/s", "signal_bytes")
    for name, what in (("redis_in", "into Redis"), ("redis_out", "out of Redis")):
        each = between(plan, "network", f"an event, {what}", name, "bytes", back)
        total = load.events_per_s * each / mb
        plan.results[f"{name}_mb_per_s"] = plan.line(
            "network", what, f"{si(load.events_per_s)} × {each:.0f} bytes", total, "MB/s"
        )
    disk = (events + signals) * _DAY_S * load.kafka_days * load.kafka_copies / 1e6
    told = f"({events:.1f} + {signals:.1f}) MB/s × {load.kafka_days:g} days × {load.kafka_copies} copies, uncompressed"
    plan.line("network", "Kafka's disks", told, disk, "TB")
    cpu = between(plan, "network", "an event, serving the workers", "kafka_us", "µs of a broker's CPU", back)
    plan.line(
        "network",
        "brokers' cores for that",
        f"{si(load.events_per_s)} × {cpu:.1f} µs",
        load.events_per_s * cpu / 1e6,
        "",
    )
    plan.results |= {"kafka_in_mb_per_s": events + signals, "kafka_tb": disk}


def add_time(plan: Plan, worker_per_s: float) -> None:
    load, workers = plan.load, plan.results["workers"]
    total = worker_per_s * workers
    rate = si(load.events_per_s)
    told = f"{rate} × {load.outage_s:,.0f} s ÷ ({workers:g} × {worker_per_s:,.0f} − {rate})"
    spare = total - load.events_per_s
    catch_up_s = load.events_per_s * load.outage_s / spare if spare > 0 else math.inf
    plan.line("time", f"to catch up after {load.outage_s / 60:,.0f} minutes", told, catch_up_s / 60, "min")
    sweep_s = load.customers / (workers * _SWEEP_PER_S)
    told = f"{si(load.customers)} ÷ ({workers:g} × {_SWEEP_PER_S:,})"
    plan.line("time", "until edited rules hold for everybody", told, sweep_s / 60, "min")
    each = load.events_per_s / workers
    table = constants()["latency_ms"].table
    row = next((row for row in table if row[0] >= each), None)
    if row is None:
        plan.notes.append(
            f"{each:,.0f} events/s a worker is beyond what latency was measured at: expect seconds"
        )
    else:
        told = f"{si(load.events_per_s)} ÷ {workers:g} = {each:,.0f} events/s a worker; measured at {row[0]:,.0f}"
        plan.line("time", "from event to signal, half of them within", told, row[1], "ms", "latency_ms")
        plan.line("time", "99 of 100 within", told, row[2], "ms", "latency_ms")
        plan.results |= {"p50_ms": row[1], "p99_ms": row[2]}
    plan.results |= {"catch_up_s": catch_up_s, "sweep_s": sweep_s}
