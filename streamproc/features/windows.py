"""Window features of n customers: sums of panes, and when they change if nothing more happens."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.lanes import sum_windows, survey
from streamproc.features.registry import Feature
from streamproc.windows.panes import INF, WIDTHS_MS, WINDOWS, as_numbers
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NONE: Final = np.empty(0, np.int64)
#: Of all windows: tier, length in panes, and width of a pane.
_TIERS: Final = np.array([window.tier.code for window in WINDOWS], np.int64)
_LENGTHS: Final = np.array([[window.panes] for window in WINDOWS], np.int64)
_PANE_MS: Final = np.array([[window.tier.width_ms] for window in WINDOWS], np.int64)


class PaneRows:
    """The panes and active days of the customers of `table`; `now_ms`: int64[n], each one's instant."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        head = table.head
        self.first_seen_ms: Ints = head["first_seen_ms"]
        self.newest: Ints = now_ms // WIDTHS_MS[:, None]  # by tier: [3, n]
        self.panes = as_numbers(table.panes)
        self.begin = np.empty(len(table) + 1, np.int64)
        self._unfolds_at_ms = np.empty(len(table), np.int64)
        survey(self.panes, self.newest, WIDTHS_MS, self.begin, self._unfolds_at_ms)
        days = (head["last_day"], head["days_low"].view(np.int64), head["days_high"].view(np.int64))
        self.days: Ints = np.stack(days, axis=1)

    def unfolds_at_ms(self) -> Ints:
        """The next instant at which an event from the future of `now` enters a window, int64[n]; INF: there is none.

        Only the live clock has such events: a producer's clock may be ahead by up to five minutes.
        """
        return self._unfolds_at_ms


@dataclass(frozen=True, slots=True)
class _Plan:
    """What f window features sum. `lanes`, `windows`: as `sum_windows` takes them. `place`: of each feature among them.
    `kind`: int64[f], each one's place in WINDOWS.
    """

    lanes: Ints
    windows: Ints
    place: Ints
    kind: Ints


@lru_cache(maxsize=1024)
def _plan(features: tuple[Feature, ...]) -> _Plan:
    lanes = [_lane(feature) for feature in features]
    different = sorted(set(lanes))
    rows = [
        (different.index(lane), feature.window.panes if feature.window else 0, feature.measure == "value")
        for lane, feature in zip(lanes, features, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda at: rows[at][0])
    return _Plan(
        np.array(different, np.int64).reshape(-1, 2),
        np.array([rows[at] for at in order], np.int64).reshape(-1, 3),
        np.argsort(order).astype(np.int64),
        np.array([WINDOWS.index(feature.window) for feature in features if feature.window], np.int64),
    )


def _lane(feature: Feature) -> tuple[int, int]:
    """Tier, and a bit per series; no series at all: the active days."""
    assert feature.window is not None
    return feature.window.tier.code, sum(1 << series for series in feature.series)


class WindowColumns:
    """f window features of n customers. `values`: int64[f, n], the least they can be; `exact`: bool[f, n].

    A window is exact where the history reaches back to its beginning. `falls_ms`: int64[q, n], from which instant on,
    in silence, the features at `asked` (int64[q]) are below `bounds` (int64[q]); INF: they are already, or never.
    """

    def __init__(
        self, rows: PaneRows, features: tuple[Feature, ...], asked: Ints = _NONE, bounds: Ints = _NONE
    ) -> None:
        plan, n = _plan(features), len(rows.first_seen_ms)
        questions = np.stack((plan.place[asked], bounds), axis=1)
        order = np.argsort(questions[:, 0], kind="stable")
        sums, oldest = np.empty((len(features), n), np.int64), np.empty((len(features), n), np.int64)
        leaving = np.empty((len(asked), n), np.int64)
        sum_windows(
            rows.panes, rows.begin, rows.newest, rows.days, plan.lanes, plan.windows, questions[order],
            sums, oldest, leaving,
        )  # fmt: skip
        self.features = features
        self._rows, self._kind = rows, plan.kind
        self.values: Ints = sums[plan.place]
        self._oldest = oldest[plan.place]
        self._known = rows.first_seen_ms <= (rows.newest[_TIERS] - _LENGTHS + 1) * _PANE_MS
        self.exact: Bools = self._known[plan.kind]
        self.falls_ms: Ints = _gone_ms(leaving[np.argsort(order)], plan.kind[asked])

    def known_at_ms(self) -> Ints:
        """From which instant on each value is exact: int64[f, n]; INF where it is."""
        first_seen_ms = self._rows.first_seen_ms
        never = first_seen_ms == INF
        first_pane = -(-np.where(never, 0, first_seen_ms) // _PANE_MS)
        known_ms = np.where(self._known | never, INF, (first_pane + _LENGTHS - 1) * _PANE_MS)
        return np.asarray(known_ms[self._kind])

    def changes_at_ms(self) -> Ints:
        """The next instant at which each value can change in silence: int64[f, n]; INF: never."""
        return _gone_ms(self._oldest, self._kind)


def _gone_ms(pane: Ints, kind: Ints) -> Ints:
    """When panes leave windows: int64[k, n]; INF where there is none (-1)."""
    return np.where(pane < 0, INF, (pane + _LENGTHS[kind]) * _PANE_MS[kind])
