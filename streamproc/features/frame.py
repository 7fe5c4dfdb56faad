"""Feature columns of n customers, each at its own instant, and when each feature changes if nothing happens.

All values are int64: durations in ms, money in millionths, counts. Columns are one row a feature: [f, n].
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import FEATURES
from streamproc.features.windows import PaneTotals, WindowColumns
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_CHANNEL_CODE: Final = {"last_ms.web": 0, "last_ms.app": 1, "last_ms.support": 2}


class AgeColumns:
    """f ages of n customers. `anchors_ms`: int64[f, n], the instants they count from; INF where one does not run.

    What never happened is at least as long ago as the customer is known: not `exact`.
    """

    def __init__(self, table: CustomerTable, now_ms: Ints, names: tuple[str, ...]) -> None:
        shape = (len(names), len(table))
        self.anchors_ms: Ints = np.empty(shape, np.int64)
        self.exact: Bools = np.ones(shape, np.bool_)
        head = table.head
        for place, name in enumerate(names):
            column = FEATURES[name].column
            anchor = head["last_ms"][:, _CHANNEL_CODE[column]] if column in _CHANNEL_CODE else head[column]
            if name == "cart_idle":
                self.anchors_ms[place] = np.where(head["cart_items"] > 0, anchor, INF)
                continue
            if column.startswith("last_"):
                self.exact[place] = anchor != NEVER
            self.anchors_ms[place] = np.where(anchor == NEVER, head["first_seen_ms"], anchor)
        self.values: Ints = np.where(
            self.anchors_ms == INF, 0, np.maximum(now_ms - np.minimum(self.anchors_ms, now_ms), 0)
        )


class Frame:
    """The features of the customers of `table` at `now_ms` (int64[n])."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        self.n = len(table)
        self.now_ms = now_ms
        self._table = table
        self._totals: PaneTotals | None = None

    def windows(self, names: tuple[str, ...]) -> WindowColumns:
        """The window features `names`."""
        return WindowColumns(self._pane_totals(), names)

    def ages(self, names: tuple[str, ...]) -> AgeColumns:
        """The ages `names`."""
        return AgeColumns(self._table, self.now_ms, names)

    def totals(self, names: tuple[str, ...]) -> Ints:
        """The totals `names`, which are always exact."""
        values = np.empty((len(names), self.n), np.int64)
        for place, name in enumerate(names):
            values[place] = self._table.head[FEATURES[name].column]
        return values

    def value(self, name: str) -> Ints:
        """One feature: int64[n]; where it is not exact, the least it can be."""
        match FEATURES[name].kind:
            case "window":
                values = self.windows((name,)).values
            case "age":
                values = self.ages((name,)).values
            case "total":
                values = self.totals((name,))
        return np.asarray(values[0])

    def exact(self, name: str) -> Bools:
        """Where the history reaches back far enough for one feature's value to be the truth, and not "at least"."""
        match FEATURES[name].kind:
            case "window":
                return np.asarray(self.windows((name,)).exact[0])
            case "age":
                return np.asarray(self.ages((name,)).exact[0])
            case "total":
                return np.ones(self.n, np.bool_)

    def unfolds_at_ms(self) -> Ints:
        """See PaneTotals.unfolds_at_ms."""
        return self._pane_totals().unfolds_at_ms()

    def _pane_totals(self) -> PaneTotals:
        if self._totals is None:
            self._totals = PaneTotals(self._table, self.now_ms)
        return self._totals
