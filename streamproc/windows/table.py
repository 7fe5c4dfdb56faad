"""The state of a batch of customers as columns: what Redis holds packed, unpacked for numpy.

One fixed row a customer (`head`) and sorted, sparse tables that refer to it by row number. Every field has eight bytes
(texts a multiple), so that numpy finds them aligned, and `as_numbers` shows a table to compiled code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.events import CATEGORY_BYTES
from streamproc.contracts.rows import pick as pick_ids
from streamproc.windows.merge import find, pick
from streamproc.windows.panes import INF, NEVER, PANE_DTYPE, as_numbers

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
        ("cart_since_ms", "<i8"),  # when the first item came in
        ("cart_micros", "<i8"),  # what is in it is worth
        ("last_order_ms", "<i8"),
        ("session_ms", "<i8"),  # when the latest session began
        ("pause_ms", "<i8"),  # how long the silence before it was
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
        ("cause_topic", "<i8"),
        ("band", "<i8"),  # churn band, NEVER: none yet
        ("version", "<i8"),  # signals published for this customer so far
        ("rules", "<i8"),  # fingerprint of the rules of the last evaluation
    ]
)

#: The last applied message ids, oldest first within a customer.
RING_DTYPE: Final = np.dtype([("row", "<i8"), ("hash", "<u8"), ("seen_ms", "<i8")])
#: Segments ever entered. `entered_ms` NEVER: outside now.
MEMBER_DTYPE: Final = np.dtype(
    [("row", "<i8"), ("segment", "<i8"), ("entered_ms", "<i8"), ("entry_seq", "<i8")]
)
#: Campaigns ever triggered, each with the customer's journey through it, if one is open.
JOURNEY_DTYPE: Final = np.dtype(
    [
        ("row", "<i8"),
        ("campaign", "<i8"),
        ("seq", "<i8"),  # entries so far
        ("requested_ms", "<i8"),  # the last request or ghost request; NEVER: only suppressed so far
        ("entered_ms", "<i8"),  # this and all that follow are of the open journey
        ("first_ms", "<i8"),  # its first request or ghost request, or NEVER
        ("step_ms", "<i8"),  # when its next step is due
        ("look_ms", "<i8"),  # when to look at it again; INF: no need to
        ("step", "<i8"),  # the next one, from 0; as many as there are or more: none; NO_STEP: no journey open
        ("asked", "<i8"),  # the number, from 1, of the last step requested; 0: none
        ("requests", "<i8"),
        ("arm", "<i8"),  # 2 * (place of the variant + 1), and 1 more in the control group; 0: neither
    ]
)
#: Messages that count for caps: on what channel (its code), when.
CONTACT_DTYPE: Final = np.dtype([("row", "<i8"), ("channel", "<i8"), ("at_ms", "<i8")])
#: The latest word on something, by (ts_ms, tie): see `windows.words`.
WORD_DTYPE: Final = np.dtype(
    [("row", "<i8"), ("about", "<i8"), ("key", "<u8"), ("value", "<i8"), ("ts_ms", "<i8"), ("tie", "<u8")]
)
#: How often events counted as a tally, and when last.
TALLY_DTYPE: Final = np.dtype([("row", "<i8"), ("tally", "<i8"), ("count", "<i8"), ("last_ms", "<i8")])
#: Different pages (`view` 0) and products (1) of the latest session.
VIEW_DTYPE: Final = np.dtype([("row", "<i8"), ("view", "<i8"), ("shown", "<i8")])
#: Activity by UTC hour of the day.
HOUR_DTYPE: Final = np.dtype([("row", "<i8"), ("hour", "<i8"), ("count", "<i8")])
#: What activity is about.
CATEGORY_DTYPE: Final = np.dtype([("row", "<i8"), ("name", f"S{CATEGORY_BYTES}"), ("count", "<i8")])
#: How far the customer came in funnels.
FUNNEL_DTYPE: Final = np.dtype(
    [("row", "<i8"), ("funnel", "<i8"), ("steps", "<i8"), ("started_ms", "<i8"), ("last_ms", "<i8")]
)

#: `step` of a campaign without an open journey.
NO_STEP: Final = -1

#: By name, what the rows of each sparse table are.
SPARSE_TABLES: Final = {
    "panes": PANE_DTYPE,
    "ring": RING_DTYPE,
    "members": MEMBER_DTYPE,
    "journeys": JOURNEY_DTYPE,
    "words": WORD_DTYPE,
    "tallies": TALLY_DTYPE,
    "views": VIEW_DTYPE,
    "hours": HOUR_DTYPE,
    "categories": CATEGORY_DTYPE,
    "funnels": FUNNEL_DTYPE,
    "contacts": CONTACT_DTYPE,
}

_NEVER_AT_FIRST: Final = (
    "last_ms", "last_activity_ms", "cart_changed_ms", "cart_cleared_ms", "cart_since_ms", "last_order_ms",
    "session_ms", "last_day",
)  # fmt: skip

Table = NDArray[np.void]


@dataclass(slots=True)
class CustomerTable:
    """The states of n customers. Row numbers in the sparse tables index `ids` and `head`.

    `origin`: int64[n], which of several shards each is from, where more than one is evaluated at once; else 0.
    """

    ids: list[str]
    head: Table
    panes: Table
    ring: Table
    members: Table
    journeys: Table
    words: Table
    tallies: Table
    views: Table
    hours: Table
    categories: Table
    funnels: Table
    contacts: Table
    origin: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> "CustomerTable":
        """The customers at `rows` (ascending), renumbered from 0."""
        taken = take_rows([getattr(self, name) for name in SPARSE_TABLES], rows)
        sparse = dict(zip(SPARSE_TABLES, taken, strict=True))
        return CustomerTable(
            pick_ids(self.ids, rows), self.head.take(rows), **sparse, origin=self.origin[rows]
        )


def take_rows(tables: Iterable[Table], rows: NDArray[np.int64]) -> list[Table]:
    """Of each sparse table the rows of the customers at `rows` (ascending), renumbered from 0."""
    runs = _runs(rows)
    places = np.empty_like(runs)
    found = []
    for table in tables:
        taken = np.empty(find(as_numbers(table), runs, places), table.dtype)
        pick(as_numbers(table), runs, places, as_numbers(taken))
        found.append(taken)
    return found


def new_heads(n: int) -> Table:
    """The fixed rows of `n` customers that were never seen."""
    head = np.zeros(n, HEAD_DTYPE)
    head["first_seen_ms"] = INF
    head["next_check_ms"] = INF
    head["churn_due_ms"] = INF
    head["timer_ms"] = INF
    head["first_day"] = INF
    for name in _NEVER_AT_FIRST:
        head[name] = NEVER
    head["cause_offset"] = NEVER
    head["band"] = NEVER
    return head


def new_customers(ids: Sequence[str]) -> CustomerTable:
    """The states of customers that were never seen."""
    sparse = {name: np.empty(0, dtype) for name, dtype in SPARSE_TABLES.items()}
    return CustomerTable(list(ids), new_heads(len(ids)), **sparse, origin=np.zeros(len(ids), np.int64))


def no_journeys(n: int) -> Table:
    """Rows of `n` campaigns without an open journey and without a request."""
    journeys = np.zeros(n, JOURNEY_DTYPE)
    for name in ("requested_ms", "entered_ms", "first_ms", "step_ms"):
        journeys[name] = NEVER
    journeys["look_ms"] = INF
    journeys["step"] = NO_STEP
    return journeys


def spread(
    rows: Table, mine: NDArray[np.bool_], field: str, customers: int, otherwise: int
) -> NDArray[np.int64]:
    """A field of those rows of a sparse table that are `mine`, at most one a customer: int64[customers]."""
    column = np.full(customers, otherwise, np.int64)
    places = np.flatnonzero(mine)  # a mask would be gone through twice, field by field
    column[rows["row"][places]] = rows[field][places]
    return column


def concat(tables: Sequence[CustomerTable]) -> CustomerTable:
    """The customers of `tables` one after the other, renumbered."""
    first_row = np.cumsum([0, *map(len, tables)])
    sparse = {name: _joined([getattr(table, name) for table in tables]) for name in SPARSE_TABLES}
    for name, rows in sparse.items():
        sizes = [len(getattr(table, name)) for table in tables]
        rows["row"] += np.repeat(first_row[:-1], sizes)
    return CustomerTable(
        [customer for table in tables for customer in table.ids],
        _joined([table.head for table in tables]),
        **sparse,
        origin=np.concatenate([table.origin for table in tables]),
    )


def _runs(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows without a gap in between: of each run the first, and the one after the last."""
    ends = np.flatnonzero(rows[1:] != rows[:-1] + 1)
    runs = np.empty((len(ends) + 1 if len(rows) else 0, 2), np.int64)
    runs[:1, 0], runs[-1:, 1] = rows[:1], rows[-1:] + 1
    runs[1:, 0], runs[:-1, 1] = rows[ends + 1], rows[ends] + 1
    return runs


def _joined(tables: Sequence[Table]) -> Table:
    """As `np.concatenate`, which copies rows field by field."""
    return np.concatenate([as_numbers(table) for table in tables]).view(tables[0].dtype)[:, 0]
