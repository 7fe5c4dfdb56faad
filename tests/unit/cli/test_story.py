"""A customer's profile as a story."""

import io
from typing import Any

import pytest
from rich.console import Console

from streamproc.api.profile import describe_customer
from streamproc.cli.story import print_story
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.time_zones import zone_codes
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import (
    APP,
    SMALL,
    START_MS,
    SUPPORT,
    consent,
    customer,
    definitions_of,
    tally,
)

FUNNEL = definitions_of("""
segments:
  - {key: stuck, name: Stuck, version: 1, enter: funnel_onboarding_left >= 1 and funnel_onboarding_idle >= 3d}
funnels:
  - {key: onboarding, version: 1, steps: [Signed Up, Order Completed], within: 14d}
""")

FULL: list[tuple[float, dict[str, Any]]] = [
    (0, {"consent": consent("email", given=True), "category": b"shoes"}),
    (3, {"channel": APP, "category": b"[red]"}),
    (20, {"order": True, "money_micros": 39_800_000}),
    (21, {"channel": SUPPORT, "activity": False, "ticket": 1, "ticket_hash": 7}),
    (25, {"cart": 2, "cart_micros": 59_000_000, "tally": tally("checkouts")}),
]


def told(
    happened: list[tuple[float, dict[str, Any]]],
    days: float,
    definitions: Definitions = SMALL,
    *,
    why: bool = False,
    **changes: Any,
) -> str:
    stored = customer(happened, days, definitions)
    profile = describe_customer(stored, definitions, START_MS + int(days * DAY_MS))
    out = io.StringIO()
    console = Console(file=out, width=100, highlight=False)
    print_story(console, {**profile, **changes}, why=why)
    return out.getvalue()


def section(story: str, title: str) -> list[str]:
    """The lines under a title, each with single spaces."""
    _, _, rest = story.partition(f"\n{title}\n")
    return [" ".join(line.split()) for line in rest.partition("\n\n")[0].splitlines()]


def test_a_full_story() -> None:
    story = told(FULL, 40)
    assert story.startswith("ada  as of 2026-02-10 10:00 UTC\n")
    assert "\x1b" not in story
    assert section(story, "Who") == [
        "first seen 2026-01-01 10:00 (40 days ago)",
        "last active 2026-01-26 10:00 (15 days ago)",
        "seen on web 15 days ago, app 37 days ago, support 19 days ago",
        "consent email yes",
    ]
    assert section(story, "Open") == [
        "cart 2 items worth 59.00 USD, unchanged for 15d",
        "checkout begun, no order followed for 15d",
        "tickets 1 open for 19d",
    ]
    assert section(story, "Prefers") == [
        "channel web (0% on the app in 30d)",
        "categories [red] 1, shoes 1",
        "hour 10:00 UTC (4 of 4 active events)",
    ]
    assert section(story, "What happened")[:2] == [
        "2026-01-01 10:00 40 days ago first seen",
        "2026-01-01 10:00 40 days ago consent to email given",
    ]
    assert section(story, "Segments") == [
        "● active since 2026-01-15 10:00 (26 days ago) (rule version 1, entry 1)",
        "stays, because recency 15d <= 30d",
        "by its own rule, silence can end it from 2026-02-25 10:00 (in 15 days) on",
        "● medium since 2026-01-21 10:00 (19 days ago) (rule version 1, entry 1)",
        "stays, because active_days_30d 2 >= 2",
        "by its own rule, silence can end it from 2026-02-20 00:00 (in 9 days) on",
    ]
    assert section(story, "Next, if nothing happens")[:2] == [
        "2026-02-20 00:00 in 9 days leaves medium active_days_30d 1 < 2",
        "2026-02-20 00:00 in 9 days enters light active_days_30d 1 >= 1, active_days_30d 1 < 3",
    ]
    assert story.endswith("\nnext check: 2026-02-20 00:00 (in 9 days)\n")


def test_windows_in_a_table() -> None:
    """At least so much, where the history is too short; what there was none of is left out."""
    story = told(FULL, 40)
    _, _, rest = story.partition("\nin the last")
    rows = [line.split() for line in rest.partition("\n\n")[0].splitlines()]
    assert rows == [
        ["24h", "7d", "30d", "90d"],
        ["events", "0", "0", "3", "≥", "5"],
        ["active", "days", "-", "0", "2", "≥", "4"],
        ["sessions", "0", "0", "2", "≥", "4"],
        ["orders", "0", "0", "1", "≥", "1"],
        ["money", "USD", "0.00", "0.00", "39.80", "≥", "39.80"],
    ]
    assert "orders" not in told([(0, {})], 1)


def test_little_history() -> None:
    """The first minutes of somebody who gave no consent."""
    story = told([(0, {})], 0.01)
    assert section(story, "Who")[2:] == ["seen on web 14 minutes ago", "consent none"]
    assert section(story, "Open") == []
    assert section(story, "Segments")[:2] == [
        "● new since 2026-01-01 10:00 (14 minutes ago) (rule version 1, entry 1)",
        "because tenure 14m 24s < 14d",
    ]
    assert section(story, "Churn risk") == [
        "not enough history yet",
        "in silence there is a first band on 2026-01-08 10:00 (in 6 days)",
    ]


def test_never_active() -> None:
    said = {"activity": False, "counted": False, "consent": consent("push", given=False)}
    story = told([(0, said)], 1)
    assert section(story, "Who")[1:] == ["last active never", "seen on no channel yet", "consent push no"]
    assert section(story, "Prefers") == []


def test_nothing_comes_for_who_is_gone() -> None:
    story = told([(0, {})], 400)
    assert section(story, "Segments")[-1] == "by its own rule, silence does not end it"
    assert section(story, "Next, if nothing happens") == ["nothing changes in the next 365 days"]
    assert story.endswith("\nnext check: none needed\n")


def test_in_no_segment_of_any_rules() -> None:
    story = told([(0, {})], 1, FUNNEL)
    assert section(story, "Segments") == ["in none"]


@pytest.mark.parametrize(("days", "verb"), [(5, "is"), (20, "was")])
def test_funnels(days: float, verb: str) -> None:
    (line,) = section(told([(0, {"name": text_hash("Signed Up")})], days, FUNNEL), "Open")
    assert line.startswith(
        f"funnel onboarding: 1 of 2 steps; Order Completed {verb} awaited until 2026-01-15 10:00"
    )


def test_who_fits_but_has_to_wait() -> None:
    """Outranked in the group."""
    story = told([(day, {}) for day in range(3)], 13)
    assert "fits as well, but another one of the group is there: active" in story


def test_why_shows_comparisons_and_rules() -> None:
    story = told([(0, {})], 1, why=True)
    assert "      tenure = 1d < 14d: holds\n" in story
    assert "stay in new           holds          2026-01-15 10:00 (in 13 days)" in story
    assert "enter cart_abandoner  does not hold  never" in story
    assert "stay in new" not in told([(0, {})], 1)


def test_a_leave_that_has_to_wait() -> None:
    """Min dwell holds who should go."""
    rules = definitions_of("""
segments:
  - {key: brief, name: Brief, version: 1, enter: recency < 1h, min_dwell: 3d}
""")
    story = told([(0, {})], 1, rules)
    assert section(story, "Segments")[1] == "leaves at 2026-01-04 10:00, not before: recency 1d >= 1h"


def test_segments_and_evaluations_of_other_rules() -> None:
    outlook = describe_customer(customer([(0, {})], 1), FUNNEL, START_MS + DAY_MS)["outlook"]
    older = [{"key": "old", "entered_at": "2026-01-01T10:00:00.000Z", "entry_seq": 1, "version": 2}]
    story = told([(0, {})], 1, outlook=outlook, segments=[{**older[0], "evidence": [], "entry_evidence": []}])
    assert section(story, "Segments")[1] == "a segment of older rules"
    assert "(these are other rules than those of the last evaluation)" in story


def test_a_journey_that_comes_to_an_end() -> None:
    """In silence nobody converts."""
    agreed = {"consent": consent("email", given=True)}
    story = told([(0, agreed), (1, {})], 31.5)
    ends = "2026-02-08 10:00 in 6 days ends winback_dormant not converted"
    assert ends in section(story, "Next, if nothing happens")


def test_campaigns_are_told_if_there_are_any() -> None:
    """Each with a title."""
    agreed = {"consent": consent("email", given=True)}
    lines = section(told([(0, agreed), (1, {})], 31.5), "Campaigns")
    assert lines[0] == "● winback_dormant Win back the dormant (version 1)"
    assert lines[1].startswith("Entered on 2026-02-01 10:00 UTC, because dormant was entered")
    assert section(told([(0, {})], 1), "Campaigns") == []


def test_who_is_not_asked_and_whose_clocks_count() -> None:
    said = {"counted": False, "suppressed": 1, "time_zone": zone_codes()["Asia/Tokyo"]}
    assert section(told([(0, {}), (0.5, said)], 1), "Who")[-2:] == [
        "suppressed yes: campaigns ask for nothing",
        "time zone Asia/Tokyo",
    ]


def test_requests_to_come_are_told_with_their_step() -> None:
    agreed = {"consent": consent("email", given=True)}
    request = "2026-02-01 10:00 in 11 days request winback_dormant step 1 by email"
    assert request in section(told([(0, agreed), (1, {})], 20), "Next, if nothing happens")
