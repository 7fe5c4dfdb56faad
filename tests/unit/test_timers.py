"""The timers of a shard: who is popped, what a commit adds, and what must be there."""

import numpy as np
import pytest

from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit, Head, StateCorrupt
from streamproc.timers import Entries, Timers
from streamproc.windows.panes import INF, MINUTE_MS
from streamproc.windows.table import CustomerTable, new_customers


async def acquired(store: MemoryStore) -> Head:
    return await store.acquire(
        0, generation=1, member="g", partitions=1, layout=1, offsets_if_new={}, create=True
    )


def due_at(**next_check_ms: int) -> CustomerTable:
    table = new_customers(list(next_check_ms))
    table.head["next_check_ms"] = list(next_check_ms.values())
    table.head["timer_ms"] = INF
    return table


def schedule(timers: Timers, table: CustomerTable, limit_ms: int = 0) -> Entries:
    entries = Entries()
    timers.schedule(table, np.ones(len(table), np.bool_), limit_ms, entries)
    return entries


async def test_what_is_scheduled_is_popped_at_its_instant() -> None:
    store = MemoryStore()
    head, timers = await acquired(store), Timers(store, [])
    entries = schedule(timers, due_at(ada=5_000, bob=MINUTE_MS + 1_000, eve=INF))
    assert (set(entries.due), entries.listed) == ({0, 1}, set())
    head = await store.commit(head, Commit(due=entries.due))
    assert await timers.pop(head, passed_ms=0, limit_ms=9_000, most=10) == (["ada"], 9_000, 9_000)
    assert await timers.pop(head, passed_ms=9_000, limit_ms=MINUTE_MS, most=10) == ([], MINUTE_MS, MINUTE_MS)
    assert timers.consumed(MINUTE_MS) == [0]


def test_an_entry_is_added_only_for_an_earlier_check() -> None:
    timers, table = Timers(MemoryStore(), []), due_at(ada=5_000, bob=5_000)
    table.head["timer_ms"] = [4_000, 6_000]
    entries = schedule(timers, table, limit_ms=1_000)
    assert table.head["timer_ms"].tolist() == [4_000, 5_000]
    assert sum(map(len, entries.due.values())) == 1


def test_minutes_that_have_had_entries_are_told() -> None:
    """Those of this commit do not count: their lists are still to be made."""
    timers = Timers(MemoryStore(), [3])
    first = schedule(timers, due_at(ada=MINUTE_MS, bob=MINUTE_MS + 1_000, eve=3 * MINUTE_MS))
    assert (set(first.due), first.listed) == ({1, 3}, {3})
    assert schedule(timers, due_at(dora=MINUTE_MS)).listed == {1}


async def test_a_list_that_is_gone_is_missed() -> None:
    store = MemoryStore()
    timers = Timers(store, [1])
    with pytest.raises(StateCorrupt, match="minute 1 is gone"):
        await timers.pop(await acquired(store), passed_ms=0, limit_ms=9 * MINUTE_MS, most=10)
