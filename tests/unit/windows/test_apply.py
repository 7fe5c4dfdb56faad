"""What one step of events does to carts, consents and totals; lateness and repeats."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.meanings import CONSENT_CHANNELS, TALLIES
from streamproc.windows.apply import LATENESS_PANES, Applied, Measures, apply_events
from streamproc.windows.panes import DAY_MS, HOUR_MS, NEVER
from streamproc.windows.table import CustomerTable, new_customers
from streamproc.windows.words import ANSWERED, CONSENT
from tests.unit.events import PLAIN
from tests.unit.events import events as plain_events

NOW_MS = 20_000 * DAY_MS + 5 * HOUR_MS
EMAIL = CONSENT_CHANNELS.index("email")


def event(at_ms: int = NOW_MS, message: int | None = None, **fields: Any) -> dict[str, Any]:
    """A page view unless `fields` (columns of EventColumns) say otherwise."""
    return {"ts_ms": at_ms, "message_hash": message, **fields}


def columns(events: Sequence[dict[str, Any]]) -> EventColumns:
    hashes = [
        1_000 + i if one["message_hash"] is None else one["message_hash"] for i, one in enumerate(events)
    ]
    named = {name for one in events for name in one} - {"ts_ms", "message_hash"}
    given = {name: [one.get(name, PLAIN.get(name, 0)) for one in events] for name in named}
    return plain_events(["c"] * len(events), [one["ts_ms"] for one in events], message_hash=hashes, **given)


def live(*events: dict[str, Any], table: CustomerTable | None = None) -> tuple[CustomerTable, Applied]:
    """Apply events of one customer in one step at the end of this day."""
    table = new_customers(["c"]) if table is None else table
    n = len(events)
    outcome = apply_events(
        table, np.zeros(n, np.int64), columns(events), np.full(n, NOW_MS + HOUR_MS), Measures(30 * 60_000)
    )
    return table, outcome


def said(granted: bool) -> int:
    """The consent column of an event that says yes or no to e-mail."""
    return (1 << (2 * EMAIL)) | (granted << (2 * EMAIL + 1))


def consents(table: CustomerTable) -> dict[int, bool]:
    return {int(word["key"]): bool(word["value"]) for word in table.words if word["about"] == CONSENT}


def test_an_event_older_than_the_windows_is_too_late() -> None:
    first_kept_ms = (NOW_MS // DAY_MS - LATENESS_PANES + 1) * DAY_MS
    table, outcome = live(event(first_kept_ms), event(first_kept_ms - 1))
    assert (outcome.applied.tolist(), outcome.too_late) == ([True, False], 1)
    assert table.head["events"].tolist() == [1]


def test_a_repeat_changes_nothing() -> None:
    order = event(message=7, order=True, money_micros=5)
    once, _ = live(order)
    twice, outcome = live(order, order)
    assert (outcome.repeats, twice.head["money_micros"].tolist()) == (1, [5])
    assert twice.head.tobytes() == once.head.tobytes()
    _, later = live(order, table=once)
    assert later.repeats == 1


@pytest.mark.parametrize(
    ("events", "items"),
    [
        ([event(cart=2), event(NOW_MS + 1, cart=1)], 3),
        ([event(cart=2), event(NOW_MS + 1, cart=-5)], 0),
        ([event(cart=3_999_999_999), event(NOW_MS + 1, cart=5), event(NOW_MS + 2, cart=-1)], 3_999_999_999),
        ([event(cart=2), event(NOW_MS + 1, order=True)], 0),
        ([event(NOW_MS + 1, order=True), event(cart=2)], 0),  # what was added before the order was bought
        ([event(NOW_MS + 1, cart=2), event(order=True)], 2),  # a late order does not empty a newer cart
        ([event(order=True), event(NOW_MS + 1, cart=2)], 2),
    ],
)
def test_orders_empty_the_cart_that_was_there_before(events: list[dict[str, Any]], items: int) -> None:
    table, _ = live(*events)
    assert table.head["cart_items"].tolist() == [items]


@given(st.permutations([(0, True), (1, False), (2, True), (3, False)]), st.integers(0, 4))
def test_the_latest_word_on_consent_holds_in_any_order(words: list[tuple[int, bool]], cut: int) -> None:
    table = new_customers(["c"])
    for part in (words[:cut], words[cut:]):
        if part:
            live(*(event(NOW_MS + at, at, consent=said(granted)) for at, granted in part), table=table)
    assert consents(table) == {EMAIL: False}


def test_of_equal_words_on_consent_the_first_applied_holds() -> None:
    """The same message id with another content, after the id has left the ring."""
    table, _ = live(event(message=7, consent=said(True)))
    table.ring = table.ring[:0]
    live(event(message=7, consent=said(False)), table=table)
    assert consents(table) == {EMAIL: True}


def test_an_outcome_is_seen_but_no_activity() -> None:
    """It counts as a tally and says words; a repeat of it does nothing."""
    emails = list(TALLIES).index("emails")
    outcome = event(
        message=7,
        counted=False,
        activity=False,
        tally=emails,
        answered=EMAIL,
        consent=said(False),
        contact=EMAIL,
    )
    table, applied = live(outcome, outcome)
    assert (applied.applied.tolist(), applied.repeats) == ([True, False], 1)
    head = table.head[0]
    assert (head["first_seen_ms"], head["last_activity_ms"], head["events"]) == (NOW_MS, NEVER, 0)
    assert head["last_ms"].tolist() == [NEVER] * 3
    assert table.tallies.tolist() == [(0, emails, 1, NOW_MS)]
    assert [(word["about"], word["key"]) for word in table.words] == [(CONSENT, EMAIL), (ANSWERED, EMAIL)]
    assert consents(table) == {EMAIL: False}
    assert [len(rows) for rows in (table.hours, table.views, table.categories, table.funnels)] == [0] * 4
