"""How customers are packed into bytes, and a batch of them at once.

A packed customer is the layout version (one byte), how many rows each sparse table has, an instant that others are told
from, the panes, the fixed row, and the rows of the other tables, those first from which others are told. The likelier a
number, the fewer bits it takes; `wire` writes and reads them. docs/state.md says what that comes to.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.state import wire
from streamproc.state.likely import DECAY, KNOWN_IDS, SIZE_ORDERS
from streamproc.windows.panes import INF, ORDERS, SERIES_COUNT, WIDTHS_MS, as_numbers
from streamproc.windows.table import (
    HEAD_DTYPE,
    SPARSE_TABLES,
    CustomerTable,
    Table,
    new_customers,
)

#: Raise it with every change of the packed form; workers refuse state of another layout.
LAYOUT_VERSION: Final = 7

#: What `wire` needs to know of tables, panes and fields.
_FORM: Final = (SIZE_ORDERS, WIDTHS_MS, SERIES_COUNT, ORDERS, KNOWN_IDS, DECAY)

Ints = NDArray[np.int64]


def pack(table: CustomerTable, wanted: NDArray[np.bool_] | None = None) -> list[bytes]:
    """The packed states of the customers of `table`, in order; `wanted`: bool[n], only of these."""
    if wanted is None:
        wanted = np.ones(len(table), np.bool_)
    tables = [as_numbers(getattr(table, name)) for name in SPARSE_TABLES]
    base_ms, head = _base_ms(table.head), as_numbers(table.head)
    return wire.pack(LAYOUT_VERSION, wanted, base_ms, head, tables, *_FORM)


def unpack(ids: Sequence[str], blobs: Sequence[bytes | None]) -> CustomerTable:
    """The customers `ids` from their packed states; None: a customer never seen.

    Raises StreamprocError if a state has another layout or is cut short.
    """
    rows = [row for row, blob in enumerate(blobs) if blob]
    packed = [blob for blob in blobs if blob]
    for row, blob in zip(rows, packed, strict=True):
        if blob[0] != LAYOUT_VERSION:
            raise _broken(ids[row], f"layout {blob[0]}, this version reads {LAYOUT_VERSION}")
    counts = np.empty((len(packed), len(SPARSE_TABLES) + 1), np.int64)
    broken = wire.read_counts(packed, SIZE_ORDERS, counts)
    if broken < 0:
        sizes = counts[:, :-1].sum(axis=0).tolist()
        sparse = {
            name: np.empty(size, dtype)
            for size, (name, dtype) in zip(sizes, SPARSE_TABLES.items(), strict=True)
        }
        head, tables = np.empty(len(packed), HEAD_DTYPE), [as_numbers(one) for one in sparse.values()]
        broken = wire.unpack(packed, counts, as_numbers(head), tables, *_FORM)
    if broken >= 0:
        what = f"{len(packed[broken])} bytes, which is not what its head says"
        raise _broken(ids[rows[broken]], what)
    if len(packed) == len(ids):
        return CustomerTable(list(ids), head, **sparse, origin=np.zeros(len(ids), np.int64))
    return _with_new_ones(ids, np.array(rows, np.int64), head, sparse)


def _with_new_ones(ids: Sequence[str], rows: Ints, head: Table, sparse: dict[str, Table]) -> CustomerTable:
    """The customers `ids`, of whom those at `rows` are known."""
    table = new_customers(ids)
    table.head[rows] = head
    for name, found in sparse.items():
        found["row"] = rows[found["row"]]
        setattr(table, name, found)
    return table


def _base_ms(head: Table) -> Ints:
    """The instant that a customer's others are told from: mostly close to them."""
    base_ms: Ints = np.maximum(head["last_activity_ms"], 0)
    known = (base_ms == 0) & (head["first_seen_ms"] != INF)
    base_ms[known] = np.maximum(head["first_seen_ms"][known], 0)
    return base_ms


def _broken(customer: str, what: str) -> StreamprocError:
    return StreamprocError(
        f"state of customer {customer!r} cannot be read: {what}",
        fix="run the worker version that wrote it, or make the state anew: streamproc rebuild --wipe",
    )
