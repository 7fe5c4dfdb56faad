"""Files to a study: states by the engine as of a date, and what became of customers after it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamproc.backtest.history import HistoricEvent, History
from streamproc.churn.model import load_model
from streamproc.discovery.history import as_of_default, check_as_of, decoded, study_of
from streamproc.discovery.study import Study, TargetName
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.unit.fitting.histories import DAY_MS, FIRST_DAY, line

AS_OF = FIRST_DAY + 40
RULES = """
segments:
  - {key: buyer, name: Buyer, version: 1, enter: orders_total >= 2}
  - {key: silent, name: Silent, version: 1, enter: recency > 5d}
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return Definitions(load_ruleset(path), load_model(None))


def at(day: float) -> int:
    return int((FIRST_DAY + day) * DAY_MS)


def order(customer: str, day: float, revenue: float = 10.0, message_id: str = "") -> bytes:
    return line(customer, at(day), message_id, properties={"revenue": revenue, "currency": "USD"})


def page(customer: str, day: float) -> bytes:
    return line(customer, at(day), type="page", event=None, name="Home")


#: anna is active before and buys after; ben only before; cleo only after; dora long ago; emil in support alone.
EVENTS = [
    page("anna", 1), order("anna", 20), order("anna", 39.9, 30.0), page("ben", 30), page("dora", 2),
    order("anna", 40.0, 50.0), order("anna", 69.5, 7.5), order("cleo", 45.0), order("anna", 70.0, 1000.0),
    page("dora", 55), page("ben", 71),
]  # fmt: skip


def history_of(lines: Sequence[bytes]) -> History:
    history = History.of(1)
    history.put((HistoricEvent("events.web", json.dumps(_whole(text)).encode()) for text in lines), "test")
    return history


def _whole(text: bytes) -> dict[str, Any]:
    return {key: value for key, value in json.loads(text).items() if value is not None}


async def study(
    lines: Sequence[bytes], definitions: Definitions, target: TargetName = "churn", customers_max: int = 100
) -> Study:
    history = history_of(lines)
    events = decoded(history, definitions, at(400), lambda _: None)
    return await study_of(
        history, events, definitions,
        target=target, as_of_ms=AS_OF * DAY_MS, horizon_days=30, customers_max=customers_max,
        wall_now_ms=at(400), advance=lambda done, total: None,
    )  # fmt: skip


def feature(found: Study, name: str) -> list[int]:
    return Frame(found.table, found.now_ms).value(FEATURES[name]).tolist()


async def test_customers_are_those_active_in_the_horizon_before(definitions: Definitions) -> None:
    """As they were at the date: the order of that very moment is not in their states."""
    found = await study(EVENTS, definitions)
    assert found.table.ids == ["anna", "ben"]
    assert feature(found, "orders_total") == [2, 0]
    assert feature(found, "money_total") == [40_000_000, 0]
    assert feature(found, "recency") == [round(0.1 * DAY_MS), 10 * DAY_MS]
    assert {key: inside.tolist() for key, inside in found.segments.items()} == {
        "buyer": [True, False],
        "silent": [False, True],  # by silence up to the date alone
    }


@pytest.mark.parametrize(("target", "wanted"), [("churn", [0, 1]), ("order", [1, 0]), ("money", [5_750, 0])])
async def test_what_became_of_them_in_the_horizon_after(
    definitions: Definitions, target: TargetName, wanted: list[int]
) -> None:
    found = await study(EVENTS, definitions, target)
    assert found.outcome.tolist() == wanted
    assert found.target.name == target


async def test_repeats_change_nothing(definitions: Definitions) -> None:
    """With the same time or another one."""
    again = [*EVENTS, *EVENTS[5:7], order("anna", 69.7, 7.5, f"anna-{at(69.5)}")]
    for target in ("churn", "order", "money"):
        once, twice = await study(EVENTS, definitions, target), await study(again, definitions, target)
        assert once.outcome.tolist() == twice.outcome.tolist()
        assert feature(once, "orders_total") == feature(twice, "orders_total")


async def test_states_do_not_look_ahead(definitions: Definitions) -> None:
    """They are the same if the files end at the date."""
    ahead = await study(EVENTS, definitions)
    ended = await study(EVENTS[:5], definitions)
    assert (ahead.table.head == ended.table.head).all()
    for name in ("panes", "tallies", "members", "hours"):
        assert getattr(ahead.table, name).tobytes() == getattr(ended.table, name).tobytes()


async def test_a_sample_is_the_same_in_any_order(definitions: Definitions) -> None:
    lines = [page(f"c{number}", 30 + number / 100) for number in range(60)]
    found = await study(lines, definitions, customers_max=20)
    other = await study(lines[::-1], definitions, customers_max=20)
    assert len(found.table) == 20
    assert found.table.ids == other.table.ids == sorted(found.table.ids)
    assert found.table.ids != sorted(f"c{number}" for number in range(60))[:20]


def test_by_default_a_whole_horizon_lies_behind_the_date(definitions: Definitions) -> None:
    events = decoded(history_of(EVENTS), definitions, at(400), lambda _: None)
    assert as_of_default(events, 30) == (FIRST_DAY + 41) * DAY_MS
    check_as_of(events, as_of_default(events, 30), 30)


@pytest.mark.parametrize(
    ("day", "message"), [(1.0, "no event happened before"), (42.1, "is not known: the events are of 2022")]
)
def test_dates_without_a_before_or_after_are_refused(
    definitions: Definitions, day: float, message: str
) -> None:
    events = decoded(history_of(EVENTS), definitions, at(400), lambda _: None)
    with pytest.raises(StreamprocError, match=message):
        check_as_of(events, at(day), 30)


def test_bad_events_are_told_by_their_lines(definitions: Definitions) -> None:
    history = History.of(1)
    values = [EVENTS[1], b"{}", order("fred", 900)]
    history.put((HistoricEvent("events.web", value) for value in values), "test")
    events = decoded(history, definitions, at(400), lambda _: None)
    assert (len(events.ts_ms), events.refused) == (1, 2)
    assert [one.line for one in events.first_refused] == [2, 3]


def test_files_without_events_are_refused(definitions: Definitions) -> None:
    with pytest.raises(StreamprocError, match="no line is an event that is accepted"):
        decoded(history_of([]), definitions, at(400), lambda _: None)


async def test_one_large_amount_makes_no_group(definitions: Definitions) -> None:
    """Above the 99th percentile, amounts count as if they were that."""
    lines = [page(f"c{number}", 30) for number in range(200)]
    lines += [order(f"c{number}", 50, 10.0 if number else 1e6) for number in range(200)]
    found = await study(lines, definitions, "money", 1_000)
    assert set(found.outcome.tolist()) == {1_000.0}
    assert found.outcome.dtype == np.float64


async def test_nobody_active_lately_is_a_study_of_nobody(definitions: Definitions) -> None:
    found = await study([page("anna", 1), order("anna", 72)], definitions, "money")
    assert len(found.table) == len(found.outcome) == 0
    with pytest.raises(StreamprocError, match="0 customers with activity"):
        found.check(200)
