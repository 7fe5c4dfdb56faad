"""How one customer is packed into bytes, and a batch of them at once.

A packed customer is a fixed row (`_HEAD_WIRE`, which begins with the layout version and the row counts of the
sparse tables) followed by the rows of those tables, little endian, unpadded, in the order of `SPARSE_TABLES`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.windows.panes import INF, pane_key, pane_of, series_of, tier_of
from streamproc.windows.table import (
    CATEGORY_DTYPE,
    HEAD_DTYPE,
    SPARSE_TABLES,
    CustomerTable,
    Table,
    new_customers,
    new_heads,
)

#: Raise it with every change of the packed form; workers refuse state of another layout.
LAYOUT_VERSION: Final = 3

#: Instants that are whole seconds, and are packed as such.
_SECONDS: Final = ("next_check_ms", "churn_due_ms", "timer_ms")
_COUNTS: Final = ("events", "orders", "sessions", "cart_items", "active_days", "version")
_COUNT_MAX: Final = 0xFFFFFFFF
_NARROW: Final = {
    **dict.fromkeys(_COUNTS, "<u4"),
    **dict.fromkeys(("first_day", "last_day"), "<i4"),
    **dict.fromkeys(_SECONDS, "<u4"),
}
_NO_SECONDS: Final = 0xFFFFFFFF
_NO_DAY: Final = 0x7FFFFFFF

_HEAD_FIELDS: Final = tuple(HEAD_DTYPE.names or ())
_HEAD_WIRE: Final = np.dtype(
    [("layout", "u1"), ("rows", "<u2", (len(SPARSE_TABLES),))]
    + [(name, _NARROW.get(name, HEAD_DTYPE[name])) for name in _HEAD_FIELDS]
)
_WIRE: Final = {
    "panes": np.dtype([("kind", "u1"), ("pane", "<u4"), ("count", "<u4"), ("value", "<i8")]),
    "ring": np.dtype([("hash", "<u8"), ("seen_ms", "<i8")]),
    "members": np.dtype([("segment", "<u4"), ("entered_ms", "<i8"), ("entry_seq", "<u4")]),
    "campaigns": np.dtype([("campaign", "<u4"), ("requested_ms", "<i8"), ("seq", "<u4")]),
    "words": np.dtype([("about", "u1"), ("key", "<u8"), ("value", "i1"), ("ts_ms", "<i8"), ("tie", "<u8")]),
    "tallies": np.dtype([("tally", "u1"), ("count", "<u4"), ("last_ms", "<i8")]),
    "views": np.dtype([("view", "u1"), ("shown", "<u4")]),
    "hours": np.dtype([("hour", "u1"), ("count", "<u4")]),
    "categories": np.dtype([("name", CATEGORY_DTYPE["name"]), ("count", "<u4")]),
    "funnels": np.dtype([("funnel", "<u4"), ("steps", "u1"), ("started_ms", "<i8"), ("last_ms", "<i8")]),
}


def pack(table: CustomerTable) -> list[bytes]:
    """The packed states of the customers of `table`, in order."""
    n = len(table)
    counts = np.stack(
        [np.bincount(getattr(table, name)["row"], minlength=n) for name in SPARSE_TABLES], axis=1
    )
    heads = _pack_heads(table.head, counts).tobytes()
    sections = []
    for place, name in enumerate(SPARSE_TABLES):
        if not len(getattr(table, name)):
            continue
        wire = _pack_rows(name, getattr(table, name))
        ends = [0, *(np.cumsum(counts[:, place]) * wire.itemsize).tolist()]
        data = wire.tobytes()
        sections.append([data[start:end] for start, end in pairwise(ends)])
    size = _HEAD_WIRE.itemsize
    packed_heads = [heads[at : at + size] for at in range(0, n * size, size)]
    return [b"".join(parts) for parts in zip(packed_heads, *sections, strict=True)]


def unpack(ids: Sequence[str], blobs: Sequence[bytes | None]) -> CustomerTable:
    """The customers `ids` from their packed states; None: a customer never seen.

    Raises StreamprocError if a state has another layout or is cut short.
    """
    known = [i for i, blob in enumerate(blobs) if blob]
    table = new_customers(ids)
    if not known:
        return table
    packed = [blob for blob in blobs if blob]
    sizes = np.array([len(blob) for blob in packed], np.int64)
    data = np.frombuffer(b"".join(packed), np.uint8)
    start = np.cumsum(sizes) - sizes
    if sizes.min() < _HEAD_WIRE.itemsize:
        raise _broken(ids[known[int(sizes.argmin())]], f"only {sizes.min()} bytes")
    heads = _gather(data, start, _HEAD_WIRE)
    wrong = np.flatnonzero(heads["layout"] != LAYOUT_VERSION)
    if len(wrong):
        found = int(heads["layout"][wrong[0]])
        raise _broken(ids[known[int(wrong[0])]], f"layout {found}, this version reads {LAYOUT_VERSION}")
    at = start + _HEAD_WIRE.itemsize
    lengths = heads["rows"].astype(np.int64) @ np.array([_WIRE[name].itemsize for name in SPARSE_TABLES])
    wrong = np.flatnonzero(lengths + _HEAD_WIRE.itemsize != sizes)
    if len(wrong):
        raise _broken(ids[known[int(wrong[0])]], f"{sizes[wrong[0]]} bytes, which is not what its head says")
    rows = np.array(known, np.int64)
    table.head[rows] = _unpack_heads(heads)
    for place, name in enumerate(SPARSE_TABLES):
        count = heads["rows"][:, place].astype(np.int64)
        if not count.any():
            continue
        wire = _WIRE[name]
        nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        section = _gather(data, np.repeat(at, count) + nth * wire.itemsize, wire)
        setattr(table, name, _unpack_rows(name, np.repeat(rows, count), section, getattr(table, name).dtype))
        at = at + count * wire.itemsize
    return table


def _gather(data: NDArray[np.uint8], start: NDArray[np.int64], dtype: np.dtype[np.void]) -> Table:
    """The items of `dtype` that begin at the byte positions `start`."""
    matrix = data[start[:, None] + np.arange(dtype.itemsize)]
    return np.ascontiguousarray(matrix).view(dtype).reshape(len(start))


def _pack_heads(head: Table, counts: NDArray[np.int64]) -> Table:
    wire = np.empty(len(head), _HEAD_WIRE)
    wire["layout"], wire["rows"] = LAYOUT_VERSION, counts
    for name in _HEAD_FIELDS:
        column = head[name]
        if name in _SECONDS:
            # An instant after 2106 is kept as 2106: a check that comes early finds nothing to do, and is set again.
            column = np.where(column == INF, _NO_SECONDS, np.minimum(column // 1000, _NO_SECONDS - 1))
        elif name == "first_day":
            column = np.minimum(column, _NO_DAY)
        elif name in _COUNTS:
            column = np.minimum(column, _COUNT_MAX)
        wire[name] = column
    return wire


def _unpack_heads(wire: Table) -> Table:
    head = new_heads(len(wire))
    for name in _HEAD_FIELDS:
        column = wire[name].astype(HEAD_DTYPE[name].base)
        if name in _SECONDS:
            column = np.where(column == _NO_SECONDS, INF, column * 1000)
        elif name == "first_day":
            column = np.where(column == _NO_DAY, INF, column)
        head[name] = column
    return head


def _pack_rows(name: str, table: Table) -> Table:
    wire = np.empty(len(table), _WIRE[name])
    fields = wire.dtype.names or ()
    for field in fields:
        if field in ("kind", "pane"):
            continue
        wire[field] = table[field]
    if name == "panes":
        wire["kind"] = (tier_of(table["key"]) << 6) | series_of(table["key"])
        wire["pane"] = pane_of(table["key"])
    return wire


def _unpack_rows(name: str, rows: NDArray[np.int64], wire: Table, dtype: np.dtype[np.void]) -> Table:
    table = np.empty(len(wire), dtype)
    table["row"] = rows
    for field in wire.dtype.names or ():
        if field not in ("kind", "pane"):
            table[field] = wire[field]
    if name == "panes":
        kind = wire["kind"].astype(np.int64)
        table["key"] = pane_key(kind >> 6, kind & 0x3F, wire["pane"].astype(np.int64))
    return table


def _broken(customer: str, what: str) -> StreamprocError:
    return StreamprocError(
        f"state of customer {customer!r} cannot be read: {what}",
        fix="run the worker version that wrote it, or rebuild the state from Kafka with a new STREAMPROC_GROUP",
    )
