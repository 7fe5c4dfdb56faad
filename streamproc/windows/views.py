"""The different pages and products that a customer saw in the latest session, up to 32 of each."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.table import VIEW_DTYPE, Table

VIEWS_MAX: Final = 32

Ints = NDArray[np.int64]


def follow_views(
    views: Table, restarted: Ints, row: Ints, view: NDArray[np.int8], shown: NDArray[np.uint32]
) -> Table:
    """The views after new ones in the latest sessions, in apply order.

    `restarted`: the customers whose former views are of an earlier session. `row`, `view`, `shown`: int64[k], customers
    and what they saw, as in EventColumns.
    """
    if len(restarted):
        views = views[~np.isin(views["row"], restarted)]
    if not len(row):
        return views
    entries = np.empty(len(row), VIEW_DTYPE)
    entries["row"], entries["view"], entries["shown"] = row, view, shown
    entries = np.concatenate((views, entries))
    order = np.lexsort(
        (entries["shown"], entries["view"], entries["row"])
    )  # stable: the first of equal ones first
    sorted_ = entries[order]
    new = np.ones(len(entries), np.bool_)
    new[1:] = sorted_[1:] != sorted_[:-1]
    entries = entries[np.sort(order[new])]
    return _first_ones(entries[np.lexsort((entries["view"], entries["row"]))])


def _first_ones(entries: Table) -> Table:
    """The first 32 of each customer and kind; `entries` sorted by these, in order of appearance."""
    changes = (entries["row"][1:] != entries["row"][:-1]) | (entries["view"][1:] != entries["view"][:-1])
    first = np.flatnonzero(np.concatenate(([True], changes)))
    sizes = np.diff(np.append(first, len(entries)))
    if not (sizes > VIEWS_MAX).any():
        return entries
    return entries[np.arange(len(entries)) - np.repeat(first, sizes) < VIEWS_MAX]
