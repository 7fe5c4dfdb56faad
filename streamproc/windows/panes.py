"""Panes: the fixed slices of time that windows are made of.

A pane of width `w` is `floor(t / w)`. A window of length `L` holds, at `t`, the panes
`floor(t / w) - L / w + 1 .. floor(t / w)`: whole panes, so that a sum is exact and needs no tolerance.
Only panes with activity exist, as rows `(customer, tier | series | pane) -> (count, value)`.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.meanings import TALLIES
from streamproc.windows.merge import add, drop_panes

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS

#: No instant: later than every timestamp. Also the first-seen time of a customer without events.
INF: Final = int(np.iinfo(np.int64).max)
#: The timestamp of what never happened: earlier than every timestamp.
NEVER: Final = -1


class Tier(NamedTuple):
    """Panes of one width, kept as long as the longest window over them needs them."""

    code: int
    width_ms: int
    kept: int  # panes


TIERS: Final = (
    Tier(0, 5 * MINUTE_MS, 12),
    Tier(1, HOUR_MS, 24),
    Tier(2, DAY_MS, 90),
)


class Window(NamedTuple):
    """A rolling window: its name in rules, its tier and its length in panes."""

    name: str
    tier: Tier
    panes: int

    @property
    def length_ms(self) -> int:
        return self.panes * self.tier.width_ms


WINDOWS: Final = (
    Window("1h", TIERS[0], 12),
    Window("24h", TIERS[1], 24),
    Window("7d", TIERS[2], 7),
    Window("30d", TIERS[2], 30),
    Window("90d", TIERS[2], 90),
)

# Series: what a pane counts. The first three are the channels, in the order of their codes; the tallies, which have
# panes of a day only, follow in the order of theirs.
WEB, APP, SUPPORT, ORDERS, SESSIONS, FIRST_TALLY = range(6)
SERIES_COUNT: Final = FIRST_TALLY + len(TALLIES)

_SERIES_SHIFT: Final = 32
_TIER_SHIFT: Final = 40
ROW_SHIFT: Final = 43
_PANE_MASK: Final = (1 << _SERIES_SHIFT) - 1
#: Width of a pane, by tier.
WIDTHS_MS: Final = np.array([tier.width_ms for tier in TIERS], np.int64)
_KEPT: Final = np.array([tier.kept for tier in TIERS], np.int64)

#: One pane of one customer: `key` = tier | series | pane; sorted by (row, key).
PANE_DTYPE: Final = np.dtype([("row", "<i8"), ("key", "<i8"), ("count", "<i8"), ("value", "<i8")])

NO_PANES: Final = np.empty(0, PANE_DTYPE)

Ints = NDArray[np.int64]
Panes = NDArray[np.void]


def pane_key(tier: Ints | int, series: Ints | int, pane: Ints | int) -> Ints:
    """The sort key of panes: by tier, then series, then time."""
    return (
        (np.asarray(tier, np.int64) << _TIER_SHIFT) | (np.asarray(series, np.int64) << _SERIES_SHIFT) | pane
    )


def tier_of(key: Ints) -> Ints:
    return key >> _TIER_SHIFT


def series_of(key: Ints) -> Ints:
    return (key >> _SERIES_SHIFT) & 0xFF


def pane_of(key: Ints) -> Ints:
    return key & _PANE_MASK


def as_numbers(table: NDArray[np.void]) -> Ints:
    """A table whose fields have eight bytes each (or a multiple) as int64[rows, words]: the same memory."""
    return table.view(np.int64).reshape(len(table), table.dtype.itemsize // 8)


def make_panes(row: Ints, key: Ints, count: Ints, value: Ints) -> Panes:
    """Rows of the pane table, unsorted and not yet summed."""
    panes = np.empty(len(row), PANE_DTYPE)
    panes["row"], panes["key"], panes["count"], panes["value"] = row, key, count, value
    return panes


def union(stored: Panes, parts: Sequence[Panes]) -> Panes:
    """The union of pane tables: equal (row, key) summed, sorted by (row, key), as `stored` is already.

    The merge of two customers is the same union.
    """
    more = parts[0] if len(parts) == 1 else np.concatenate([NO_PANES, *parts])
    if not len(more):
        return stored
    # Not more[order], which would copy field by field.
    more = more.take(np.argsort((more["row"] << ROW_SHIFT) | more["key"], kind="stable"))
    merged = np.empty(len(stored) + len(more), PANE_DTYPE)
    return merged[: add(as_numbers(stored), as_numbers(more), as_numbers(merged), words=1, greatest=False)]


def prune(panes: Panes, now_ms: Ints) -> Panes:
    """Without the panes that no window can hold at or after `now_ms` (int64[n], per customer). `panes` is used up."""
    oldest = now_ms // WIDTHS_MS[:, None] - _KEPT[:, None] + 1
    return panes[: drop_panes(as_numbers(panes), oldest)]
