"""Many rules explained in one go are each explained alone, by the definition."""

from collections.abc import Iterator
from typing import cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.evidence import explanations
from streamproc.rules.expression import And, Comparison, Expr, Not, Or
from streamproc.rules.program import compile_rules
from tests.unit.rules import naive
from tests.unit.rules.customers import Customer, StepFrame
from tests.unit.rules.strategies import NOW_MS, expressions, populations


def deciding(expr: Expr, customer: Customer) -> Iterator[Comparison]:
    """Children that are what the whole is."""
    match expr:
        case Comparison():
            yield expr
        case Not(child):
            yield from deciding(child, customer)
        case And(children) | Or(children):
            for child in children:
                if truth(child, customer) == truth(expr, customer):
                    yield from deciding(child, customer)


def truth(expr: Expr, customer: Customer) -> int:
    return naive.truth(expr, lambda name: customer[name].at(NOW_MS))


@settings(deadline=None)
@given(
    st.lists(expressions, min_size=1, max_size=4),
    populations,
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11))),
)
def test_each_rule_is_explained_by_what_decides_it(
    rules: list[Expr], group: list[Customer], questions: list[tuple[int, int]]
) -> None:
    """Every comparison once, in the rule's order."""
    asked = np.array([rule % len(rules) for rule, _ in questions], np.int64)
    rows = np.array([row for _, row in questions], np.int64)
    program = compile_rules(rules)
    evaluation = Evaluation(cast(Frame, StepFrame(group, NOW_MS)), program)
    found = evaluation.explain(explanations(rules, program), asked, rows)
    for said, rule, row in zip(found, asked.tolist(), rows.tolist(), strict=True):
        told = dict.fromkeys(deciding(rules[rule], group[row]))
        alone = [evaluation.evidences(comparison, np.array([row]))[0] for comparison in told]
        assert said == b"[%b]" % b",".join(each[1:-1] for each in alone)
