"""The rule language: what texts mean, and that trees and texts are one another's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.rules.expression import And, Comparison, Expr, Not, Or, all_of, any_of
from streamproc.rules.parse import parse_expression
from tests.unit.rules.strategies import expressions

HOUR_MS = 3_600_000
RECENT = Comparison("recency", ">", 24 * HOUR_MS, "ms")
OFTEN = Comparison("events_30d", ">=", 3, "count")
RICH = Comparison("money_30d", "<", 9_990_000, "EUR")

MEANING = {
    "recency > 1d": RECENT,
    "1d < recency": RECENT,
    "recency>24h": RECENT,
    "  recency\n >\t1d ": RECENT,
    "((recency > 1d))": RECENT,
    "recency > 86400s": RECENT,
    "recency > 23h60m": RECENT,
    "events_30d >= 3": OFTEN,
    "3 <= events_30d": OFTEN,
    "events_30d >= 3.0": OFTEN,
    "money_30d < 9.99 EUR": RICH,
    "recency > 1d and events_30d >= 3 or money_30d < 9.99 EUR": Or((And((RECENT, OFTEN)), RICH)),
    "recency > 1d or events_30d >= 3 and money_30d < 9.99 EUR": Or((RECENT, And((OFTEN, RICH)))),
    "recency > 1d and (events_30d >= 3 or money_30d < 9.99 EUR)": And((RECENT, Or((OFTEN, RICH)))),
    "recency > 1d and (events_30d >= 3 and money_30d < 9.99 EUR)": And((RECENT, OFTEN, RICH)),
    "recency > 1d OR events_30d >= 3 Or money_30d < 9.99 EUR": Or((RECENT, OFTEN, RICH)),
    "not recency > 1d and events_30d >= 3": And((Not(RECENT), OFTEN)),
    "not (recency > 1d and events_30d >= 3)": Not(And((RECENT, OFTEN))),
    "not not recency > 1d": RECENT,
    "not not NOT recency > 1d": Not(RECENT),
    "3 <= events_30d < 20": And((OFTEN, Comparison("events_30d", "<", 20, "count"))),
    "20 > events_30d >= 3": And((Comparison("events_30d", "<", 20, "count"), OFTEN)),
    "0 < web_events_7d <= app_events_7d < 9": And(
        (
            Comparison("web_events_7d", ">", 0, "count"),
            Comparison("web_events_7d", "<=", "app_events_7d", "count"),
            Comparison("app_events_7d", "<", 9, "count"),
        )
    ),
    "money_7d == money_total": Comparison("money_7d", "==", "money_total", "EUR"),
    "duration_24h != app_duration_7d": Comparison("duration_24h", "!=", "app_duration_7d", "ms"),
}


@pytest.mark.parametrize("text", MEANING)
def test_a_text_means(text: str) -> None:
    """Precedence, normal form (feature first), units, ranges."""
    assert parse_expression(text, currency="EUR").expr == MEANING[text]


@settings(max_examples=50, deadline=None)
@given(expressions)
def test_a_tree_is_what_its_text_says(expr: Expr) -> None:
    """The text of a tree is read as that tree: flat, and without double negation."""
    normal = _normal(expr)
    assert parse_expression(str(expr), currency="USD").expr == normal
    assert parse_expression(str(normal), currency="USD").expr == normal


@given(st.text("()<>=!&| andornt.,'\"0123456789dhUSDrecency_events30money\n", max_size=60))
def test_any_text_has_a_tree_or_a_mistake_inside_it(text: str) -> None:
    """Nothing else comes out of a text, however wrong it is."""
    parsed = parse_expression(text, currency="USD")
    assert (parsed.expr is None) == bool(parsed.mistakes)
    assert all(0 <= mistake.offset <= len(text) for mistake in parsed.mistakes)


def test_each_comparison_has_its_offset() -> None:
    """Where the comparison begins, for messages about it."""
    parsed = parse_expression("recency > 1d and (3 <= events_30d)", currency="USD")
    assert parsed.offsets == {RECENT: 0, OFTEN: 18}


def test_equal_trees_are_one_key() -> None:
    """Parsed twice, a rule finds what was kept for it."""
    first, second = (
        parse_expression("not (1d < recency or 3 <= events_30d)", currency="USD").expr for _ in "ab"
    )
    assert first == second
    assert hash(first) == hash(second)


def _normal(expr: Expr) -> Expr:
    match expr:
        case Not(Not(child)):
            return _normal(child)
        case Not(child):
            return Not(_normal(child))
        case And(children):
            return all_of([_normal(child) for child in children])
        case Or(children):
            return any_of([_normal(child) for child in children])
        case Comparison(feature, op, threshold, "ms") if isinstance(threshold, int):
            # The tests' customers live for milliseconds; rules are written in seconds.
            return Comparison(feature, op, threshold // 1_000 * 1_000, "ms")
    return expr
