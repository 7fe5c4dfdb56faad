"""Window features of n customers: sums of panes, and when they change if nothing more happens.

All panes stand in one array, sorted by part, customer, kind and time, beside their running totals: a window's sum is
the difference of two running totals. The parts are the panes as stored, the panes of all channels together, and the
active days, which are panes of a day that count one.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import CHANNEL_SERIES, Feature
from streamproc.windows.activity import active_day_rows
from streamproc.windows.panes import (
    FIRST_TALLY,
    INF,
    ROW_SHIFT,
    SERIES_COUNT,
    TIERS,
    pane_key,
    pane_of,
    series_of,
    tier_of,
)
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_PART_SHIFT: Final = 61
_STORED, _TOGETHER, _DAYS = range(3)
#: A *slot* is one kind of pane of one customer. Slots per customer in each part, and in the parts before it.
#: (Only the last tier has tallies.)
_SLOTS: Final = ((len(TIERS) - 1) * FIRST_TALLY + SERIES_COUNT, len(TIERS), 1)
_SLOTS_BEFORE: Final = (0, _SLOTS[0], _SLOTS[0] + _SLOTS[1])
_DAY_TIER: Final = TIERS[2]
_WIDTHS_MS: Final = np.array([tier.width_ms for tier in TIERS], np.int64)


class PaneTotals:
    """The panes of the customers of `table`, with running totals; `now_ms`: int64[n], each one's instant."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        n = len(table)
        if n >> (_PART_SHIFT - ROW_SHIFT):
            raise ValueError(
                f"{n} customers at once; at most {1 << (_PART_SHIFT - ROW_SHIFT)} fit the sort key"
            )
        self.first_seen_ms = table.head["first_seen_ms"]
        self.newest = now_ms // _WIDTHS_MS[:, None]  # by tier: [3, n]
        row, key = table.panes["row"].astype(np.int64), table.panes["key"]
        tier, series = tier_of(key), series_of(key)
        of_channel = np.flatnonzero(series <= CHANNEL_SERIES[-1])
        together = (row[of_channel] << ROW_SHIFT) | pane_key(tier[of_channel], 0, pane_of(key[of_channel]))
        order = np.argsort(together, kind="stable")
        of_channel, together = of_channel[order], together[order]
        day_row, day = active_day_rows(table.head)
        self.key = np.concatenate(
            (
                (row << ROW_SHIFT) | key,
                (_TOGETHER << _PART_SHIFT) | together,
                (_DAYS << _PART_SHIFT) | (day_row << ROW_SHIFT) | pane_key(_DAY_TIER.code, 0, day),
            )
        )
        self.row = np.concatenate((row, row[of_channel], day_row))
        self.tier = np.concatenate((tier, tier[of_channel], np.full(len(day), _DAY_TIER.code, np.int64)))
        self.pane = pane_of(self.key)
        size = len(self.key)
        #: What precedes each pane, in counts, and from `values_at` on in values.
        self.running = np.zeros(2 * (size + 1), np.int64)
        self.values_at = size + 1
        for measure, at in (("count", 0), ("value", self.values_at)):
            amount = table.panes[measure]
            parts = (amount, amount[of_channel], np.ones(len(day), np.int64))
            np.cumsum(np.concatenate(parts), out=self.running[at + 1 : at + 1 + size])
        slot = np.concatenate(
            (
                row * _SLOTS[_STORED] + tier * FIRST_TALLY + series,
                n * _SLOTS_BEFORE[_TOGETHER] + row[of_channel] * _SLOTS[_TOGETHER] + tier[of_channel],
                n * _SLOTS_BEFORE[_DAYS] + day_row,
            )
        )
        self.start = np.zeros(n * sum(_SLOTS) + 1, np.int64)  # of every slot
        np.cumsum(np.bincount(slot, minlength=n * sum(_SLOTS)), out=self.start[1:])
        self.ahead = np.flatnonzero(self.pane > self.newest[self.tier, self.row])

    def unfolds_at_ms(self) -> Ints:
        """The next instant at which an event from the future of `now` enters a window, int64[n]; INF: there is none.

        Only the live clock has such events: a producer's clock may be ahead by up to five minutes.
        """
        result = np.full(self.newest.shape[1], INF, np.int64)
        begins_ms = self.pane[self.ahead] * _WIDTHS_MS[self.tier[self.ahead]]
        np.minimum.at(result, self.row[self.ahead], begins_ms)
        return result


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What f window features sum: int64[f, 1] each."""

    slot: Ints  # the first customer's, less what depends on the number of customers
    slots_before: Ints
    stride: Ints
    key: Ints
    tier: Ints
    width_ms: Ints
    panes: Ints
    is_value: Ints


@lru_cache(maxsize=1024)
def _kinds(features: tuple[Feature, ...]) -> _Kinds:
    rows = [_kind(feature) for feature in features]
    return _Kinds(*np.array(rows, np.int64).reshape(-1, 8).T[:, :, None].copy())


def _kind(feature: Feature) -> tuple[int, ...]:
    window = feature.window
    assert window is not None
    tier = window.tier
    if feature.measure == "active_days":
        part, slot, series = _DAYS, 0, 0
    elif feature.series == CHANNEL_SERIES:
        part, slot, series = _TOGETHER, tier.code, 0
    else:
        (series,) = feature.series
        part, slot = _STORED, tier.code * FIRST_TALLY + series
    key = (part << _PART_SHIFT) | int(pane_key(tier.code, series, 0))
    return (
        slot, _SLOTS_BEFORE[part], _SLOTS[part], key, tier.code, tier.width_ms, window.panes,
        int(feature.measure == "value"),
    )  # fmt: skip


class WindowColumns:
    """f window features of n customers. `values`: int64[f, n], the least they can be; `exact`: bool[f, n].

    A window is exact where the history reaches back to its beginning.
    """

    def __init__(self, totals: PaneTotals, features: tuple[Feature, ...]) -> None:
        self._totals, kinds = totals, _kinds(features)
        self._kinds = kinds
        newest = totals.newest[kinds.tier[:, 0]]
        self._first, self._end = self._spans(newest)
        measure = kinds.is_value * totals.values_at
        self.values: Ints = totals.running[measure + self._end] - totals.running[measure + self._first]
        self.exact: Bools = totals.first_seen_ms <= (newest - kinds.panes + 1) * kinds.width_ms

    def falls_below_ms(self, place: Ints, bound: Ints) -> Ints:
        """From which instant on the features at `place` (int64[c]) are below `bound` (int64[c]) in silence.

        int64[c, n]; INF: it is already, or never.
        """
        totals, kinds = self._totals, self._kinds
        result = np.full((len(place), self.values.shape[1]), INF, np.int64)
        asked, row = np.nonzero((self.values[place] >= bound[:, None]) & (bound > 0)[:, None])
        feature = place[asked]
        measure = kinds.is_value[feature, 0] * totals.values_at
        low, high = self._first[feature, row], self._end[feature, row]
        # What must have come before a pane for the rest to be too little. Compared as a difference: running totals
        # of many great sums of money may wrap around, differences of them do not.
        whole, least = totals.running[measure + high], bound[asked]
        while (high - low > 1).any():
            middle = (low + high) // 2
            enough = whole - totals.running[measure + middle] >= least
            low, high = np.where(enough, middle, low), np.where(enough, high, middle)
        result[asked, row] = (totals.pane[low] + kinds.panes[feature, 0]) * kinds.width_ms[feature, 0]
        return result

    def known_at_ms(self) -> Ints:
        """From which instant on each value is exact: int64[f, n]; INF where it is."""
        kinds, first_seen_ms = self._kinds, self._totals.first_seen_ms
        never = first_seen_ms == INF
        first_pane = -(-np.where(never, 0, first_seen_ms) // kinds.width_ms)
        return np.where(self.exact | never, INF, (first_pane + kinds.panes - 1) * kinds.width_ms)

    def changes_at_ms(self) -> Ints:
        """The next instant at which each value can change in silence: int64[f, n]; INF: never."""
        kinds = self._kinds
        result = np.full(self.values.shape, INF, np.int64)
        feature, row = np.nonzero(self._end > self._first)
        oldest = self._totals.pane[self._first[feature, row]]
        result[feature, row] = (oldest + kinds.panes[feature, 0]) * kinds.width_ms[feature, 0]
        return result

    def _spans(self, newest: Ints) -> tuple[Ints, Ints]:
        """Where the panes inside each window begin and end: int64[f, n] each."""
        totals, kinds = self._totals, self._kinds
        n = newest.shape[1]
        slot = kinds.slot + kinds.slots_before * n + kinds.stride * np.arange(n)
        first, end = totals.start[slot], totals.start[slot + 1]
        feature, row = np.nonzero(end > first)
        base = kinds.key[feature, 0] | (row << ROW_SHIFT)
        inside = newest[feature, row]
        oldest = np.maximum(inside - kinds.panes[feature, 0] + 1, 0)
        first[feature, row] = np.searchsorted(totals.key, base | oldest)
        if len(totals.ahead):
            end[feature, row] = np.searchsorted(totals.key, base | inside, side="right")
        return first, end
