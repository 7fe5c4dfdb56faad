"""How customers are packed into bytes, and a batch of them at once.

A packed customer is the layout version (one byte), how many rows each sparse table has, an instant that all others are
told from, the fixed row, and the rows of the tables in the order of `SPARSE_TABLES`. All numbers are as short as they
are small; `wire` writes and reads them.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.state import wire
from streamproc.windows.panes import INF, ORDERS, SERIES_COUNT, WIDTHS_MS, as_numbers
from streamproc.windows.table import (
    HEAD_DTYPE,
    SPARSE_TABLES,
    CustomerTable,
    Table,
    new_customers,
)

#: Raise it with every change of the packed form; workers refuse state of another layout.
LAYOUT_VERSION: Final = 4


class Code(IntEnum):
    """What makes a field's number small before it is written."""

    COUNT = 0  # never negative, mostly small
    SIGNED = 1  # mostly small
    INSTANT = 2  # ms, from the customer's own instant; NEVER and INF are a byte
    SECOND = 3  # ms that are whole seconds; others are rounded down
    DAY = 4  # days since 1970
    WORD = 5  # eight bytes, without the zeros at its end
    EIGHT = 6  # eight bytes of a hash or a float


_HEAD_CODES: Final = {
    **dict.fromkeys(("events", "orders", "sessions", "cart_items", "active_days", "version"), Code.COUNT),
    **dict.fromkeys(("money_micros", "cart_micros", "cause_offset", "cause_topic", "band"), Code.SIGNED),
    **dict.fromkeys(("next_check_ms", "churn_due_ms", "timer_ms"), Code.SECOND),
    **dict.fromkeys(("first_day", "last_day"), Code.DAY),
    **dict.fromkeys(("days_low", "days_high", "pause_ms", "rules"), Code.WORD),
    "decayed_days": Code.EIGHT,
}
_ROW_CODES: Final = {
    "ring": (Code.EIGHT, Code.INSTANT),
    "members": (Code.WORD, Code.INSTANT, Code.COUNT),
    "campaigns": (Code.WORD, Code.INSTANT, Code.COUNT),
    "words": (Code.COUNT, Code.WORD, Code.SIGNED, Code.INSTANT, Code.EIGHT),
    "tallies": (Code.COUNT, Code.COUNT, Code.INSTANT),
    "views": (Code.COUNT, Code.WORD),
    "hours": (Code.COUNT, Code.COUNT),
    "categories": (Code.WORD, Code.WORD, Code.WORD, Code.COUNT),
    "funnels": (Code.WORD, Code.COUNT, Code.INSTANT, Code.INSTANT),
}
_HEAD_WORDS: Final = [
    _HEAD_CODES.get(name, Code.INSTANT)
    for name in HEAD_DTYPE.names or ()
    for _ in range(HEAD_DTYPE[name].itemsize // 8)
]
_HEAD: Final = np.array(_HEAD_WORDS, np.uint8)
#: Of each sparse table; panes have a form of their own.
_ROWS: Final = [np.array(_ROW_CODES.get(name, (0,)), np.uint8) for name in SPARSE_TABLES]
#: Series below it have values in their panes: durations of the channels, money of orders.
_VALUED: Final = ORDERS + 1

Ints = NDArray[np.int64]


def pack(table: CustomerTable, wanted: NDArray[np.bool_] | None = None) -> list[bytes]:
    """The packed states of the customers of `table`, in order; `wanted`: bool[n], only of these."""
    if wanted is None:
        wanted = np.ones(len(table), np.bool_)
    tables = [as_numbers(getattr(table, name)) for name in SPARSE_TABLES]
    base_ms, head = _base_ms(table.head), as_numbers(table.head)
    return wire.pack(
        LAYOUT_VERSION, wanted, base_ms, head, _HEAD, tables, _ROWS, WIDTHS_MS, SERIES_COUNT, _VALUED
    )


def unpack(ids: Sequence[str], blobs: Sequence[bytes | None]) -> CustomerTable:
    """The customers `ids` from their packed states; None: a customer never seen.

    Raises StreamprocError if a state has another layout or is cut short.
    """
    rows = [row for row, blob in enumerate(blobs) if blob]
    packed = [blob for blob in blobs if blob]
    for row, blob in zip(rows, packed, strict=True):
        if blob[0] != LAYOUT_VERSION:
            raise _broken(ids[row], f"layout {blob[0]}, this version reads {LAYOUT_VERSION}")
    counts = np.empty((len(packed), len(SPARSE_TABLES)), np.int64)
    broken = wire.read_counts(packed, counts)
    if broken < 0:
        sizes = counts.sum(axis=0).tolist()
        sparse = {
            name: np.empty(size, dtype)
            for size, (name, dtype) in zip(sizes, SPARSE_TABLES.items(), strict=True)
        }
        head, tables = np.empty(len(packed), HEAD_DTYPE), [as_numbers(one) for one in sparse.values()]
        broken = wire.unpack(
            packed, counts, as_numbers(head), _HEAD, tables, _ROWS, WIDTHS_MS, SERIES_COUNT, _VALUED
        )
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
        fix="run the worker version that wrote it, or rebuild the state from Kafka with a new STREAMPROC_GROUP",
    )
