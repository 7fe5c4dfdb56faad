"""Rules in plain words: they say what the rule says."""

from collections.abc import Iterator

import pytest
from hypothesis import given

from streamproc.api.wording import Words, conditions, in_words, sentence
from streamproc.features.registry import FEATURES
from streamproc.rules.expression import Comparison, Expr
from streamproc.rules.model import Funnel, with_funnels
from streamproc.rules.parse import parse_expression
from tests.unit.rules import naive
from tests.unit.rules.customers import Customer
from tests.unit.rules.strategies import NOW_MS, expressions, populations

FUNNELS = with_funnels([Funnel("onboarding", 1, ("A", "B"), 1)])


def expression(text: str) -> Expr:
    parsed = parse_expression(text, currency="USD", features=FUNNELS)
    assert parsed.expr is not None, parsed
    return parsed.expr


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("recency > 30d", "time since the last activity is more than 30d"),
        ("orders_90d >= 2", "number of orders in the last 90d is at least 2"),
        ("money_30d < 99.90 USD", "order value in the last 30d is less than 99.9 USD"),
        ("cart_idle >= 1h", "time since the cart was changed is at least 1h"),
        ("cart_value > 50 USD", "the value of what is in the cart is more than 50 USD"),
        ("pause > 30d", "the silence before the latest session is more than 30d"),
        ("searches_7d == 0", "number of searches, in the last 7d, is 0"),
        ('favorite_category != "shoes"', 'the category of most activity is not "shoes"'),
        ('preferred_channel == "app"', 'the channel of most events of the last 90d is "app"'),
        ("nps <= 6", "the last answer to NPS, 0 to 10, is at most 6"),
        ("email_consent == 1", "there is consent to email"),
        ("email_consent < 1", "there is no consent to email"),
        ("email_consent >= 0", "consent to email (1 or 0) is at least 0"),
        ("duration_7d > 1h", "time spent in the last 7d is more than 1h"),
        (
            "trend < 50%",
            "events of the last 7 days, in percent of what 7 days had in the last 30, are less than 50%",
        ),
        (
            "recency > 3 * usual_gap",
            "time since the last activity is more than 3 times the time between active days, on average",
        ),
        (
            "2 * web_events_7d >= app_events_7d",
            "2 times the number of events on web in the last 7d is at least the number of events on app in the last 7d",
        ),
        ("funnel_onboarding_left >= 1", "number of steps missing of onboarding is at least 1"),
    ],
)
def test_a_comparison_is_a_sentence(rule: str, words: str) -> None:
    assert in_words(expression(rule), FUNNELS) == words


def test_what_is_not_so_is_said_without_not() -> None:
    """A negation goes down to the comparisons, and turns `and` into `or`."""
    rule = expression("recency > 1d and not (orders_7d >= 2 or tenure < 1d)")
    assert in_words(rule, FEATURES) == {
        "all": [
            "time since the last activity is more than 1d",
            "number of orders in the last 7d is less than 2",
            "time since the customer was first seen is at least 1d",
        ]
    }
    assert in_words(rule, FEATURES, holds=False) == {
        "any": [
            "time since the last activity is at most 1d",
            "number of orders in the last 7d is at least 2",
            "time since the customer was first seen is less than 1d",
        ]
    }


def test_every_feature_can_be_said() -> None:
    """In one line, with its name nowhere needed."""
    literals = {"duration": "1d", "money": "1 USD", "count": "1", "percent": "1%", "text": '"web"'}
    for feature in FUNNELS.values():
        rule = expression(f"{feature.name} == {literals[feature.unit]}")
        assert isinstance(rule, Comparison)
        said = sentence(rule, FUNNELS)
        assert said.count(" is ") + said.count(" are ") >= 1
        assert ";" not in said


@given(expressions, populations)
def test_words_hold_when_the_rule_does(expr: Expr, group: list[Customer]) -> None:
    """The same truth for every customer, of the three there are."""
    for holds in (True, False):
        words = in_words(expr, FEATURES, holds=holds)
        for customer in group:
            truth = naive.truth(expr, lambda name, of=customer: of[name].at(NOW_MS))
            parts = conditions(expr, holds=holds)
            assert truth_of(words, parts, customer) == (truth if holds else naive.TRUE - truth)
            assert next(parts, None) is None


def truth_of(words: Words, parts: Iterator[Comparison], customer: Customer) -> int:
    """`parts`: the comparisons behind the sentences, in their order."""
    if isinstance(words, str):
        comparison = next(parts)
        assert words == sentence(comparison, FEATURES)
        return naive.truth(comparison, lambda name: customer[name].at(NOW_MS))
    ((joint, children),) = words.items()
    truths = [truth_of(child, parts, customer) for child in children]
    return min(truths) if joint == "all" else max(truths)
