"""Window features of n customers: sums of panes, and when they change if nothing more happens."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.lanes import sum_windows
from streamproc.features.registry import Feature
from streamproc.windows.panes import INF, WIDTHS_MS, WINDOWS, as_numbers
from streamproc.windows.table import HEAD_DTYPE, CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NONE: Final = np.empty(0, np.int64)
#: Of all windows: tier, length in panes, and width of a pane.
_TIERS: Final = np.array([window.tier.code for window in WINDOWS], np.int64)
_LENGTHS: Final = np.array([[window.panes] for window in WINDOWS], np.int64)
_PANE_MS: Final = np.array([[window.tier.width_ms] for window in WINDOWS], np.int64)
#: Where a fixed row, as numbers, has its last active day, and the bitmap after it.
_LAST_DAY: Final = int(dict[str, Any](HEAD_DTYPE.fields or {})["last_day"][1]) // 8


class PaneRows:
    """The panes and active days of the customers of `table`; `now_ms`: int64[n], each one's instant."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        self.first_seen_ms: Ints = table.head["first_seen_ms"]
        self.newest: Ints = now_ms // WIDTHS_MS[:, None]  # by tier: [3, n]
        self.panes, self.heads = as_numbers(table.panes), as_numbers(table.head)
        self.known: Bools = self.first_seen_ms <= (self.newest[_TIERS] - _LENGTHS + 1) * _PANE_MS
        """bool[WINDOWS, n]: where the history reaches back to the beginning of each window"""

    @cached_property
    def known_at_ms(self) -> Ints:
        """From which instant on a history of each window is known: int64[WINDOWS, n]; INF where it is."""
        first_pane = -(-self.first_seen_ms // _PANE_MS)  # of who was never seen, far away
        never = self.known | (self.first_seen_ms == INF)
        return np.where(never, INF, (first_pane + _LENGTHS - 1) * _PANE_MS)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What f window features sum: `lanes`, `windows`, `questions`, as `sum_windows` takes them.

    `kind`: int64[f], each one's place in WINDOWS.
    """

    lanes: Ints
    windows: Ints
    questions: Ints
    kind: Ints


@lru_cache(maxsize=1024)
def _plan(features: tuple[Feature, ...], asked: tuple[int, ...], bounds: tuple[int, ...]) -> _Plan:
    lanes = [_lane(feature) for feature in features]
    different = sorted(set(lanes))
    windows = sorted(
        (different.index(lane), feature.window.panes, int(feature.measure == "value"), place)
        for place, (lane, feature) in enumerate(zip(lanes, features, strict=True))
        if feature.window
    )
    at = {window[3]: number for number, window in enumerate(windows)}
    questions = sorted(
        (at[place], bound, i) for i, (place, bound) in enumerate(zip(asked, bounds, strict=True))
    )
    reach = [max(panes for lane, panes, *_ in windows if lane == nth) for nth in range(len(different))]
    return _Plan(
        np.array([(*lane, panes) for lane, panes in zip(different, reach, strict=True)], np.int64).reshape(
            -1, 3
        ),
        np.array(windows, np.int64).reshape(-1, 4),
        np.array(questions, np.int64).reshape(-1, 3),
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
    `unfolds_at_ms`: int64[n], the next instant at which an event from the future of `now` enters a window; INF: there
    is none. Only the live clock has such events: a producer's clock may be ahead by up to five minutes.
    """

    def __init__(
        self, rows: PaneRows, features: tuple[Feature, ...], asked: Ints = _NONE, bounds: Ints = _NONE
    ) -> None:
        plan, n = _plan(features, tuple(asked.tolist()), tuple(bounds.tolist())), len(rows.first_seen_ms)
        self.features = features
        self.values: Ints = np.empty((len(features), n), np.int64)
        self.falls_ms: Ints = np.empty((len(asked), n), np.int64)
        self.unfolds_at_ms: Ints = np.empty(n, np.int64)
        self._changes_ms: Ints = np.empty((len(features), n), np.int64)
        sum_windows(
            rows.panes, rows.newest, WIDTHS_MS, rows.heads, _LAST_DAY, plan.lanes, plan.windows, plan.questions,
            self.values, self._changes_ms, self.falls_ms, self.unfolds_at_ms,
        )  # fmt: skip
        self._rows, self._kind = rows, plan.kind
        self._known_ms: Ints | None = None
        self.exact: Bools = rows.known[plan.kind]

    def known_at_ms(self) -> Ints:
        """From which instant on each value is exact: int64[f, n]; INF where it is."""
        if self._known_ms is None:
            self._known_ms = self._rows.known_at_ms[self._kind]
        return self._known_ms

    def changes_at_ms(self) -> Ints:
        """The next instant at which each value can change in silence: int64[f, n]; INF: never."""
        return self._changes_ms
