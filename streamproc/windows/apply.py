"""One step of customers' lives: their events of one evaluation instant, applied to their columns.

The order and every rule are those of docs/semantics.md, section 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.windows.activity import SessionSteps, follow_sessions, mark_active_days
from streamproc.windows.dedup import admit
from streamproc.windows.funnels import FunnelPlan, follow_funnels
from streamproc.windows.habits import count_categories, count_hours, count_tallies, tallies_of
from streamproc.windows.panes import (
    DAY_MS,
    FIRST_TALLY,
    ORDERS,
    SESSIONS,
    TIERS,
    Panes,
    make_panes,
    pane_key,
    union,
)
from streamproc.windows.table import CustomerTable
from streamproc.windows.views import follow_views
from streamproc.windows.words import follow_words

#: Events older than this many day panes at their evaluation instant are counted in a metric, not applied.
LATENESS_PANES: Final = 90
#: Keeps the worth of a cart, and of it with one more event, inside 64 bits.
_CART_MICROS_MAX: Final = 10**18
#: What a packed state holds.
_CART_ITEMS_MAX: Final = 4_000_000_000
_DAY_TIER: Final = TIERS[2]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Applied:
    """What became of the events of a step."""

    applied: Bools  # bool[n]; the rest were too late or repeats
    repeats: int
    too_late: int


@dataclass(frozen=True, slots=True)
class Measures:
    """What the rules file says of how events are counted."""

    session_gap_ms: int
    funnels: tuple[FunnelPlan, ...] = ()


def apply_events(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, measures: Measures
) -> Applied:
    """Apply `events` (apply order; `row`: int64[n], their customers) to `table`, in place.

    `at_ms`: int64[n], the instant they are evaluated at, equal for all events of one customer.
    """
    in_time = events.ts_ms // DAY_MS > at_ms // DAY_MS - LATENESS_PANES
    applied = in_time.copy()
    is_new, table.ring = admit(
        table.ring,
        row[in_time],
        events.message_hash[in_time],
        np.maximum(at_ms, events.ts_ms)[in_time],
    )
    applied[in_time] = is_new
    outcome = Applied(applied, int(in_time.sum() - is_new.sum()), int(len(row) - in_time.sum()))
    if applied.any():
        kept = np.flatnonzero(applied)
        _apply_new(table, row[kept], events.take(kept), at_ms[kept], measures)
    return outcome


def _apply_new(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, measures: Measures
) -> None:
    head = table.head
    np.minimum.at(head["first_seen_ms"], row, events.ts_ms)
    _remember_cause(table, row, events)

    counted = events.counted
    np.maximum.at(head["last_ms"], (row[counted], events.channel[counted]), events.ts_ms[counted])
    head["events"] += np.bincount(row[counted], minlength=len(table))
    head["orders"] += np.bincount(row[events.order], minlength=len(table))
    np.add.at(head["money_micros"], row[events.order], events.money_micros[events.order])
    np.maximum.at(head["last_order_ms"], row[events.order], events.ts_ms[events.order])

    starts = np.zeros(len(row), np.bool_)
    duration_ms = np.maximum(events.duration_ms, 0)
    active = np.flatnonzero(events.activity)
    if len(active):
        steps = follow_sessions(head, row[active], events.ts_ms[active], measures.session_gap_ms)
        mark_active_days(head, row[active], events.ts_ms[active])
        starts[active] = steps.starts
        measured = events.duration_ms[active] < 0
        duration_ms[active[measured]] = steps.gap_ms[measured]
        _follow_activity(table, row, events, active, steps)
    contributions = _contributions(row, events, at_ms, starts, duration_ms)
    counted_as, tally = tallies_of(events)
    if len(tally):
        ts_ms = events.ts_ms[counted_as]
        table.tallies = count_tallies(table.tallies, row[counted_as], tally, ts_ms)
        contributions += _tally_contributions(row[counted_as], tally, ts_ms, at_ms[counted_as])
    table.panes = union(table.panes, contributions)
    _follow_carts(table, row, events)
    table.words = follow_words(table.words, row, events, len(table))
    table.funnels = follow_funnels(table.funnels, measures.funnels, row, events)


def _follow_activity(
    table: CustomerTable, row: Ints, events: EventColumns, active: Ints, steps: SessionSteps
) -> None:
    """Hours, views and categories; `active`: the places of activity events."""
    table.hours = count_hours(table.hours, row[active], events.ts_ms[active])
    seen = active[steps.is_latest & (events.view[active] >= 0)]
    restarted = np.unique(row[active[steps.starts]])
    table.views = follow_views(table.views, restarted, row[seen], events.view[seen], events.shown[seen])
    about = active[events.category[active] != b""]
    if len(about):
        table.categories = count_categories(table.categories, row[about], events.category[about], len(table))


def _contributions(
    row: Ints, events: EventColumns, at_ms: Ints, starts: Bools, duration_ms: Ints
) -> list[Panes]:
    """What the events add to the panes of each tier that a window at `at_ms` can still hold."""
    parts = []
    ones = np.ones(len(row), np.int64)
    for tier in TIERS:
        pane = events.ts_ms // tier.width_ms
        kept = pane > at_ms // tier.width_ms - tier.kept
        for mask, series, value in (
            (kept & events.counted, events.channel.astype(np.int64), duration_ms),
            (kept & events.order, ORDERS, events.money_micros),
            (kept & starts, SESSIONS, np.zeros(len(row), np.int64)),
        ):
            if mask.any():
                key = pane_key(tier.code, series if isinstance(series, int) else series[mask], pane[mask])
                parts.append(make_panes(row[mask], key, ones[mask], value[mask]))
    return parts


def _tally_contributions(row: Ints, tally: Ints, ts_ms: Ints, at_ms: Ints) -> list[Panes]:
    """What the tallies of events add to panes, which are of a day."""
    pane = ts_ms // _DAY_TIER.width_ms
    kept = pane > at_ms // _DAY_TIER.width_ms - _DAY_TIER.kept
    key = pane_key(_DAY_TIER.code, FIRST_TALLY + tally[kept], pane[kept])
    ones = np.ones(int(kept.sum()), np.int64)
    return [make_panes(row[kept], key, ones, np.zeros_like(ones))]


def _remember_cause(table: CustomerTable, row: Ints, events: EventColumns) -> None:
    """The last event applied is what the next evaluation names as its cause."""
    last = np.full(len(table), -1, np.int64)
    np.maximum.at(last, row, np.arange(len(row)))
    touched = np.flatnonzero(last >= 0)
    table.head["cause_topic"][touched] = events.topic[last[touched]]
    table.head["cause_offset"][touched] = events.offset[last[touched]]


def _follow_carts(table: CustomerTable, row: Ints, events: EventColumns) -> None:
    head = table.head
    for place in np.flatnonzero((events.cart != 0) | events.order):
        cart = head[row[place]]
        ts_ms, quantity = int(events.ts_ms[place]), int(events.cart[place])
        if quantity != 0 and ts_ms >= cart["cart_cleared_ms"]:
            if quantity > 0 and cart["cart_items"] == 0:
                cart["cart_since_ms"] = ts_ms
            cart["cart_items"] = min(_CART_ITEMS_MAX, max(0, int(cart["cart_items"]) + quantity))
            cost_micros = int(events.cart_micros[place]) * (1 if quantity > 0 else -1)
            value_micros = min(_CART_MICROS_MAX, max(0, int(cart["cart_micros"]) + cost_micros))
            cart["cart_micros"] = value_micros if cart["cart_items"] else 0
            cart["cart_changed_ms"] = max(int(cart["cart_changed_ms"]), ts_ms)
        if events.order[place] and ts_ms >= cart["cart_changed_ms"]:
            cart["cart_items"] = cart["cart_micros"] = 0
            cart["cart_cleared_ms"] = max(int(cart["cart_cleared_ms"]), ts_ms)
