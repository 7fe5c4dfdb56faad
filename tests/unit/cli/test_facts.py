"""Values and evidence in words."""

from typing import Any

import pytest

from streamproc.cli.facts import because, readable, sentence
from streamproc.features.registry import FEATURES

DAY_MS = 86_400_000
RECENCY: dict[str, Any] = {
    "feature": "recency",
    "value": 31 * DAY_MS + 7_200_000 + 61_000,
    "op": ">",
    "threshold": 30 * DAY_MS,
    "unit": "ms",
    "holds": True,
    "exact": True,
}
ORDERS: dict[str, Any] = {
    **RECENCY,
    "feature": "orders_90d",
    "value": 1,
    "op": ">=",
    "threshold": 2,
    "unit": "count",
}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("recency", 90_000, "1m 30s"),
        ("money_90d", 1234.5, "1,234.50"),
        ("orders_90d", 1234, "1,234"),
        ("trend", 50, "50%"),
        ("favorite_category", "shoes", "shoes"),
    ],
)
def test_values_are_shown_in_their_unit(name: str, value: Any, shown: str) -> None:
    assert readable(FEATURES[name], value) == shown


def test_a_comparison_says_how_it_came_out() -> None:
    item = {**RECENCY, "value": 3_600_000, "op": "<=", "threshold": DAY_MS}
    assert sentence(item) == "recency = 1h <= 1d: holds"
    assert sentence({**item, "holds": False}).endswith("does not hold")
    assert sentence({**item, "holds": None}).endswith("unknown: not enough history")


def test_reasons_are_true_sentences() -> None:
    """What does not hold is turned round."""
    assert because([RECENCY, {**ORDERS, "holds": False}]) == "recency 31d 2h > 30d, orders_90d 1 < 2"


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"value": 30 * DAY_MS + 1_000}, "recency 30d 1s > 30d"),  # not rounded to what it is greater than
        ({"value": 30 * DAY_MS + 232}, "recency 30d 232ms > 30d"),
        ({"value": 30 * DAY_MS, "op": ">="}, "recency 30d >= 30d"),
        ({"holds": None}, "recency > 30d is unknown"),
        ({"threshold": "3 * usual_gap=86400000"}, "recency 31d 2h > 3 * usual_gap=1d"),
        (
            {"value": 25 * DAY_MS + 1_000, "threshold": f"3 * usual_gap={25 * DAY_MS}"},
            "recency 25d 1s > 3 * usual_gap=25d",
        ),
        ({"threshold": "usual_gap>=86400000"}, "recency 31d 2h > usual_gap>=1d"),
        ({"threshold": "usual_gap=None"}, "recency 31d 2h > usual_gap=None"),
        ({"feature": "trend", "value": 40, "unit": "percent", "op": "<", "threshold": 50}, "trend 40% < 50%"),
        (
            {"feature": "trend", "value": None, "unit": "percent", "threshold": "app_share_30d=40"},
            "trend no value > app_share_30d=40%",
        ),
        (
            {"value": None, "unit": "count", "threshold": 9, "op": "==", "holds": False},
            "recency no value != 9",
        ),
    ],
)
def test_reasons(changes: dict[str, Any], shown: str) -> None:
    assert because([{**RECENCY, **changes}]) == shown
