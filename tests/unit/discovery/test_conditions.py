"""Conditions hold for whom the rules' own evaluation says that they do."""

import numpy as np
import pytest

from streamproc.discovery.conditions import Conditions, find_conditions, without_target
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import Comparison
from streamproc.rules.parse import parse_expression
from streamproc.rules.program import compile_rules
from streamproc.windows.table import CATEGORY_DTYPE, CustomerTable
from tests.unit.discovery.populations import NOW_MS, customers

N = 600


def frame_of(table: CustomerTable) -> Frame:
    return Frame(table, np.full(len(table), NOW_MS))


def found_in(table: CustomerTable) -> Conditions:
    return find_conditions(frame_of(table), FEATURES, "USD", np.arange(len(table)) % 2 == 0)


@pytest.fixture(scope="module")
def table() -> CustomerTable:
    table = customers(N, 1)
    names = [b"shoes", b"hats", b'so "called"', "schöne Dinge".encode()]
    table.categories = np.zeros(N, CATEGORY_DTYPE)
    table.categories["row"], table.categories["count"] = np.arange(N), 3
    table.categories["name"] = np.array(names)[np.arange(N) // 2 % 4]
    return table


def test_they_hold_where_the_rules_say_true(table: CustomerTable) -> None:
    """And nowhere else: what is not known does not count."""
    found = found_in(table)
    evaluation = Evaluation(frame_of(table), compile_rules(found.rules))
    for rule, holds in zip(found.rules, found.holds, strict=True):
        assert (holds == (evaluation.truth(rule) == TRUE)).all(), rule


def test_they_are_rules_as_a_person_may_write_them(table: CustomerTable) -> None:
    for rule in found_in(table).rules:
        assert parse_expression(str(rule), currency="USD").expr == rule


def test_texts_are_compared_unless_no_rule_can_hold_them(table: CustomerTable) -> None:
    texts = [str(rule) for rule in found_in(table).rules if rule.unit == "text"]
    assert sorted(texts) == [f'favorite_category == "{name}"' for name in ("hats", "schöne Dinge", "shoes")]


def test_what_parts_nobody_is_left_out(table: CustomerTable) -> None:
    """Windows of nobody, what is unknown of most, and what holds for nearly all."""
    found = found_in(table)
    named = {rule.feature for rule in found.rules}
    assert {"recency", "tenure", "orders_total", "money_total", "searches_total"} <= named
    assert not named & {"events_7d", "trend", "nps", "ticket_age", "web_recency"}
    share = found.holds[:, np.arange(N) % 2 == 0].mean(axis=1)
    assert share.min() >= 0.02
    assert share.max() <= 0.98


def test_the_same_customers_are_named_once(table: CustomerTable) -> None:
    table = customers(N, 2)
    table.head["sessions"] = table.head["orders"]
    named = [rule.feature for rule in found_in(table).rules]
    assert "orders_total" in named
    assert "sessions_total" not in named


def test_only_one_half_decides_where_features_are_cut() -> None:
    table, other = customers(N, 3), customers(N, 3)
    other.head["money_micros"][1::2] = 10**12
    assert found_in(table).rules == found_in(other).rules


def test_what_is_nearly_the_target_is_left_out() -> None:
    rules = tuple(Comparison(name, ">=", 1, "count") for name in ("orders_total", "searches_total"))
    outcome = (np.arange(100) % 4 == 0).astype(np.float64)
    nearly = outcome > 0
    nearly[:2] = ~nearly[:2]
    other = np.arange(100) % 3 == 0
    everybody = np.ones(100, np.bool_)
    for close in (nearly, ~nearly):
        found = without_target(Conditions(rules, np.array([close, other])), outcome, everybody)
        assert [rule.feature for rule in found.rules] == ["searches_total"]
        assert found.holds.tolist() == [other.tolist()]
