"""Window features of n customers: sums of panes, and when they change if nothing more happens."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.lanes import Lanes, leaving_panes, sum_windows, survey
from streamproc.features.registry import Feature
from streamproc.windows.panes import INF, TIERS, WINDOWS, as_numbers
from streamproc.windows.table import BITMAP_DAYS, CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_WIDTHS_MS: Final = np.array([tier.width_ms for tier in TIERS], np.int64)
#: Of all windows: tier, length in panes, and width of a pane.
_TIERS: Final = np.array([window.tier.code for window in WINDOWS], np.int64)
_LENGTHS: Final = np.array([[window.panes] for window in WINDOWS], np.int64)
_PANE_MS: Final = np.array([[window.tier.width_ms] for window in WINDOWS], np.int64)
#: Series of a tier that `features.lanes` tells apart.
_SERIES: Final = 64


class PaneRows:
    """The panes and active days of the customers of `table`; `now_ms`: int64[n], each one's instant."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        head = table.head
        self.first_seen_ms: Ints = head["first_seen_ms"]
        self.newest: Ints = now_ms // _WIDTHS_MS[:, None]  # by tier: [3, n]
        self.panes = as_numbers(table.panes)
        self.begin = np.empty(len(table) + 1, np.int64)
        self._unfolds_at_ms = np.empty(len(table), np.int64)
        survey(self.panes, self.newest, _WIDTHS_MS, self.begin, self._unfolds_at_ms)
        days = (head["last_day"], head["days_low"].view(np.int64), head["days_high"].view(np.int64))
        self.days: Ints = np.stack(days, axis=1)

    def unfolds_at_ms(self) -> Ints:
        """The next instant at which an event from the future of `now` enters a window, int64[n]; INF: there is none.

        Only the live clock has such events: a producer's clock may be ahead by up to five minutes.
        """
        return self._unfolds_at_ms

    def lanes(self, tier: Ints, series: Ints) -> Lanes:
        """The rows as `features.lanes` wants them, for l lanes."""
        room = np.zeros((len(TIERS) * _SERIES + 2 * BITMAP_DAYS, 4), np.int64)
        return Lanes(self.panes, self.begin, self.newest, self.days, tier, series, room)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What f window features sum: int64[f] each, in the order of `order`, which puts those of one lane together."""

    order: Ints
    lane: Ints
    length: Ints
    measure: Ints
    window: Ints  # place in WINDOWS
    tier_of_lane: Ints
    series_of_lane: Ints


@lru_cache(maxsize=1024)
def _plan(features: tuple[Feature, ...]) -> _Plan:
    lanes = [_lane(feature) for feature in features]
    different = sorted(set(lanes))
    lane = np.array([different.index(one) for one in lanes], np.int64)
    order = np.argsort(lane, kind="stable").astype(np.int64)
    windows = [WINDOWS.index(feature.window) for feature in features if feature.window is not None]
    window = np.array(windows, np.int64)
    measure = np.array([feature.measure == "value" for feature in features], np.int64)
    tier, series = np.array(different, np.int64).reshape(-1, 2).T.copy()
    return _Plan(
        order, lane[order], _LENGTHS[window[order], 0], measure[order], window[order], tier, series
    )


def _lane(feature: Feature) -> tuple[int, int]:
    """Tier, and a bit per series; no series at all: the active days."""
    assert feature.window is not None
    return feature.window.tier.code, sum(1 << series for series in feature.series)


class WindowColumns:
    """f window features of n customers. `values`: int64[f, n], the least they can be; `exact`: bool[f, n].

    A window is exact where the history reaches back to its beginning.
    """

    def __init__(self, rows: PaneRows, features: tuple[Feature, ...]) -> None:
        self._rows, self._plan = rows, _plan(features)
        plan, shape = self._plan, (len(features), len(rows.first_seen_ms))
        sums, oldest = np.empty(shape, np.int64), np.empty(shape, np.int64)
        self._lanes = rows.lanes(plan.tier_of_lane, plan.series_of_lane)
        sum_windows(self._lanes, plan.lane, plan.length, plan.measure, sums, oldest)
        self._place = np.argsort(plan.order)
        self.values: Ints = sums[self._place]
        self._oldest = oldest
        self._known = rows.first_seen_ms <= (rows.newest[_TIERS] - _LENGTHS + 1) * _PANE_MS
        self.exact: Bools = self._known[plan.window[self._place]]

    def falls_below_ms(self, place: Ints, bound: Ints) -> Ints:
        """From which instant on the features at `place` (int64[c]) are below `bound` (int64[c]) in silence.

        int64[c, n]; INF: it is already, or never.
        """
        plan = self._plan
        own = self._place[place]
        order = np.argsort(own)
        own = own[order]
        leaving = np.empty((len(place), self.values.shape[1]), np.int64)
        leaving_panes(
            self._lanes, plan.lane[own], plan.length[own], plan.measure[own], bound[order], leaving
        )
        return self._gone_ms(leaving, plan.window[own])[np.argsort(order)]

    def known_at_ms(self) -> Ints:
        """From which instant on each value is exact: int64[f, n]; INF where it is."""
        first_seen_ms = self._rows.first_seen_ms
        never = first_seen_ms == INF
        first_pane = -(-np.where(never, 0, first_seen_ms) // _PANE_MS)
        known_ms = np.where(self._known | never, INF, (first_pane + _LENGTHS - 1) * _PANE_MS)
        return np.asarray(known_ms[self._plan.window[self._place]])

    def changes_at_ms(self) -> Ints:
        """The next instant at which each value can change in silence: int64[f, n]; INF: never."""
        return self._gone_ms(self._oldest, self._plan.window)[self._place]

    def _gone_ms(self, pane: Ints, window: Ints) -> Ints:
        """When panes leave windows: int64[k, n]; INF where there is none (-1)."""
        return np.where(pane < 0, INF, (pane + _LENGTHS[window]) * _PANE_MS[window])
