"""Feature columns of n customers, each at its own instant, and when each feature changes if nothing happens.

All values are int64: durations in ms, money in millionths, counts, percent, codes of texts. Columns are one row a
feature: [f, n].
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.features.ages import AgeColumns
from streamproc.features.registry import Feature
from streamproc.features.relations import CHANNEL_OF_CODE, RelationColumns, windows_of
from streamproc.features.totals import TotalColumns, favorite_category
from streamproc.features.windows import PaneRows, WindowColumns
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Columns = WindowColumns | AgeColumns | TotalColumns | RelationColumns


class Frame:
    """The features of the customers of `table` at `now_ms` (int64[n])."""

    def __init__(self, table: CustomerTable, now_ms: Ints) -> None:
        self.n = len(table)
        self.now_ms = now_ms
        self._table = table
        self._rows: PaneRows | None = None
        self._unfolds_at_ms: Ints | None = None

    def windows(
        self, features: Sequence[Feature], asked: Ints | None = None, bounds: Ints | None = None
    ) -> WindowColumns:
        """Window features; `asked`, `bounds`: when which of them fall below what."""
        if self._rows is None:
            self._rows = PaneRows(self._table, self.now_ms)
        if asked is None or bounds is None:
            columns = WindowColumns(self._rows, tuple(features))
        else:
            columns = WindowColumns(self._rows, tuple(features), asked, bounds)
        self._unfolds_at_ms = columns.unfolds_at_ms
        return columns

    def ages(self, features: Sequence[Feature]) -> AgeColumns:
        """Ages."""
        return AgeColumns(self._table, self.now_ms, features)

    def totals(self, features: Sequence[Feature]) -> TotalColumns:
        """Totals."""
        return TotalColumns(self._table, features)

    def relations(self, features: Sequence[Feature], windows: WindowColumns | None = None) -> RelationColumns:
        """Relations; `windows`: what they are made of, if it is there already."""
        return RelationColumns(windows or self.windows(windows_of(features)), features)

    def value(self, feature: Feature) -> Ints:
        """One feature: int64[n]; where it is not exact, the least it can be."""
        return np.asarray(self._columns(feature).values[0])

    def exact(self, feature: Feature) -> Bools:
        """Where the history reaches back far enough for one feature's value to be the truth, and not "at least"."""
        return np.asarray(self._columns(feature).exact[0])

    def text(self, feature: Feature, row: int) -> str | None:
        """A feature that is a text, for one customer; None: it has no value."""
        if feature.source == "favorite_category":
            return favorite_category(self._table, row)
        return CHANNEL_OF_CODE.get(int(self.value(feature)[row]))

    def unfolds_at_ms(self) -> Ints:
        """See WindowColumns: the same whatever the windows are."""
        return self.windows(()).unfolds_at_ms if self._unfolds_at_ms is None else self._unfolds_at_ms

    def _columns(self, feature: Feature) -> Columns:
        match feature.kind:
            case "window":
                return self.windows((feature,))
            case "age":
                return self.ages((feature,))
            case "total":
                return self.totals((feature,))
            case "relation":
                return self.relations((feature,))
