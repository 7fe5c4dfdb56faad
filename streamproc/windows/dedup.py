"""Repeats: which of the new events were applied before.

Each customer keeps a *ring*: the hashes of the last 256 applied message ids, each with the instant it was applied
at; an entry counts for 24 hours. Both bounds are exact, whatever the size of the chunks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.windows import repeats
from streamproc.windows.panes import HOUR_MS, as_numbers
from streamproc.windows.table import RING_DTYPE, Table

RING_IDS: Final = 256
HORIZON_MS: Final = 24 * HOUR_MS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def admit(ring: Table, row: Ints, message_hash: NDArray[np.uint64], seen_ms: Ints) -> tuple[Bools, Table]:
    """Tell first occurrences from repeats and remember them.

    Takes the customers' ring, and per new event, in apply order: its customer's row, the hash of its message id, and
    the instant it is applied at (the same for all events of one customer in one call).
    Returns bool[n], true where the event is new, and the ring with the new ids.
    """
    place = np.argsort(row, kind="stable").astype(np.int64)
    events = np.empty(len(row), RING_DTYPE)
    events["row"], events["hash"], events["seen_ms"] = row[place], message_hash[place], seen_ms[place]
    is_new = np.empty(len(row), np.bool_)
    out = np.empty(len(ring) + len(events), RING_DTYPE)
    size = repeats.admit(
        as_numbers(ring), as_numbers(events), place, HORIZON_MS, RING_IDS, as_numbers(out), is_new
    )
    return is_new, out[:size]
