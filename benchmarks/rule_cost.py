"""What more rules cost: one shard in memory, without Kafka and Redis, on a settled population.

The rules are made from the real features: comparisons of one or two of them with thresholds that some customers
are above and some below, as those of people are. Each set has its own population that was evaluated by it, and is
measured on the same events, batch by batch, in turns.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import orjson

from benchmarks.bench import Bench, Spread, rotated, spread
from benchmarks.population import Engine, Lives, history
from benchmarks.workload import SEED, Backlog, draw, name, records, templates
from streamproc.churn.model import load_model
from streamproc.clock import wall_ms
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES, Feature
from streamproc.rules.load import load_ruleset
from streamproc.simulate.lives.records import EventRecord
from streamproc.state.layout import unpack
from streamproc.state.store import Commit
from streamproc.transitions.definitions import Definitions

_BATCH = 2_000
_LITERALS = {"duration": "{}s", "money": "{} USD", "count": "{}", "percent": "{}%"}
_UNITS = {"duration": 1_000, "money": 1_000_000, "count": 1, "percent": 1}


class RuleFigures(msgspec.Struct):
    """One set of rules. cpu_us: per event, by repetition."""

    rules: int
    cpu_us: list[float]
    signals_per_event: float
    state_bytes: float


class RuleCost(msgspec.Struct):
    """By number of rules, rising."""

    customers: int
    events: int
    sets: list[RuleFigures]

    def ratio(self, rules: int, to: int) -> Spread | None:
        """Cost with so many rules, divided by that of the other set in the same repetition."""
        by_number = {each.rules: each for each in self.sets}
        if rules not in by_number or to not in by_number:
            return None
        pairs = zip(by_number[rules].cpu_us, by_number[to].cpu_us, strict=True)
        return spread(many / few for many, few in pairs)


@dataclass(frozen=True)
class RuleSet:
    """Rules, and customers who were evaluated by them."""

    definitions: Definitions
    lives: Lives


async def measure_rule_cost(bench: Bench) -> RuleCost:
    """All sets."""
    sizes, end_ms = bench.sizes, wall_ms()
    events = list(history("settled", sizes.rule_lives, end_ms))
    sample = await bench.through(events, end_ms)
    sets: dict[int, RuleSet] = {}
    for number in sizes.rules:
        bench.say(f"{sizes.rule_lives} simulated customers live 90 days under {number} rules")
        definitions = definitions_of(made_rules(number, sample))
        sets[number] = RuleSet(definitions, await bench.through(events, end_ms, definitions))
    found = {
        number: RuleFigures(number, [], 0.0, float(np.mean([len(s) for s in each.lives.states])))
        for number, each in sets.items()
    }
    backlog = Backlog(
        events=templates(),
        who=draw("uniform", sizes.rule_customers, sizes.rule_events, seed=1),
        begin_ms=end_ms,
        per_s=sizes.per_s,
    )
    for repetition in range(sizes.repetitions):
        for number in rotated(list(sets), repetition):
            cpu_us, signals = await asyncio.to_thread(
                asyncio.run, _run(sets[number], sizes.rule_customers, backlog)
            )
            found[number].cpu_us.append(cpu_us)
            found[number].signals_per_event = signals
            bench.say(f"  {number} rules: {cpu_us:.1f} µs an event, {signals:.2f} signals an event")
    return RuleCost(sizes.rule_customers, sizes.rule_events, list(found.values()))


async def _run(rules: RuleSet, customers: int, backlog: Backlog) -> tuple[float, float]:
    """CPU microseconds and signals per event, the first tenth of the events left out."""
    engine = await Engine.begin(rules.definitions)
    states = [
        (name(number).encode(), rules.lives.states[number % len(rules.lives.states)])
        for number in range(customers)
    ]
    head = rules.lives.head
    engine.shard.head = await engine.store.commit(
        engine.shard.head, Commit(states=states, time_ms=rules.lives.end_ms, extra=head.extra)
    )
    engine = Engine(engine.store, engine.shard.head, rules.definitions)
    made = [
        EventRecord(0, record.topic, record.key or b"", record.value or b"")
        for some in records(backlog, "", 1)
        for record in some
    ]
    warm = len(made) // 10
    began_s, signals = 0.0, 0
    for at in range(0, len(made), _BATCH):
        if at >= warm and not began_s:
            began_s, signals, warm = time.thread_time(), engine.signals, at
        engine.put(made[at : at + _BATCH], rules.lives.end_ms + 3_600_000)
        await engine.advance(backlog.begin_ms + at * 1000 // backlog.per_s)
    measured = len(made) - warm
    return (time.thread_time() - began_s) / measured * 1e6, (engine.signals - signals) / measured


def definitions_of(text: str) -> Definitions:
    """Of a rules file."""
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        path = Path(folder) / "rules.yaml"
        path.write_text(text)
        return Definitions(load_ruleset(path), load_model(None))


def made_rules(number: int, sample: Lives) -> str:
    """A rules file with so many segments; a smaller number's are the first of a larger one's."""
    random = Random(SEED)
    thresholds = _thresholds(sample)
    features = [FEATURES[each] for each in thresholds]
    segments = [
        {
            "key": f"made_{i}",
            "name": f"Made {i}",
            "version": 1,
            "enter": " and ".join(
                _comparison(feature, thresholds[feature.name], random)
                for feature in random.sample(features, 2)
            ),
        }
        for i in range(number)
    ]
    # JSON is YAML.
    return orjson.dumps({"segments": segments}, option=orjson.OPT_INDENT_2).decode()


def _comparison(feature: Feature, thresholds: Sequence[int], random: Random) -> str:
    threshold = random.choice(thresholds)
    sign = ">" if random.random() < 0.7 else "<="
    return f"{feature.name} {sign} {_LITERALS[feature.unit].format(threshold)}"


def _thresholds(sample: Lives) -> dict[str, Sequence[int]]:
    """For each feature by which customers differ, values (in the unit of a rule) that divide them."""
    table = unpack([""] * len(sample.states), sample.states)
    frame = Frame(table, np.full(len(table), sample.end_ms))
    found: dict[str, Sequence[int]] = {}
    for feature in FEATURES.values():
        if feature.unit not in _LITERALS:
            continue
        values = frame.value(feature) // _UNITS[feature.unit]
        values = values[(values >= 0) & (values < 1 << 31)]
        if (
            len(values)
            and len(dividing := np.unique(np.quantile(values, (0.3, 0.5, 0.8)).astype(np.int64))) > 1
        ):
            found[feature.name] = [int(value) for value in dividing]
    return found
