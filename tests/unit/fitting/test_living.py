"""States taken back to past days, against the states of those days; and reading them."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.sampling import ActivityLog, Sample, sample
from streamproc.churn.score import DAY_MS, ChurnColumns
from streamproc.errors import StreamprocError
from streamproc.fitting.living import Living, past, present, read_living
from streamproc.state.layout import LAYOUT_VERSION, pack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit
from streamproc.windows.fixed_row import mark_active_days
from streamproc.windows.table import new_customers

TODAY = 20_000
NAMES = ("first_day", "last_day", "active_days", "last_activity_ms")

lives = st.lists(
    st.lists(st.integers(TODAY - 500, TODAY - 1), min_size=1, max_size=30, unique=True),
    min_size=1,
    max_size=5,
)


def living_of(days: Sequence[Sequence[int]]) -> Living:
    """Customers as the engine has them after these active days, at noon each."""
    table = new_customers([f"c{n}" for n in range(len(days))])
    for row, own in enumerate(days):
        for day in sorted(own):
            at_ms = np.array([day * DAY_MS + DAY_MS // 2])
            mark_active_days(table.head, np.array([row]), at_ms)
            table.head["last_activity_ms"][row] = at_ms[0]
            table.head["first_seen_ms"][row] = min(table.head["first_seen_ms"][row], at_ms[0])
    return Living(table.ids, table.head, TODAY * DAY_MS)


def log_of(days: Sequence[Sequence[int]]) -> ActivityLog:
    pairs = [(code, day) for code, own in enumerate(days) for day in own]
    return ActivityLog.of_days(np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]))


def by_key(states: Sample) -> dict[tuple[int, int], tuple[float, ...]]:
    columns = [getattr(states.columns, name).tolist() for name in NAMES]
    columns += [np.round(getattr(states.columns, name), 6).tolist() for name in ("e30", "e90", "e365")]
    rows = zip(*columns, states.near.tolist(), states.churned.tolist(), strict=True)
    keys = zip(states.now_ms.tolist(), states.customer.tolist(), strict=True)
    return dict(zip(keys, rows, strict=True))


@given(lives, st.integers(1, 63))
def test_states_taken_back_are_those_of_the_day(days: list[list[int]], horizon_days: int) -> None:
    """All but those whose latest day by then lies before the 128 days that a state knows are there, and exact."""
    states, unknown = past(living_of(days), horizon_days)
    assert states is not None
    found = by_key(states)
    step_days = (horizon_days + 2) // 3
    instants = [day * DAY_MS for day in range(TODAY - horizon_days, TODAY - 64, -step_days)]
    wanted = by_key(sample(log_of(days), instants, horizon_days))
    assert found.items() <= wanted.items()
    missing = wanted.keys() - found.keys()
    assert len(missing) == unknown
    for now_ms, code in missing:
        known_from = max(days[code]) - 127
        before = [day for day in days[code] if day < now_ms // DAY_MS]
        assert max(before) < known_from
        assert len(before) > 1


def test_a_horizon_that_states_do_not_know_has_no_outcomes() -> None:
    assert past(living_of([[TODAY - 5]]), 64) == (None, 0)


def test_the_present() -> None:
    living = living_of([[TODAY - 40, TODAY - 3], [TODAY - 90]])
    states = present(living, 30)
    assert living.repeaters == 1
    assert states.columns.active_days.tolist() == [2, 1]
    assert states.near.tolist() == [True, False]
    assert isinstance(states.columns, ChurnColumns)


async def stored(days: Sequence[Sequence[int]], time_ms: int | None) -> MemoryStore:
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="m", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    living = living_of(days)
    table = new_customers(living.ids)
    table.head[:] = living.head
    states = list(zip((customer.encode() for customer in table.ids), pack(table), strict=True))
    await store.commit(head, Commit(states=states, time_ms=time_ms))
    return store


async def test_states_are_read_in_the_order_of_ids() -> None:
    days = [[TODAY - 3 - n, TODAY - 1] for n in range(30)]
    living = await read_living(await stored(days, TODAY * DAY_MS), 100)
    assert living.ids == sorted(f"c{n}" for n in range(30))
    assert living.now_ms == TODAY * DAY_MS
    own = days[int(living.ids[4][1:])]
    assert (living.head["first_day"][4], living.head["last_day"][4]) == (min(own), max(own))
    few = await read_living(await stored(days, TODAY * DAY_MS), 7)
    assert len(few.ids) == 7


@pytest.mark.parametrize("time_ms", [None, TODAY * DAY_MS])
async def test_nobody_is_an_error(time_ms: int | None) -> None:
    store = MemoryStore() if time_ms is None else await stored([], time_ms)
    with pytest.raises(StreamprocError, match="no customer with activity is known"):
        await read_living(store, 10)
