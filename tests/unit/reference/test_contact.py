"""Hours of the day, caps and arms, worked out by hand."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.reference.campaigns import Cap, Step, read_campaign, read_policy
from tests.reference.campaigns_arms import in_holdout, variant_of
from tests.reference.campaigns_files import utc
from tests.reference.contact import (
    below_cap,
    channels_of,
    choose_channel,
    in_quiet_hours,
    in_slot,
    local_minute,
    next_minute,
)
from tests.reference.customer import Contact, Customer, Word
from tests.unit.reference.life import D, H, M, S

NIGHT = (21 * 60, 8 * 60)
STEP = Step(0, ("email",), "r", None, None)
CUSTOMER = Customer("ann")


@pytest.mark.parametrize(
    ("zone", "asleep", "awake"),
    [
        ("Europe/Berlin", utc(2026, 3, 28, 20), utc(2026, 3, 29, 6)),  # 21:00 +01:00, 08:00 +02:00
        ("Europe/Berlin", utc(2026, 10, 24, 19), utc(2026, 10, 25, 7)),  # 21:00 +02:00, 08:00 +01:00
        ("Australia/Lord_Howe", utc(2026, 4, 4, 10), utc(2026, 4, 4, 21, 30)),  # +11:00, then +10:30
        ("Asia/Kolkata", utc(2026, 6, 1, 15, 30), utc(2026, 6, 2, 2, 30)),
        ("America/Sao_Paulo", utc(2018, 11, 4, 0), utc(2018, 11, 4, 10)),  # there is no midnight
        ("Pacific/Apia", utc(2011, 12, 30, 7), utc(2011, 12, 30, 18)),  # the 29th, and the 31st: no 30th
    ],
)
def test_quiet_hours_are_those_on_the_clocks(zone: str, asleep: int, awake: int) -> None:
    """From 21:00 to 08:00, however long that is; a second before, and at the end, it is not quiet."""
    assert not in_quiet_hours(NIGHT, asleep - S, zone)
    assert in_quiet_hours(NIGHT, asleep, zone)
    assert in_quiet_hours(NIGHT, awake - S, zone)
    assert next_minute(asleep + 30 * S, lambda at_ms: not in_quiet_hours(NIGHT, at_ms, zone)) == awake


def test_quiet_hours_that_the_clocks_leave_out() -> None:
    """From 02:00 to 03:00 in Berlin: never on the last Sunday of March, twice as long on that of October."""
    march, october = utc(2026, 3, 29), utc(2026, 10, 25)
    quiet = [
        sum(in_quiet_hours((120, 180), day + n * M, "Europe/Berlin") for n in range(-60, 240))
        for day in (march, october)
    ]
    assert quiet == [0, 120]


def test_an_hour_of_a_step_begins_at_its_minute_and_may_go_over_midnight() -> None:
    late = replace(STEP, at=23 * 60 + 30)
    at = utc(2026, 6, 1, 23, 30)
    assert [in_slot(late, CUSTOMER, at + d, "UTC") for d in (-S, 0, H - S, H)] == [False, True, True, False]
    assert local_minute(at, "Asia/Kolkata") == 5 * 60


def test_the_best_hour_is_one_of_utc_and_now_if_it_is_not_known() -> None:
    best, at = replace(STEP, at="best_hour"), utc(2026, 6, 1, 10)
    customer = Customer("ann", hours={10: 2, 11: 1, 12: 2})
    assert in_slot(best, CUSTOMER, at, "Asia/Kolkata")
    assert [in_slot(best, customer, at + d, "Asia/Kolkata") for d in (-S, 0, H - S, H)] == [
        False,
        True,
        True,
        False,
    ]


def test_a_rolling_cap_forgets_after_exactly_its_length() -> None:
    cap, at = Cap(1, D, None), utc(2026, 6, 1)
    assert not below_cap(cap, "push", [Contact(at, "email")], at + D - S, "UTC")
    assert below_cap(cap, "push", [Contact(at, "email")], at + D, "UTC")
    assert below_cap(replace(cap, channel="push"), "push", [Contact(at, "email")], at, "UTC")
    assert below_cap(replace(cap, channel="email"), "push", [Contact(at, "email")], at, "UTC")


def test_a_calendar_day_is_one_of_the_zone() -> None:
    """23:30 and 00:30 UTC are one day in Kolkata; in Apia the 29th of December 2011 is followed by the 31st."""
    cap, at = Cap(1, None, None), utc(2026, 6, 1, 23, 30)
    assert below_cap(cap, "push", [Contact(at, "email")], at + H, "UTC")
    assert not below_cap(cap, "push", [Contact(at, "email")], at + H, "Asia/Kolkata")
    skipped = utc(2011, 12, 30, 10)
    assert not below_cap(cap, "push", [Contact(skipped - 23 * H, "email")], skipped - S, "Pacific/Apia")
    assert below_cap(cap, "push", [Contact(skipped - S, "email")], skipped, "Pacific/Apia")


def test_the_channel_of_the_latest_reaction_comes_first_of_the_preferred() -> None:
    """The greatest timestamp; of equal ones the first channel. What is not consented is passed over."""
    step = replace(STEP, channels=("preferred", "email", "push", "sms", "phone", "in_app"))
    customer = Customer("ann", consent={"email": Word(1, 1, said=True), "sms": Word(1, 1, said=True)})
    assert channels_of(step, customer)[0] == "email"
    customer.answered = {
        "sms": Word(7, 9, said=True),
        "push": Word(7, 1, said=True),
        "email": Word(6, 9, said=True),
    }
    assert channels_of(step, customer) == ["push", "email", "sms", "phone", "in_app"]
    assert choose_channel(step, customer, read_policy({}), 10) == ("email", None)
    del customer.answered["push"]
    assert choose_channel(step, customer, read_policy({}), 10) == ("sms", None)
    policy = read_policy({"caps": [{"most": 1, "per": "1d", "channel": "sms"}]})
    customer.contacts = [Contact(9, "sms")]
    assert choose_channel(step, customer, policy, 10) == ("email", None)
    customer.consent.pop("email")
    assert choose_channel(step, customer, policy, 10) == (None, "frequency_cap")
    assert choose_channel(step, CUSTOMER, policy, 10) == (None, "no_consent")


def test_arms_have_their_shares() -> None:
    """Of 20,000 customers, within four standard deviations; and 1 of 10 of those outside the global group."""
    raw = {
        "key": "c",
        "on": "enter a",
        "reentry": "never",
        "expires_after": "1d",
        "channel": "email",
        "reason": "r",
    }
    campaign = read_campaign({**raw, "holdout": "10%", "variants": {"a": 3, "b": 1}})
    people = [f"customer-{n}" for n in range(20_000)]
    everybody, held_out = read_policy({}), read_policy({"holdout": "5%"})
    assert sum(in_holdout(campaign, everybody, one) for one in people) == pytest.approx(2000, abs=170)
    both = [in_holdout(campaign, held_out, one) for one in people]
    assert sum(both) == pytest.approx(20_000 * (0.05 + 0.95 * 0.1), abs=200)
    assert Counter(variant_of(campaign, one) for one in people)["a"] == pytest.approx(15_000, abs=245)
