"""Sessions follow the apply order; active days do not care about it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamproc.windows.activity import follow_sessions, mark_active_days
from streamproc.windows.panes import DAY_MS, NEVER
from streamproc.windows.table import BITMAP_DAYS, DECAY_DAYS, Table, new_heads

GAP_MS = 30 * 60_000

times = st.lists(st.integers(0, 8 * GAP_MS), min_size=1, max_size=20)


def active_day_rows(head: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All days in the bitmaps, as (row, day), sorted by row, then day."""
    words = np.stack((head["days_low"], head["days_high"]), axis=1)
    bits = np.unpackbits(
        words.astype("<u8").view(np.uint8).reshape(len(head), BITMAP_DAYS // 8), axis=1, bitorder="little"
    )
    row, reversed_age = np.nonzero(bits[:, ::-1])
    return row, head["last_day"][row] - (BITMAP_DAYS - 1 - reversed_age)


@given(lives=st.lists(times, min_size=1, max_size=4), cut=st.integers(0, 20))
def test_sessions_match_the_rule_event_by_event(lives: list[list[int]], cut: int) -> None:
    """Two customers or more at once, in two steps, against one event at a time."""
    head = new_heads(len(lives))
    starts: list[list[bool]] = [[] for _ in lives]
    gaps: list[list[int]] = [[] for _ in lives]
    for part in (slice(0, cut), slice(cut, None)):
        row = np.array([i for i, life in enumerate(lives) for _ in life[part]], np.int64)
        ts_ms = np.array([ts for life in lives for ts in life[part]], np.int64)
        if len(row):
            steps = follow_sessions(head, row, ts_ms, GAP_MS)
            for i, start, gap in zip(row, steps.starts, steps.gap_ms, strict=True):
                starts[i].append(bool(start))
                gaps[i].append(int(gap))
    for i, life in enumerate(lives):
        latest = NEVER
        for ts, start, gap in zip(life, starts[i], gaps[i], strict=True):
            new = latest == NEVER or ts - latest > GAP_MS
            assert start == new
            assert gap == (0 if new else max(0, ts - latest))
            latest = max(latest, ts)
        assert head["last_activity_ms"][i] == max(life)
        assert head["sessions"][i] == sum(starts[i])


@given(days=st.lists(st.integers(20_000, 20_090), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_active_days_are_a_set(days: list[int], cut: int) -> None:
    """Any order, any repeats, any cut: count, bitmap and decayed counts are those of the set of days."""
    head = new_heads(2)
    for part in (days[:cut], days[cut:]):
        if part:
            row = np.ones(len(part), np.int64)
            mark_active_days(head, row, np.array(part) * DAY_MS + 12_345)
    last = max(days)
    assert head["active_days"].tolist() == [0, len(set(days))]
    assert head["first_day"][1] == min(days)
    assert head["last_day"][1] == last
    row, day = active_day_rows(head)
    assert row.tolist() == [1] * len(set(days))
    assert day.tolist() == sorted(set(days))
    for place, tau in enumerate(DECAY_DAYS):
        expected = sum(math.exp(-(last - day) / tau) for day in set(days))
        assert head["decayed_days"][1, place] == pytest.approx(expected, rel=1e-12)


def test_a_long_pause_empties_the_bitmap_but_not_the_count() -> None:
    head = new_heads(1)
    for day in (20_000, 20_063, 20_064, 20_200, 20_328):
        mark_active_days(head, np.zeros(1, np.int64), np.array([day * DAY_MS]))
    _, day = active_day_rows(head)
    assert day.tolist() == [20_328]
    assert head["active_days"][0] == 5
