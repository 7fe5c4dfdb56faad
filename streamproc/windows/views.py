"""The different pages and products that a customer saw in the latest session, up to 32 of each."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.merge import show
from streamproc.windows.panes import as_numbers
from streamproc.windows.table import VIEW_DTYPE, Table

VIEWS_MAX: Final = 32
#: Of the hash of what was shown, so many bits tell 32 things apart: two are taken for one in 34,000 such sessions.
_SHOWN: Final = np.uint32((1 << 24) - 1)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def follow_views(
    views: Table, restarted: Bools, row: Ints, view: NDArray[np.int8], shown: NDArray[np.uint32]
) -> Table:
    """The views after new ones in the latest sessions, in apply order.

    `restarted`: bool[n], the customers whose former views are of an earlier session. `row`, `view`, `shown`: int64[k],
    customers and what they saw, as in EventColumns.
    """
    entries = np.empty(len(row), VIEW_DTYPE)
    entries["row"], entries["view"], entries["shown"] = row, view, shown & _SHOWN
    entries = entries.take(np.argsort(entries["row"] << 1 | entries["view"], kind="stable"))
    out = np.empty(len(views) + len(entries), VIEW_DTYPE)
    return out[: show(as_numbers(views), as_numbers(entries), restarted, VIEWS_MAX, as_numbers(out))]
