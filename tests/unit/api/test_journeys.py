"""A customer's way through campaigns, as the state tells it: what was published, and what will be."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.actions.rulings import Rulings
from streamproc.api.profile import describe_customer
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.instants import to_iso
from streamproc.contracts.time_zones import zone_codes
from streamproc.quota import RELEASED, Controls
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import START_MS, consent, customer, definitions_of, lived

RULES = """
contact:
  time_zone: Europe/Berlin
  quiet_hours: 21:00-08:00
  caps: [{most: 2, per: 7d}]
  holdout: HOLDOUT
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 3d}
campaigns:
  - key: back
    name: Back
    version: 1
    on: enter quiet
    reentry: after 10d
    variants: {short: 1, long: 1}
    expires_after: 1d
    attribution: 20d
    steps:
      - {channel: email, reason: Quiet, offer: ten, at: "10:00"}
      - {wait: 2d, channel: [sms, email], reason: Still quiet}
      - {wait: 1d, channel: email, reason: Really quiet}
  - {key: once, name: Once, version: 1, on: becomes recency > 5d, reentry: never, priority: 9, channel: email,
     reason: Five days, expires_after: 2d, goal: order}
  - {key: nag, name: Nag, version: 1, on: inactive 6d, reentry: each time, channel: sms, reason: Six, goal: none,
     expires_after: 2d}
"""
LIVE = definitions_of(RULES.replace("HOLDOUT", "0%"))
#: Ada is among these 99 of 100.
HELD_OUT = definitions_of(RULES.replace("HOLDOUT", "99%"))
AGREED = {"consent": consent("email", given=True)}

Happened = list[tuple[float, dict[str, Any]]]


def campaigns_of(
    happened: Happened, days: float, definitions: Definitions = LIVE, controls: Controls | None = None
) -> dict[str, Any]:
    stored = replace(customer(happened, days, definitions), controls=controls or Controls())
    told = describe_customer(stored, definitions, START_MS + int(days * DAY_MS))["campaigns"]
    return {campaign["key"]: campaign for campaign in told}


def properties(signals: list[Signal], key: str) -> list[dict[str, Any]]:
    """What the signals of a campaign say, with their kinds and instants."""
    return [
        {**orjson.loads(signal.record.value)["properties"], "kind": signal.kind, "at": to_iso(signal.at_ms)}
        for signal in signals
        if signal.topic == "actions.reactivation" and signal.key == key
    ]


WHENS = st.lists(
    st.tuples(
        st.floats(0, 60),
        st.sampled_from([{}, AGREED, {"order": True}, {"consent": consent("sms", given=True)}]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(WHENS, st.floats(0, 40), st.sampled_from([LIVE, HELD_OUT]))
def test_it_is_what_was_published(
    happened: list[tuple[float, dict[str, Any]]], more_days: float, definitions: Definitions
) -> None:
    """Entries, requests with their ids, channels and ends, and whether a journey is open."""
    happened = [(0, AGREED), *sorted(happened, key=lambda one: one[0])]
    days = happened[-1][0] + more_days
    stored, signals = lived(happened, days, definitions)
    profile = describe_customer(stored, definitions, START_MS + int(days * DAY_MS))
    told = {campaign["key"]: campaign for campaign in profile["campaigns"]}
    for campaign in definitions.ruleset.campaigns:
        said = properties(signals, campaign.key)
        if campaign.key not in told:
            assert said == []
            continue
        own = told[campaign.key]
        if (journey := own["journey"]) is None:
            assert said[-1]["closes"]
            assert own["entries"] == max(one["entry"] for one in said)
            assert sum(one["closes"] for one in said) == own["entries"]
            continue
        mine = [one for one in said if one["entry"] == journey["entry"]]
        asked = [one for one in mine if one["kind"] == "requested"]
        assert not any(one["closes"] for one in mine)
        assert journey["holdout"] == (definitions is HELD_OUT)
        assert {one["variant"] for one in mine} <= {journey["variant"]}
        last = journey["last_request"]
        if definitions is HELD_OUT:
            assert asked == []
            assert last is None or (last["channel"], last["action_id"]) == (None, None)
            continue
        assert journey["requests"] == len(asked)
        assert (last is None) == (not asked)
        if asked:
            same = ("step", "at", "channel", "reason", "offer", "expires_at", "action_id")
            assert last == {name: asked[-1][name] for name in same}
            assert journey["first_requested_at"] == asked[0]["at"]


@settings(max_examples=30)
@given(WHENS, st.floats(0, 12))
def test_what_is_to_come_is_what_comes_in_silence(
    happened: list[tuple[float, dict[str, Any]]], more_days: float
) -> None:
    """And a step whose wait is told is decided when that is over."""
    happened = [(0, AGREED), *sorted(happened, key=lambda one: one[0])]
    days = happened[-1][0] + more_days
    found = campaigns_of(happened, days)
    _, signals = lived(happened, days + 90, LIVE)
    as_of = to_iso(START_MS + int(days * DAY_MS))
    for key, campaign in found.items():
        if (journey := campaign["journey"]) is None:
            continue
        coming = [
            (one["at"], one["kind"], one["step"], one["channel"], one["abort_type"], one["outcome"])
            for one in properties(signals, key)
            if one["entry"] == journey["entry"] and one["at"] > as_of
        ]
        told = [
            (one["at"], one["kind"], one["step"], one["channel"], one["abort_type"], one["outcome"])
            for one in journey["if_silent"]
        ]
        assert told == coming[: len(told)]
        assert told or not coming
        if step := journey["next_step"]:
            (decided,) = [one for one in coming if one[2] == step["step"] and one[1] != "ended"][:1]
            assert decided[0] == (step["waits_until"] or max(step["due_at"], decided[0]))


def test_quiet_hours_and_slots_are_told() -> None:
    """Quiet from eleven in the morning of the fourth day in Berlin on: it is asked at ten of the next."""
    own = campaigns_of([(0, AGREED)], 3.1)["back"]["journey"]["next_step"]
    assert (own["step"], own["waits_for"], own["waits_until"]) == (1, "slot", "2026-01-05T09:00:00.000Z")
    assert own["due_at"] == "2026-01-04T10:00:01.000Z"
    own = campaigns_of([(0.6, AGREED)], 5)["back"]["journey"]["next_step"]
    assert (own["step"], own["waits_for"]) == (2, None)


@pytest.mark.parametrize(
    ("said", "mode", "waits_for"),
    [({"back": "paused"}, "paused", "paused"), ({"back": "dry"}, "dry", "slot"), ({}, "live", "slot")],
)
def test_what_operators_say_holds(said: dict[str, str], mode: str, waits_for: str) -> None:
    own = campaigns_of([(0, AGREED)], 3.1, controls=Controls.of(said))["back"]
    assert (own["mode"], own["journey"]["next_step"]["waits_for"]) == (mode, waits_for)
    assert bool(own["journey"]["if_silent"]) == (mode == "live")


def test_a_held_breaker_is_told_until_it_is_released() -> None:
    stored = customer([(0, AGREED)], 3.1, LIVE)
    held_ms = START_MS + 3 * DAY_MS
    stored = replace(stored, head=replace(stored.head, extra={"breaker": b"[%d,{}]" % held_ms}))
    as_of_ms = START_MS + int(3.1 * DAY_MS)

    def told(controls: Controls) -> tuple[str | None, str | None]:
        profile = describe_customer(replace(stored, controls=controls), LIVE, as_of_ms)
        (back,) = profile["campaigns"]
        return profile["requests_held_since"], back["journey"]["next_step"]["waits_for"]

    assert told(Controls()) == (to_iso(held_ms), "held")
    assert told(Controls.of({RELEASED: str(held_ms + 1)})) == (None, "slot")


def test_when_it_can_be_entered_again() -> None:
    """Not while a step is to come, not before the time that the rules ask for, and perhaps never."""
    assert campaigns_of([(0, AGREED)], 3.1)["back"]["reentry"] == {
        "rule": "after 10d",
        "refused": "in_journey",
        "from": None,
    }
    after = {key: campaign["reentry"] for key, campaign in campaigns_of([(0, AGREED)], 14).items()}
    assert after["once"] == {"rule": "never", "refused": "never_again", "from": None}
    assert after["nag"]["refused"] is None
    back = campaigns_of([(0, AGREED), (5, {})], 6)["back"]
    assert back["journey"] is None
    requested_ms = START_MS + 4 * DAY_MS - 3_600_000  # at ten in Berlin
    assert back["last_requested_at"] == to_iso(requested_ms)
    assert back["reentry"] == {
        "rule": "after 10d",
        "refused": "cooldown",
        "from": to_iso(requested_ms + 10 * DAY_MS),
    }


def test_a_campaign_that_the_rules_lack() -> None:
    """By what its key is hashed to, or by the key if signals tell it."""
    stored = customer([(0, AGREED)], 3.1, LIVE)
    less = replace(LIVE, ruleset=replace(LIVE.ruleset, campaigns=()))
    (gone,) = describe_customer(stored, less, START_MS + 4 * DAY_MS)["campaigns"]
    assert (gone["key"], gone["name"], gone["entries"]) == (f"{text_hash('back'):08x}", None, 1)
    entry = {"campaign": "back", "entry": 1}
    (gone,) = describe_customer(stored, less, START_MS + 4 * DAY_MS, [entry])["campaigns"]
    assert (gone["key"], gone["history"]) == ("back", [entry])
    older = {"campaign": "older", "entry": 1}
    told = describe_customer(stored, LIVE, START_MS + 4 * DAY_MS, [older])["campaigns"]
    assert [(own["key"], own["entries"], own["history"]) for own in told] == [
        ("back", 1, []),
        ("older", 0, [older]),
    ]


def test_the_customers_own_clocks_count() -> None:
    zoned = {**AGREED, "counted": False, "activity": False, "time_zone": zone_codes()["Asia/Tokyo"]}
    own = campaigns_of([(0, {}), (0.01, zoned)], 3.1)["back"]["journey"]["next_step"]
    assert own["waits_until"] == "2026-01-05T01:00:00.000Z"


def test_a_dry_campaign_has_asked_nobody() -> None:
    stored, _ = lived([(0, AGREED)], 4, LIVE, Rulings(modes={"back": "dry"}))
    stored = replace(stored, controls=Controls.of({"back": "dry"}))
    back = describe_customer(stored, LIVE, START_MS + 4 * DAY_MS)["campaigns"][0]
    assert back["journey"]["last_request"]["action_id"] is None
