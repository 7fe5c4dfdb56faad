"""A running group to a study: the states of all shards, read only."""

import numpy as np
import pytest

from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.discovery.living import study_of_living
from streamproc.discovery.study import Study, TargetName
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.load import load_ruleset
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from tests.unit.discovery.test_history import at, history_of, order, page

DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
LINES = [
    page("anna", 1), page("dora", 2), order("anna", 20, 50.0), page("ben", 30),
    *(page("cleo", day) for day in range(5, 40)), order("cleo", 39.5, 20.0), page("ben", 40),
]  # fmt: skip


async def lived() -> MemoryStore:
    replay = Replay(DEFINITIONS, at(400))
    async for _ in replay.through(history_of(LINES).partitions[0]):
        pass
    return replay.store


async def study(store: MemoryStore, target: TargetName = "churn", customers_max: int = 100) -> Study:
    return await study_of_living(
        store, DEFINITIONS,
        target=target, horizon_days=30, customers_max=customers_max, advance=lambda _: None,
    )  # fmt: skip


async def test_who_was_active_lately_is_looked_at_as_they_are_now() -> None:
    found = await study(await lived())
    assert found.table.ids == ["anna", "ben", "cleo"]
    assert set(found.now_ms.tolist()) == {at(40)}
    orders = Frame(found.table, found.now_ms).value(FEATURES["orders_total"])
    assert orders.tolist() == [1, 0, 1]
    assert found.segments["active"].tolist() == [True, False, True]
    assert found.segments["new"].tolist() == [False, True, False]


async def test_risk_is_the_present_one() -> None:
    """And is told by what does not change in silence."""
    found = await study(await lived())
    assert ((found.outcome > 0) & (found.outcome < 1e6)).all()
    assert found.outcome.argmax() == 0  # anna, silent for 20 days
    suits = {name for name, one in FEATURES.items() if found.target.suits(one)}
    assert {"orders_total", "email_consent", "negatives_total", "favorite_category"} <= suits
    assert not suits & {"recency", "events_7d", "active_days_total", "usual_gap", "tenure", "trend"}


async def test_money_is_what_was_spent_in_90_days() -> None:
    """And is told by what is not about orders."""
    found = await study(await lived(), "money")
    assert found.outcome.tolist() == [5_000, 0, 2_000]
    suits = {name for name, one in FEATURES.items() if found.target.suits(one)}
    assert {"recency", "events_7d", "sessions_30d"} <= suits
    assert not suits & {"orders_total", "money_30d", "order_recency", "order_average", "checkouts_7d"}


async def test_a_sample_is_a_sample() -> None:
    found = await study(await lived(), customers_max=2)
    assert len(found.table) == len(found.outcome) == 2
    assert (np.diff([ord(own[0]) for own in found.table.ids]) > 0).all()


async def test_nobody_is_an_error() -> None:
    with pytest.raises(StreamprocError, match="no customer with activity in the last 30 days is known"):
        await study(MemoryStore())
