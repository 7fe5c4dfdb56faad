"""Feature columns of n customers, each at its own instant, and when each feature changes if nothing happens.

Nothing is computed that no rule asks for; what is computed once is kept for all rules of the batch.
All values are int64: durations in ms, money in millionths, counts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import FEATURES, Feature
from streamproc.windows.activity import active_day_rows
from streamproc.windows.panes import INF, NEVER, TIERS, Window, pane_of, series_of, tier_of
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CHANNEL_CODE: Final = {"last_ms.web": 0, "last_ms.app": 1, "last_ms.support": 2}


@dataclass(slots=True)
class _Profile:
    """The panes with data inside one window, per customer from oldest to newest."""

    start: Ints  # int64[n]: first entry of each customer
    size: Ints  # int64[n]
    pane: Ints
    remaining: Ints  # what the window still holds when all older panes have left
    row: Ints


class Frame:
    """The features of the customers of `table` at `now_ms` (int64[n])."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        self.n = len(table)
        self.now_ms = now_ms
        self._table = table
        self._head = table.head
        self._values: dict[str, Ints] = {}
        self._profiles: dict[str, _Profile] = {}
        self._tier = tier_of(table.panes["key"])
        self._series = series_of(table.panes["key"])
        self._pane = pane_of(table.panes["key"])
        self._row = table.panes["row"].astype(np.int64)
        self._days: tuple[Ints, Ints] | None = None

    def value(self, name: str) -> Ints:
        """The feature's value; where it is not exact, the least it can be."""
        if name not in self._values:
            self._values[name] = self._value(FEATURES[name])
        return self._values[name]

    def exact(self, name: str) -> Bools:
        """Where the history reaches back far enough for the value to be the truth, and not "at least"."""
        feature = FEATURES[name]
        if feature.kind == "window":
            assert feature.window is not None
            return np.asarray(self._head["first_seen_ms"] <= self._window_start_ms(feature.window), np.bool_)
        if feature.kind == "age" and feature.column.startswith("last_"):
            return np.asarray(self._anchor_column(feature) != NEVER, np.bool_)
        return np.ones(self.n, np.bool_)

    def anchor_ms(self, name: str) -> Ints:
        """Ages: the instant the age counts from; INF where it does not run."""
        feature = FEATURES[name]
        anchor = self._anchor_column(feature)
        if name == "cart_idle":
            return np.where(self._head["cart_items"] > 0, anchor, INF)
        return np.where(anchor == NEVER, self._head["first_seen_ms"], anchor)

    def falls_below_ms(self, name: str, threshold: int) -> Ints:
        """Windows: from which instant on the value is below `threshold` in silence; INF: it is already, or never."""
        result = np.full(self.n, INF, np.int64)
        if threshold <= 0:
            return result
        feature = FEATURES[name]
        assert feature.window is not None
        profile = self._profile(feature)
        # `remaining` falls from the oldest pane to the newest, so the panes that still suffice are a prefix.
        enough = np.bincount(profile.row[profile.remaining >= threshold], minlength=self.n)
        held = np.flatnonzero(enough)
        last = profile.pane[profile.start[held] + enough[held] - 1]
        result[held] = (last + feature.window.panes) * feature.window.tier.width_ms
        return result

    def known_at_ms(self, name: str) -> Ints:
        """Windows: from which instant on the value is exact; INF where it is."""
        window = FEATURES[name].window
        assert window is not None
        width = window.tier.width_ms
        first_pane = -(-self._head["first_seen_ms"] // width)
        return np.where(self.exact(name), INF, (first_pane + window.panes - 1) * width)

    def changes_at_ms(self, name: str) -> Ints:
        """Windows: the next instant at which the value can change in silence; INF: never."""
        feature = FEATURES[name]
        assert feature.window is not None
        profile = self._profile(feature)
        result = np.full(self.n, INF, np.int64)
        held = np.flatnonzero(profile.size)
        result[held] = (
            profile.pane[profile.start[held]] + feature.window.panes
        ) * feature.window.tier.width_ms
        return result

    def unfolds_at_ms(self) -> Ints:
        """The next instant at which an event from the future of `now` enters a window; INF: there is none.

        Only the live clock has such events: a producer's clock may be ahead by up to five minutes.
        """
        result = np.full(self.n, INF, np.int64)
        for tier in TIERS:
            mine = self._tier == tier.code
            ahead = mine & (self._pane > (self.now_ms // tier.width_ms)[self._row])
            np.minimum.at(result, self._row[ahead], self._pane[ahead] * tier.width_ms)
        return result

    def _value(self, feature: Feature) -> Ints:
        if feature.kind == "total":
            return np.asarray(self._head[feature.column])
        if feature.kind == "age":
            anchor = self.anchor_ms(feature.name)
            return np.where(anchor == INF, 0, np.maximum(self.now_ms - np.where(anchor == INF, 0, anchor), 0))
        profile = self._profile(feature)
        result = np.zeros(self.n, np.int64)
        held = np.flatnonzero(profile.size)
        result[held] = profile.remaining[profile.start[held]]
        return result

    def _anchor_column(self, feature: Feature) -> Ints:
        if feature.column in _CHANNEL_CODE:
            return np.asarray(self._head["last_ms"][:, _CHANNEL_CODE[feature.column]])
        return np.asarray(self._head[feature.column])

    def _window_start_ms(self, window: Window) -> Ints:
        width = window.tier.width_ms
        return np.asarray((self.now_ms // width - window.panes + 1) * width)

    def _profile(self, feature: Feature) -> _Profile:
        if feature.name not in self._profiles:
            row, pane, amount = self._amounts(feature)
            assert feature.window is not None
            newest = (self.now_ms // feature.window.tier.width_ms)[row]
            inside = (pane > newest - feature.window.panes) & (pane <= newest)
            self._profiles[feature.name] = _make_profile(row[inside], pane[inside], amount[inside], self.n)
        return self._profiles[feature.name]

    def _amounts(self, feature: Feature) -> tuple[Ints, Ints, Ints]:
        """What each pane adds to the feature: (row, pane, amount), sorted by row, then pane."""
        if feature.measure == "active_days":
            if self._days is None:
                self._days = active_day_rows(self._head)
            row, day = self._days
            return row, day, np.ones(len(row), np.int64)
        assert feature.window is not None
        mine = self._tier == feature.window.tier.code
        if len(feature.series) == 1:
            mine &= self._series == feature.series[0]
        else:
            mine &= (self._series >= feature.series[0]) & (self._series <= feature.series[-1])
        row, pane = self._row[mine], self._pane[mine]
        amount = self._table.panes[feature.measure][mine]
        if len(feature.series) == 1:
            return row, pane, amount
        order = np.argsort((row << 32) | pane, kind="stable")
        return row[order], pane[order], amount[order]


def _make_profile(row: Ints, pane: Ints, amount: Ints, n: int) -> _Profile:
    size = np.bincount(row, minlength=n)
    end = np.cumsum(size)
    start = end - size
    total = np.concatenate(([0], np.cumsum(amount)))
    remaining = total[end][row] - total[:-1]
    return _Profile(start, size, pane, remaining, row)
