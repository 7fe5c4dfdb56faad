"""The features' windows and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.customer import Customer
from tests.reference.features import FEATURES, SPANS, WINDOWS, Window, feature
from tests.unit.reference.life import DAY0, NOON, D, H, M


def test_the_names_are_those_of_the_contract() -> None:
    """Six ages, eleven sums in five windows, active days in three, five totals and the cart."""
    assert len(FEATURES) == len(set(FEATURES)) == 6 + 11 * 5 + 3 + 5 + 1
    for name in ("web_events_total", "active_days_1h", "events", "events_2h"):
        with pytest.raises(KeyError):
            feature(Customer("ann", first_seen=NOON), name, NOON)


def test_where_windows_start() -> None:
    """Of whole panes, the present one included: at 12:34, 1h starts at 11:35, 24h at 13:00 the day before."""
    now_ms = NOON + 34 * M
    starts = {span: WINDOWS[f"events_{span}"].start_ms(now_ms) for span in SPANS}
    assert starts == {
        "1h": NOON - 25 * M,
        "24h": NOON - 23 * H,
        "7d": DAY0 - 6 * D,
        "30d": DAY0 - 29 * D,
        "90d": DAY0 - 89 * D,
    }


@given(st.sampled_from(sorted(WINDOWS.values(), key=repr)), st.integers(0, 200 * D))
def test_a_window_becomes_known_at_the_instant_said(window: Window, first_seen_ms: int) -> None:
    """One millisecond before, its start still lies before the first event."""
    known_ms = window.known_at_ms(first_seen_ms)
    assert window.start_ms(known_ms - 1) < first_seen_ms <= window.start_ms(known_ms)
