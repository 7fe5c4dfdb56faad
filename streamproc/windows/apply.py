"""One step of customers' lives: their events of one evaluation instant, applied to their columns.

The order and every rule are those of docs/semantics.md, section 4.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.windows.contacts import follow_contacts
from streamproc.windows.dedup import admit
from streamproc.windows.fixed_row import Steps, contributions, follow
from streamproc.windows.funnels import FunnelPlan, follow_funnels
from streamproc.windows.habits import count_categories, count_hours, count_tallies, tallies_of
from streamproc.windows.panes import DAY_MS, union
from streamproc.windows.table import CustomerTable
from streamproc.windows.views import follow_views
from streamproc.windows.words import follow_words

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


@dataclass(frozen=True, slots=True)
class Measures:
    """What the rules file says of how events are counted."""

    session_gap_ms: int
    funnels: tuple[FunnelPlan, ...] = ()


def in_time(ts_ms: Ints, at_ms: Ints | int) -> Bools:
    """Which events are applied at an evaluation instant `at_ms`, by their age: bool[n]."""
    return np.asarray(ts_ms // DAY_MS > at_ms // DAY_MS - LATENESS_PANES, np.bool_)


def apply_events(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, measures: Measures
) -> Applied:
    """Apply `events` (apply order; `row`: int64[n], their customers) to `table`, in place.

    `at_ms`: int64[n], the instant they are evaluated at, equal for all events of one customer.
    """
    applied = in_time(events.ts_ms, at_ms)
    too_late = len(row) - int(np.count_nonzero(applied))
    if too_late:
        places = np.flatnonzero(applied)
        row, events, at_ms = row[places], events.take(places), at_ms[places]
    is_new, table.ring = admit(table.ring, row, events.message_hash, np.maximum(at_ms, events.ts_ms))
    repeats = len(row) - int(np.count_nonzero(is_new))
    if repeats:
        places = np.flatnonzero(is_new)
        row, events, at_ms = row[places], events.take(places), at_ms[places]
    if len(row):
        _apply_new(table, row, events, at_ms, measures)
    applied[applied] = is_new
    return Applied(applied, repeats, too_late)


def _apply_new(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, measures: Measures
) -> None:
    steps = follow(table.head, row, events, measures.session_gap_ms)
    table.panes = union(table.panes, [contributions(row, events, at_ms, steps)])
    active = np.flatnonzero(events.activity)
    if len(active):
        _follow_activity(table, row, events, active, steps)
    counted_as, tally = tallies_of(events)
    if len(tally):
        table.tallies = count_tallies(table.tallies, row[counted_as], tally, events.ts_ms[counted_as])
    table.contacts = follow_contacts(table.contacts, row, events, len(table))
    table.words = follow_words(table.words, row, events, len(table))
    table.funnels = follow_funnels(table.funnels, measures.funnels, row, events)


def _follow_activity(
    table: CustomerTable, row: Ints, events: EventColumns, active: Ints, steps: Steps
) -> None:
    """Hours, views and categories; `active`: the places of activity events."""
    table.hours = count_hours(table.hours, row[active], events.ts_ms[active])
    seen = np.flatnonzero(steps.is_latest & (events.view >= 0))
    restarted = np.zeros(len(table), np.bool_)
    restarted[row[steps.starts]] = True
    table.views = follow_views(table.views, restarted, row[seen], events.view[seen], events.shown[seen])
    about = active[events.category[active] != b""]
    if len(about):
        table.categories = count_categories(table.categories, row[about], events.category[about], len(table))
