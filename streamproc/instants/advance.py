"""Live the customers of a slice through its instants: apply, evaluate, fire what falls due in between.

Customers do not depend on each other, so all of them move one step a round, as columns. Most customers of a chunk have
one event and need one round; the rounds end when nobody has anything left up to the limit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.columns import concat as concat_events
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import TICK_MS, evaluate
from streamproc.transitions.publish import Signal
from streamproc.windows.apply import apply_events
from streamproc.windows.table import CustomerTable, concat

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Plan:
    """When the events of a slice are applied and evaluated: int64[n events] each, and up to where time moves.

    Before an event is applied, everything due at `<= apply_ms` fires. `closed`: the evaluation instants are complete,
    nothing more can be applied for them, so even those after `limit_ms` are evaluated.
    """

    row: Ints
    apply_ms: Ints
    evaluate_ms: Ints
    limit_ms: int
    closed: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What customers of one shard are to go through: the arguments of `advance`."""

    table: CustomerTable
    events: EventColumns | None
    plan: Plan
    definitions: Definitions
    origin: Origin
    records: bool = True

    def alone(self) -> "Lives":
        """What comes of it."""
        return advance(
            self.table, self.events, self.plan, self.definitions, self.origin, records=self.records
        )


class Done(NamedTuple):
    """Customers who have nothing left to do: the `rows` (bool[n]) of a table."""

    table: CustomerTable
    rows: Bools


@dataclass(slots=True)
class Lives:
    """What came of it: the customers, each once, and the signals in published order."""

    done: list[Done] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)
    applied: int = 0
    repeats: int = 0
    too_late: int = 0
    evaluations: int = 0


@dataclass(slots=True)
class _Steps:
    """Runs of events of one customer with the same evaluation instant, sorted by customer, then time."""

    event: Ints  # events sorted by customer
    start: Ints
    end: Ints
    apply_ms: Ints
    evaluate_ms: Ints


def tick_plan(row: Ints, max_ms: Ints, time_ms: int) -> Plan:
    """The event clock: ticks of one second of W, the greatest `max_ms` so far (from the shard's time `time_ms` on)."""
    apply_ms = np.maximum(np.maximum.accumulate(max_ms), time_ms) // TICK_MS * TICK_MS
    limit_ms = int(apply_ms[-1]) if len(apply_ms) else time_ms
    return Plan(row, apply_ms, apply_ms + TICK_MS, limit_ms, closed=False)


def live_plan(row: Ints, ts_ms: Ints, customers: int, time_ms: int) -> Plan:
    """The live clock: a customer's events of the slice together, at the shard's time or the latest of them."""
    earliest = np.full(customers, time_ms, np.int64)
    latest = np.full(customers, time_ms, np.int64)
    np.minimum.at(earliest, row, ts_ms)
    np.maximum.at(latest, row, ts_ms)
    return Plan(row, earliest[row], latest[row], time_ms, closed=True)


def advance(
    table: CustomerTable,
    events: EventColumns | None,
    plan: Plan,
    definitions: Definitions,
    origin: Origin,
    *,
    records: bool = True,
) -> Lives:
    """Move the customers of `table`, each at most once in it, through `plan`. `table` is used up.

    `records`: whether signals get theirs.
    """
    limit_ms = np.full(len(table), plan.limit_ms)
    return _advance(table, events, plan, limit_ms, definitions, (origin,), records)


def advance_together(courses: Sequence[Course]) -> list[Lives]:
    """`advance` of several shards in one go, under the same definitions and by the same clock.

    Customers do not depend on each other, so it makes no difference to them; but a step of few customers costs hardly
    less than one of many. The courses' tables stay as they are. What was counted stands in the first result.
    """
    tables = [course.table for course in courses]
    sizes = [len(table) for table in tables]
    first_row = np.cumsum(sizes) - sizes
    table = concat(tables)
    table.origin = np.repeat(np.arange(len(courses)), sizes)
    plans = [course.plan for course in courses]
    plan = Plan(
        np.concatenate([plan.row + first for plan, first in zip(plans, first_row, strict=True)]),
        np.concatenate([plan.apply_ms for plan in plans]),
        np.concatenate([plan.evaluate_ms for plan in plans]),
        max(plan.limit_ms for plan in plans),
        closed=plans[0].closed,
    )
    limit_ms = np.repeat([plan.limit_ms for plan in plans], sizes)
    happened = [course.events for course in courses if course.events is not None]
    events = concat_events(happened) if happened else None
    origins = [course.origin for course in courses]
    whole = _advance(table, events, plan, limit_ms, courses[0].definitions, origins, courses[0].records)
    return _apart(whole, len(courses))


def _apart(whole: Lives, courses: int) -> list[Lives]:
    found = [Lives() for _ in range(courses)]
    found[0].applied, found[0].repeats, found[0].too_late = whole.applied, whole.repeats, whole.too_late
    found[0].evaluations = whole.evaluations
    for done in whole.done:
        for origin in np.unique(done.table.origin[done.rows]).tolist():
            found[origin].done.append(Done(done.table, done.rows & (done.table.origin == origin)))
    for signal in whole.signals:
        found[signal.origin].signals.append(signal)
    return found


def _advance(
    table: CustomerTable,
    events: EventColumns | None,
    plan: Plan,
    limit_ms: Ints,
    definitions: Definitions,
    origins: Sequence[Origin],
    records: bool,
) -> Lives:
    lives = Lives()
    for signals, done in rounds(table, events, plan, limit_ms, definitions, origins, lives, records=records):
        lives.signals += signals
        if done is not None:
            lives.done.append(done)
    # The signals of one customer at one instant stand in their order already.
    lives.signals.sort(key=attrgetter("at_ms", "customer"))
    return lives


def rounds(
    table: CustomerTable,
    events: EventColumns | None,
    plan: Plan,
    limit_ms: Ints,
    definitions: Definitions,
    origins: Sequence[Origin],
    lives: Lives,
    *,
    records: bool = True,
) -> Iterator[tuple[list[Signal], Done | None]]:
    """Round by round the signals, those of one customer in their order, and who has nothing left to do.

    `limit_ms`: int64[n], up to where each customer's time moves. `table` is used up. What happens
    is counted in `lives`. `records`: whether signals get theirs.
    """
    steps, next_step, last_step = _steps(len(table), plan)
    while len(table):
        now_ms = table.head["next_check_ms"].copy()
        due = now_ms <= limit_ms
        stepping = np.flatnonzero(next_step < last_step)
        due[stepping] &= now_ms[stepping] <= steps.apply_ms[next_step[stepping]]
        applying = stepping[~due[stepping]]
        if events is not None and len(applying):
            step = next_step[applying]
            now_ms[applying] = steps.evaluate_ms[step]
            row = np.repeat(applying, steps.end[step] - steps.start[step])
            happening = events.take(_events_of(steps, step))
            touched = _apply(table, row, happening, now_ms[row], definitions, lives)
            # Until it is evaluated, an event is a timer like any other: it survives a restart.
            table.head["next_check_ms"][touched] = now_ms[touched]
            due |= touched & ((now_ms <= limit_ms) | plan.closed)
            next_step[applying] += 1
        # A step of repeats only leaves a customer as it was, with timers that may come before the limit.
        left = (next_step < last_step) | (table.head["next_check_ms"] <= limit_ms)
        now, waiting = np.flatnonzero(due), np.flatnonzero(left & ~due)
        evaluated, finished = table, None
        if len(now) < len(table):
            done = ~(due | left)
            if done.any():
                finished = Done(table, done)
            order = np.concatenate((now, waiting))
            if not len(order):
                yield [], finished
                break
            evaluated, now_ms = table.take(now), now_ms[now]
            next_step, last_step, limit_ms = next_step[order], last_step[order], limit_ms[order]
        signals: list[Signal] = []
        if len(now):
            signals = evaluate(evaluated, now_ms, definitions, origins, records=records)
            lives.evaluations += len(now)
        yield signals, finished
        table = concat([evaluated, table.take(waiting)]) if len(waiting) else evaluated


def _apply(
    table: CustomerTable, row: Ints, events: EventColumns, at_ms: Ints, definitions: Definitions, lives: Lives
) -> Bools:
    """Apply one step of some customers; returns bool[n customers], true where an event was new."""
    outcome = apply_events(table, row, events, at_ms, definitions.ruleset.measures)
    lives.applied += len(row) - outcome.repeats - outcome.too_late
    lives.repeats += outcome.repeats
    lives.too_late += outcome.too_late
    touched = np.zeros(len(table), np.bool_)
    touched[row[outcome.applied]] = True
    return touched


def _steps(customers: int, plan: Plan) -> tuple[_Steps, Ints, Ints]:
    """The steps of a plan, and for each customer the first of its steps and the one after its last."""
    order = np.argsort(plan.row, kind="stable")
    row, evaluate_ms = plan.row[order], plan.evaluate_ms[order]
    changes = (row[1:] != row[:-1]) | (evaluate_ms[1:] != evaluate_ms[:-1])
    start = np.flatnonzero(np.concatenate(([True], changes))) if len(row) else np.empty(0, np.int64)
    end = np.append(start[1:], len(row)).astype(np.int64)
    steps = _Steps(order, start, end[: len(start)], plan.apply_ms[order][start], evaluate_ms[start])
    last = np.cumsum(np.bincount(row[start], minlength=customers)).astype(np.int64)
    return steps, np.append(0, last[:-1]).astype(np.int64), last


def _events_of(steps: _Steps, chosen: Ints) -> Ints:
    """The events of some steps, one step after the other."""
    size = steps.end[chosen] - steps.start[chosen]
    nth = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return np.asarray(steps.event[np.repeat(steps.start[chosen], size) + nth], np.int64)
