"""What the figures should be. Ratios are of programs measured in turns, in one run; the median counts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.bench import Spread, spread
from benchmarks.results import Results

_GOES: Final = "[where it goes](#where-it-goes)"
#: What a target is known to miss, and why, by its key. It is printed; a miss that is not in here fails the run.
KNOWN_MISSES: Final[Mapping[str, str]] = {
    "fetch-uniform": f"every event loads, evaluates and saves a whole customer: {_GOES}",
    "fetch-zipf": f"the same; of customers with several events in a batch, once: {_GOES}",
    "faust-redis": f"its 370 µs an event would have to be 1,360, or our 27 be 7.4: {_GOES}",
    "faust-nothing": f"its 131 µs an event would have to be 136, or our 27 be 26 (on an EPYC: 7.4): {_GOES}",
    "bytewax": f"its 92 µs an event would have to be 272, or our 27 be 9: {_GOES}",
    "latency": "four echoes are some 18 ms. A round of a dozen shards computes 11 for 190 events (5.5 for 12), without "
    "Kafka and Redis, and an event waits for one round and lives through the next; reading and sending run in the same "
    "interpreter",
    "rules": "more rules make more signals (see below), each published with its evidence",
    "timers": f"a transition loads, evaluates and saves a customer, too, and sends a signal or two: {_GOES}",
}

#: The rate at which latency is judged.
JUDGED_PER_S: Final = 5_000
#: These are ours; the issue names no number. Events in a storm of timers; how nearly shares of partitions add up.
_STORM_P99_S: Final = 1.0
_LINEAR: Final = 0.9

Verdict = Literal["stretch", "met", "missed", "known miss", "not measured"]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure and its bound. least: it may not be below; most: not above. stretch: better still."""

    key: str
    what: str
    found: Callable[[Results], Spread | None]
    least: float | None = None
    most: float | None = None
    stretch: float | None = None
    decimals: int = 1

    @property
    def bound(self) -> str:
        """As people write it."""
        sign, value = ("≥", self.least) if self.least is not None else ("≤", self.most)
        return f"{sign} {value:,g}" + (f", stretch {self.stretch:g}" if self.stretch is not None else "")

    def reaches(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)


@dataclass(frozen=True)
class Judged:
    """A target and what became of it."""

    target: Target
    found: Spread | None
    verdict: Verdict
    reason: str = ""


def _than(other: str, distribution: str = "uniform") -> Callable[[Results], Spread | None]:
    """The worker divided by another program, on the population of the headline."""

    def found(results: Results) -> Spread | None:
        run = results.throughput
        if run is None or distribution not in run.draws:
            return None
        return run.draws[distribution].ratio(run.headline, other)

    return found


def _bytes(use: str) -> Callable[[Results], Spread | None]:
    return lambda results: results.memory.uses[use].without_ring_bytes if results.memory else None


def _latency(results: Results) -> Spread | None:
    rates = results.latency.rates if results.latency else []
    return next((rate.ratio() for rate in rates if rate.per_s == JUDGED_PER_S and rate.kept_up), None)


def _rules(results: Results) -> Spread | None:
    return results.rules.ratio(100, to=12) if results.rules else None


def _customers(results: Results) -> Spread | None:
    return results.customers.ratio("uniform") if results.customers else None


def _timers(results: Results) -> Spread | None:
    return results.timers.per_s() if results.timers else None


def _storm(results: Results) -> Spread | None:
    if results.timers is None:
        return None
    storm = results.timers.storm
    return spread([float("inf") if storm.missing else storm.during_p99_s])


def _linearity(results: Results) -> Spread | None:
    return results.workers.linearity() if results.workers else None


TARGETS: Final = (
    Target(key="fetch-uniform", what="uniform draw ÷ bare aiokafka fetch loop", found=_than("fetch"), least=0.16,
           stretch=0.25, decimals=3),
    Target(key="fetch-zipf", what="Zipf 1.1 ÷ bare aiokafka fetch loop", found=_than("fetch", "zipf"), least=0.25,
           stretch=0.45, decimals=3),
    Target(key="faust-redis", what="÷ Faust agent with a Redis pipeline per event", found=_than("faust-redis"),
           least=50, stretch=100),
    Target(key="faust-nothing", what="÷ Faust agent that does nothing", found=_than("faust-nothing"), least=5,
           stretch=10),
    Target(key="faust-table", what="÷ Faust agent with a windowed table", found=_than("faust-table"), least=8),
    Target(key="quix", what="÷ Quix Streams, keyed 60 s window", found=_than("quix"), least=3),
    Target(key="bytewax", what="÷ Bytewax window", found=_than("bytewax"), least=10),
    Target(key="kafka-streams", what="÷ Kafka Streams, one thread, RocksDB", found=_than("kafka-streams"), least=1,
           decimals=2),
    Target(key="latency", what="p99 from produce to signal ÷ p99 of the echo, at 5,000 events/s", found=_latency,
           most=4),
    Target(key="bytes-light", what="bytes of a light customer, without the ring", found=_bytes("light"), most=200,
           decimals=0),
    Target(key="bytes-typical", what="bytes of a typical customer, without the ring", found=_bytes("typical"),
           most=450, decimals=0),
    Target(key="bytes-heavy", what="bytes of a heavy customer, without the ring", found=_bytes("heavy"), most=2_000,
           decimals=0),
    Target(key="rules", what="cost of an event with 100 rules ÷ with 12", found=_rules, most=1.5, decimals=2),
    Target(key="customers", what="cost of an event, 3 M customers ÷ 10 k", found=_customers, most=1.5, decimals=2),
    Target(key="timers", what="transitions by time, per second and worker", found=_timers, least=50_000, decimals=0),
    Target(key="storm", what="p99 of events while timers fire, seconds (none lost)", found=_storm,
           most=_STORM_P99_S, decimals=2),
    Target(key="linear", what="events per core of shares of the partitions ÷ of the whole", found=_linearity,
           least=_LINEAR, decimals=2),
)  # fmt: skip


def judge(results: Results, known: Mapping[str, str] = KNOWN_MISSES) -> Iterator[Judged]:
    """What became of all targets."""
    for target in TARGETS:
        found = target.found(results)
        if found is None:
            yield Judged(target, None, "not measured")
        elif not target.reaches(found.median):
            reason = known.get(target.key, "")
            yield Judged(target, found, "known miss" if reason else "missed", reason)
        elif target.stretch is not None and found.median >= target.stretch:
            yield Judged(target, found, "stretch")
        else:
            yield Judged(target, found, "met", _outdated(target.key, known))


def _outdated(key: str, known: Mapping[str, str]) -> str:
    return "it is in KNOWN_MISSES, and need not be" if key in known else ""
