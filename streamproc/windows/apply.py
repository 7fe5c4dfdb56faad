"""One step of customers' lives: their events of one evaluation instant, applied to their columns.

The order and every rule are those of docs/semantics.md, section 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.windows.activity import follow_sessions, mark_active_days
from streamproc.windows.dedup import admit
from streamproc.windows.panes import DAY_MS, ORDERS, SESSIONS, TIERS, Panes, make_panes, pane_key, union
from streamproc.windows.table import CONSENT_DTYPE, CustomerTable

#: Events older than this many day panes at their evaluation instant are counted in a metric, not applied.
LATENESS_PANES: Final = 90

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Applied:
    """What became of the events of a step."""

    applied: Bools  # bool[n]; the rest were too late or repeats
    repeats: int
    too_late: int


def apply_events(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, session_gap_ms: int
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
        len(table),
    )
    applied[in_time] = is_new
    outcome = Applied(applied, int(in_time.sum() - is_new.sum()), int(len(row) - in_time.sum()))
    if applied.any():
        kept = np.flatnonzero(applied)
        _apply_new(table, row[kept], events.take(kept), at_ms[kept], session_gap_ms)
    return outcome


def _apply_new(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, session_gap_ms: int
) -> None:
    head = table.head
    np.minimum.at(head["first_seen_ms"], row, events.ts_ms)
    _remember_cause(table, row, events)

    counted = events.counted
    np.maximum.at(head["last_ms"], (row[counted], events.channel[counted]), events.ts_ms[counted])
    head["events"] += np.bincount(row[counted], minlength=len(table))
    head["orders"] += np.bincount(row[events.order], minlength=len(table))
    np.add.at(head["money_micros"], row[events.order], events.money_micros[events.order])

    starts = np.zeros(len(row), np.bool_)
    duration_ms = np.maximum(events.duration_ms, 0)
    active = np.flatnonzero(events.activity)
    if len(active):
        steps = follow_sessions(head, row[active], events.ts_ms[active], session_gap_ms)
        mark_active_days(head, row[active], events.ts_ms[active])
        starts[active] = steps.starts
        measured = events.duration_ms[active] < 0
        duration_ms[active[measured]] = steps.gap_ms[measured]
    table.panes = union([table.panes, *_contributions(row, events, at_ms, starts, duration_ms)])
    _follow_carts(table, row, events)
    _follow_consents(table, row, events)


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
            cart["cart_items"] = max(0, int(cart["cart_items"]) + quantity)
            cart["cart_changed_ms"] = max(int(cart["cart_changed_ms"]), ts_ms)
        if events.order[place] and ts_ms >= cart["cart_changed_ms"]:
            cart["cart_items"] = 0
            cart["cart_cleared_ms"] = max(int(cart["cart_cleared_ms"]), ts_ms)


def _follow_consents(table: CustomerTable, row: Ints, events: EventColumns) -> None:
    """Last writer wins, by (timestamp, message hash), which is order-free; of equal ones the first applied."""
    said = np.flatnonzero(events.consent >= 0)
    if len(said) == 0:
        return
    rows = [table.consents]
    for channel in range(len(CONSENT_CHANNELS)):
        given = said[(events.consent[said] >> (2 * channel)) & 1 == 1]
        entries = np.empty(len(given), CONSENT_DTYPE)
        entries["row"], entries["channel"] = row[given], channel
        entries["granted"] = (events.consent[given] >> (2 * channel + 1)) & 1
        entries["ts_ms"], entries["tie"] = events.ts_ms[given], events.message_hash[given]
        rows.append(entries)
    entries = np.concatenate(rows)
    latest_first = -np.arange(len(entries))
    order = (latest_first, entries["tie"], entries["ts_ms"], entries["channel"], entries["row"])
    entries = entries[np.lexsort(order)]
    last = np.ones(len(entries), np.bool_)
    last[:-1] = (entries["row"][1:] != entries["row"][:-1]) | (
        entries["channel"][1:] != entries["channel"][:-1]
    )
    table.consents = entries[last]
