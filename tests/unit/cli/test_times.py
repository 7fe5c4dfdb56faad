"""Instants in words."""

import pytest

from streamproc.cli.times import local_teller, minute, relative, teller

AS_OF = "2026-01-31T12:00:00.000Z"


@pytest.mark.parametrize(
    ("at", "told"),
    [
        ("2026-01-31T12:00:00.000Z", "now"),
        ("2026-01-31T11:59:01.000Z", "now"),
        ("2026-01-31T11:59:00.000Z", "1 minute ago"),
        ("2026-01-31T10:00:01.000Z", "119 minutes ago"),
        ("2026-01-31T10:00:00.000Z", "2 hours ago"),
        ("2026-01-29T12:00:01.000Z", "47 hours ago"),
        ("2026-01-29T12:00:00.000Z", "2 days ago"),
        ("2025-01-31T12:00:00.000Z", "365 days ago"),
        ("2026-01-31T12:30:00.000Z", "in 30 minutes"),
        ("2026-02-12T12:00:00.000Z", "in 12 days"),
    ],
)
def test_relative(at: str, told: str) -> None:
    """In the greatest unit of which there are two."""
    assert relative(at, AS_OF) == told


def test_minutes() -> None:
    assert minute(AS_OF) == "2026-01-31 12:00"
    assert teller(AS_OF)("2026-01-29T12:00:00.000Z") == "2026-01-29 12:00 (2 days ago)"


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [
        ("UTC", "2026-01-31T12:00:59.999Z", "2026-01-31 12:00 UTC"),
        ("Europe/Berlin", "2026-01-31T12:00:00.000Z", "2026-01-31 13:00 (12:00 UTC)"),
        ("Europe/Berlin", "2026-07-31T23:30:00.000Z", "2026-08-01 01:30 (2026-07-31 23:30 UTC)"),
        ("Europe/London", "2026-01-31T12:00:00.000Z", "2026-01-31 12:00 UTC"),
        ("Asia/Kathmandu", "2026-01-31T12:00:00.000Z", "2026-01-31 17:45 (12:00 UTC)"),
        ("Etc/GMT+12", "2026-01-31T00:00:00.000Z", "2026-01-30 12:00 (2026-01-31 00:00 UTC)"),
    ],
)
def test_local_clocks(zone: str, at: str, shown: str) -> None:
    """With the day of UTC where it is another."""
    assert local_teller(zone)(at) == shown
