"""Feature columns, and what the frame says of their future, against the same frame looked at later."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.columns import EventColumns
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.windows.apply import Measures, apply_events
from streamproc.windows.panes import DAY_MS, HOUR_MS, INF, MINUTE_MS, WINDOWS
from streamproc.windows.table import CustomerTable, new_customers
from tests.unit.events import events as plain_events

DAY_0 = 20_000 * DAY_MS
GAP_MS = 30 * MINUTE_MS


def events(lives: list[list[int]]) -> tuple[np.ndarray, EventColumns]:
    """Page views, channels in turn, every third one an order of 2.5; one list of timestamps a customer."""
    row = np.array([i for i, life in enumerate(lives) for _ in life], np.int64)
    ts_ms = np.array([ts for life in lives for ts in life], np.int64)
    n = len(row)
    order = np.arange(n) % 3 == 2
    return row, plain_events(
        [str(i) for i in row],
        ts_ms,
        channel=np.arange(n) % 3,
        order=order,
        money_micros=np.where(order, 2_500_000, 0),
    )


def customers(lives: list[list[int]], at_ms: int) -> CustomerTable:
    table = new_customers([str(i) for i in range(len(lives))])
    row, columns = events(lives)
    apply_events(table, row, columns, np.full(len(row), at_ms), Measures(GAP_MS))
    return table


life = st.lists(
    st.one_of(
        st.integers(DAY_MS, 90 * DAY_MS),
        st.integers(89 * DAY_MS, 90 * DAY_MS),
        st.integers(90 * DAY_MS - HOUR_MS, 90 * DAY_MS),
    ),
    min_size=1,
    max_size=12,
).map(lambda offsets: [DAY_0 + offset for offset in offsets])


@given(lives=st.lists(life, min_size=1, max_size=3))
def test_window_sums_are_those_of_the_events_in_its_panes(lives: list[list[int]]) -> None:
    now_ms = DAY_0 + 90 * DAY_MS
    frame = Frame(customers(lives, now_ms), np.full(len(lives), now_ms))
    _, columns = events(lives)
    place = 0
    for i, timestamps in enumerate(lives):
        mine = range(place, place + len(timestamps))
        place += len(timestamps)
        for window in WINDOWS:
            newest = now_ms // window.tier.width_ms
            held = [
                j for j in mine if newest - window.panes < columns.ts_ms[j] // window.tier.width_ms <= newest
            ]
            assert frame.value(FEATURES[f"events_{window.name}"])[i] == len(held)
            assert frame.value(FEATURES[f"app_events_{window.name}"])[i] == sum(j % 3 == 1 for j in held)
            assert frame.value(FEATURES[f"money_{window.name}"])[i] == sum(
                2_500_000 for j in held if j % 3 == 2
            )
            start_ms = (newest - window.panes + 1) * window.tier.width_ms
            assert frame.exact(FEATURES[f"events_{window.name}"])[i] == (min(timestamps) <= start_ms)
        days = {int(columns.ts_ms[j]) // DAY_MS for j in mine}
        recent = {day for day in days if day > now_ms // DAY_MS - 30}
        assert frame.value(FEATURES["active_days_30d"])[i] == len(recent)
        assert frame.value(FEATURES["active_days_total"])[i] == len(days)
        assert frame.value(FEATURES["recency"])[i] == now_ms - max(timestamps)
        assert frame.value(FEATURES["tenure"])[i] == now_ms - min(timestamps)


@settings(max_examples=25)
@given(
    life=life,
    name=st.sampled_from(["events_1h", "events_24h", "web_events_7d", "money_30d", "active_days_7d"]),
    threshold=st.integers(1, 4),
)
def test_the_future_in_silence_is_what_a_later_frame_shows(
    life: list[int], name: str, threshold: int
) -> None:
    """falls_below, known_at and changes_at against frames at every pane boundary that can matter."""
    now_ms = DAY_0 + 90 * DAY_MS
    table = customers([life], now_ms)
    window = FEATURES[name].window
    assert window is not None
    width = window.tier.width_ms
    threshold *= 2_500_000 if name.startswith("money") else 1
    frame = Frame(table, np.array([now_ms]))
    value = int(frame.value(FEATURES[name])[0])
    later = [(now_ms // width + step) * width for step in range(1, window.panes + 2)]
    at = [Frame(table, np.array([t])) for t in later]

    below = [t for t, then in zip(later, at, strict=True) if then.value(FEATURES[name])[0] < threshold]
    columns = frame.windows((FEATURES[name],), np.array([0]), np.array([threshold]))
    falls_ms = int(columns.falls_ms[0, 0])
    assert falls_ms == (below[0] if value >= threshold else INF)
    known = [t for t, then in zip(later, at, strict=True) if then.exact(FEATURES[name])[0]]
    assert columns.known_at_ms()[0, 0] == (INF if frame.exact(FEATURES[name])[0] else known[0])
    changed = [t for t, then in zip(later, at, strict=True) if then.value(FEATURES[name])[0] != value]
    changes_ms = int(columns.changes_at_ms()[0, 0])
    assert changes_ms == (changed[0] if changed else INF) or (value == 0 and changes_ms > now_ms)


def test_what_never_happened_is_at_least_as_long_ago_as_the_customer_is_known() -> None:
    table = customers([[DAY_0]], DAY_0)
    frame = Frame(table, np.array([DAY_0 + 5 * DAY_MS]))
    assert frame.value(FEATURES["app_recency"])[0] == 5 * DAY_MS
    assert not frame.exact(FEATURES["app_recency"])[0]
    assert frame.exact(FEATURES["web_recency"])[0]
    assert frame.ages((FEATURES["cart_idle"],)).anchors_ms[0, 0] == INF
    assert frame.value(FEATURES["cart_idle"])[0] == 0


def test_an_event_ahead_of_the_clock_enters_its_window_when_its_pane_begins() -> None:
    now_ms = DAY_0 + DAY_MS - 1_000
    table = customers([[now_ms + 2_000]], now_ms)
    frame = Frame(table, np.array([now_ms]))
    assert frame.value(FEATURES["events_7d"])[0] == 0
    assert frame.value(FEATURES["recency"])[0] == 0
    assert frame.unfolds_at_ms()[0] == DAY_0 + DAY_MS
    assert Frame(table, np.array([DAY_0 + DAY_MS])).value(FEATURES["events_7d"])[0] == 1


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_has_a_value_for_a_customer_without_events(name: str) -> None:
    frame = Frame(new_customers(["nobody"]), np.array([DAY_0]))
    assert frame.value(FEATURES[name]).shape == (1,)
