"""Instants in and out."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.instants import to_corrected_epoch_ms, to_epoch_ms, to_iso

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_ZONES))
def test_epoch_ms_is_the_floor_of_microseconds(instant: datetime) -> None:
    """For every year and zone."""
    since = instant.astimezone(UTC) - _EPOCH
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    assert to_epoch_ms([instant]) == [micros // 1000]


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_iso_and_back(at_ms: int) -> None:
    """Nothing is lost, and the form is always the same."""
    written = to_iso(at_ms)
    assert len(written) == len("2026-01-31T12:00:00.000Z")
    assert to_epoch_ms([datetime.fromisoformat(written)]) == [at_ms]


def test_what_iso_cannot_write_is_shown_as_the_nearest_instant() -> None:
    assert to_iso(2**63 - 1) == "9999-12-31T23:59:59.999Z"
    assert to_iso(-(2**63)) == "0001-01-01T00:00:00.000Z"


def test_correction_moves_an_instant_to_the_clock_of_the_receiver() -> None:
    """What was 3 s before sending was 3 s before receiving."""
    received = datetime(2026, 1, 1, tzinfo=UTC)
    sent = datetime(1999, 1, 1, tzinfo=timezone(timedelta(hours=5)))
    corrected = to_corrected_epoch_ms(received, sent, sent - timedelta(seconds=3, microseconds=1))
    assert to_iso(corrected) == "2025-12-31T23:59:56.999Z"
