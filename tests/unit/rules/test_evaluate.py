"""Truth, next flip and evidence of rules, against a naive evaluator that tries every instant."""

from typing import cast

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.signals import Evidence
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.evaluate import FALSE, TRUE, UNKNOWN, Evaluation
from streamproc.rules.expression import And, Comparison, Expr, Not, Or
from streamproc.rules.parse import parse_expression
from streamproc.rules.program import compile_rules
from streamproc.windows.panes import INF
from tests.unit.rules import naive
from tests.unit.rules.customers import RELATIONS, Age, Customer, StepFrame, Total, Window
from tests.unit.rules.strategies import (
    END_MS,
    NOW_MS,
    comparisons,
    expressions,
    literal_comparisons,
    populations,
)


def truth_at(expr: Expr, customer: Customer, now_ms: int) -> int:
    return naive.truth(expr, lambda name: customer[name].at(now_ms))


def first_flip_ms(expr: Expr, customer: Customer) -> int:
    """The first instant after NOW_MS at which the truth is another than at NOW_MS."""
    now = truth_at(expr, customer, NOW_MS)
    return next((t for t in range(NOW_MS + 1, END_MS + 1) if truth_at(expr, customer, t) != now), INF)


class Group:
    """Whatever is asked of these customers, each question compiled for itself."""

    def __init__(self, group: list[Customer]) -> None:
        self._frame = cast(Frame, StepFrame(group, NOW_MS))

    def of(self, expr: Expr) -> Evaluation:
        return Evaluation(self._frame, compile_rules([expr]))

    def truth(self, expr: Expr) -> npt.NDArray[np.int8]:
        return self.of(expr).truth(expr)

    def flips_at_ms(self, expr: Expr) -> npt.NDArray[np.int64]:
        return self.of(expr).flips_at_ms(expr)

    def evidence(self, expr: Expr, row: int) -> list[Evidence]:
        return self.of(expr).evidence(expr, row)


def expression(text: str) -> Expr:
    parsed = parse_expression(text, currency="USD")
    assert parsed.expr is not None, parsed.mistakes
    return parsed.expr


@given(expressions, populations)
def test_truth_is_that_of_the_table(expr: Expr, group: list[Customer]) -> None:
    """Vectorised truth equals the naive one for every customer."""
    expected = [truth_at(expr, customer, NOW_MS) for customer in group]
    assert Group(group).truth(expr).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(expressions, populations)
def test_no_flip_is_ever_missed(expr: Expr, group: list[Customer]) -> None:
    """The next flip lies after now and not after the first instant at which the truth is really another."""
    flips_ms = Group(group).flips_at_ms(expr)
    assert (flips_ms > NOW_MS).all()
    for customer, flip_ms in zip(group, flips_ms, strict=True):
        assert flip_ms <= first_flip_ms(expr, customer)


@settings(max_examples=100, deadline=None)
@given(
    literal_comparisons.filter(lambda c: c.op not in ("==", "!=") and c.feature not in RELATIONS), populations
)
def test_the_next_flip_of_an_inequality_is_exact(comparison: Comparison, group: list[Customer]) -> None:
    """For `>`, `>=`, `<` and `<=` against a value the next flip is not even early: no check is wasted."""
    flips_ms = Group(group).flips_at_ms(comparison)
    assert flips_ms.tolist() == [first_flip_ms(comparison, customer) for customer in group]


@given(comparisons, populations)
def test_evidence_says_what_is_so(comparison: Comparison, group: list[Customer]) -> None:
    """One comparison is its own evidence, with its truth as `holds`."""
    evaluation = Group(group)
    for row, customer in enumerate(group):
        (evidence,) = evaluation.evidence(comparison, row)
        holds = {FALSE: False, UNKNOWN: None, TRUE: True}[truth_at(comparison, customer, NOW_MS)]
        assert evidence.holds is holds
        assert str(comparison).startswith(f"{evidence.feature} {evidence.op} ")


@given(expressions, populations)
def test_evidence_suffices(expr: Expr, group: list[Customer]) -> None:
    """With the comparisons of the evidence kept and all others unknown, the truth of the rule is the same."""
    customer = group[0]
    evaluation = Group(group[:1])
    kept = {(e.feature, e.op, str(e.threshold)) for e in evaluation.evidence(expr, 0)}

    def truth(part: Expr) -> int:
        match part:
            case Not(child):
                return TRUE - truth(child)
            case And(children):
                return min(map(truth, children))
            case Or(children):
                return max(map(truth, children))
            case Comparison():
                (own,) = evaluation.evidence(part, 0)
                known = (own.feature, own.op, str(own.threshold)) in kept
                return truth_at(part, customer, NOW_MS) if known else UNKNOWN

    assert truth(expr) == truth_at(expr, customer, NOW_MS)


@given(expressions, populations, st.lists(st.integers(0, 9)))
def test_evidence_of_many_customers_is_that_of_each_alone(
    expr: Expr, group: list[Customer], picks: list[int]
) -> None:
    """In the order in which they are asked about, each as msgspec encodes it."""
    rows = [pick % len(group) for pick in picks]
    found = Group(group).of(expr).evidences(expr, np.array(rows, np.int64))
    assert found == [msgspec.json.encode(Group([group[row]]).evidence(expr, 0)) for row in rows]


def one(**features: Age | Window | Total) -> Group:
    return Group([features])


def test_what_is_decided_stays_until_the_last_that_decides_it_changes() -> None:
    """A false `and` waits for the later of its false parts, a true `or` for the later of its true ones."""
    evaluation = one(
        tenure=Age(0), recency=Age(10), events_7d=Window(((40, 3),), 0), web_events_7d=Window(((50, 3),), 0)
    )
    ages = Comparison("tenure", ">=", 30, "ms"), Comparison("recency", ">=", 30, "ms")
    assert evaluation.flips_at_ms(And(ages)).tolist() == [40]
    assert evaluation.flips_at_ms(Or(ages)).tolist() == [30]
    assert evaluation.flips_at_ms(expression("events_7d >= 1 or web_events_7d >= 1")).tolist() == [50]
    assert evaluation.flips_at_ms(expression("events_7d >= 1 and web_events_7d >= 1")).tolist() == [40]
    assert evaluation.flips_at_ms(expression("not (events_7d < 1 and web_events_7d < 1)")).tolist() == [50]


def test_an_age_that_does_not_run_never_flips() -> None:
    """The anchor of an empty cart's idle time is INF; INF plus the threshold must not wrap around."""
    evaluation = one(cart_idle=Age(None))
    for op in (">", ">=", "<", "<=", "==", "!="):
        assert evaluation.flips_at_ms(expression(f"cart_idle {op} 36500d")).tolist() == [INF]


def test_rules_share_the_answers_to_equal_questions() -> None:
    """`> 4`, `>= 5`, `<= 4` and `< 5` are one question."""
    rules = [expression(f"events_7d {condition}") for condition in ("> 4", ">= 5", "<= 4", "< 5")]
    program = compile_rules(rules)
    assert (program.size, program.windows.features, program.windows.bound.tolist()) == (
        1,
        (FEATURES["events_7d"],),
        [5],
    )
    frame = cast(Frame, StepFrame([{"events_7d": Window(((40, 5),), 0)}], NOW_MS))
    evaluation = Evaluation(frame, program)
    assert [evaluation.flips_at_ms(rule).tolist() for rule in rules] == [[40]] * 4
    assert [evaluation.truth(rule).tolist() for rule in rules] == [[TRUE], [TRUE], [FALSE], [FALSE]]


@given(st.lists(expressions, max_size=5), populations)
def test_many_rules_together_are_each_of_them_alone(rules: list[Expr], group: list[Customer]) -> None:
    """What else is in the program makes no difference."""
    together = Evaluation(cast(Frame, StepFrame(group, NOW_MS)), compile_rules(rules))
    alone = Group(group)
    for rule in rules:
        assert together.truth(rule).tolist() == alone.truth(rule).tolist()
        assert together.flips_at_ms(rule).tolist() == alone.flips_at_ms(rule).tolist()
        assert together.evidence(rule, 0) == alone.evidence(rule, 0)


def test_what_was_not_compiled_cannot_be_asked() -> None:
    evaluation = one(events_total=Total(3)).of(expression("events_total > 1"))
    with pytest.raises(KeyError):
        evaluation.truth(expression("events_total > 2"))


def test_answers_are_read_only() -> None:
    """They are shared, so nobody may write into them."""
    evaluation = one(events_total=Total(3))
    with pytest.raises(ValueError, match="read-only"):
        evaluation.truth(expression("events_total > 1"))[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        evaluation.flips_at_ms(expression("events_total > 1"))[0] = 0


EVIDENCE = {
    "events_total > 1 and cart_items > 1": ["events_total > 1: True", "cart_items > 1: True"],
    "events_total > 1 and cart_items > 9": ["cart_items > 9: False"],
    "events_total > 1 or cart_items > 9": ["events_total > 1: True"],
    "events_total > 9 or cart_items > 9": ["events_total > 9: False", "cart_items > 9: False"],
    "not (events_total > 9 or cart_items > 9)": ["events_total > 9: False", "cart_items > 9: False"],
    "events_7d < 9 and events_total > 1": ["events_7d < 9: None"],
    "events_7d < 9 or events_total > 9": ["events_7d < 9: None"],
    "events_total > 1 and (cart_items > 1 or events_7d < 9)": [
        "events_total > 1: True",
        "cart_items > 1: True",
    ],
    "events_total > 1 and (cart_items > 1 or events_total > 1)": [
        "events_total > 1: True",
        "cart_items > 1: True",
    ],
}


@pytest.mark.parametrize("text", EVIDENCE)
def test_evidence_is_what_decides(text: str) -> None:
    """All children of a true `and`, the false ones of a false one; for `or` mirrored."""
    evaluation = one(events_total=Total(3), cart_items=Total(2), events_7d=Window(((40, 3),), known_ms=50))
    found = evaluation.evidence(expression(text), 0)
    assert [f"{e.feature} {e.op} {e.threshold}: {e.holds}" for e in found] == EVIDENCE[text]


def test_evidence_is_in_units_people_use() -> None:
    """Money in units of the currency, durations in ms, counts as they are."""
    evaluation = one(
        money_7d=Window(((40, 12_340_000),), 0), recency=Age(NOW_MS - 7), events_7d=Window((), 99)
    )
    (money,) = evaluation.evidence(expression("money_7d >= 9.99 USD"), 0)
    assert money == Evidence("money_7d", 12.34, ">=", 9.99, "USD", holds=True, exact=True)
    (age,) = evaluation.evidence(expression("recency > 1h"), 0)
    assert age == Evidence("recency", 7, ">", 3_600_000, "ms", holds=False, exact=True)
    (count,) = evaluation.evidence(expression("events_7d < 2"), 0)
    assert count == Evidence("events_7d", 0, "<", 2, "count", holds=None, exact=False)


def test_evidence_of_two_features_names_the_other_and_its_value() -> None:
    """The threshold is the other feature's name and value; `>=` where that value may be greater."""
    evaluation = one(
        events_7d=Window(((40, 5),), 0), web_events_7d=Window(((40, 2),), 99), cart_items=Total(4)
    )
    (exact,) = evaluation.evidence(expression("events_7d > cart_items"), 0)
    assert (exact.value, exact.threshold, exact.exact) == (5, "cart_items=4", True)
    (vague,) = evaluation.evidence(expression("events_7d > web_events_7d"), 0)
    assert (vague.value, vague.threshold, vague.exact, vague.holds) == (5, "web_events_7d>=2", False, None)
