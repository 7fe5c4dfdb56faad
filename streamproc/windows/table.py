"""The state of a batch of customers as columns: what Redis holds packed, unpacked for numpy.

One fixed row a customer (`head`) and five sorted, sparse tables that refer to it by row number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.panes import INF, NEVER, PANE_DTYPE

#: Days that the active-day bitmap reaches back from `last_day`. Events older than 90 days are not applied,
#: so a late day is always inside it and the update is commutative and idempotent.
BITMAP_DAYS: Final = 128

#: Time constants (days) of the decayed counts of active days `e30`, `e90`, `e365`.
DECAY_DAYS: Final = (30.0, 90.0, 365.0)

HEAD_DTYPE: Final = np.dtype(
    [
        ("first_seen_ms", "<i8"),
        ("last_ms", "<i8", (3,)),  # latest counted event per channel code
        ("last_activity_ms", "<i8"),
        ("events", "<i8"),
        ("orders", "<i8"),
        ("sessions", "<i8"),
        ("money_micros", "<i8"),
        ("cart_items", "<i8"),
        ("cart_changed_ms", "<i8"),
        ("cart_cleared_ms", "<i8"),
        ("active_days", "<i8"),
        ("first_day", "<i8"),
        ("last_day", "<i8"),
        ("days_low", "<u8"),  # bit i: active on day last_day - i
        ("days_high", "<u8"),  # bit i: active on day last_day - 64 - i
        ("decayed_days", "<f8", (3,)),  # e30, e90, e365 as of last_day
        ("next_check_ms", "<i8"),  # no rule of the customer can flip before it
        ("churn_due_ms", "<i8"),  # when, in silence, the churn band may change next; INF: never
        ("timer_ms", "<i8"),  # the due entry that exists in Redis; INF: none
        ("cause_offset", "<i8"),  # last event applied but not yet evaluated; NEVER: none
        ("cause_topic", "<i1"),
        ("band", "<i1"),  # churn band, NEVER: none yet
        ("version", "<i8"),  # signals published for this customer so far
        ("rules", "<u4"),  # fingerprint of the rules of the last evaluation
    ]
)

#: The last applied message ids, oldest first within a customer.
RING_DTYPE: Final = np.dtype([("row", "<i4"), ("hash", "<u8"), ("seen_ms", "<i8")])
#: Segments ever entered. `entered_ms` NEVER: outside now.
MEMBER_DTYPE: Final = np.dtype(
    [("row", "<i4"), ("segment", "<u4"), ("entered_ms", "<i8"), ("entry_seq", "<i8")]
)
#: Campaigns ever triggered. `requested_ms` NEVER: only suppressed so far.
CAMPAIGN_DTYPE: Final = np.dtype(
    [("row", "<i4"), ("campaign", "<u4"), ("requested_ms", "<i8"), ("seq", "<i8")]
)
#: Consent per channel: a last-writer-wins register ordered by (ts_ms, tie).
CONSENT_DTYPE: Final = np.dtype(
    [("row", "<i4"), ("channel", "<u1"), ("granted", "<u1"), ("ts_ms", "<i8"), ("tie", "<u8")]
)

SPARSE_TABLES: Final = ("panes", "ring", "members", "campaigns", "consents")

Table = NDArray[np.void]


@dataclass(slots=True)
class CustomerTable:
    """The states of n customers. Row numbers in the sparse tables index `ids` and `head`."""

    ids: list[str]
    head: Table
    panes: Table
    ring: Table
    members: Table
    campaigns: Table
    consents: Table

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> "CustomerTable":
        """The customers at `rows` (ascending), renumbered from 0."""
        renumbered = np.full(len(self.ids), -1, np.int32)
        renumbered[rows] = np.arange(len(rows), dtype=np.int32)
        sparse = {}
        for name in SPARSE_TABLES:
            table: Table = getattr(self, name)
            new_row = renumbered[table["row"]]
            kept = table[new_row >= 0]
            kept["row"] = new_row[new_row >= 0]
            sparse[name] = kept
        return CustomerTable([self.ids[row] for row in rows], self.head[rows], **sparse)


def new_heads(n: int) -> Table:
    """The fixed rows of `n` customers that were never seen."""
    head = np.zeros(n, HEAD_DTYPE)
    head["first_seen_ms"] = INF
    head["next_check_ms"] = INF
    head["churn_due_ms"] = INF
    head["timer_ms"] = INF
    head["first_day"] = INF
    for name in ("last_ms", "last_activity_ms", "cart_changed_ms", "cart_cleared_ms", "last_day"):
        head[name] = NEVER
    head["cause_offset"] = NEVER
    head["band"] = NEVER
    return head


def new_customers(ids: Sequence[str]) -> CustomerTable:
    """The states of customers that were never seen."""
    return CustomerTable(
        list(ids),
        new_heads(len(ids)),
        np.empty(0, PANE_DTYPE),
        np.empty(0, RING_DTYPE),
        np.empty(0, MEMBER_DTYPE),
        np.empty(0, CAMPAIGN_DTYPE),
        np.empty(0, CONSENT_DTYPE),
    )


def concat(tables: Sequence[CustomerTable]) -> CustomerTable:
    """The customers of `tables` one after the other, renumbered."""
    first_row = 0
    parts: dict[str, list[Table]] = {name: [] for name in SPARSE_TABLES}
    for table in tables:
        for name, rows in parts.items():
            shifted = getattr(table, name).copy()
            shifted["row"] += first_row
            rows.append(shifted)
        first_row += len(table)
    return CustomerTable(
        [customer for table in tables for customer in table.ids],
        np.concatenate([table.head for table in tables]),
        **{name: np.concatenate(rows) for name, rows in parts.items()},
    )
