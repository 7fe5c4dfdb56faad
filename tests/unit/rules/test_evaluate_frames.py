"""Rules on the engine's own frames: the next flip holds for real customers, panes and windows."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import TALLIES
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES, Feature
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or, Text
from streamproc.rules.program import compile_rules
from streamproc.windows.apply import Measures, apply_events
from streamproc.windows.panes import DAY_MS, HOUR_MS, INF, MINUTE_MS, NEVER
from streamproc.windows.table import CustomerTable, new_customers
from tests.unit.events import events as plain_events

NOW_MS = 20_090 * DAY_MS + 7 * HOUR_MS
UNITS = {"duration": "ms", "count": "count", "money": "USD", "percent": "percent", "text": "text"}
THRESHOLDS = {
    "age": st.sampled_from([0, MINUTE_MS, HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, 80 * DAY_MS]),
    "duration": st.integers(0, 4).map(lambda quarters: quarters * 15 * MINUTE_MS),
    "count": st.integers(0, 4),
    "money": st.integers(0, 4).map(lambda amount: amount * 2_500_000),
    "percent": st.sampled_from([0, 1, 50, 99, 100, 101, 200, 428]),
    "text": st.sampled_from([Text(text, text_hash(text)) for text in ("web", "app", "shoes")]),
}
FACTORS = st.sampled_from([1, 1, 2, 3, 7, 30])

#: Ages of a customer's events, in minutes before now.
lives = st.lists(
    st.lists(st.one_of(st.integers(0, 120), st.integers(0, 90 * 24 * 60)), min_size=1, max_size=8),
    min_size=1,
    max_size=4,
)


def _comparison(feature: Feature) -> st.SearchStrategy[Comparison]:
    thresholds = THRESHOLDS["age" if feature.kind == "age" else feature.unit]
    ops = st.sampled_from(("==", "!=") if feature.unit == "text" else tuple(NEGATED))
    return st.builds(Comparison, st.just(feature.name), ops, thresholds, st.just(UNITS[feature.unit]))


def _partners(feature: Feature) -> list[str]:
    """What the feature may be compared with: ages with totals only."""
    kinds = {"age": ("total",), "total": ("age", "window", "total", "relation")}.get(
        feature.kind, ("window", "total", "relation")
    )
    return [
        other.name
        for other in FEATURES.values()
        if other.kind in kinds and other.unit == feature.unit != "text" and other is not feature
    ]


def _pair(feature: Feature) -> st.SearchStrategy[Comparison]:
    ops, unit = st.sampled_from(tuple(NEGATED)), st.just(UNITS[feature.unit])
    others = st.sampled_from(_partners(feature))
    return st.builds(Comparison, st.just(feature.name), ops, others, unit, FACTORS, FACTORS)


comparisons = st.one_of(
    st.sampled_from(list(FEATURES.values())).flatmap(_comparison),
    st.sampled_from([feature for feature in FEATURES.values() if _partners(feature)]).flatmap(_pair),
    st.builds(
        Comparison, st.sampled_from(["recency", "order_recency", "tenure"]), st.sampled_from(tuple(NEGATED)),
        st.sampled_from(["usual_gap", "pause"]), st.just("ms"), FACTORS, FACTORS,
    ),
)  # fmt: skip
expressions: st.SearchStrategy[Expr] = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.lists(parts, min_size=2, max_size=2).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=2, max_size=2).map(tuple)),
    ),
    max_leaves=4,
)


def customers(ages_min: list[list[int]]) -> CustomerTable:
    """Customers with events on all channels in turn, some with orders, carts and durations of their own."""
    row = np.array([i for i, life in enumerate(ages_min) for _ in life], np.int64)
    ts_ms = np.array([NOW_MS - age * MINUTE_MS for life in ages_min for age in life], np.int64)
    n = len(row)
    turn = np.arange(n)
    channel = (turn % 3).astype(np.int8)
    order = turn % 4 == 3
    view = np.where(turn % 3 == 1, 1, 0)
    columns = plain_events(
        [str(i) for i in row],
        ts_ms,
        channel=channel,
        activity=channel != 2,
        duration_ms=np.where(turn % 2, 20 * MINUTE_MS, NEVER),
        order=order,
        money_micros=np.where(order, 2_500_000, 0),
        cart=np.where(turn % 5 == 1, 1, 0),
        cart_micros=np.where(turn % 5 == 1, 1_500_000, 0),
        tally=np.where(turn % 2, turn // 2 % (len(TALLIES) - 2), -1),
        valence=turn % 3 - 1,
        view=view,
        shown=turn % 7,
        category=[b"shoes" if number % 3 else b"" for number in turn],
        survey=np.where(turn % 4 == 1, turn % 3, -1),
        score=turn % 6,
        ticket=np.where(turn % 6 == 2, 1, np.where(turn % 6 == 5, -1, 0)),
        ticket_hash=turn // 12,
        consent=np.where(turn % 9 == 4, 0b11, -1),
    )
    table = new_customers([str(i) for i in range(len(ages_min))])
    apply_events(table, row, columns, np.full(n, NOW_MS), Measures(30 * MINUTE_MS))
    return table


@settings(max_examples=60, deadline=None)
@given(expressions, lives)
@example(Comparison("events_1h", ">", 0, "count"), [[128_581]])  # only an event that is too late to count
def test_no_flip_of_a_real_customer_is_missed(expr: Expr, ages_min: list[list[int]]) -> None:
    """Until the next flip, the truth at every later instant of silence is that of now."""
    table, program = customers(ages_min), compile_rules([expr])

    def at(now_ms: int) -> Evaluation:
        return Evaluation(Frame(table, np.full(len(table), now_ms, np.int64)), program)

    now = at(NOW_MS)
    truth, flips_ms = now.truth(expr), now.flips_at_ms(expr)
    assert (flips_ms > NOW_MS).all()
    later = {NOW_MS + days * DAY_MS // 2 for days in range(1, 190)}
    later |= {NOW_MS + steps * 5 * MINUTE_MS for steps in range(1, 14)}
    later |= {NOW_MS + hours * HOUR_MS for hours in range(1, 26)}
    later |= {int(flip_ms) - 1 for flip_ms in flips_ms if NOW_MS + 1 < flip_ms < INF}
    for instant in sorted(later):
        same = at(instant).truth(expr) == truth
        assert (same | (flips_ms <= instant)).all()
