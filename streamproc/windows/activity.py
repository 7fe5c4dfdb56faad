"""Sessions and active days: what a customer's activity events change.

Sessions follow the apply order: an activity more than `session_gap` after the latest one starts a session, a smaller
step forward lengthens it, an event at or before the latest one does neither. Active days are order-free.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.panes import DAY_MS, NEVER
from streamproc.windows.table import BITMAP_DAYS, DECAY_DAYS, Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ROW_SHIFT: Final = 46  # above it the row, below it a timestamp + 1: year 4199
_TIME_MASK: Final = (1 << _ROW_SHIFT) - 1
_WORD_BITS: Final = 64


class SessionSteps(NamedTuple):
    """Per activity event: whether it starts a session, the time since the latest activity if it lengthens one, and
    whether it belongs to what is now the customer's latest session.
    """

    starts: Bools
    gap_ms: Ints
    is_latest: Bools


def follow_sessions(head: Table, row: Ints, ts_ms: Ints, session_gap_ms: int) -> SessionSteps:
    """Fold activity events (apply order within a row) into `last_activity_ms` and the sessions of `head`."""
    order = np.argsort(row, kind="stable")
    sorted_row, sorted_ts = row[order], ts_ms[order]
    first = np.flatnonzero(np.concatenate(([True], sorted_row[1:] != sorted_row[:-1])))
    # A running maximum per customer in one pass: the row in the high bits separates the customers, and each
    # customer's run starts from the latest activity known before.
    runs = np.insert(sorted_ts + 1, first, head["last_activity_ms"][sorted_row[first]] + 1)
    run_rows = np.insert(sorted_row, first, sorted_row[first])
    latest = (np.maximum.accumulate((run_rows << _ROW_SHIFT) | runs) & _TIME_MASK) - 1
    is_event = np.ones(len(runs), np.bool_)
    is_event[first + np.arange(len(first))] = False
    before = latest[np.flatnonzero(is_event) - 1]

    step = sorted_ts - before
    starts_sorted = (before == NEVER) | (step > session_gap_ms)
    starts = np.empty(len(row), np.bool_)
    gap_ms = np.empty(len(row), np.int64)
    starts[order] = starts_sorted
    gap_ms[order] = np.where(starts_sorted | (step < 0), 0, step)
    np.maximum.at(head["last_activity_ms"], row, ts_ms)
    started = np.flatnonzero(starts_sorted)  # of one customer's, the last holds
    head["session_ms"][sorted_row[started]] = sorted_ts[started]
    head["pause_ms"][sorted_row[started]] = np.where(before[started] == NEVER, 0, step[started])
    last_start = np.full(len(head), -1, np.int64)
    last_start[sorted_row[started]] = started
    is_latest = np.empty(len(row), np.bool_)
    since_last_start = np.arange(len(row)) >= last_start[sorted_row]
    is_latest[order] = since_last_start & (sorted_ts >= head["session_ms"][sorted_row])
    head["sessions"] += np.bincount(row, weights=starts, minlength=len(head)).astype(np.int64)
    return SessionSteps(starts, gap_ms, is_latest)


def mark_active_days(head: Table, row: Ints, ts_ms: Ints) -> None:
    """Fold the UTC days of activity events into the churn state of `head`. Commutative and idempotent."""
    days = np.unique((row << 32) | (ts_ms // DAY_MS))  # of each customer, ascending
    row, day = days >> 32, days & 0xFFFFFFFF
    touched = np.unique(row)
    before = head["last_day"][touched]
    np.maximum.at(head["last_day"], row, day)
    _move_to(head, touched, np.where(before == NEVER, 0, head["last_day"][touched] - before))
    np.minimum.at(head["first_day"], row, day)

    age = head["last_day"][row] - day
    low, high = _bits(age)
    fresh = (
        ((head["days_low"][row] & low) == 0) & ((head["days_high"][row] & high) == 0) & (age < BITMAP_DAYS)
    )
    row, age = row[fresh], age[fresh]
    np.bitwise_or.at(head["days_low"], row, low[fresh])
    np.bitwise_or.at(head["days_high"], row, high[fresh])
    head["active_days"] += np.bincount(row, minlength=len(head))
    for place, tau in enumerate(DECAY_DAYS):
        head["decayed_days"][:, place] += np.bincount(row, weights=np.exp(-age / tau), minlength=len(head))


def _move_to(head: Table, rows: Ints, days_on: Ints) -> None:
    """Re-anchor bitmap and decayed counts after `last_day` moved on by `days_on` (>= 0)."""
    low, high = head["days_low"][rows], head["days_high"][rows]
    near = np.minimum(days_on, _WORD_BITS - 1).astype(np.uint64)
    carry = np.where(near == 0, np.uint64(0), low >> ((_WORD_BITS - near) % np.uint64(_WORD_BITS)))
    far = np.clip(days_on - _WORD_BITS, 0, _WORD_BITS - 1).astype(np.uint64)
    is_near = days_on < _WORD_BITS
    gone = days_on >= BITMAP_DAYS
    new_low = np.where(is_near, low << near, np.uint64(0))
    new_high = np.where(is_near, (high << near) | carry, np.where(gone, np.uint64(0), low << far))
    head["days_low"][rows], head["days_high"][rows] = new_low, new_high
    for place, tau in enumerate(DECAY_DAYS):
        head["decayed_days"][rows, place] *= np.exp(-days_on / tau)


def _bits(age: Ints) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The bit of a day of that age, in the low and the high word."""
    one, zero = np.uint64(1), np.uint64(0)
    shift = (age % _WORD_BITS).astype(np.uint64)
    return (
        np.where(age < _WORD_BITS, one << shift, zero),
        np.where((age >= _WORD_BITS) & (age < BITMAP_DAYS), one << shift, zero),
    )
