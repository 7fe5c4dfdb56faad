"""A customer's way through campaigns as sentences."""

from dataclasses import replace
from typing import Any

import pytest

from streamproc.api.history import entries_of
from streamproc.api.profile import describe_customer
from streamproc.cli.journeys import about, preface, sentences
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.time_zones import zone_codes
from streamproc.quota import Controls
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import START_MS, consent, customer, definitions_of, lived, tally

RULES = """
contact: {quiet_hours: 22:00-08:00, holdout: HOLDOUT}
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 3d}
campaigns:
  - key: back
    name: Back
    version: 2
    on: enter quiet
    goal: order
    reentry: after 10d
    variants: {long: 1, longer: 1}
    expires_after: 1d
    attribution: 20d
    steps:
      - {channel: email, reason: Quiet, offer: ten}
      - {wait: 2d12h, channel: preferred, reason: Still quiet}
      - {wait: 4d, channel: [sms, email], reason: Really quiet}
"""
LIVE = definitions_of(RULES.replace("HOLDOUT", "0%"))
#: Ada is among these 99 of 100.
HELD_OUT = definitions_of(RULES.replace("HOLDOUT", "99%"))
SIMPLE = """
segments: []
campaigns:
  - {key: nag, name: Nag, version: 1, on: TRIGGER, reentry: never, channel: email, reason: Nag, expires_after: 2d,
     goal: none}
"""
AGREED = {"consent": consent("email", given=True)}
ASKED = (
    "Step 1 of 3 (Quiet; offer ten) was requested by email on 2026-01-04 10:00 UTC; it is valid until "
    "2026-01-05 10:00 UTC, action 33dadcfbfbcf7256efbdd1869d277427."
)
TICKET = {"ticket": 1, "ticket_hash": 7}
Happened = list[tuple[float, dict[str, Any]]]


def profile_of(
    happened: Happened,
    days: float,
    definitions: Definitions = LIVE,
    said: dict[str, str] | None = None,
    history: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    stored = replace(customer(happened, days, definitions), controls=Controls.of(said or {}))
    return describe_customer(stored, definitions, START_MS + int(days * DAY_MS), history)


def told(*arguments: Any, **more: Any) -> list[str]:
    profile = profile_of(*arguments, **more)
    (campaign,) = profile["campaigns"]
    return list(sentences(campaign, profile))


def test_a_journey_under_way() -> None:
    """Who came in and why, what was asked, and what comes next."""
    assert told([(0, AGREED)], 4) == [
        "Entered on 2026-01-04 10:00 UTC, because quiet was entered, which still holds (recency 4d > 3d).",
        "Variant long.",
        ASKED,
        "Step 2 of 3 (Still quiet; by the channel of the latest reaction, else email, else push, else sms, else phone, "
        "else in_app) is due on 2026-01-06 22:00 UTC and then waits for the end of quiet hours, until 2026-01-07 08:00 "
        "UTC.",
        "If nothing happens, step 2 is requested by email on 2026-01-07 08:00 UTC.",
        "If nothing happens, step 3 is requested by email on 2026-01-11 08:00 UTC.",
        "It converts with an order until 2026-01-24 10:00 UTC; else it ends then as not converted.",
        "It cannot be entered again while a step is to come.",
    ]


def test_a_step_that_waits() -> None:
    """It was due in the night."""
    line = told([(0, AGREED)], 5.6)[3]
    assert line.partition(") ")[2] == (
        "was due on 2026-01-06 22:00 UTC and waits for the end of quiet hours, until 2026-01-07 08:00 UTC."
    )


def test_what_became_of_the_message_is_told() -> None:
    quiet = {"counted": False, "activity": False}
    opened = {**quiet, "tally": tally("email_opens"), "answered": CONSENT_CHANNELS.index("email")}
    happened = [(0, AGREED), (3.1, {**quiet, "tally": tally("emails")}), (3.2, opened)]
    assert (
        "Since then, the latest message by email, whoever sent it, was delivered on 2026-01-04 12:24 UTC and opened on "
        "2026-01-04 14:48 UTC."
    ) in told(happened, 3.5)
    before = [(0, {**AGREED, **quiet, "tally": tally("emails")}), (0.1, {})]
    assert not any(line.startswith("Since then") for line in told(before, 3.5))


def test_several_requests() -> None:
    """The state has the first and the last."""
    lines = told([(0, AGREED)], 7)
    assert lines[2] == "2 requests, the first on 2026-01-04 10:00 UTC; the last:"
    assert lines[3].startswith(
        "Step 2 of 3 (Still quiet) was requested by email on 2026-01-07 08:00 UTC; it was valid"
    )


def test_the_control_group() -> None:
    """It reads as what would have been."""
    lines = told([(0, AGREED)], 4, HELD_OUT)
    assert lines[1] == (
        "In the control group: nothing is asked for, and what follows is what would have been."
    )
    assert lines[3] == "Step 1 of 3 (Quiet; offer ten) would have been requested on 2026-01-04 10:00 UTC."
    assert told([(0, AGREED)], 60, HELD_OUT)[0] == (
        "Led into it once; the last request would have been (control group) on 2026-01-11 08:00 UTC, and that journey "
        "is over."
    )


def test_what_is_over() -> None:
    """The state keeps the last request; that it has no more is said."""
    assert told([(0, AGREED)], 60) == [
        "Led into it once; the last request was on 2026-01-11 08:00 UTC, and that journey is over.",
        "The state does not say what came of it: --history looks for it in Kafka.",
        "It can be entered again at any time (reentry: after 10d).",
    ]
    assert told([(0, {})], 60)[0] == "Led into it once; nothing has been asked for."
    assert told([(0, {}), (5, {}), (10, {})], 60)[0] == ("Led into it 3 times; nothing has been asked for.")
    assert told([(0, AGREED)], 60, history=[])[1] == (
        "The state does not say what came of it: Kafka does not keep it any more."
    )


def test_what_is_over_of_one_that_is_dry() -> None:
    """Nothing was asked for, and Kafka never had it."""
    lines = told([(0, AGREED)], 60, said={"back": "dry"}, history=[])
    assert lines[:2] == [
        "Led into it once; the last request would have been (dry) on 2026-01-11 08:00 UTC, and that journey is over.",
        "The state does not say what came of it, and what is decided dry is not published.",
    ]


def test_a_ladder_that_is_through() -> None:
    """It can be entered again once the time is over, which ends the journey that waits for its goal."""
    assert told([(0, AGREED)], 12)[-1] == (
        "It can be entered again from 2026-01-21 08:00 UTC on (reentry: after 10d)."
    )
    assert told([(0, AGREED)], 22)[-1] == (
        "It can be entered again at any time, which would end this journey (reentry: after 10d)."
    )


def test_with_history_all_of_it_is_told() -> None:
    """Earlier entries, too; of the one under way, the state adds what is to come."""
    happened: Happened = [(0, AGREED), (4, {"order": True, "money_micros": 1}), (20, {})]
    _, signals = lived(happened, 24, LIVE)
    values = [signal.record.value for signal in signals if signal.topic == "actions.reactivation"]
    lines = told(happened, 24, history=entries_of("ada", values, []))
    assert [line.partition(";")[0].partition(" (rec")[0] for line in lines] == [
        "Entry 1, on 2026-01-04 10:00 UTC: quiet was entered",
        "  2026-01-04 10:00 UTC  step 1 of 3 (Quiet",
        "  2026-01-05 10:00 UTC  converted with an order, after 1 request",
        "Entry 2, on 2026-01-08 10:00 UTC: quiet was entered",
        "  2026-01-08 10:00 UTC  led into it again, and refused: the last request was too short a time ago",
        "Entry 3, on 2026-01-24 10:00 UTC: quiet was entered",
        "  2026-01-24 10:00 UTC  step 1 of 3 (Quiet",
        "Step 2 of 3 (Still quiet",
        "If nothing happens, step 2 is requested by email on 2026-01-27 08:00 UTC.",
        "If nothing happens, step 3 is requested by email on 2026-01-31 08:00 UTC.",
        "It converts with an order until 2026-02-13 10:00 UTC",
        "It cannot be entered again while a step is to come.",
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("paused", "waits for the campaign to go on (it is paused), until 2026-01-07 22:00 UTC at most."),
        ("dry", None),
    ],
)
def test_what_operators_say(said: str, words: str | None) -> None:
    profile = profile_of([(0, AGREED)], 5.6, said={"back": said})
    (campaign,) = profile["campaigns"]
    assert about(campaign).endswith("(version 2, only trying)" if said == "dry" else "(version 2, paused)")
    lines = list(sentences(campaign, profile))
    assert not any(line.startswith("If nothing happens") for line in lines)
    if words:
        assert lines[3].endswith(words)
    else:
        assert "would have been requested on" in lines[2]


@pytest.mark.parametrize(
    ("trigger", "happened", "days", "why"),
    [
        ("inactive 3d", {}, 3.5, "there was no activity for 3d, which still holds (recency 3d 12h > 3d)"),
        (
            "becomes recency > 3d",
            {},
            3.5,
            "`recency > 3d` came true, which still holds (recency 3d 12h > 3d)",
        ),
        ("band high", {}, 7.5, "the risk rose to high, which still holds (churn_risk 0."),
        ("band high both", {}, 7.5, "the risk rose to high, or fell below it."),
        ("ticket open", TICKET, 0.1, "a ticket was opened, which still holds (open_tickets 1 > 0)"),
    ],
)
def test_why_a_customer_came_in(trigger: str, happened: dict[str, Any], days: float, why: str) -> None:
    """None is asked for: there is a month to wait, so the journey is open."""
    rules = definitions_of(
        SIMPLE.replace("TRIGGER", trigger).replace("channel: email, reason: Nag, ", "").rstrip()[:-1]
        + ", steps: [{wait: 30d, channel: email, reason: Nag}]}"
    )
    assert why in told([(0, happened)], days, rules)[0]


def test_clocks_and_the_breaker_are_told_before() -> None:
    assert list(preface(profile_of([(0, AGREED)], 4))) == []
    zone = zone_codes()["Asia/Tokyo"]
    profile = profile_of([(0, {**AGREED, "counted": False, "time_zone": zone})], 4)
    assert list(preface(profile)) == ["by the clocks of Asia/Tokyo, as the customer has said"]
    profile = {
        **profile,
        "time_zone": {"name": "Asia/Tokyo", "told": False},
        "requests_held_since": to_iso(START_MS),
    }
    assert list(preface(profile)) == [
        "by the clocks of Asia/Tokyo, as the rules have it: the customer has told no time zone",
        "the breaker has held all requests of this shard since 2026-01-01 19:00 (10:00 UTC)",
    ]


def test_a_campaign_that_the_rules_lack() -> None:
    less = replace(LIVE, ruleset=replace(LIVE.ruleset, campaigns=()))
    stored = customer([(0, AGREED)], 4, LIVE)
    profile = describe_customer(stored, less, START_MS + 4 * DAY_MS)
    (campaign,) = profile["campaigns"]
    assert about(campaign) == "a campaign that the rules do not have"
    assert next(iter(sentences(campaign, profile))) == (
        "Led into it once; the last request was on 2026-01-04 10:00 UTC, and that journey is over."
    )
