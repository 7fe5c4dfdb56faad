"""One customer's history as far as the state remembers it."""

from typing import Any

from streamproc.api.story import (
    describe_channels,
    describe_funnels,
    describe_preferences,
    describe_tallies,
    describe_timeline,
)
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.instants import to_iso
from streamproc.contracts.time_zones import zone_codes
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import CustomerTable
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
  - {key: onboarding, version: 1, steps: [Signed Up, Profile Completed, Order Completed], within: 14d}
""")


def table_of(*happened: tuple[float, dict[str, Any]], until_days: float) -> CustomerTable:
    return customer(happened, until_days).table


def told(table: CustomerTable) -> list[tuple[str, str]]:
    return [(moment["about"], moment["what"]) for moment in describe_timeline(table, SMALL)]


def iso(days: float) -> str:
    return to_iso(START_MS + int(days * DAY_MS))


def test_little_history() -> None:
    """One visit."""
    table = table_of((0, {}), until_days=0.5)
    assert told(table) == [
        ("customer", "first seen"),
        ("activity", "last activity"),
        ("segment", "entered new"),
    ]
    assert describe_channels(table) == {"web": iso(0), "app": None, "support": None}
    assert describe_tallies(table) == {}
    assert describe_preferences(table) == {"categories": {}, "hours": {"10": 1}}


def test_never_active() -> None:
    """A consent is no activity, and counts on no channel."""
    said = {"activity": False, "counted": False, "consent": consent("push", given=False)}
    table = table_of((0, said), until_days=0.5)
    assert ("consent", "consent to push withdrawn") in told(table)
    assert "activity" not in [about for about, _ in told(table)]
    assert set(describe_channels(table).values()) == {None}


def test_the_timeline_is_sorted_and_counts() -> None:
    table = table_of(
        (0, {"tally": tally("searches")}),
        (1, {"tally": tally("searches"), "channel": APP}),
        (2, {"order": True, "money_micros": 1}),
        (3, {"order": True, "money_micros": 1}),
        (3.5, {"channel": SUPPORT, "activity": False, "survey": 0, "score": 9}),
        (4, {"channel": SUPPORT, "activity": False, "ticket": 1, "ticket_hash": 7}),
        (4.5, {"channel": SUPPORT, "activity": False, "ticket": -1, "ticket_hash": 8}),
        (5, {"cart": 1}),
        until_days=5.01,
    )
    moments = describe_timeline(table, SMALL)
    assert [moment["at"] for moment in moments] == sorted(moment["at"] for moment in moments)
    assert [(moment["at"], moment["what"]) for moment in moments if moment["about"] != "segment"] == [
        (iso(0), "first seen"),
        (iso(1), "searches (the last of 2)"),
        (iso(3), "the last of 2 orders"),
        (iso(3.5), "answered NPS with 9 of 10"),
        (iso(4), "a ticket was opened"),
        (iso(4.5), "a ticket was closed"),
        (iso(5), "the last of 5 sessions began"),
        (iso(5), "the first thing came into the cart"),
        (iso(5), "last activity"),
    ]
    assert describe_tallies(table)["searches"] == {"count": 2, "last_at": iso(1)}


def test_segments_left_are_not_told_and_returns_are_counted() -> None:
    """What the state does not remember is not made up."""
    table = table_of((0, {}), (1, {}), (40, {}), (41, {}), until_days=80)
    entries = [what for about, what in told(table) if about == "segment"]
    assert entries == ["entered dormant, for the 2nd time"]


def test_requests_are_told() -> None:
    """But not the suppressed ones."""
    agreed = {"consent": consent("email", given=True)}
    assert ("campaign", "requested winback_dormant") in told(table_of((0, agreed), (1, {}), until_days=40))
    assert "campaign" not in [about for about, _ in told(table_of((0, {}), (1, {}), until_days=40))]


def test_a_journey_under_way_and_the_control_group_are_told() -> None:
    """Of the control group, that it would have been asked."""
    rules = """
contact: {holdout: HOLDOUT}
campaigns:
  - {key: nag, name: Nag, version: 1, on: inactive 1d, reentry: never, channel: email, reason: Nag, expires_after: 2d}
"""
    agreed = (0, {"consent": consent("email", given=True)})
    for holdout, asked in (("0%", "requested nag"), ("99%", "would have requested nag")):
        definitions = definitions_of(rules.replace("HOLDOUT", holdout))
        table = customer([agreed], 2, definitions).table
        moments = describe_timeline(table, definitions)
        assert [moment["what"] for moment in moments if moment["about"] == "campaign"] == [
            "entered nag",
            asked,
        ]


def test_the_suppression_list_and_the_time_zone_are_told() -> None:
    quiet = {"counted": False, "activity": False}
    table = table_of(
        (0, {}),
        (1, {**quiet, "suppressed": 1, "time_zone": zone_codes()["Asia/Tokyo"]}),
        (2, {**quiet, "suppressed": 1}),
        until_days=2.1,
    )
    assert ("suppression", "put on the suppression list") in told(table)
    assert ("time zone", "time zone Asia/Tokyo") in told(table)
    table = table_of((0, {}), (1, {**quiet, "suppressed": -1}), until_days=2.1)
    assert ("suppression", "taken from the suppression list") in told(table)


def test_names_of_older_rules() -> None:
    """Those that the shard remembers, else the id."""
    table = table_of((0, {}), until_days=0.5)
    (segment,) = [word for word in describe_timeline(table, FUNNEL) if word["about"] == "segment"]
    assert segment["what"] == f"entered {int(table.members['segment'][0]):08x}"


def test_funnels() -> None:
    """How far, what would be next, and until when; only those that were begun."""
    begun = customer(
        [(0, {"name": text_hash("Signed Up")}), (1, {"name": text_hash("Profile Completed")})], 2, FUNNEL
    ).table
    assert describe_funnels(begun, FUNNEL.ruleset) == [
        {
            "key": "onboarding",
            "steps_done": 2,
            "steps": ["Signed Up", "Profile Completed", "Order Completed"],
            "next_step": "Order Completed",
            "started_at": iso(0),
            "last_at": iso(1),
            "until": iso(14),
        }
    ]
    assert {"at": iso(1), "about": "funnel", "what": "onboarding: Profile Completed (step 2 of 3)"} in (
        describe_timeline(begun, FUNNEL)
    )
    assert describe_funnels(customer([(0, {})], 1, FUNNEL).table, FUNNEL.ruleset) == []


def test_a_funnel_that_has_become_shorter() -> None:
    """Without a later version, so that what was done counts on: who has done all the steps that are left is through."""
    shorter = definitions_of("""
funnels:
  - {key: onboarding, version: 1, steps: [Signed Up, Order Completed], within: 14d}
""")
    names = [text_hash(name) for name in FUNNEL.ruleset.funnels[0].steps]
    through = customer([(place, {"name": name}) for place, name in enumerate(names)], 3, FUNNEL).table
    (told,) = describe_funnels(through, shorter.ruleset)
    assert (told["steps_done"], told["next_step"]) == (2, None)
    assert {"at": iso(2), "about": "funnel", "what": "onboarding: Order Completed (step 2 of 2)"} in (
        describe_timeline(through, shorter)
    )


def test_preferences_come_with_the_most_first() -> None:
    """Of equal ones, the least name."""
    kinds = [b"shoes", b"hats", b"hats", b"bags"]
    table = table_of(*((place / 24, {"category": kind}) for place, kind in enumerate(kinds)), until_days=1)
    assert list(describe_preferences(table)["categories"].items()) == [("hats", 2), ("bags", 1), ("shoes", 1)]
    assert list(describe_preferences(table)["hours"]) == ["10", "11", "12", "13"]
