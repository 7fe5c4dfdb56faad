"""Two groups side by side."""

from collections.abc import Sequence

import pytest

from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.errors import StreamprocError
from streamproc.rebuild.compare import compare
from streamproc.rules.load import load_ruleset
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from tests.unit.discovery.test_history import at, history_of, order, page

DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
LINES = [page("anna", 1), page("ben", 30), order("anna", 35, 50.0), page("ben", 40)]


async def lived(lines: Sequence[bytes]) -> MemoryStore:
    replay = Replay(DEFINITIONS, at(400))
    async for _ in replay.through(history_of(list(lines)).partitions[0]):
        pass
    return replay.store


@pytest.mark.parametrize("sample", [None, 10])
async def test_equal_groups_are_alike(sample: int | None) -> None:
    found = await compare(await lived(LINES), await lived(LINES), DEFINITIONS.ruleset, sample)
    assert (found.customers, found.alike, found.only_blue, found.only_green, found.behind) == (2, 2, 0, 0, 0)
    assert not found.told


async def test_who_differs_and_in_what() -> None:
    green = [page("anna", 1), page("ben", 30), page("cleo", 39), page("ben", 40)]
    found = await compare(await lived(LINES), await lived(green), DEFINITIONS.ruleset, None)
    assert (found.customers, found.alike, found.only_blue, found.only_green) == (2, 1, 0, 1)
    assert found.features["orders_total"] == found.features["money_total"] == 1
    assert found.told["orders_total"] == [("anna", 1, 0)]
    assert "events_total" in found.features
    assert found.segments
    key = next(iter(found.segments))
    (example,) = found.told[key]
    assert example.customer == "anna"
    assert example.blue != example.green


async def test_a_group_without_state_is_named() -> None:
    with pytest.raises(StreamprocError, match="the second group has no state"):
        await compare(await lived(LINES), MemoryStore(), DEFINITIONS.ruleset, None)
