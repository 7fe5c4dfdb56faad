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
from streamproc.windows.panes import INF, ORDERS, TIERS, as_numbers
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
#: What a number takes at most, and a pane: kind, length, begin, step, gap, value.
_NUMBER_BYTES: Final = 10
_PANE_BYTES: Final = 44

_HEAD_WORDS: Final = [
    _HEAD_CODES.get(name, Code.INSTANT)
    for name in HEAD_DTYPE.names or ()
    for _ in range(HEAD_DTYPE[name].itemsize // 8)
]
_HEAD: Final = np.array(_HEAD_WORDS, np.uint8)
_ROWS: Final = {name: np.array(codes, np.uint8) for name, codes in _ROW_CODES.items()}
_WIDTHS_MS: Final = np.array([tier.width_ms for tier in TIERS], np.int64)

Ints = NDArray[np.int64]


def pack(table: CustomerTable) -> list[bytes]:
    """The packed states of the customers of `table`, in order."""
    n = len(table)
    counts = [np.bincount(getattr(table, name)["row"], minlength=n) for name in SPARSE_TABLES]
    size = np.full(n, 1 + (len(counts) + 1 + len(_HEAD)) * _NUMBER_BYTES, np.int64)
    for name, count in zip(SPARSE_TABLES, counts, strict=True):
        size += count * (_PANE_BYTES if name == "panes" else len(_ROWS[name]) * _NUMBER_BYTES)
    end = np.cumsum(size)
    start = end - size
    out = np.empty(int(end[-1]) if n else 0, np.uint8)
    out[start] = LAYOUT_VERSION
    at = start + 1
    for count in counts:
        wire.write_numbers(out, at, count)
    base_ms = _base_ms(table.head)
    wire.write_numbers(out, at, base_ms)
    wire.write_heads(out, at, base_ms, as_numbers(table.head), _HEAD)
    wire.write_panes(out, at, base_ms, as_numbers(table.panes), _WIDTHS_MS, ORDERS)
    for name, codes in _ROWS.items():
        wire.write_rows(out, at, base_ms, as_numbers(getattr(table, name)), codes)
    data = memoryview(out)
    return [bytes(data[first:last]) for first, last in zip(start.tolist(), at.tolist(), strict=True)]


def unpack(ids: Sequence[str], blobs: Sequence[bytes | None]) -> CustomerTable:
    """The customers `ids` from their packed states; None: a customer never seen.

    Raises StreamprocError if a state has another layout or is cut short.
    """
    table = new_customers(ids)
    rows = [i for i, blob in enumerate(blobs) if blob]
    if not rows:
        return table
    packed = [blob for blob in blobs if blob]
    sizes = np.fromiter(map(len, packed), np.int64, len(packed))
    data = np.frombuffer(b"".join(packed), np.uint8)
    end = np.cumsum(sizes)
    at = end - sizes
    for place in np.flatnonzero(data[at] != LAYOUT_VERSION)[:1]:
        raise _broken(ids[rows[place]], f"layout {data[at[place]]}, this version reads {LAYOUT_VERSION}")
    at += 1
    counts = np.empty((len(SPARSE_TABLES), len(packed)), np.int64)
    base_ms = np.empty(len(packed), np.int64)
    for count in counts:
        wire.read_numbers(data, at, count)
    wire.read_numbers(data, at, base_ms)
    # No row is smaller than a byte: a count that says more would only make us reserve memory for nothing.
    wrong = (at > end) | ((counts < 0) | (counts > sizes)).any(axis=0)
    if not wrong.any():
        heads = np.empty(len(packed), HEAD_DTYPE)
        found = {name: np.empty(int(counts[place].sum()), dtype) for place, (name, dtype) in enumerate(SPARSE_TABLES.items())}
        wire.read_heads(data, at, base_ms, as_numbers(heads), _HEAD)
        for place, (name, rows_found) in enumerate(found.items()):
            numbers = as_numbers(rows_found)
            if name == "panes":
                wire.read_panes(data, at, base_ms, counts[place], numbers, _WIDTHS_MS, ORDERS)
            else:
                wire.read_rows(data, at, base_ms, counts[place], numbers, _ROWS[name])
        wrong = at != end
    for place in np.flatnonzero(wrong)[:1]:
        raise _broken(ids[rows[place]], f"{sizes[place]} bytes, which is not what its head says")
    if len(rows) == len(ids):
        return CustomerTable(list(ids), heads, **found)
    table.head[rows] = heads
    row_of = np.array(rows, np.int64)
    for name, rows_found in found.items():
        rows_found["row"] = row_of[rows_found["row"]]
        setattr(table, name, rows_found)
    return table


def _base_ms(head: Table) -> Ints:
    """The instant that a customer's others are told from: mostly close to them."""
    base_ms = np.maximum(head["last_activity_ms"], 0)
    known = (base_ms == 0) & (head["first_seen_ms"] != INF)
    base_ms[known] = np.maximum(head["first_seen_ms"][known], 0)
    return base_ms


def _broken(customer: str, what: str) -> StreamprocError:
    return StreamprocError(
        f"state of customer {customer!r} cannot be read: {what}",
        fix="run the worker version that wrote it, or rebuild the state from Kafka with a new STREAMPROC_GROUP",
    )
