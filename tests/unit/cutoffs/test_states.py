"""Which customers of a store are looked at, and when."""

import pytest

from streamproc.cutoffs.states import read_states
from streamproc.errors import StreamprocError
from streamproc.features.registry import FEATURES
from streamproc.state.memory_store import MemoryStore
from tests.unit.fitting.test_living import TODAY, stored

DAY_MS = 86_400_000


async def test_all_of_few() -> None:
    days = [[TODAY - 200], [TODAY - 50, TODAY - 20], [TODAY - 3]]
    states = await read_states(await stored(days, TODAY * DAY_MS), 100, 90, in_hash_order=True)
    assert len(states) == 3
    assert int(states.active.sum()) == 2
    assert set(states.now_ms.tolist()) == {TODAY * DAY_MS}
    assert sorted(states.values(FEATURES["active_days_total"]).tolist()) == [1, 2]


async def test_a_sample_has_nothing_to_do_with_who_came_first() -> None:
    """The store of a replay has customers in that order; Redis has them in the order of a hash."""
    days = [[TODAY - 1 - n // 20] for n in range(400)]
    store = await stored(days, TODAY * DAY_MS)
    recency = FEATURES["recency"]
    some = await read_states(store, 100, 90, in_hash_order=False)
    assert len(some) == 100
    assert len(set(some.values(recency).tolist())) > 15
    first = await read_states(store, 100, 90, in_hash_order=True)
    assert len(set(first.values(recency).tolist())) == 5


@pytest.mark.parametrize("in_hash_order", [True, False])
async def test_nobody_is_an_error(in_hash_order: bool) -> None:
    for store in (MemoryStore(), await stored([], TODAY * DAY_MS)):
        with pytest.raises(StreamprocError, match="no customer is known"):
            await read_states(store, 10, 90, in_hash_order=in_hash_order)
