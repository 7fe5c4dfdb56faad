"""Rows by key, in little memory: rows that have the same key become one."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.void]
Places = NDArray[np.intp]

#: Rows that wait as tuples, which are large.
_WAITING_MAX: Final = 1 << 16


class KeyedRows:
    """Rows of `dtype`, whose first field is the key.

    `merge` takes rows sorted by key (those of a key in the order in which they came), and where each key begins, and
    returns one row for each key. It may get a row that it returned before, as the first of its key. What waits to be
    merged is never more than what is, or a few hundred thousand.
    """

    def __init__(self, dtype: np.dtype[np.void], merge: Callable[[Rows, Places], Rows]) -> None:
        self._merge, self._key = merge, (dtype.names or ("",))[0]
        self._rows: Rows = np.empty(0, dtype)
        self._unmerged: list[Rows] = []
        self._waiting: list[tuple[Any, ...]] = []

    def add(self, row: tuple[Any, ...]) -> None:
        """Take a row."""
        self._waiting.append(row)
        if len(self._waiting) >= _WAITING_MAX:
            self._set_aside()
            if sum(map(len, self._unmerged)) > max(4 * _WAITING_MAX, len(self._rows)):
                self._put_together()

    def rows(self) -> Rows:
        """All of them, one for each key, in the order of the keys."""
        self._set_aside()
        if self._unmerged:
            self._put_together()
        return self._rows

    def _set_aside(self) -> None:
        if self._waiting:
            self._unmerged.append(np.array(self._waiting, self._rows.dtype))
            self._waiting.clear()

    def _put_together(self) -> None:
        rows = np.concatenate((self._rows, *self._unmerged))
        self._unmerged.clear()
        rows = rows[np.argsort(rows[self._key], kind="stable")]
        self._rows = self._merge(rows, starts(rows[self._key]))


def starts(ids: NDArray[np.uint64]) -> Places:
    """Where in sorted ids each one begins."""
    return np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1]))) if len(ids) else np.empty(0, np.intp)
