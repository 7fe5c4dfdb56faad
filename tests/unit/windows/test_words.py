"""The latest word on something holds, whatever the order; of tickets, 16 are remembered."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.table import WORD_DTYPE, Table
from streamproc.windows.words import CONSENT, SURVEY, TICKET, TICKETS_MAX, follow_words
from tests.unit.events import events

NOTHING = np.empty(0, WORD_DTYPE)

#: (ticket, opens it, when): few of each, so that they meet.
MOVES = st.lists(st.tuples(st.integers(0, 24), st.booleans(), st.integers(0, 9)), max_size=60)


def follow(words: Table, *said: dict[str, Any]) -> Table:
    """One customer's words after some events."""
    names = {name for one in said for name in one} - {"ts_ms"}
    columns = {name: [one[name] for one in said] for name in names}
    new = events(["c"] * len(said), [one["ts_ms"] for one in said], **columns)
    return follow_words(words, np.zeros(len(said), np.int64), new, 1)


def moved(ticket: int, opens: bool, at_ms: int, message: int) -> dict[str, Any]:
    return {"ts_ms": at_ms, "ticket": 1 if opens else -1, "ticket_hash": ticket, "message_hash": message}


def open_tickets(words: Table) -> set[int]:
    return {int(word["key"]) for word in words if word["about"] == TICKET and word["value"]}


def test_of_one_timestamp_the_greater_hash_holds_and_of_equal_hashes_the_first() -> None:
    words = follow(
        NOTHING,
        {"ts_ms": 5, "survey": 0, "score": 3, "message_hash": 7},
        {"ts_ms": 5, "survey": 0, "score": 9, "message_hash": 8},
        {"ts_ms": 5, "survey": 0, "score": 1, "message_hash": 8},
        {"ts_ms": 4, "survey": 0, "score": 2, "message_hash": 9},
        {"ts_ms": 1, "survey": 2, "score": 6, "message_hash": 1},
    )
    assert [(word["about"], word["key"], word["value"]) for word in words] == [(SURVEY, 0, 9), (SURVEY, 2, 6)]


def test_an_event_may_say_something_of_every_consent_channel() -> None:
    words = follow(NOTHING, {"ts_ms": 1, "consent": 0b01_11_00_00_11})
    assert [(word["about"], word["key"], word["value"]) for word in words] == [
        (CONSENT, 0, 1), (CONSENT, 3, 1), (CONSENT, 4, 0),
    ]  # fmt: skip


@given(moves=MOVES, cut=st.integers(0, 60))
def test_tickets_are_those_of_the_rule_however_the_events_are_cut(
    moves: list[tuple[int, bool, int]], cut: int
) -> None:
    """Against the rule, one event after the other: of more than 16, closed and old ones are forgotten first."""
    known: dict[int, tuple[tuple[int, int], bool]] = {}
    for message, (ticket, opens, at_ms) in enumerate(moves):
        if ticket not in known or (at_ms, message) > known[ticket][0]:
            known[ticket] = (at_ms, message), opens
        if len(known) > TICKETS_MAX:
            del known[min(known, key=lambda one: (known[one][1], known[one][0][0], one))]
    said = [moved(*move, message) for message, move in enumerate(moves)]
    words = NOTHING
    for part in (said[:cut], said[cut:]):
        words = follow(words, *part) if part else words
    assert open_tickets(words) == {ticket for ticket, (_, opens) in known.items() if opens}
    assert len(words) == len(known)


#: (customer, survey, score, when, message), of each few, so that they meet.
ANSWERS = st.lists(st.tuples(*(st.integers(0, 2),) * 3, st.integers(0, 4), st.integers(2**63 - 2, 2**63 + 1)))


@given(said=ANSWERS, cut=st.integers(0, 20))
def test_the_word_that_holds_is_the_greatest_and_of_equal_ones_the_first(
    said: list[tuple[int, int, int, int, int]], cut: int
) -> None:
    words, holds = NOTHING, dict[tuple[int, int], tuple[tuple[int, int], int]]()
    for part in (said[:cut], said[cut:]):
        row, survey, score, ts_ms, message = zip(*part, strict=True) if part else [()] * 5
        answers = events(["c"] * len(part), ts_ms, survey=survey, score=score, message_hash=message)
        words = follow_words(words, np.array(row, np.int64), answers, 3)
    for customer, what, value, at_ms, tie in said:
        if (customer, what) not in holds or holds[customer, what][0] < (at_ms, tie):
            holds[customer, what] = (at_ms, tie), value
    assert words.tolist() == [
        (customer, SURVEY, what, value, at_ms, tie)
        for (customer, what), ((at_ms, tie), value) in sorted(holds.items())
    ]
