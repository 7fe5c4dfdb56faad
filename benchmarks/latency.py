"""Latency: from the production of an event to its signal in the topic, beside a bare echo at the same rate.

The echo is the same process with the same events, which listens to the topics that it fills; no worker runs then. Each
repetition has all echoes, then all rates with one worker, which is as its settings are by default.
"""

import secrets

import msgspec
import numpy as np

from benchmarks.bench import Bench, Spread, spread
from benchmarks.population import settle
from benchmarks.stage import Site, Stage
from benchmarks.traffic import NEWCOMER_EVERY, Order, Timed, start
from benchmarks.worker_run import Lookout, RunFailed
from streamproc.state.redis_store import RedisStore

#: Who sends less than this part of the rate has not sent at that rate.
_RATE_KEPT = 0.97
#: Who falls behind is later at the end than at the beginning, by so much more than double; or late all the time.
_GROWTH_S = 0.25
_BEHIND_S = 2.0
_DRAINED_WITHIN_S = 120


class Latencies(msgspec.Struct, frozen=True):
    """Of one run at one rate, in seconds. kept_up: the rate was sent, every signal came, and it did not get later."""

    per_s: float
    p50_s: float
    p95_s: float
    p99_s: float
    count: int
    missing: int
    late_p99_s: float
    kept_up: bool


class RateFigures(msgspec.Struct):
    """One rate; a figure for each repetition."""

    per_s: int
    echoes: list[Latencies]
    signals: list[Latencies]

    @property
    def kept_up(self) -> bool:
        """Whether more than half of the runs could follow."""
        return sum(run.kept_up for run in self.signals) > len(self.signals) / 2

    def ratio(self) -> Spread | None:
        """p99 of the signals divided by p99 of the echo in the same repetition."""
        pairs = zip(self.signals, self.echoes, strict=True)
        return spread(mine.p99_s / bare.p99_s for mine, bare in pairs)


class Latency(msgspec.Struct):
    """newcomers: one in so many events causes the signal that is timed."""

    customers: int
    partitions: int
    newcomers: int
    s: float
    rates: list[RateFigures]


async def measure_latency(bench: Bench) -> Latency:
    """All rates."""
    sizes = bench.sizes
    rates = [RateFigures(rate, [], []) for rate in sizes.rates_per_s]
    with bench.stage() as stage:
        lives = await bench.live("settled")
        echo = stage.site("echo.", sizes.partitions)
        site = stage.site("latency.", sizes.partitions)
        for each in (echo, site):
            await each.create_topics()
        store = RedisStore(stage.redis.url, prefix=site.prefix, group=site.group)
        await settle(lives, store, site.partitions, sizes.latency_customers)
        await stage.rest()
        try:
            for _ in range(sizes.repetitions):
                for rate in rates:
                    rate.echoes.append(await _run(bench, echo, rate.per_s, echo=True))
                await _signals(bench, stage, site, store, rates)
        finally:
            await store.aclose()
    return Latency(sizes.latency_customers, sizes.partitions, NEWCOMER_EVERY, sizes.latency_s, rates)


async def _signals(
    bench: Bench, stage: Stage, site: Site, store: RedisStore, rates: list[RateFigures]
) -> None:
    """All rates on one worker, which is given the time to work off what is left of one before the next."""
    worker = site.start().wait_ready()
    lookout = Lookout(stage, site, store, [worker])
    try:
        await lookout.caught_up()
        for rate in rates:
            rate.signals.append(await _run(bench, site, rate.per_s, echo=False))
            sights = await lookout.watch(sum((await site.ends()).values()))
            if sights[-1].worker.s - sights[0].worker.s > _DRAINED_WITHIN_S:
                raise RunFailed(
                    f"the worker needed more than {_DRAINED_WITHIN_S} s after {rate.per_s} events/s"
                )
        worker.terminate()
    finally:
        site.stop_all()


async def _run(bench: Bench, site: Site, per_s: int, *, echo: bool) -> Latencies:
    sizes = bench.sizes
    timed = await start(
        Order(
            bootstrap=site.kafka,
            prefix=site.prefix,
            partitions=site.partitions,
            per_s=per_s,
            warm_s=sizes.latency_warm_s,
            s=sizes.latency_s,
            customers=sizes.latency_customers,
            series=secrets.token_hex(4),
            echo=echo,
        )
    )
    found = latencies(timed, per_s)
    bench.say(
        f"  {'echo' if echo else 'signals'} at {per_s:,}/s: p50 {found.p50_s * 1000:,.1f} ms, "
        f"p99 {found.p99_s * 1000:,.1f} ms{'' if found.kept_up else ', beyond capacity'}"
    )
    return found


def latencies(timed: Timed, per_s: int) -> Latencies:
    """The quantiles, and whether the run is one at that rate."""
    if not timed.took_s:
        raise RunFailed(f"of {timed.missing} newcomers none was seen again")
    took_s = np.array(timed.took_s)
    p50_s, p95_s, p99_s = map(float, np.quantile(took_s, (0.5, 0.95, 0.99)))
    quarter = max(1, len(took_s) // 4)
    by_time = took_s[np.argsort(timed.at_s)]
    first_s, last_s = float(np.median(by_time[:quarter])), float(np.median(by_time[-quarter:]))
    reached_per_s = timed.sent / timed.span_s
    kept_up = (
        not timed.missing
        and reached_per_s >= _RATE_KEPT * per_s
        and last_s <= min(_BEHIND_S, 2 * first_s + _GROWTH_S)
    )
    return Latencies(
        reached_per_s, p50_s, p95_s, p99_s, len(timed.took_s), timed.missing, timed.late_p99_s, bool(kept_up)
    )
