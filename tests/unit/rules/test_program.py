"""Compiled rules: equal questions are one node, negations none, and levels as few as rules are deep."""

from streamproc.features.registry import FEATURES
from streamproc.rules.expression import Expr, Not
from streamproc.rules.normal import in_at_least
from streamproc.rules.parse import parse_expression
from streamproc.rules.program import compile_rules


def rule(text: str) -> Expr:
    parsed = parse_expression(text, currency="USD")
    assert parsed.expr is not None, parsed.mistakes
    return parsed.expr


def test_everything_comes_down_to_at_least() -> None:
    assert str(in_at_least(rule("events_7d > 4"))) == "events_7d >= 5"
    assert str(in_at_least(rule("events_7d < 4"))) == "not events_7d >= 4"
    assert str(in_at_least(rule("events_7d <= 4"))) == "not events_7d >= 5"
    assert str(in_at_least(rule("events_7d == 4"))) == "events_7d >= 4 and not events_7d >= 5"
    assert str(in_at_least(rule("events_7d > orders_7d"))) == "not orders_7d >= events_7d"
    assert in_at_least(Not(rule("events_7d < 4"))) == rule("events_7d >= 4")


def test_questions_are_asked_once_by_kind() -> None:
    program = compile_rules(
        [
            rule("events_7d > 4 and recency > 3d"),
            rule("events_7d <= 4 or orders_total >= 1"),
            rule("recency <= 3d"),
        ]
    )
    assert program.windows.features == (FEATURES["events_7d"],)
    assert program.ages.features == (FEATURES["recency"],)
    assert program.totals.features == (FEATURES["orders_total"],)
    assert [len(kind.place) for kind in (program.windows, program.ages, program.totals)] == [1, 1, 1]
    assert program.node(rule("recency <= 3d")) == (program.node(rule("recency > 3d"))[0], True)


def test_a_level_holds_all_rules_of_that_depth() -> None:
    deep = rule("events_7d > 4 and (recency > 3d or (orders_total >= 1 and tenure > 1d))")
    flat = rule("events_7d > 4 or tenure > 1d")
    program = compile_rules([deep, flat])
    assert [level.nodes.stop - level.nodes.start for level in program.levels] == [2, 1, 1]
    assert program.size == 4 + 4


def test_features_of_pairs_are_read_with_the_others() -> None:
    program = compile_rules([rule("events_7d > events_30d"), rule("orders_total >= 2")])
    assert program.windows.features == (FEATURES["events_30d"], FEATURES["events_7d"])
    assert program.pairs == ((FEATURES["events_30d"], 1, FEATURES["events_7d"], 1),)
    assert len(program.windows.place) == 0


def test_no_rules_at_all() -> None:
    assert compile_rules([]).size == 0
