"""A sample of customers' states, of a running group or of a history that was replayed."""

import numpy as np
import xxhash
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import Feature
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.state.store import Store
from streamproc.windows.panes import DAY_MS, NEVER
from streamproc.windows.table import CustomerTable, concat

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class States:
    """Customers, and the instants at which they are looked at (int64[n]): up to when their shards know events."""

    def __init__(self, table: CustomerTable, now_ms: Ints, active_days: int) -> None:
        """`active_days`: who had no activity for longer does not count: most who ever came are gone for good."""
        last_ms = table.head["last_activity_ms"]
        self.active: Bools = (last_ms != NEVER) & (last_ms >= now_ms - active_days * DAY_MS)
        self.now_ms = now_ms
        self._frame = Frame(table, now_ms)

    def __len__(self) -> int:
        return len(self.now_ms)

    def values(self, feature: Feature) -> Ints:
        """Of the customers who count, whose history reaches back far enough to know theirs, and who have any.

        Levels divide those who do something: with the others, a border of purchases would be one of visitors.
        """
        values = self._frame.value(feature)
        counted = self.active & self._frame.exact(feature)
        if feature.unit != "percent":
            counted &= values > 0
        return np.asarray(values[counted])


async def read_states(store: Store, customers_max: int, active_days: int, *, in_hash_order: bool) -> States:
    """A sample of the customers of all shards, evenly of each. Raises StreamprocError if there are none.

    `in_hash_order`: the store gives customers in the order of a hash, as Redis does, so the first ones will do; else
    all are gone through. Which ones are taken has nothing to do with what they did.
    """
    first = await store.read_head(0)
    partitions = first.partitions if first else 0
    tables, instants = [], []
    for partition in range(partitions):
        some = -(-customers_max // partitions)
        found = await _read_some(store, partition, some, in_hash_order=in_hash_order)
        head = await store.read_head(partition)  # after the states: they are not younger than it says
        if head is not None and head.time_ms is not None and found:
            tables.append(unpack([customer.decode() for customer in found], list(found.values())))
            instants.append(np.full(len(found), head.time_ms))
    if not tables:
        raise StreamprocError(
            "no customer is known under this prefix and group",
            fix="check STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP, or give files of events",
        )
    return States(concat(tables), np.concatenate(instants), active_days)


async def _read_some(
    store: Store, partition: int, customers_max: int, *, in_hash_order: bool
) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    async for part in browse(store, partition):
        found.update(part)
        if in_hash_order and len(found) >= customers_max:
            break
    chosen = list(found) if in_hash_order else sorted(found, key=xxhash.xxh32_intdigest)
    return {customer: found[customer] for customer in chosen[:customers_max]}
