"""How far a rebuild has come, in all processes that work on it, and its end."""

from dataclasses import dataclass

import msgspec

from streamproc.state.plan import PLAN, Plan, packed
from streamproc.state.store import Head, Store


@dataclass(frozen=True, slots=True)
class Standing:
    """records: to apply in all; of topics that are read as far as they go, what is applied. reached_ms: the time of the
    shard that is furthest behind; None: one has not begun. at: that shard.
    """

    applied: int
    records: int
    reached_ms: int | None
    at: int
    customers: int


async def standing(store: Store, plan: Plan) -> Standing:
    """As Redis has it now."""
    heads = [await store.read_head(partition) for partition in range(plan.partitions)]
    applied = records = 0
    for partition, head in enumerate(heads):
        for topic, begins in plan.begins.items():
            begin, end = begins[partition], plan.end_of(topic, partition)
            offset = begin if head is None else head.offsets.get(topic, begin)
            applied += max(offset - begin, 0)
            records += max((offset if end is None else end) - begin, 0)
    times = [_time_of(head) for head in heads]
    last = min(range(plan.partitions), key=times.__getitem__)
    customers = sum([await store.customers(partition) for partition in range(plan.partitions)])
    return Standing(applied, records, times[last] or None, last, customers)


def _time_of(head: Head | None) -> int:
    return 0 if head is None or head.time_ms is None else head.time_ms


async def close(store: Store, plan: Plan) -> bool:
    """Let workers begin if all shards are built; whether they are. The group taken over may go on: then it waits."""
    for partition in range(plan.partitions):
        if not plan.is_built(await store.read_head(partition)):
            return False
    rests = packed(msgspec.structs.replace(plan, rests=True)) if plan.goes_on else None
    await store.set_control(PLAN, rests)
    return True
