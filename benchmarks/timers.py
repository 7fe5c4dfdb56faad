"""Timers: what a worker does when very many customers fall due at once, and what the events have of it.

Everybody put something into the cart an hour ago, in the same few seconds, and left. So everybody becomes a cart
abandoner by time alone, in the same few seconds, and publishes it. Two runs:

- **rate**: the worker starts when all that is over, and has nothing else to do: signals caused by time, per second.
- **storm**: the worker is up and has events to do when it happens; the latency of those before and in the storm.
"""

import asyncio
import secrets
import time
from collections.abc import Iterator
from heapq import merge
from itertools import takewhile
from operator import attrgetter
from random import Random
from typing import Final

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer

from benchmarks.bench import Bench, Spread, spread
from benchmarks.population import Lives, as_record, happened, settle
from benchmarks.progress import Figures, Progress, figures
from benchmarks.stage import Site, Stage
from benchmarks.traffic import Order, Timed, start
from benchmarks.worker_run import Lookout, RunFailed, Sight, total
from benchmarks.workload import SEED, Template
from streamproc.clock import wall_ms
from streamproc.simulate.lives.life import HOUR_MS
from streamproc.simulate.lives.records import EventRecord
from streamproc.state.redis_store import RedisStore

#: In which all carts were filled.
_SPREAD_MS: Final = 5_000
_SECOND_MS: Final = 1_000
#: How long ago the carts of the first run fell due.
_PAST_MS: Final = 60_000
_CART: Final[Template] = (
    "events.web",
    {
        "type": "track",
        "event": "Product Added",
        "properties": {"product_id": "p-1", "price": 20.0, "quantity": 1},
    },
)
#: The events of the second run are of the same customers, some of whom order or change their carts.
_SHARE_LEFT: Final = 0.9
_POLL_S: Final = 0.1
#: Before the storm: how many signals wait anyway, of events.
_USUAL_S: Final = 10
_WITHIN_S: Final = 600


class Storm(msgspec.Struct, frozen=True):
    """Latency of events, in seconds, before and while the timers fire; how long that took."""

    before_p50_s: float
    before_p99_s: float
    during_p50_s: float
    during_p99_s: float
    during_count: int
    missing: int
    lasted_s: float


class Timers(msgspec.Struct):
    """rates: transitions, by repetition. evaluations_per_customer: how often one was looked at."""

    customers: int
    rates: list[Figures]
    transitions_per_customer: float
    evaluations_per_customer: float
    storm_per_s: int
    storm: Storm

    def per_s(self) -> Spread | None:
        """Transitions per second."""
        return spread(run.per_s for run in self.rates)

    def per_cpu_s(self) -> Spread | None:
        """Transitions per CPU second of the worker."""
        return spread(run.per_cpu_s for run in self.rates)


async def measure_timers(bench: Bench) -> Timers:
    """Both runs."""
    sizes = bench.sizes
    rates, counts = [], [(1.0, 1.0)]
    with bench.stage() as stage:
        begin_s = time.monotonic()
        past = await _with_carts(bench, wall_ms() - _PAST_MS)
        prepared_s = 0.0
        for repetition in range(sizes.repetitions):
            site = stage.site(f"timers{repetition}.", sizes.partitions)
            run, *count = await _rate(bench, stage, site, past)
            prepared_s = prepared_s or time.monotonic() - begin_s
            rates.append(run)
            counts.append((count[0], count[1]))
            bench.say(f"  {run.per_s:,.0f} transitions/s by time, {run.per_cpu_s:,.0f} per core")
        storm, attempt = None, 0
        while storm is None:
            # By then the customers are there again, and the worker is up and has had events for a while.
            due_ms = wall_ms() + int((prepared_s * (1 + attempt) + sizes.storm_after_s) * 1000)
            site = stage.site(f"storm{attempt}.", sizes.partitions)
            storm, attempt = await _storm(bench, stage, site, due_ms), attempt + 1
    transitions, evaluations = counts[-1]
    return Timers(sizes.timer_customers, rates, transitions, evaluations, sizes.storm_per_s, storm)


async def _with_carts(bench: Bench, due_ms: int) -> Lives:
    """Simulated lives just before their carts are an hour old, which is from `due_ms` on."""
    cart_ms = due_ms - HOUR_MS
    lives = takewhile(lambda record: record.ts_ms < cart_ms, happened(bench.sizes.lives, due_ms))
    known = list({record.key: None for record in happened(bench.sizes.lives, due_ms)})
    return await bench.through(
        merge(lives, _carts(known, cart_ms), key=attrgetter("ts_ms")),
        due_ms - _SECOND_MS,
    )


def _carts(keys: list[bytes], first_ms: int) -> Iterator[EventRecord]:
    random = Random(SEED)
    for ts_ms, key in sorted((first_ms + random.randrange(_SPREAD_MS), key) for key in keys):
        yield as_record(_CART, key, "cart", ts_ms)


async def _rate(bench: Bench, stage: Stage, site: Site, lives: Lives) -> tuple[Figures, float, float]:
    """Transitions in the topics; and transitions and evaluations per customer."""
    customers = bench.sizes.timer_customers
    await site.create_topics()
    store = RedisStore(stage.redis.url, prefix=site.prefix, group=site.group)
    try:
        await settle(lives, store, site.partitions, customers)
        await stage.rest()
        worker = site.start()
        lookout = Lookout(stage, site, store, [worker])
        progress = await _fired(lookout, lives.end_ms + _SPREAD_MS + 2 * _SECOND_MS)
        metrics = [await asyncio.to_thread(worker.metrics)]
        site.stop_all()
        for partition in range(site.partitions):
            await store.wipe(partition)
    finally:
        site.stop_all()
        await store.aclose()
    made = total(metrics, "signals_total", 'key="cart_abandoner"')
    if made < customers:
        raise RunFailed(f"{made:,.0f} of {customers:,} customers became cart abandoners")
    return (
        figures("timers", progress, progress[-1].done),
        total(metrics, "signals_total") / customers,
        total(metrics, "evaluations_total") / customers,
    )


async def _fired(lookout: Lookout, until_ms: int) -> list[Progress]:
    """How many signals are in the topics, until all shards are past an instant and all signals are sent."""
    progress: list[Progress] = []
    site, begin_s = lookout.site, time.monotonic()
    async with AIOKafkaConsumer(**site.brokers.client_options()) as consumer:
        while True:
            sight = await lookout.sight()
            ends = await consumer.end_offsets(site.signal_places)
            progress.append(Progress(sum(ends.values()), sight.worker.s, sight.worker.cpu_s))
            heads = [await lookout.store.read_head(partition) for partition in range(site.partitions)]
            if not sight.waiting and all(head and (head.time_ms or 0) >= until_ms for head in heads):
                return progress
            if time.monotonic() - begin_s > _WITHIN_S:
                raise RunFailed(f"timers still fire after {_WITHIN_S} s")
            await asyncio.sleep(_POLL_S)


async def _storm(bench: Bench, stage: Stage, site: Site, due_ms: int) -> Storm | None:
    """The second run, with timers that fall due from an instant on; None: it took too long to prepare."""
    sizes = bench.sizes
    lives = await _with_carts(bench, due_ms)
    await site.create_topics()
    store = RedisStore(stage.redis.url, prefix=site.prefix, group=site.group)
    try:
        await settle(lives, store, site.partitions, sizes.timer_customers)
        await stage.rest()
        worker = site.start().wait_ready()
        lookout = Lookout(stage, site, store, [worker])
        await lookout.caught_up()
        if wall_ms() > due_ms - 1000 * (sizes.storm_after_s / 2 + sizes.latency_warm_s):
            bench.say("  the timers fall due before there are events: once more, with more time")
            return None
        traffic = asyncio.create_task(start(_order(bench, site, due_ms)))
        sights = [await lookout.sight()]
        while not traffic.done():
            await asyncio.sleep(_POLL_S)
            sights.append(await lookout.sight())
        timed = await traffic
        metrics = [await asyncio.to_thread(worker.metrics)]
    finally:
        site.stop_all()
        await store.aclose()
    made = total(metrics, "signals_total", 'key="cart_abandoner"')
    if made < _SHARE_LEFT * sizes.timer_customers:
        raise RunFailed(f"{made:,.0f} of {sizes.timer_customers:,} customers became cart abandoners")
    return storm_of(timed, sights, time.monotonic() + (due_ms - wall_ms()) / 1000)


def _order(bench: Bench, site: Site, due_ms: int) -> Order:
    until_due_s = (due_ms - wall_ms()) / 1000
    return Order(
        bootstrap=site.kafka,
        prefix=site.prefix,
        partitions=site.partitions,
        per_s=bench.sizes.storm_per_s,
        warm_s=bench.sizes.latency_warm_s,
        s=until_due_s + bench.sizes.storm_watched_s,
        customers=bench.sizes.timer_customers,
        series=secrets.token_hex(4),
        echo=False,
    )


def storm_of(timed: Timed, sights: list[Sight], due_s: float) -> Storm | None:
    """Before the timers were due, and from then until no more signals waited than before, at least while they fell due.

    None if one of them had no events.
    """
    full_s = due_s + _SPREAD_MS / 1000 + 1
    usual = max((s.waiting for s in sights if due_s - _USUAL_S <= s.worker.s < due_s), default=0)
    over_s = next((s.worker.s for s in sights if s.worker.s > full_s and s.waiting <= usual), full_s)
    at_s, took_s = np.array(timed.at_s), np.array(timed.took_s)
    before, during = took_s[at_s < due_s], took_s[(at_s >= due_s) & (at_s < over_s)]
    if not len(before) or not len(during):
        return None
    return Storm(
        before_p50_s=float(np.quantile(before, 0.5)),
        before_p99_s=float(np.quantile(before, 0.99)),
        during_p50_s=float(np.quantile(during, 0.5)),
        during_p99_s=float(np.quantile(during, 0.99)),
        during_count=len(during),
        missing=timed.missing,
        lasted_s=over_s - due_s,
    )
