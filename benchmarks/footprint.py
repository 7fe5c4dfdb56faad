"""What an installation takes beside CPU: the constants of `streamproc capacity` that `make bench` does not measure.

    python -m benchmarks.footprint --customers 1000000      # about five minutes

Redis with so many customers (copies of simulated lives of 90 days), what it has beside its data, what a fork costs it;
bytes per event on the wires of Redis and Kafka, of one worker on a backlog. The last lines are that run beside what
`streamproc capacity` says of the same load.
"""

import argparse
import asyncio
import math
import time
from collections.abc import Sequence
from typing import Final

import msgspec
from redis.asyncio import Redis

from benchmarks.bench import packaged
from benchmarks.population import Kind, Lives, history, live, settle
from benchmarks.sizes import FULL
from benchmarks.stage import Site, Stage, open_stage
from benchmarks.worker_run import Lookout, total, worker_figures
from benchmarks.workload import Backlog, draw, publish, records, templates
from streamproc.clock import wall_ms
from streamproc.sizing.load import Load
from streamproc.sizing.plan import plan_for
from streamproc.state.redis_store import RedisStore
from streamproc.transport.bulk import read_topic
from streamproc.transport.topics import Topics

_PARTITIONS: Final = 12
#: Of customers' ids: those of the benchmarks, and a UUID.
_ID_BYTES: Final = (10, 36)
_ID_CUSTOMERS: Final = 100_000
#: When the file is rewritten under load.
_MIDWAY: Final = 0.3


class Footprint(msgspec.Struct):
    """Redis with customers in it, bytes. fork_ms_per_gb: how long it stands still when it rewrites its file."""

    customers: int
    used_bytes_per_customer: float
    resident_ratio: float
    aof_bytes_per_customer: float
    fork_ms_per_gb: float
    rewrite_s: float


class Wires(msgspec.Struct):
    """One worker on a backlog; bytes per event, per signal where it says so."""

    events_per_s: float
    events_per_core: float
    redis_us_per_event: float
    kafka_us_per_event: float
    signals_per_event: float
    redis_in_bytes: float
    redis_out_bytes: float
    redis_bytes_per_customer: float
    event_bytes: float
    signal_bytes: float
    cow_pages_per_event: float
    rewrite_s_per_gib: float
    cow_share: float


async def measure_footprint(stage: Stage, lives: Lives, customers: int) -> Footprint:
    """So many customers."""
    store = RedisStore(stage.redis.url, prefix="footprint.", group="footprint", socket_timeout_s=60)
    await stage.rest()
    before = await _info(stage)
    try:
        await settle(lives, store, _PARTITIONS, customers)
        await stage.rest()
        after = await _info(stage)
        async with Redis.from_url(stage.redis.url) as redis:
            await redis.bgrewriteaof()
        await stage.rest()
        rewritten = await _info(stage)
        for partition in range(_PARTITIONS):
            await store.wipe(partition)
    finally:
        await store.aclose()
    used = _data(after) - _data(before)
    return Footprint(
        customers,
        used / customers,
        after["used_memory_rss"] / after["used_memory"],
        rewritten["aof_base_size"] / customers,
        rewritten["latest_fork_usec"] / 1e3 / (after["used_memory_rss"] / 1e9),
        rewritten["aof_last_rewrite_time_sec"],
    )


async def measure_id_bytes(stage: Stage) -> dict[str, float]:
    """What another byte of the customers' ids takes in the hash of states, and in a due list."""
    found: dict[str, list[float]] = {"state": [], "due": []}
    async with Redis.from_url(stage.redis.url, socket_timeout=60) as redis:
        for id_bytes in _ID_BYTES:
            ids = [f"{number:0{id_bytes}d}" for number in range(_ID_CUSTOMERS)]
            for name, grown in found.items():
                await stage.rest()  # what was deleted before is freed beside
                before = _data(await _info(stage))
                for at in range(0, len(ids), 1_000):
                    some = ids[at : at + 1_000]
                    if name == "state":
                        await redis.hset("ids", mapping=dict.fromkeys(some, b"\x01" * 350))
                    else:  # the lists of many minutes are short
                        await redis.rpush(f"ids:{at}", *(b"\0" + id_.encode() for id_ in some))
                grown.append((_data(await _info(stage)) - before) / len(ids))
            await redis.flushdb()
    more = _ID_BYTES[1] - _ID_BYTES[0]
    return {name: (long - short) / more for name, (short, long) in found.items()}


async def measure_wires(
    stage: Stage, lives: Lives, customers: int, events: int, label: str, partitions: int
) -> Wires:
    """One worker, from settled customers to the end of a backlog."""
    site = stage.site(f"wires-{label}.", partitions)
    backlog = Backlog(
        events=templates(),
        who=draw("uniform", customers, events, seed=1),
        begin_ms=lives.end_ms,
        per_s=FULL.per_s,
    )
    await site.create_topics()
    await publish(site, backlog)
    sizes = [
        len(record.value or b"") + len(record.key or b"")
        for some in records(backlog, site.prefix, partitions)
        for record in some
    ]
    store = RedisStore(stage.redis.url, prefix=site.prefix, group=site.group, socket_timeout_s=60)
    try:
        empty = _data(await _info(stage))
        await settle(lives, store, partitions, customers)
        await stage.rest()
        before = await _info(stage)
        worker = site.start()
        lookout = Lookout(stage, site, store, [worker])
        rewriting = asyncio.create_task(_rewrite_midway(stage, lookout, events))
        sights = await lookout.watch(events)
        rewrite = await rewriting
        after = await _info(stage)
        metrics = await asyncio.to_thread(lambda: [worker.metrics()])
    finally:
        site.stop_all()
        await store.aclose()
    run = worker_figures(sights, events, metrics, 0.0)
    made = total(metrics, "signals_total")
    return Wires(
        run.per_s,
        run.per_cpu_s,
        run.us[1],
        run.us[2],
        made / events,
        (after["total_net_input_bytes"] - before["total_net_input_bytes"]) / events,
        (after["total_net_output_bytes"] - before["total_net_output_bytes"]) / events,
        (_data(before) - empty) / customers,
        sum(sizes) / len(sizes),
        await _signal_bytes(site),
        *rewrite,
    )


async def _rewrite_midway(stage: Stage, lookout: Lookout, events: int) -> tuple[float, float, float]:
    """Rewrite the file under load: pages of 4 KiB that an event touches; seconds a GiB; share that is copied."""
    while (await lookout.sight()).worker.done < _MIDWAY * events:
        await asyncio.sleep(0.1)
    while (await _info(stage))["aof_rewrite_in_progress"]:  # one that Redis has begun by itself
        await asyncio.sleep(0.05)
    before, began_s = (await lookout.sight()).worker.done, time.monotonic()
    async with Redis.from_url(stage.redis.url) as redis:
        await redis.bgrewriteaof()
    while (info := await _info(stage))["aof_rewrite_in_progress"]:
        await asyncio.sleep(0.05)
    took_s, done = time.monotonic() - began_s, (await lookout.sight()).worker.done - before
    copied = info["aof_last_cow_size"]
    share = min(copied / info["used_memory_rss"], 0.99)
    # An event may touch a page that is copied already.
    pages = -math.log1p(-share) * info["used_memory_rss"] / 4096 / max(1, done)
    return pages, took_s / (info["used_memory_rss"] / 2**30), share


async def _signal_bytes(site: Site) -> float:
    """Key, value and headers of a signal, on average."""
    sizes = []
    for topic in Topics(site.prefix).signals:
        async for some in read_topic(site.brokers, topic, site.partitions):
            for record in some:
                headers = sum(len(name) + len(value) for name, value in record.headers)
                sizes.append(len(record.key) + len(record.value) + headers)
    return sum(sizes) / max(1, len(sizes))


async def _info(stage: Stage) -> dict[str, float]:
    return {
        name: value for name, value in (await stage.redis_info()).items() if isinstance(value, int | float)
    }


def _data(info: dict[str, float]) -> float:
    """Without the buffers of connections and of the append-only file."""
    return info["used_memory"] - info["mem_clients_normal"] - info["mem_aof_buffer"]


def foretold(kind: Kind, customers: int, events: int) -> float:
    """What `streamproc capacity` says a worker does at its most with this backlog, as if it were of one day."""
    seen = len(set(draw("uniform", customers, events, seed=1)))
    load = Load(
        customers=customers, events_per_s=events / 86_400, active_per_day=seen if kind == "fresh" else 1e-9
    )
    return plan_for(load).results["worker_events_per_s"]


async def measure(customers: int, lives: int, loads: Sequence[int], events: int, partitions: int) -> None:
    """All of it, printed as it comes."""
    definitions, end_ms = packaged(), wall_ms()
    kinds: tuple[Kind, ...] = ("fresh", "settled")
    for kind in kinds:
        print(f"{lives} simulated customers live 90 days ({kind})", flush=True)
        lived = await live(definitions, history(kind, lives, end_ms), end_ms, FULL.step_ms)
        with open_stage() as stage:
            if customers:
                print(kind, await measure_footprint(stage, lived, customers), flush=True)
            if kind == "fresh":
                print("a byte of an id takes", await measure_id_bytes(stage), flush=True)
            for load in loads:
                wires = await measure_wires(stage, lived, load, events, f"{kind}{load}", partitions)
                print(kind, load, wires, flush=True)
                said = foretold(kind, load, events)
                ratio = wires.events_per_core / said
                print(
                    f"  capacity says {said:,.0f} events/s; measured per core ÷ that: {ratio:.2f}", flush=True
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--customers", type=int, default=FULL.customers, help="in Redis, for its memory; 0: not now"
    )
    parser.add_argument("--lives", type=int, default=300, help="simulated customers, who are copied")
    parser.add_argument("--loads", type=int, nargs="*", default=[50_000], help="customers of a worker's run")
    parser.add_argument("--events", type=int, default=150_000, help="of a worker's run")
    parser.add_argument("--partitions", type=int, default=_PARTITIONS, help="of a worker's run")
    asyncio.run(measure(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
