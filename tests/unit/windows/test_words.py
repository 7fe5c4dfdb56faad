"""The latest word on something holds, whatever the order; of tickets, 16 are remembered."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.panes import NEVER
from streamproc.windows.table import WORD_DTYPE, Table
from streamproc.windows.words import (
    ANSWERED,
    CONSENT,
    SUPPRESSED,
    SURVEY,
    TICKET,
    TICKETS_MAX,
    TIME_ZONE,
    answered_ms,
    follow_words,
    suppressed,
    time_zones,
)
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
    return {
        "ts_ms": at_ms,
        "ticket": 1 if opens else -1,
        "ticket_hash": ticket,
        "message_hash": message << 32,
    }


def open_tickets(words: Table) -> set[int]:
    return {int(word["key"]) for word in words if word["about"] == TICKET and word["value"]}


def test_of_one_timestamp_the_greater_hash_holds_and_of_equal_hashes_the_first() -> None:
    words = follow(
        NOTHING,
        {"ts_ms": 5, "survey": 0, "score": 3, "message_hash": 7 << 32},
        {"ts_ms": 5, "survey": 0, "score": 9, "message_hash": 8 << 32},
        {"ts_ms": 5, "survey": 0, "score": 1, "message_hash": 8 << 32},
        {"ts_ms": 4, "survey": 0, "score": 2, "message_hash": 9 << 32},
        {"ts_ms": 1, "survey": 2, "score": 6, "message_hash": 1 << 32},
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
ANSWERS = st.lists(st.tuples(*(st.integers(0, 2),) * 3, st.integers(0, 4), st.integers(2**31 - 2, 2**31 + 1)))


@given(said=ANSWERS, cut=st.integers(0, 20))
def test_the_word_that_holds_is_the_greatest_and_of_equal_ones_the_first(
    said: list[tuple[int, int, int, int, int]], cut: int
) -> None:
    words, holds = NOTHING, dict[tuple[int, int], tuple[tuple[int, int], int]]()
    for part in (said[:cut], said[cut:]):
        row, survey, score, ts_ms, message = zip(*part, strict=True) if part else [()] * 5
        hashes = [tie << 32 for tie in message]
        answers = events(["c"] * len(part), ts_ms, survey=survey, score=score, message_hash=hashes)
        words = follow_words(words, np.array(row, np.int64), answers, 3)
    for customer, what, value, at_ms, tie in said:
        if (customer, what) not in holds or holds[customer, what][0] < (at_ms, tie):
            holds[customer, what] = (at_ms, tie), value
    assert words.tolist() == [
        (customer, SURVEY, what, value, at_ms, tie)
        for (customer, what), ((at_ms, tie), value) in sorted(holds.items())
    ]


def quiet(at_ms: int, message: int, **says: int) -> dict[str, Any]:
    nothing = {"suppressed": 0, "time_zone": 0, "answered": -1, "consent": -1}
    return {**nothing, **says, "counted": False, "ts_ms": at_ms, "message_hash": message << 32}


def test_what_identify_calls_and_outcomes_say() -> None:
    """The latest word on the suppression list, on the time zone, and through each channel an answer."""
    words = follow(
        NOTHING,
        quiet(5, 1, suppressed=1),
        quiet(7, 2, suppressed=-1),
        quiet(6, 3, suppressed=1, time_zone=77),
        quiet(4, 4, time_zone=88),
        quiet(8, 5, answered=0),
        quiet(3, 6, answered=0),
        quiet(9, 7, answered=4, consent=0b01),
    )
    said = [(word["about"], word["key"], word["value"], word["ts_ms"]) for word in words]
    assert said == [
        (CONSENT, 0, 0, 9), (SUPPRESSED, 0, 0, 7), (TIME_ZONE, 0, 77, 6), (ANSWERED, 0, 1, 8), (ANSWERED, 4, 1, 9),
    ]  # fmt: skip
    assert suppressed(words, 2).tolist() == [False, False]
    assert suppressed(follow(words, quiet(8, 9, suppressed=1)), 2).tolist() == [True, False]
    assert time_zones(words, 2).tolist() == [77, 0]
    assert answered_ms(words, 2).T.tolist() == [[8, NEVER, NEVER, NEVER, 9], [NEVER] * 5]


#: (customer, suppressed, time zone, answered, when, message), of each few, so that they meet.
QUIET = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(-1, 1),
        st.integers(0, 2),
        st.integers(-1, 4),
        st.integers(0, 4),
        st.integers(0, 9),
    ),
    max_size=20,
)


@given(said=QUIET, cut=st.integers(0, 20), seed=st.randoms())
def test_quiet_words_do_not_depend_on_the_order(
    said: list[tuple[int, int, int, int, int, int]], cut: int, seed: Any
) -> None:
    """Where no two have the same rank; whatever is applied together."""
    once = list({(one[0], one[4], one[5]): one for one in said}.values())
    shuffled = seed.sample(once, len(once))
    expected = _follow_quiet([once])
    assert _follow_quiet([shuffled[:cut], shuffled[cut:]]).tolist() == expected.tolist()
    latest: dict[tuple[int, int], tuple[int, int, int]] = {}
    for customer, listed, *_, at_ms, message in once:
        if listed:
            latest[customer, 0] = max(latest.get((customer, 0), (-1, -1, 0)), (at_ms, message, listed))
    listed_now = [latest.get((customer, 0), (0, 0, 0))[2] == 1 for customer in range(3)]
    assert suppressed(expected, 3).tolist() == listed_now


def _follow_quiet(parts: list[list[tuple[int, int, int, int, int, int]]]) -> Table:
    words = NOTHING
    for part in parts:
        customer, listed, zone, answered, ts_ms, message = zip(*part, strict=True) if part else [()] * 6
        new = events(
            ["c"] * len(part), ts_ms, counted=False, suppressed=listed, time_zone=zone, answered=answered,
            message_hash=[tie << 32 for tie in message],
        )  # fmt: skip
        words = follow_words(words, np.array(customer, np.int64), new, 3)
    return words
