"""Repeats: which of the new events were applied before.

Each customer keeps a *ring*: the hashes of the last 256 applied message ids, each with the instant it was applied
at; an entry counts for 24 hours. Both bounds are exact, whatever the size of the chunks.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.panes import HOUR_MS
from streamproc.windows.table import RING_DTYPE, Table

RING_IDS: Final = 256
HORIZON_MS: Final = 24 * HOUR_MS

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def admit(
    ring: Table, row: Ints, message_hash: NDArray[np.uint64], seen_ms: Ints, customers: int
) -> tuple[Bools, Table]:
    """Tell first occurrences from repeats and remember them.

    Takes the ring of `customers` customers, and per new event, in apply order: its customer's row, the hash of its
    message id, and the instant it is applied at (the same for all events of one customer in one call).
    Returns bool[n], true where the event is new, and the ring with the new ids.
    """
    now_ms = np.full(customers, -1, np.int64)
    now_ms[row] = seen_ms
    ring = ring[ring["seen_ms"] > now_ms[ring["row"]] - HORIZON_MS]
    candidates = np.empty(len(row), RING_DTYPE)
    candidates["row"], candidates["hash"], candidates["seen_ms"] = row, message_hash, seen_ms

    entries = np.concatenate((ring, candidates))
    is_new = np.ones(len(entries), np.bool_)
    by_id = np.lexsort((entries["hash"], entries["row"]))  # stable: earlier entries first among equals
    same = (entries["row"][by_id[1:]] == entries["row"][by_id[:-1]]) & (
        entries["hash"][by_id[1:]] == entries["hash"][by_id[:-1]]
    )
    is_new[by_id[1:][same]] = False
    is_new[: len(ring)] = True

    full = np.bincount(entries["row"], minlength=customers) > RING_IDS
    if full.any():
        _admit_one_by_one(entries, is_new, len(ring), np.flatnonzero(full))
    entries = entries[is_new]
    entries = entries[np.argsort(entries["row"], kind="stable")]
    return is_new[len(ring) :], _newest(entries, customers)


def _admit_one_by_one(entries: Table, is_new: Bools, ringed: int, rows: Ints) -> None:
    """Redo customers with more than 256 ids at hand, where an id may leave the ring before its repeat comes."""
    for customer in rows:
        places = np.flatnonzero(entries["row"] == customer)
        admitted: dict[int, int] = {}  # hash -> how many ids were admitted before it, itself included
        count = 0
        for place in places:
            message_hash = int(entries["hash"][place])
            repeat = place >= ringed and count - admitted.get(message_hash, -RING_IDS) < RING_IDS
            is_new[place] = not repeat
            if not repeat:
                count += 1
                admitted[message_hash] = count


def _newest(entries: Table, customers: int) -> Table:
    """The last 256 entries of each customer (entries sorted by row)."""
    sizes = np.bincount(entries["row"], minlength=customers)
    if not (sizes > RING_IDS).any():
        return entries
    from_end = np.repeat(np.cumsum(sizes), sizes) - np.arange(len(entries))
    return entries[from_end <= RING_IDS]
