"""Events fold into fixed rows as the rules say, one after the other; active days do not care about the order."""

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.meanings import TALLIES
from streamproc.windows.fixed_row import Steps, contributions, follow, mark_active_days
from streamproc.windows.panes import (
    DAY_MS,
    FIRST_TALLY,
    INF,
    NEVER,
    ORDERS,
    SESSIONS,
    TIERS,
    pane_of,
    series_of,
    tier_of,
)
from streamproc.windows.table import BITMAP_DAYS, DECAY_DAYS, Table, new_heads
from tests.unit.events import events

GAP_MS = 30 * 60_000
DAY_0 = 20_000 * DAY_MS
ITEMS_MAX, MICROS_MAX = 4_000_000_000, 10**18
NEGATIVES, POSITIVES = (list(TALLIES).index(name) for name in ("negatives", "positives"))

#: (customer, when, fields of the event)
lives = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.one_of(st.integers(DAY_0, DAY_0 + 8 * GAP_MS), st.integers(DAY_0, DAY_0 + 90 * DAY_MS)),
        st.fixed_dictionaries(
            {
                "channel": st.integers(0, 2),
                "topic": st.integers(0, 4),
                "counted": st.booleans(),
                "activity": st.booleans(),
                "order": st.booleans(),
                "money_micros": st.integers(0, 10**16),
                "duration_ms": st.one_of(st.just(-1), st.integers(0, 10**6)),
                "cart": st.sampled_from([-5, -1, 0, 1, 3, ITEMS_MAX]),
                "cart_micros": st.sampled_from([0, 7, MICROS_MAX]),
                "tally": st.integers(-1, len(TALLIES) - 1),
                "valence": st.integers(-1, 1),
            }
        ),
    ),
    max_size=25,
)


def columns(life: list[tuple[int, int, dict[str, Any]]]) -> tuple[NDArray[np.int64], EventColumns]:
    names = life[0][2] if life else {}
    given = {name: [fields[name] for *_, fields in life] for name in names}
    row = np.array([customer for customer, *_ in life], np.int64)
    return row, events(["c"] * len(life), [at_ms for _, at_ms, _ in life], **given)


def fresh() -> dict[str, Any]:
    return {
        "first_seen_ms": INF, "last_ms": [NEVER] * 3, "last_activity_ms": NEVER, "events": 0, "orders": 0,
        "sessions": 0, "money_micros": 0, "cart_items": 0, "cart_changed_ms": NEVER, "cart_cleared_ms": NEVER,
        "cart_since_ms": NEVER, "cart_micros": 0, "last_order_ms": NEVER, "session_ms": NEVER, "pause_ms": 0,
        "cause_offset": NEVER, "cause_topic": 0, "days": set(),
    }  # fmt: skip


def one_by_one(known: dict[str, Any], at_ms: int, offset: int, event: dict[str, Any]) -> tuple[bool, int]:
    """The rules of docs/semantics.md, section 4, for one event; whether it starts a session, and its duration."""
    starts, duration_ms = False, max(event["duration_ms"], 0)
    known["first_seen_ms"] = min(known["first_seen_ms"], at_ms)
    known["cause_offset"], known["cause_topic"] = offset, event["topic"]
    if event["counted"]:
        known["last_ms"][event["channel"]] = max(known["last_ms"][event["channel"]], at_ms)
        known["events"] += 1
    if event["order"]:
        known["orders"] += 1
        known["money_micros"] += event["money_micros"]
        known["last_order_ms"] = max(known["last_order_ms"], at_ms)
    if event["activity"]:
        latest = known["last_activity_ms"]
        starts = latest == NEVER or at_ms - latest > GAP_MS
        if starts:
            known["sessions"] += 1
            known["session_ms"], known["pause_ms"] = at_ms, 0 if latest == NEVER else at_ms - latest
        elif event["duration_ms"] < 0:
            duration_ms = max(0, at_ms - latest)
        known["last_activity_ms"] = max(latest, at_ms)
        known["days"].add(at_ms // DAY_MS)
    pieces = event["cart"]
    if pieces and at_ms >= known["cart_cleared_ms"]:
        if pieces > 0 and not known["cart_items"]:
            known["cart_since_ms"] = at_ms
        known["cart_items"] = min(ITEMS_MAX, max(0, known["cart_items"] + pieces))
        cost = event["cart_micros"] if pieces > 0 else -event["cart_micros"]
        worth = min(MICROS_MAX, max(0, known["cart_micros"] + cost))
        known["cart_micros"] = worth if known["cart_items"] else 0
        known["cart_changed_ms"] = max(known["cart_changed_ms"], at_ms)
    if event["order"] and at_ms >= known["cart_changed_ms"]:
        known["cart_items"] = known["cart_micros"] = 0
        known["cart_cleared_ms"] = max(known["cart_cleared_ms"], at_ms)
    return starts, duration_ms


@given(life=lives, cut=st.integers(0, 25))
def test_a_step_is_its_events_one_by_one(life: list[tuple[int, int, dict[str, Any]]], cut: int) -> None:
    head, known = new_heads(3), [fresh() for _ in range(3)]
    for part in (life[:cut], life[cut:]):
        row, happened = columns(part)
        steps = follow(head, row, happened, GAP_MS)
        expected = [
            one_by_one(known[customer], at_ms, offset, event)
            for offset, (customer, at_ms, event) in enumerate(part)
        ]
        assert list(zip(steps.starts.tolist(), steps.duration_ms.tolist(), strict=True)) == expected
        for place, (customer, at_ms, event) in enumerate(part):
            restarted = any(
                start and other[0] == customer
                for other, (start, _) in zip(part[place + 1 :], expected[place + 1 :], strict=True)
            )
            in_latest = event["activity"] and not restarted and at_ms >= known[customer]["session_ms"]
            assert steps.is_latest[place] == in_latest
    for one, mine in zip(head, known, strict=True):
        days = mine.pop("days")
        assert one["active_days"] == len(days)
        assert (one["first_day"], one["last_day"]) == (min(days, default=INF), max(days, default=NEVER))
        assert {name: one[name].tolist() for name in mine} == mine
    assert (head["next_check_ms"] == INF).all()
    assert (head["version"] == 0).all()


@given(life=lives)
def test_events_add_to_the_panes_that_a_window_can_hold(
    life: list[tuple[int, int, dict[str, Any]]],
) -> None:
    row, happened = columns(life)
    at_ms = np.full(len(life), DAY_0 + 91 * DAY_MS)
    steps = follow(new_heads(3), row, happened, GAP_MS)
    counts: Counter[tuple[int, int, int, int]] = Counter()
    values: Counter[tuple[int, int, int, int]] = Counter()
    for place, (customer, ts_ms, event) in enumerate(life):
        for tier in TIERS:
            pane = ts_ms // tier.width_ms
            if pane <= at_ms[place] // tier.width_ms - tier.kept:
                continue
            added = [(event["channel"], steps.duration_ms[place])] if event["counted"] else []
            added += [(ORDERS, event["money_micros"])] if event["order"] else []
            added += [(SESSIONS, 0)] if steps.starts[place] else []
            if tier.width_ms == DAY_MS:
                added += [(FIRST_TALLY + event["tally"], 0)] if event["tally"] >= 0 else []
                tally = {-1: NEGATIVES, 1: POSITIVES}.get(event["valence"])
                added += [] if tally is None else [(FIRST_TALLY + tally, 0)]
            for series, value in added:
                counts[customer, tier.code, series, pane] += 1
                values[customer, tier.code, series, pane] += int(value)
    found: Counter[tuple[int, int, int, int]] = Counter()
    worth: Counter[tuple[int, int, int, int]] = Counter()
    for pane in contributions(row, happened, at_ms, steps):
        key = pane["key"]
        place = (int(pane["row"]), int(tier_of(key)), int(series_of(key)), int(pane_of(key)))
        found[place] += int(pane["count"])
        worth[place] += int(pane["value"])
    assert found == counts
    assert worth == values


def active_day_rows(head: Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All days in the bitmaps, as (row, day), sorted by row, then day."""
    words = np.stack((head["days_low"], head["days_high"]), axis=1)
    bits = np.unpackbits(
        words.astype("<u8").view(np.uint8).reshape(len(head), BITMAP_DAYS // 8), axis=1, bitorder="little"
    )
    row, reversed_age = np.nonzero(bits[:, ::-1])
    return row, head["last_day"][row] - (BITMAP_DAYS - 1 - reversed_age)


def be_active(head: Table, row: int, days: list[int]) -> Steps:
    at_ms = np.array(days) * DAY_MS + 12_345
    return follow(head, np.full(len(days), row), events(["c"] * len(days), at_ms), GAP_MS)


@given(days=st.lists(st.integers(20_000, 20_090), min_size=1, max_size=40), cut=st.integers(0, 40))
def test_active_days_are_a_set(days: list[int], cut: int) -> None:
    """Any order, any repeats, any cut: count, bitmap and decayed counts are those of the set of days."""
    head = new_heads(2)
    for part in (days[:cut], days[cut:]):
        be_active(head, 1, part)
    last = max(days)
    assert head["active_days"].tolist() == [0, len(set(days))]
    row, day = active_day_rows(head)
    assert row.tolist() == [1] * len(set(days))
    assert day.tolist() == sorted(set(days))
    for place, tau in enumerate(DECAY_DAYS):
        expected = sum(math.exp(-(last - day) / tau) for day in set(days))
        assert head["decayed_days"][1, place] == pytest.approx(expected, rel=1e-12)


@given(life=lives)
def test_active_days_alone_are_marked_as_with_everything_else(
    life: list[tuple[int, int, dict[str, Any]]],
) -> None:
    row, given = columns(life)
    whole, alone = new_heads(3), new_heads(3)
    follow(whole, row, given, GAP_MS)
    active = np.flatnonzero(given.activity)
    mark_active_days(alone, row[active], given.ts_ms[active])
    for name in ("active_days", "first_day", "last_day", "days_low", "days_high", "decayed_days"):
        assert np.array_equal(alone[name], whole[name])


def test_an_activity_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="of no customer"):
        mark_active_days(new_heads(1), np.array([1]), np.array([DAY_0]))


def test_a_long_pause_empties_the_bitmap_but_not_the_count() -> None:
    head = new_heads(1)
    for day in (20_000, 20_063, 20_064, 20_200, 20_328):
        be_active(head, 0, [day])
    _, day = active_day_rows(head)
    assert day.tolist() == [20_328]
    assert head["active_days"][0] == 5


@pytest.mark.parametrize("damage", [{"row": 2}, {"row": -1}, {"channel": 3}, {"channel": -1}])
def test_an_event_of_no_customer_or_channel_is_refused(damage: dict[str, int]) -> None:
    """Compiled code writes where they say."""
    row = np.array([0, damage.get("row", 1)])
    happened = events(["c"] * 2, [DAY_0, DAY_0], channel=[0, damage.get("channel", 0)])
    with pytest.raises(ValueError, match="no customer or channel"):
        follow(new_heads(2), row, happened, GAP_MS)
