"""Whether conditions can hold together, against trying all values; how features are tied to each other."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or
from streamproc.rules.parse import parse_expression
from streamproc.rules.possible import Condition, TooManyAlternativesError, find_example
from tests.unit.rules import naive

#: Three features that have nothing to do with each other.
FREE = ("orders_total", "cart_items", "support_recency")
comparisons = st.builds(
    Comparison, st.sampled_from(FREE), st.sampled_from(tuple(NEGATED)), st.integers(0, 4), st.just("count")
)
expressions: st.SearchStrategy[Expr] = st.recursive(
    comparisons,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(And, st.lists(parts, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(parts, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=6,
)

IMPOSSIBLE = [
    "recency > 14d and recency < 7d",
    "events_30d == 3 and events_30d != 3",
    "events_7d > 5 and events_30d < 5",
    "web_events_7d > 5 and events_7d <= 5",
    "app_events_7d > 5 and events_total <= 5",
    "sessions_30d >= 2 and events_90d == 1",
    "web_duration_24h > 1h and duration_7d < 1h",
    "active_days_30d >= 31",
    "active_days_7d >= 3 and events_30d < 3",
    "recency >= 7d and active_days_7d >= 1",
    "recency >= 30d and sessions_30d >= 1",
    "recency <= 6d and active_days_7d == 0",
    "web_recency >= 24h and web_events_24h >= 1",
    "web_recency <= 23h and web_events_24h == 0",
    "app_recency > 5d and tenure < 5d",
    "cart_idle > 0s and cart_items == 0",
    "tenure < 29d and events_30d < 5",
    "tenure < 55m and events_1h == 0",
]
POSSIBLE = [
    "events_7d > 5 and events_30d > 5",
    "sessions_1h == 0 and recency <= 1m",
    "recency > 29d and active_days_30d >= 1",
    "recency <= 7d and active_days_7d == 0",
    "recency > 30d and events_30d >= 1",
    "money_7d > 5 USD and money_30d < 5 USD",
    "tenure < 30d and events_30d < 5",
    "tenure < 1d and events_30d >= 5",
    "cart_idle == 0s and cart_items > 0",
    "events_7d > orders_7d and events_7d < 2",
]


def example(text: str) -> dict[str, int] | None:
    parsed = parse_expression(text, currency="USD")
    assert parsed.expr is not None, parsed.mistakes
    return find_example([Condition(parsed.expr)])


@settings(max_examples=200, deadline=None)
@given(st.lists(expressions, min_size=1, max_size=2))
def test_an_example_is_found_if_there_is_one(exprs: list[Expr]) -> None:
    """And it is one: with its values, and any for the features it leaves out, all conditions hold."""

    def fulfils(values: dict[str, int]) -> bool:
        return all(naive.truth(expr, lambda name: (values[name], True)) == naive.TRUE for expr in exprs)

    try:
        found = find_example([Condition(expr) for expr in exprs])
    except TooManyAlternativesError:
        return
    if found is None:
        tried = [dict(zip(FREE, values, strict=True)) for values in product(range(7), repeat=3)]
        assert not any(map(fulfils, tried))
    else:
        assert fulfils({**dict.fromkeys(FREE, 0), **found})


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_features_exclude_each_other(text: str) -> None:
    """Windows inside windows, parts of wholes, silence and activity, history that is needed."""
    assert example(text) is None


@pytest.mark.parametrize("text", POSSIBLE)
def test_what_can_be_is_not_excluded(text: str) -> None:
    """Borders of the same ties; refunds make money go down; a session may have begun before the window."""
    assert example(text) is not None


def test_a_condition_that_need_not_be_known_leaves_open_what_history_leaves_open() -> None:
    """Where "less than 5" is not known, it may still be 5 or more: both are then possible with no history."""
    few = parse_expression("events_30d < 5 and tenure < 1d", currency="USD").expr
    many = parse_expression("events_30d >= 5", currency="USD").expr
    assert few is not None
    assert many is not None
    assert find_example([Condition(few)]) is None
    assert find_example([Condition(few, known=False)]) is not None
    assert find_example([Condition(few, known=False), Condition(many, known=False)]) is not None
