"""Segments explained, and what silence does to them."""

import pytest
from hypothesis import given

from streamproc.api.explain import describe_segment, explain_segment, silent_ways
from streamproc.features.registry import FEATURES
from streamproc.rules.expression import Expr
from streamproc.rules.load import check_text, load_ruleset
from streamproc.rules.model import Ruleset
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import SMALL_FILE
from tests.unit.rules import naive
from tests.unit.rules.customers import Customer
from tests.unit.rules.strategies import END_MS, NOW_MS, expressions, populations

SMALL = load_ruleset(SMALL_FILE)


def explained(key: str, ruleset: Ruleset = SMALL) -> dict:
    (segment,) = [segment for segment in ruleset.segments if segment.key == key]
    return explain_segment(segment, ruleset)


def alone(enter: str) -> dict:
    """A file of one segment without an exit."""
    text = f"segments:\n  - {{key: s, name: S, version: 1, enter: {enter!r}}}\n"
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    return explained("s", ruleset)


def ways(explanation: dict, way: str) -> dict[str, str]:
    return {item["condition"]: item["when"] for item in explanation["in_silence"][way]}


def test_description() -> None:
    """What the file says, `exit` None where it says nothing."""
    new, dormant, *_ = SMALL.segments
    assert describe_segment(new)["exit"] is None
    assert describe_segment(dormant) == {
        "key": "dormant",
        "name": "Dormant",
        "description": "Was active once, but not for 30 days.",
        "version": 1,
        "group": "lifecycle",
        "priority": 20,
        "enter": "recency > 30d and active_days_total >= 1",
        "exit": "recency <= 7d",
        "min_dwell_ms": 0,
    }
    assert describe_segment(SMALL.segments[-1])["priority"] is None


def test_dormant() -> None:
    """Silence alone brings people in, and none out; one rival comes first; one campaign waits."""
    dormant = explained("dormant")
    assert dormant["enters_if"] == {
        "all": [
            "time since the last activity is more than 30d",
            "number of days (UTC) with activity is at least 1",
        ]
    }
    assert dormant["stays_while"] == "time since the last activity is more than 7d"
    assert dormant["leaves_if"] == "time since the last activity is at most 7d"
    assert ways(dormant, "enter") == {
        "time since the last activity is more than 30d": "30d after the last activity",
        "new, which comes first, is left": "at once, for who fits here",
    }
    assert ways(dormant, "leave") == {}
    assert dormant["outranked_by"] == ["new"]
    assert [campaign["key"] for campaign in dormant["campaigns"]] == ["winback_dormant"]


def test_rivals_can_end_a_membership_in_silence() -> None:
    """`active` gives way to `dormant`, which silence brings; the first rival is named first."""
    active = explained("active")
    assert active["outranked_by"] == ["new", "dormant"]
    assert ways(active, "leave")["dormant, which comes first, is entered"] == "at once"


def test_min_dwell_ends_in_silence() -> None:
    """Of the segment, and of others in the group, which let in who fits here."""
    assert ways(explained("heavy"), "enter") == {
        "medium may be left": "3d after coming in there, for who fits here",
        "light may be left": "3d after coming in there, for who fits here",
    }
    assert ways(explained("heavy"), "leave") == {
        "number of days (UTC) with activity in the last 30d is less than 4": "as days (UTC) leave the window, or "
        "once there are 30d of history",
        "what lets out came true too early": "3d after coming in",
    }


@pytest.mark.parametrize(
    ("enter", "until", "known_after_ms"),
    [
        (
            "orders_90d >= 2",
            "that it holds can be known at once, that it does not only after 90d of history",
            90 * DAY_MS,
        ),
        (
            "orders_7d < 2",
            "that it does not can be known at once, that it holds only after 7d of history",
            7 * DAY_MS,
        ),
        (
            "recency > 1d",
            "as long as there was none, the time since the customer was first seen counts",
            None,
        ),
        ("recency <= 1d", "unknown as long as there was none", None),
        ("nps >= 9", "unknown as long as there is nothing to tell", None),
        ("trend < 50%", "may be unknown until there are 30d of history", 30 * DAY_MS),
        ("app_share_30d > 50%", "unknown as long as there is nothing to tell", None),
        ("recency > 3 * usual_gap", "unknown as long as there is too little to tell", None),
        ("app_events_30d > web_events_90d", "may be unknown until there are 90d of history", 90 * DAY_MS),
    ],
)
def test_too_little_history(enter: str, until: str, known_after_ms: int | None) -> None:
    (unknown,) = alone(enter)["unknown"]
    assert (unknown["until"], unknown["known_after_ms"]) == (until, known_after_ms)


@pytest.mark.parametrize(
    "enter", ["tenure < 14d", "orders_total >= 1", "cart_idle >= 1h", "open_tickets > 0"]
)
def test_what_is_always_known(enter: str) -> None:
    assert alone(enter)["unknown"] == []


@pytest.mark.parametrize(
    ("enter", "enters", "leaves"),
    [
        ("tenure < 14d", [], ["14d after the customer was first seen"]),
        ("recency > 2d", ["2d after the last activity"], []),
        ("events_24h >= 5", [], ["as hours leave the window, or once there are 1d of history"]),
        ("events_1h < 5", ["as 5 minutes leave the window, or once there are 1h of history"], []),
        ("orders_total >= 1", [], []),
        ("trend < 50%", ["as days (UTC) leave its windows"], ["as days (UTC) leave its windows"]),
        ("recency > 3 * usual_gap", ["as the time since the last activity grows"], []),
        ("3 * usual_gap > recency", [], ["as the time since the last activity grows"]),
        (
            "orders_7d > web_events_7d",
            ["as days (UTC) leave the windows"],
            ["as days (UTC) leave the windows"],
        ),
    ],
)
def test_silence(enter: str, enters: list[str], leaves: list[str]) -> None:
    """Ages grow, windows shrink, totals stand still."""
    explanation = alone(enter)
    assert list(ways(explanation, "enter").values()) == enters
    assert list(ways(explanation, "leave").values()) == leaves


@given(expressions, populations)
def test_what_silence_cannot_bring_does_not_come(expr: Expr, group: list[Customer]) -> None:
    """A rule without a silent way, and its opposite, never come true later."""
    for holds in (True, False):
        if any(silent_ways(expr, FEATURES, holds=holds)):
            continue
        wanted = naive.TRUE if holds else naive.FALSE
        for customer in group:
            truths = [
                naive.truth(expr, lambda name, of=customer, at=at: of[name].at(at))
                for at in range(NOW_MS, END_MS)
            ]
            assert truths[0] == wanted or wanted not in truths
