"""What hysteresis is for: how often simulated customers change their level, with and without it."""

from pathlib import Path

from streamproc.backtest.figures import Figures, Follower
from streamproc.backtest.history import HistoricEvent
from streamproc.churn.model import load_model
from streamproc.cutoffs.quantiles import find, in_file
from streamproc.cutoffs.states import read_states
from streamproc.rules.cutoff_values import NO_VALUES, CutoffValues
from streamproc.rules.load import load_ruleset
from streamproc.simulate.lives.population import Plan, Population
from streamproc.simulate.lives.records import recorded
from streamproc.transitions.definitions import Definitions
from tests.unit.backtest.histories import DAY_MS, replayed

CUSTOMERS, DAYS = 450, 120
END_MS = 20_700 * DAY_MS
RULES = """
cutoffs:
  heavy: {feature: sessions_30d, quantile: 80%, fixed: 12, hysteresis: 20%}
  medium: {feature: sessions_30d, quantile: 40%, fixed: 4, hysteresis: 20%}
segments:
  - {key: top, name: Top, version: 1, group: use, priority: 3,
     enter: sessions_30d >= heavy, exit: sessions_30d < heavy.low}
  - {key: mid, name: Mid, version: 1, group: use, priority: 2,
     enter: sessions_30d >= medium, exit: sessions_30d < medium.low}
  - {key: low, name: Low, version: 1, group: use, priority: 1, enter: tenure >= 0s}
"""


def definitions(text: str, values: CutoffValues, folder: Path) -> Definitions:
    path = folder / "rules.yaml"
    path.write_text(text)
    return Definitions(load_ruleset(path, values), load_model(None))


def changes_per_30_days(figures: Figures, customers: int) -> float:
    """Of level, by a customer, on average; the first level is none."""
    entries = sum(flow.entries.total() for flow in figures.segments.values())
    return (entries - customers) / customers / DAYS * 30


async def test_hysteresis_stops_flapping(tmp_path: Path) -> None:
    """With 20 % customers change their level less than half as often, and hardly anybody is back within a day."""
    plan = Plan(7, DAYS, END_MS, "USD")
    events = [
        HistoricEvent(record.topic, record.value)
        for record in recorded(Population(plan, range(CUSTOMERS)).happenings(), "s7")
    ]
    first = definitions(RULES, NO_VALUES, tmp_path)
    replay, _ = await replayed(events, first, END_MS + DAY_MS, 0)
    states = await read_states(replay.store, CUSTOMERS, 90, in_hash_order=False)
    found = find(first.ruleset.cutoffs, first.ruleset.features, states)
    values = in_file(found, NO_VALUES, "now", "test", len(states), 90)
    assert set(values.cutoffs) == {"heavy", "medium"}
    (with_it, without) = [
        await _lived(events, definitions(text, values, tmp_path))
        for text in (RULES, RULES.replace(".low", ""))
    ]
    changes = [changes_per_30_days(figures, len(states)) for figures in (with_it, without)]
    assert changes[0] < changes[1] / 2  # 0.43 and 0.99
    flaps = [sum(flow.flaps for flow in figures.segments.values()) for figures in (with_it, without)]
    assert flaps[0] == 0  # back within a day
    assert flaps[1] > 100
    assert with_it.segment("top").inside_ms < 1.5 * without.segment("top").inside_ms


async def _lived(events: list[HistoricEvent], under: Definitions) -> Figures:
    _, signals = await replayed(events, under, END_MS + DAY_MS, 0)
    follower = Follower()
    follower.add(signals)
    return follower.end(END_MS)
