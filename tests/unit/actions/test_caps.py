"""Frequency caps: what counts, and from when on it does not any more."""

from datetime import UTC, datetime
from typing import Final

import pytest

from streamproc.actions.caps import Contact, is_capped
from streamproc.actions.zones import zone
from streamproc.rules.campaign import Cap

EMAIL, PUSH = 0, 1
NOW_MS: Final = 1_781_524_800_000  # 2026-06-15T12:00:00Z
HOUR_MS: Final = 3_600_000


def capped(cap: Cap, *contacts: Contact, channel: str = "email", where: str = "UTC") -> bool:
    return is_capped([cap], channel, contacts, NOW_MS, zone(where))


@pytest.mark.parametrize(("ago_ms", "expected"), [(0, True), (HOUR_MS - 1, True), (HOUR_MS, False)])
def test_a_span_ends_to_the_millisecond(ago_ms: int, expected: bool) -> None:
    assert capped(Cap(1, HOUR_MS), Contact(EMAIL, NOW_MS - ago_ms)) is expected


def test_up_to_so_many_are_allowed() -> None:
    contacts = [Contact(EMAIL, NOW_MS - n) for n in range(3)]
    assert [capped(Cap(3, HOUR_MS), *contacts[:n]) for n in range(4)] == [False, False, False, True]


def test_a_channel_s_cap_is_about_that_channel() -> None:
    """It counts no other messages, and stops no others; a cap of all counts all."""
    push = Contact(PUSH, NOW_MS)
    assert not capped(Cap(1, HOUR_MS, "email"), push)
    assert capped(Cap(1, HOUR_MS, "push"), push, channel="push")
    assert not capped(Cap(1, HOUR_MS, "push"), push, channel="email")
    assert capped(Cap(1, HOUR_MS), push, channel="email")


@pytest.mark.parametrize(
    ("where", "hour", "expected"),
    [
        ("UTC", 0, True),
        ("UTC", -1, False),
        ("Asia/Tokyo", 0, True),  # 09:00 of the same day
        ("Asia/Tokyo", -9, True),  # midnight
        ("Asia/Tokyo", -10, False),
        ("America/Los_Angeles", 0, False),  # yesterday, 17:00
        ("America/Los_Angeles", 7, True),
    ],
)
def test_a_day_is_the_customer_s(where: str, hour: int, expected: bool) -> None:
    midnight_ms = round(datetime(2026, 6, 15, tzinfo=UTC).timestamp() * 1000)
    assert capped(Cap(1, None), Contact(EMAIL, midnight_ms + hour * HOUR_MS), where=where) is expected


def test_one_cap_is_enough() -> None:
    """Of several; without any, nothing is capped."""
    contacts = [Contact(EMAIL, NOW_MS - 2 * HOUR_MS)]
    caps = [Cap(1, HOUR_MS), Cap(1, 3 * HOUR_MS, "email")]
    assert is_capped(caps, "email", contacts, NOW_MS, zone("UTC"))
    assert not is_capped(caps, "push", contacts, NOW_MS, zone("UTC"))
    assert not is_capped([], "email", contacts * 64, NOW_MS, zone("UTC"))
