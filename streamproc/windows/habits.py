"""What customers usually do: what their events count as, at which hours they are active, and what about.

Each table has one row a customer and thing, sorted, with how often.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.events import CATEGORY_BYTES
from streamproc.contracts.meanings import TALLIES
from streamproc.windows.merge import add
from streamproc.windows.panes import DAY_MS, HOUR_MS, as_numbers
from streamproc.windows.table import CATEGORY_DTYPE, HOUR_DTYPE, TALLY_DTYPE, Table

NEGATIVES, POSITIVES = (list(TALLIES).index(name) for name in ("negatives", "positives"))
CATEGORIES_MAX: Final = 8
_HOURS: Final = 24

Ints = NDArray[np.int64]


def tallies_of(events: EventColumns) -> tuple[Ints, Ints]:
    """What events count as: the places of events, and the tally of each; an event may have two."""
    counted = np.flatnonzero(events.tally >= 0)
    bad, good = np.flatnonzero(events.valence < 0), np.flatnonzero(events.valence > 0)
    tally = (events.tally[counted], np.full(len(bad), NEGATIVES), np.full(len(good), POSITIVES))
    return np.concatenate((counted, bad, good)), np.concatenate(tally).astype(np.int64)


def count_tallies(tallies: Table, row: Ints, tally: Ints, ts_ms: Ints) -> Table:
    """The table of tallies after some events counted: int64[k] each. Order-free."""
    entries = np.empty(len(row), TALLY_DTYPE)
    entries["row"], entries["tally"], entries["count"], entries["last_ms"] = row, tally, 1, ts_ms
    return _added(tallies, entries.take(np.argsort(row * len(TALLIES) + tally)))


def count_hours(hours: Table, row: Ints, ts_ms: Ints) -> Table:
    """The table of hours after activity events. Order-free."""
    entries = np.empty(len(row), HOUR_DTYPE)
    entries["row"], entries["hour"], entries["count"] = row, ts_ms % DAY_MS // HOUR_MS, 1
    return _added(hours, entries.take(np.argsort(row * _HOURS + entries["hour"])))


def count_categories(categories: Table, row: Ints, name: NDArray[np.bytes_], customers: int) -> Table:
    """The table of categories after activity about `name` (apply order), at most 8 a customer.

    Who would have more is counted by Space-Saving (Metwally et al., 2005): a new one takes the place, and the count, of
    the rarest.
    """
    entries = np.empty(len(row), CATEGORY_DTYPE)
    entries["row"], entries["name"], entries["count"] = row, name, 1
    entries = entries.take(np.lexsort((entries["name"], entries["row"])))
    counted = _added(categories, entries, words=CATEGORY_BYTES // 8)
    full = np.bincount(counted["row"], minlength=customers) > CATEGORIES_MAX
    if not full.any():
        return counted
    parts = [counted[~full[counted["row"]]]]
    for customer in np.flatnonzero(full):
        mine = categories[categories["row"] == customer]
        known = dict(zip(mine["name"].tolist(), mine["count"].tolist(), strict=True))
        for one in name[row == customer].tolist():
            _save_space(known, one)
        again = np.empty(len(known), CATEGORY_DTYPE)
        again["row"], again["name"], again["count"] = customer, list(known), list(known.values())
        parts.append(again)
    every = np.concatenate(parts)
    return every[np.lexsort((every["name"], every["row"]))]


def _added(stored: Table, entries: Table, words: int = 1) -> Table:
    """Sorted entries added to a sorted table: counts are summed, and of a last instant the latest holds."""
    out = np.empty(len(stored) + len(entries), stored.dtype)
    numbers = as_numbers(stored), as_numbers(entries), as_numbers(out)
    return out[: add(*numbers, words=words, greatest=True)]


def _save_space(known: dict[bytes, int], name: bytes) -> None:
    count = known.get(name, 0)
    if name not in known and len(known) == CATEGORIES_MAX:
        rarest = min(known, key=lambda other: (known[other], other))
        count = known.pop(rarest)
    known[name] = count + 1
