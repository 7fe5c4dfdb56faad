"""Every segment of the playbook has a life that enters and leaves it, at the second it falls due."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from streamproc.churn.model import load_model
from streamproc.rules.literals import parse_duration
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.oracle.engine import run_engine
from tests.reference.compose import call, iso, to_logs

DAY_MS = 86_400_000
START_MS = 20_514 * DAY_MS  # 2026-03-02, 00:00 UTC
DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
KEYS = [segment.key for segment in DEFINITIONS.ruleset.segments]


class Did(NamedTuple):
    """Something the customer did at an instant: since the start of the life, such as `3d1h`."""

    at: str
    event: str = ""  # nothing: looked at a page
    properties: Mapping[str, Any] = MappingProxyType({})


class Life(NamedTuple):
    """What a customer did, and when (since the start) the customer entered and left the segment."""

    segment: str
    did: list[Did]
    moved: list[str]
    why: str


def days(*numbers: int, event: str = "", **properties: Any) -> list[Did]:
    """The same once a day, at the same minute."""
    return [Did(f"{number}d1m" if number else "1m", event, properties) for number in numbers]


def order(at: str, revenue: float = 20.0) -> Did:
    return Did(at, "Order Completed", {"revenue": revenue})


LIVES = [
    Life("churned", [Did("1m"), Did("100d")], ["+90d1m1s", "-100d1s"], "90 days after the visit; back"),
    Life("dormant", [Did("1m"), Did("40d")], ["+30d1m1s", "-40d1s"], "30 days after the visit; back"),
    Life(
        "at_risk",
        [*days(0, 3, 6), Did("20d")],
        ["+15d1m1s", "-20d1s"],
        "usually every three days, and now silent for nine",
    ),
    Life(
        "won_back",
        [Did("1m"), Did("40d"), Did("40d1h")],
        ["+40d1s", "-54d1h1s"],
        "back after 40 days; then silent for two weeks",
    ),
    Life(
        "won_back",
        [Did("1m"), *days(40, 42, 44, 46)],
        ["+40d1m1s", "-46d1m1s"],
        "back after 40 days; the fourth day in a month makes a regular",
    ),
    Life(
        "onboarding",
        [Did("1m", "Signed Up"), Did("2d", "Onboarding Step Completed"), Did("3d", "Onboarding Completed")],
        ["+1m1s", "-3d1s"],
        "signed up; done",
    ),
    Life("new", [Did("1m")], ["+1m1s", "-14d1m"], "seen first; two weeks later"),
    Life(
        "active",
        [*days(0, 14)],
        ["+14d1m1s", "-44d1m1s"],
        "no longer new, and here again; silent for 30 days",
    ),
    Life(
        "heavy",
        days(0, 1, 2, 3, 4),
        ["+5d1m1s", "-31d"],
        "five days, and three since medium; two of the days leave the window, at midnight",
    ),
    Life("medium", days(0, 1, 2), ["+2d1m1s", "-31d"], "three days; two of them leave the window"),
    Life("light", [*days(0, 30)], ["+30d1m1s", "-60d"], "known after 30 days: one day; it leaves the window"),
    Life(
        "losing_interest",
        [*days(*range(20)), *days(*range(36, 60))],
        ["+30d", "-38d1m1s"],
        "nothing for a week, and 30 days are known; as much as usual again",
    ),
    Life(
        "frequent_buyer",
        [order("1m"), order("2d"), order("4d")],
        ["+4d1s", "-92d"],
        "three orders; two left the window",
    ),
    Life(
        "occasional_buyer",
        [order("1m"), order("2d"), order("4d")],
        ["+2d1s", "-4d1s"],
        "the second order; the third makes a frequent one",
    ),
    Life("one_time_buyer", [order("1m"), order("2d")], ["+1m1s", "-2d1s"], "the first order; the second"),
    Life(
        "never_bought", [Did("1m"), order("20d")], ["+14d1m", "-20d1s"], "two weeks without; the first order"
    ),
    Life(
        "high_value",
        [order("1m", 300.0), order("2d", 250.0)],
        ["+2d1s", "-90d"],
        "550 USD; 300 of them left the window",
    ),
    Life(
        "champion",
        [order("1m", 150.0), order("2d", 100.0), order("4d", 100.0)],
        ["+4d1s", "-49d1s"],
        "three orders of 350 USD; 45 days without one",
    ),
    Life(
        "deal_hunter",
        [Did("1m", "Coupon Applied"), order("2m"), Did("2d", "Coupon Applied"), order("2d1m")],
        ["+2d1s", "-92d"],
        "two coupons; both left the window",
    ),
    Life(
        "refunder",
        [order("1m"), order("2m"), Did("5d", "Order Refunded"), Did("6d", "Order Refunded")],
        ["+6d1s", "-96d"],
        "both orders given back; both refunds left the window",
    ),
    Life(
        "cart_abandoner", [Did("1m", "Product Added")], ["+1h1m", "-7d1m"], "an hour without a change; a week"
    ),
    Life(
        "cart_abandoner",
        [Did("1m", "Product Added"), order("5h")],
        ["+1h1m", "-5h1s"],
        "an hour without a change; the order",
    ),
    Life(
        "checkout_abandoner", [Did("1m", "Checkout Started")], ["+31m", "-3d1m"], "half an hour; three days"
    ),
    Life(
        "checkout_abandoner",
        [Did("1m", "Checkout Started"), order("2h")],
        ["+31m", "-2h1s"],
        "half an hour; the order",
    ),
    Life(
        "onboarding_stuck",
        [Did("1m", "Signed Up")],
        ["+3d1m", "-30d1m"],
        "three days; no longer about onboarding",
    ),
    Life(
        "onboarding_stuck",
        [Did("1m", "Signed Up"), Did("5d", "Onboarding Step Completed"), Did("5d1h", "Onboarding Completed")],
        ["+3d1m", "-5d1s"],
        "three days; the next step",
    ),
    Life(
        "app_first",
        [Did(f"{minute}m", "Application Opened") for minute in range(1, 11)],
        ["+10m1s", "-30d"],
        "ten times in the app; all left the window",
    ),
    Life(
        "web_first",
        [Did(f"{minute}m") for minute in range(1, 11)],
        ["+10m1s", "-30d"],
        "ten pages; all left the window",
    ),
    Life(
        "content_fan",
        days(*range(8), event="Article Read"),
        ["+7d1m1s", "-34d"],
        "the eighth article; five left the window",
    ),
    Life(
        "needs_help",
        [Did("1m", "Ticket Opened", {"ticket_id": 7}), Did("8d", "Ticket Resolved", {"ticket_id": 7})],
        ["+1d1m1s", "-8d1s"],
        "a day without an answer; resolved, and a week since the contact",
    ),
    Life(
        "promoter",
        [
            Did("1m", "Survey Question Answered", {"survey": "nps", "score": 9}),
            Did("9d", "Survey Question Answered", {"survey": "nps", "score": 8}),
        ],
        ["+1m1s", "-9d1s"],
        "a 9; then an 8",
    ),
    Life(
        "passive",
        [Did("1m", "Survey Question Answered", {"survey": "nps", "score": 7})],
        ["+1m1s", "-180d1m1s"],
        "a 7; outdated after half a year",
    ),
    Life(
        "detractor",
        [Did("1m", "Survey Question Answered", {"survey": "nps", "score": 0})],
        ["+1m1s", "-180d1m1s"],
        "a 0; outdated after half a year",
    ),
    Life(
        "advocate",
        days(0, 1, event="Product Shared"),
        ["+1d1m1s", "-91d"],
        "two things shared; both left the window",
    ),
]


def sent(did: Iterable[Did]) -> Iterable[tuple[str, dict[str, Any]]]:
    for number, one in enumerate(did):
        at_ms = START_MS + parse_duration(one.at)
        if one.event:
            body = call(
                "track", "c", at_ms, f"m{number}", event=one.event, properties=dict(one.properties) or None
            )
        else:
            body = call("page", "c", at_ms, f"m{number}", name="Home")
        yield "events.web", body


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.segment)
def test_a_life_enters_and_leaves(life: Life) -> None:
    run = run_engine(to_logs(sent(life.did)), DEFINITIONS, 1, START_MS + 200 * DAY_MS)
    moved = [
        (signal["kind"], iso(signal["at_ms"]))
        for signal in run.signals(0)
        if signal["key"] == life.segment and signal["topic"] == "segments.changes"
    ]
    kinds = {"+": "entered", "-": "exited"}
    expected = [(kinds[one[0]], iso(START_MS + parse_duration(one[1:]))) for one in life.moved]
    assert moved[: len(expected)] == expected, life.why


def test_the_way_of_a_customer() -> None:
    """Through all stages of the lifecycle, each left in the second in which the next begins."""
    did = [
        Did("1m", "Signed Up"),
        Did("2d", "Onboarding Step Completed"),
        Did("3d", "Onboarding Completed"),
        *days(6, 10, 15, 20, 125, 127, 129, 131),
    ]
    run = run_engine(to_logs(sent(did)), DEFINITIONS, 1, START_MS + 170 * DAY_MS)
    stages = {segment.key for segment in DEFINITIONS.ruleset.segments if segment.group == "lifecycle"}
    way = [
        (signal["kind"], signal["key"], signal["at_ms"])
        for signal in run.signals(0)
        if signal["key"] in stages
    ]
    entered = [(key, iso(at_ms)) for kind, key, at_ms in way if kind == "entered"]
    expected = [
        ("onboarding", "1m1s"),
        ("new", "3d1s"),
        ("active", "14d1m"),
        ("at_risk", "30d1m1s"),  # usually every 10/3 days: 20 days in 7 active days
        ("dormant", "50d1m1s"),
        ("churned", "110d1m1s"),
        ("won_back", "125d1m1s"),
        ("active", "131d1m1s"),
        ("dormant", "161d1m1s"),
    ]
    assert entered == [(key, iso(START_MS + parse_duration(at))) for key, at in expected]
    for left, (kind, _, at_ms) in zip(way[1::2], way[2::2], strict=False):
        assert (left[0], kind, left[2]) == ("exited", "entered", at_ms)


@pytest.mark.parametrize(
    ("did", "expected"),
    [
        (Did("1m"), {"new", "dormant", "churned"}),
        (Did("1m", "Ticket Opened"), {"new", "needs_help"}),
    ],
    ids=["visit", "complaint"],
)
def test_one_visit_is_a_glance_and_a_complaint_no_activity(did: Did, expected: set[str]) -> None:
    """Neither makes an active customer; dormant and churned is only the visitor, who was here once."""
    run = run_engine(to_logs(sent([did])), DEFINITIONS, 1, START_MS + 200 * DAY_MS)
    entered = {signal["key"] for signal in run.signals(0) if signal["kind"] == "entered"}
    stages = {segment.key for segment in DEFINITIONS.ruleset.segments if segment.group == "lifecycle"}
    assert entered & (stages | {"needs_help"}) == expected


def test_every_segment_has_a_life() -> None:
    assert {life.segment for life in LIVES} == set(KEYS)
    assert len(KEYS) >= 24
