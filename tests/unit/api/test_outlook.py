"""What silence will do, foretold: the same as it does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from streamproc.actions.rulings import Rulings
from streamproc.api.outlook import describe_outlook, foretell
from streamproc.api.profile import StoredCustomer
from streamproc.contracts.instants import to_iso
from streamproc.instants.advance import Plan, advance
from streamproc.sources import SOURCES
from streamproc.state.layout import pack
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.windows.panes import DAY_MS
from tests.unit.api.customers import SMALL, START_MS, consent, customer, definitions_of

Happened = list[tuple[float, dict[str, Any]]]

ONE_VISIT: Happened = [(0, {})]
REGULAR: Happened = [(day, {"consent": consent("email", given=True)}) for day in range(0, 40, 3)]
WITH_A_CART: Happened = [(0, {}), (5, {"cart": 2}), (5.01, {})]

RESTLESS = definitions_of("""
segments:
  - {key: restless, name: Restless, version: 1, enter: recency > 1d, exit: tenure > 1d}
""")


def outlook(stored: StoredCustomer, days: float, definitions: Definitions = SMALL) -> dict[str, Any]:
    return describe_outlook(stored.table, stored.head, definitions, START_MS + int(days * DAY_MS))


def told(outlook: dict[str, Any]) -> list[tuple[str, str]]:
    return [(signal["kind"], signal["key"]) for signal in outlook["if_silent"]]


@pytest.mark.parametrize("happened", [ONE_VISIT, REGULAR, WITH_A_CART])
def test_what_is_foretold_is_what_happens(happened: Happened) -> None:
    """To the byte: the engine, let go on, publishes the same."""
    until_days = happened[-1][0] + 1
    stored = customer(happened, until_days)
    as_of_ms = START_MS + int(until_days * DAY_MS)
    signals = foretell(stored.table, stored.head, SMALL, as_of_ms)
    nothing = np.empty(0, np.int64)
    plan = Plan(nothing, nothing, nothing, as_of_ms + 365 * DAY_MS, closed=True)
    lived = advance(stored.table, None, plan, SMALL, Origin(SOURCES, 0)).signals
    assert signals
    assert signals == lived


def test_the_customer_is_left_as_it_is() -> None:
    stored = customer(REGULAR, 41)
    before = pack(stored.table)
    outlook(stored, 41)
    assert pack(stored.table) == before


def test_one_visit() -> None:
    """The way out, with what keeps a request back."""
    found = outlook(customer(ONE_VISIT, 1), 1)
    assert told(found) == [
        ("churn", "high"),
        ("suppressed", "rescue_high_risk"),
        ("exited", "new"),
        ("churn", "critical"),
        ("entered", "dormant"),
        ("suppressed", "winback_dormant"),
    ]
    assert {signal["abort_type"] for signal in found["if_silent"]} == {None, "no_consent"}
    assert found["check_at"] == found["churn_due_at"] == to_iso(START_MS + 7 * DAY_MS)
    assert found["same_rules"]


def test_rules_that_decide_now() -> None:
    """For who is inside the rule to stay, else the rule to enter."""
    found = {rule["segment"]: rule for rule in outlook(customer(ONE_VISIT, 1), 1)["rules"]}
    assert list(found) == [segment.key for segment in SMALL.ruleset.segments]
    assert found["new"] == {
        "segment": "new",
        "inside": True,
        "holds": True,
        "can_change_at": to_iso(START_MS + 14 * DAY_MS),
        "stays_at_least_until": None,
    }
    assert (found["dormant"]["holds"], found["dormant"]["can_change_at"]) == (
        False,
        to_iso(START_MS + 30 * DAY_MS + 1_000),
    )
    assert found["light"]["holds"] is None
    assert found["cart_abandoner"]["can_change_at"] is None


def test_min_dwell_is_told() -> None:
    """Of those who are inside: heavy came only when medium, after three days, could go."""
    found = outlook(customer([(day, {}) for day in range(5)], 6), 6)["rules"]
    (heavy,) = [rule for rule in found if rule["segment"] == "heavy"]
    assert heavy["inside"]
    assert heavy["stays_at_least_until"] == to_iso(START_MS + 8 * DAY_MS + 1_000)


def test_who_is_gone_has_nothing_to_come() -> None:
    found = outlook(customer(ONE_VISIT, 400), 400)
    assert found["if_silent"] == []
    assert found["check_at"] is None


def test_rules_that_flap_are_told_for_a_while() -> None:
    found = outlook(customer(ONE_VISIT, 0.5, RESTLESS), 0.5, RESTLESS)
    assert told(found)[-3:] == [("exited", "restless"), ("entered", "restless"), ("exited", "restless")]
    assert len(found["if_silent"]) == 20


def test_other_rules_than_those_of_the_state() -> None:
    """Their edit is told first, as of now."""
    stored = customer(ONE_VISIT, 1)
    found = outlook(stored, 2, RESTLESS)
    assert not found["same_rules"]
    first = found["if_silent"][0]
    assert (first["kind"], first["cause"], first["at"]) == (
        "exited",
        "definition",
        to_iso(START_MS + 2 * DAY_MS),
    )


def test_versions_go_on_from_the_shard() -> None:
    """The signals are those that would be sent, after a rewind, too."""
    stored = customer(ONE_VISIT, 1)
    (first, *_) = foretell(stored.table, stored.head, SMALL, START_MS)
    (later, *_) = foretell(stored.table, replace(stored.head, rewinds=1), SMALL, START_MS)
    assert first.record != later.record


def test_what_only_tries_is_not_foretold() -> None:
    rulings = Rulings(modes={"winback_dormant": "dry"})
    stored = customer(REGULAR, 41)
    signals = foretell(stored.table, stored.head, SMALL, START_MS + 41 * DAY_MS, rulings)
    assert "winback_dormant" not in [signal.key for signal in signals]
    assert "winback_dormant" in [signal["key"] for signal in outlook(stored, 41)["if_silent"]]
