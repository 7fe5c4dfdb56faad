"""Customers made of events, as the store keeps them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from streamproc.actions.rulings import Rulings
from streamproc.api.profile import StoredCustomer
from streamproc.churn.model import load_model
from streamproc.contracts.meanings import CHANNELS, CONSENT_CHANNELS, TALLIES
from streamproc.instants.advance import Plan, advance
from streamproc.rules.load import check_text, load_ruleset
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.store import Head
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS, HOUR_MS
from streamproc.windows.table import new_customers
from tests.unit.events import PLAIN, events

#: Ten in the morning of 2026-01-01.
START_MS = 20_454 * DAY_MS + 10 * HOUR_MS

WEB, APP, SUPPORT = range(len(CHANNELS))
#: Seven segments and two campaigns, as the playbook once was.
SMALL_FILE = Path(__file__).parents[1] / "small.yaml"
SMALL = Definitions(load_ruleset(SMALL_FILE), load_model(None))

HEAD = Head(
    partition=0,
    layout=LAYOUT_VERSION,
    partitions=1,
    epoch=1,
    owner="o",
    generation=1,
    member="g",
    seq=5,
    commit="c",
    rewinds=0,
    time_ms=START_MS,
    offsets={},
    max_ms={},
    has=frozenset(("state",)),
    extra={},
)


def definitions_of(text: str) -> Definitions:
    """Of a rules file."""
    ruleset, problems = check_text(text, "rules.yaml")
    assert ruleset is not None, problems
    return Definitions(ruleset, load_model(None))


def tally(name: str) -> int:
    return list(TALLIES).index(name)


def consent(channel: str, given: bool) -> int:
    """The consent column of an event that says so."""
    place = 2 * CONSENT_CHANNELS.index(channel)
    return (1 << place) | (given << (place + 1))


def customer(
    happened: Sequence[tuple[float, dict[str, Any]]], until_days: float, definitions: Definitions = SMALL
) -> StoredCustomer:
    """One who did things so many days after START_MS, and was looked at in time until `until_days`."""
    return lived(happened, until_days, definitions)[0]


def lived(
    happened: Sequence[tuple[float, dict[str, Any]]],
    until_days: float,
    definitions: Definitions = SMALL,
    rulings: Rulings | None = None,
) -> tuple[StoredCustomer, list[Signal]]:
    """As `customer`, with what was published."""
    columns = {
        name: [fields.get(name, PLAIN.get(name, 0)) for _, fields in happened]
        for name in {name for _, fields in happened for name in fields}
    }
    at_ms = np.array([START_MS + int(days * DAY_MS) for days, _ in happened], np.int64)
    row = np.zeros(len(happened), np.int64)
    until_ms = START_MS + int(until_days * DAY_MS)
    lives = advance(
        new_customers(["ada"]),
        events(["ada"] * len(happened), at_ms, **columns),
        Plan(row, at_ms, at_ms // 1_000 * 1_000 + 1_000, until_ms, closed=True),
        definitions,
        Origin(SOURCES, 0, rulings=rulings or Rulings()),
    )
    ((table, _),) = lives.done
    return StoredCustomer(table, HEAD), lives.signals
