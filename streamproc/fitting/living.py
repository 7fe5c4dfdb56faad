"""Customer states of a running group as a history: what they were on past days, and what came of it.

A state counts its active days and knows which of the last 128 days before its latest one they are. So it can be taken
back, exactly, to any recent day before which such a day is known.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.model import TAUS_DAYS
from streamproc.churn.sampling import Sample
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, Ints
from streamproc.errors import StreamprocError
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.state.store import Head, Store
from streamproc.transitions.evaluate import churn_columns
from streamproc.windows.table import BITMAP_DAYS, CustomerTable, Table, concat, new_customers

#: States are taken back so many days at most: then the 64 days before are known of everybody.
BACK_DAYS_MAX: Final = BITMAP_DAYS // 2
_PER_HORIZON: Final = 3

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Living:
    """A sample of customers with activity, as their states are now. `now_ms`: up to when all shards know events."""

    ids: list[str]
    head: Table
    now_ms: int

    @property
    def repeaters(self) -> int:
        """Those with more than one active day."""
        return int((self.head["active_days"] > 1).sum())


async def read_living(store: Store, customers_max: int) -> Living:
    """A sample of the customers of all shards. Raises StreamprocError if there are none."""
    first = await store.read_head(0)
    heads = [await store.read_head(partition) for partition in range(first.partitions if first else 0)]
    known = [head for head in heads if head is not None and head.time_ms is not None]
    tables = [await _sample(store, head, -(-customers_max // len(known))) for head in known]
    table = concat(tables) if tables else new_customers([])
    active = np.flatnonzero(table.head["active_days"] > 0)
    if not len(active):
        raise StreamprocError(
            "no customer with activity is known under this prefix and group",
            fix="check STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP, or give files of events",
        )
    # In the order of their ids: which came first out of Redis is nothing.
    order = np.array(sorted(active.tolist(), key=lambda row: table.ids[row]), np.int64)
    now_ms = min(head.time_ms for head in known if head.time_ms is not None)
    return Living([table.ids[row] for row in order.tolist()], table.head[order], now_ms)


async def _sample(store: Store, head: Head, customers_max: int) -> CustomerTable:
    """The first customers of a shard in the order of Redis, which is that of their hashes."""
    found: dict[bytes, bytes] = {}
    async for part in browse(store, head.partition):
        found.update(part)
        if len(found) >= customers_max:
            break
    chosen = list(found.items())[:customers_max]
    return unpack([customer.decode() for customer, _ in chosen], [blob for _, blob in chosen])


def present(living: Living, horizon_days: int) -> Sample:
    """The states as they are now, without outcomes (`churned` is false of all)."""
    n = len(living.ids)
    columns = churn_columns(living.head)
    now_ms = np.full(n, living.now_ms)
    near = columns.last_activity_ms >= now_ms - horizon_days * DAY_MS
    return Sample(columns, now_ms, near, np.zeros(n, np.bool_), np.arange(n))


def past(living: Living, horizon_days: int) -> tuple[Sample | None, int]:
    """The states on days a horizon ago and earlier, with their outcomes; and how many states could not be taken back.

    None: the horizon is too long for what states know. Who came back after a silence that began before the known days
    is left out: when it began is not known.
    """
    today = living.now_ms // DAY_MS
    step_days = -(-horizon_days // _PER_HORIZON)
    origins = range(today - horizon_days, today - BACK_DAYS_MAX, -step_days)
    parts = [_on(living, origin, horizon_days) for origin in reversed(origins)]
    if not parts:
        return None, 0
    samples = [part[0] for part in parts]
    names = ChurnColumns.__dataclass_fields__
    whole = Sample(
        ChurnColumns(*(np.concatenate([getattr(one.columns, name) for one in samples]) for name in names)),
        *(
            np.concatenate([getattr(one, name) for one in samples])
            for name in ("now_ms", "near", "churned", "customer")
        ),
    )
    return whole, sum(part[1] for part in parts)


def _on(living: Living, origin: int, horizon_days: int) -> tuple[Sample, int]:
    """The states at the beginning of a day (epoch day), and how many are not known."""
    head = living.head
    last_day, active_days = head["last_day"], head["active_days"]
    days = last_day[:, None] - np.arange(BITMAP_DAYS)
    active = _bitmap(head)
    later, earlier = active & (days >= origin), active & (days < origin)
    count = active_days - later.sum(axis=1)
    # The latest day before: out of the bitmap, or the first day of all if that is the only one.
    gap = np.where(earlier.any(axis=1), earlier.argmax(axis=1), last_day - head["first_day"])
    known = earlier.any(axis=1) | (count == 1)
    rows = np.flatnonzero((count > 0) & known)
    then = last_day - gap
    untouched = gap == 0
    decayed = [
        _decayed(head["decayed_days"][:, place], later, gap, tau) for place, tau in enumerate(TAUS_DAYS)
    ]
    columns = ChurnColumns(
        first_day=head["first_day"],
        last_day=then,
        active_days=count,
        e30=decayed[0],
        e90=decayed[1],
        e365=decayed[2],
        last_activity_ms=np.where(untouched, head["last_activity_ms"], then * DAY_MS + DAY_MS // 2),
    )
    now_ms = np.full(len(count), origin * DAY_MS)
    sample = Sample(
        columns,
        now_ms,
        columns.last_activity_ms >= now_ms - horizon_days * DAY_MS,
        np.asarray(~(later & (days < origin + horizon_days)).any(axis=1), np.bool_),
        np.arange(len(count)),
    )
    return sample.take(rows), int(((count > 0) & ~known).sum())


def _decayed(now: Floats, later: Bools, gap: Ints, tau_days: int) -> Floats:
    """A decayed count as of the latest day before: without the days that came later."""
    before = now - later @ np.exp(-np.arange(BITMAP_DAYS) / tau_days)
    counted: Floats = np.maximum(before * np.exp(gap / tau_days), 1.0)  # that day alone counts 1
    return counted


def _bitmap(head: Table) -> Bools:
    """bool[n, 128]: whether a customer was active so many days before its last day."""
    words = np.stack((head["days_low"], head["days_high"]), axis=1).astype("<u8")
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.bool_)
