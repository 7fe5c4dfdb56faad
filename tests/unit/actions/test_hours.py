"""Quiet hours and hours of steps, against a look at every minute; where clocks change, too."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.actions.hours import is_quiet, local_time, outside_hour_from, quiet_until_ms
from streamproc.actions.zones import zone, zone_of
from streamproc.contracts.time_zones import zone_names
from streamproc.rules.campaign import QuietHours

MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 1_440
BERLIN: Final = "Europe/Berlin"
#: Where clocks change: by an hour, by half of one, at midnight, by a day; and where they never do.
ZONES: Final = (
    "UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Cairo", "Asia/Kathmandu",
    "Asia/Beirut", "Pacific/Apia", "Pacific/Chatham", "Antarctica/Troll",
)  # fmt: skip
#: Of 2026, every quarter of an hour and a bit.
INSTANTS: Final = st.integers(0, 365 * 96).map(lambda n: 1_767_225_600_000 + n * 15 * MINUTE_MS)
QUIET: Final = st.tuples(st.integers(0, DAY_MINUTES - 1), st.integers(0, DAY_MINUTES - 1)).map(
    lambda pair: QuietHours(*pair)
)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def shows_quiet(hours: QuietHours, now_ms: int, where: tzinfo) -> bool:
    """By the two ends, as a person reads them."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=now_ms)).astimezone(where)
    minute = local.hour * 60 + local.minute
    if hours.from_minute <= hours.to_minute:
        return hours.from_minute <= minute < hours.to_minute
    return minute >= hours.from_minute or minute < hours.to_minute


def first_loud_ms(hours: QuietHours, now_ms: int, where: tzinfo) -> int:
    """By looking at every minute."""
    end_ms = (now_ms // MINUTE_MS + 1) * MINUTE_MS
    while shows_quiet(hours, end_ms, where):
        end_ms += MINUTE_MS
    return end_ms


def transitions_ms(where: tzinfo) -> list[int]:
    """Of 2026, to the hour."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    hours = [first + timedelta(hours=n) for n in range(365 * 24)]
    offsets = [hour.astimezone(where).utcoffset() for hour in hours]
    return [
        round(hour.timestamp() * 1000)
        for before, after, hour in zip(offsets, offsets[1:], hours[1:], strict=False)
        if before != after
    ]


@given(QUIET, INSTANTS, st.integers(0, 59_999), st.sampled_from(ZONES))
@example(QuietHours(60, 150), ms("2026-03-29T00:30:00Z"), 0, BERLIN)
@example(QuietHours(120, 180), ms("2026-10-25T00:30:00Z"), 0, BERLIN)
def test_quiet_and_until_when(hours: QuietHours, now_ms: int, more_ms: int, name: str) -> None:
    now_ms, where = now_ms + more_ms, zone(name)
    assert is_quiet(hours, now_ms, where) == shows_quiet(hours, now_ms, where)
    if is_quiet(hours, now_ms, where):
        assert quiet_until_ms(hours, now_ms, where) == first_loud_ms(hours, now_ms, where)


@given(st.sampled_from(ZONES), st.integers(0, 1), st.integers(-1_500, 200), QUIET)
def test_where_clocks_change(name: str, which: int, minutes: int, hours: QuietHours) -> None:
    """Up to a day before, and for some hours behind it."""
    where = zone(name)
    changes_ms = transitions_ms(where) or [ms("2026-06-01T00:00:00Z")] * 2
    now_ms = changes_ms[which] + minutes * MINUTE_MS
    if is_quiet(hours, now_ms, where):
        assert quiet_until_ms(hours, now_ms, where) == first_loud_ms(hours, now_ms, where)


@given(st.integers(0, DAY_MINUTES - 1), INSTANTS, st.sampled_from(ZONES))
def test_an_hour_and_all_others_make_the_day(minute: int, now_ms: int, name: str) -> None:
    others, where = outside_hour_from(minute), zone(name)
    local = local_time(now_ms, where)
    assert is_quiet(others, now_ms, where) == ((local.hour * 60 + local.minute - minute) % DAY_MINUTES >= 60)


@pytest.mark.parametrize(
    ("hours", "now", "until"),
    [
        # The night in which 02:00 to 03:00 does not come: it ends at 03:00 of summer time, not at 02:30.
        (QuietHours(22 * 60, 150), "2026-03-28T23:00:00+01:00", "2026-03-29T03:00:00+02:00"),
        # It comes twice: the first 02:30 ends it.
        (QuietHours(22 * 60, 150), "2026-10-24T23:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        # The second hour of it is quiet again.
        (QuietHours(120, 180), "2026-10-25T02:10:00+02:00", "2026-10-25T03:00:00+01:00"),
        (QuietHours(21 * 60, 8 * 60), "2026-06-15T21:00:00+02:00", "2026-06-16T08:00:00+02:00"),
        # Not the instant itself, but a whole minute behind it.
        (QuietHours(21 * 60, 8 * 60), "2026-06-15T07:59:59.999+02:00", "2026-06-15T08:00:00+02:00"),
    ],
)
def test_nights_in_berlin(hours: QuietHours, now: str, until: str) -> None:
    assert is_quiet(hours, ms(now), zone(BERLIN))
    assert quiet_until_ms(hours, ms(now), zone(BERLIN)) == ms(until)


def test_no_minute_is_quiet_from_and_to_the_same() -> None:
    assert not any(is_quiet(QuietHours(90, 90), n * MINUTE_MS, zone("UTC")) for n in range(DAY_MINUTES))


def test_zones_come_from_the_package() -> None:
    """By the code of a state; where it has none, or an unknown one, the policy's."""
    code = next(code for code, name in zone_names().items() if name == BERLIN)
    assert zone_of(code, "UTC").key == BERLIN
    assert zone_of(-1, "Asia/Tokyo").key == "Asia/Tokyo"
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert noon.astimezone(zone_of(code, "UTC")) == noon.astimezone(ZoneInfo(BERLIN))
