"""Evaluate customers: features → segments and churn → what changed → signals.

`evaluate` is all that decides; the stream, the timers, the sweep and a backtest call nothing else. It is a function of
the customers' columns and their instants: no clock, no I/O.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.bands import decide as decide_band
from streamproc.churn.bands import threshold_above
from streamproc.churn.deadline import crossing_ms
from streamproc.churn.score import ChurnColumns, score
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.transitions.campaigns import decide_campaigns
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import (
    SegmentPlan,
    next_flip_ms,
    read_memberships,
    wanted_memberships,
    write_memberships,
)
from streamproc.transitions.publish import Outcome, Signal, publish
from streamproc.transitions.triggers import Found
from streamproc.windows.panes import INF, NEVER, prune
from streamproc.windows.table import CustomerTable, Table

TICK_MS: Final = 1_000

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def evaluate(
    table: CustomerTable,
    now_ms: Ints,
    definitions: Definitions,
    origins: Sequence[Origin],
    *,
    records: bool = True,
) -> list[Signal]:
    """Evaluate every customer of `table` at its own instant `now_ms` (int64[n]); update `table` in place.

    `origins`: of the shards that `table.origin` tells apart. `records`: whether the signals get theirs, and what is in
    them; that decides nothing.

    Returns the signals, those of one customer in order. Sets every customer's `next_check_ms`.
    """
    table.panes = prune(table.panes, now_ms)
    frame = Frame(table, now_ms)
    outcome, held_until_ms = _decide(table, frame, definitions)
    _schedule_churn(table, outcome, definitions)
    head = table.head
    found = Found(
        now_ms,
        outcome.evaluation,
        outcome.memberships,
        outcome.moved,
        outcome.band_before,
        outcome.band_after,
        outcome.redefined,
    )
    rulings = [origin.rulings for origin in origins]
    decided = decide_campaigns(table, found, definitions.campaigns, rulings)
    held_until_ms = np.minimum(held_until_ms, decided.looks_ms)
    head["next_check_ms"] = _next_check_ms(table, frame, outcome, held_until_ms, definitions.plan)
    head["band"] = outcome.band_after
    write_memberships(table, outcome.memberships)
    signals = publish(outcome, decided, table, definitions, origins, records=records)
    head["rules"] = definitions.fingerprint
    head["cause_offset"] = NEVER
    return signals


def churn_columns(head: Table) -> ChurnColumns:
    """The churn state of customers, by the fixed part of theirs (`CustomerTable.head`)."""
    return ChurnColumns(
        first_day=head["first_day"],
        last_day=head["last_day"],
        active_days=head["active_days"],
        e30=head["decayed_days"][:, 0],
        e90=head["decayed_days"][:, 1],
        e365=head["decayed_days"][:, 2],
        last_activity_ms=head["last_activity_ms"],
    )


def churn_known(table: CustomerTable, now_ms: Ints, definitions: Definitions) -> Bools:
    """Where there is enough history to tell a churn band: bool[n]."""
    age_ms = now_ms - table.head["first_seen_ms"]
    enough = age_ms >= definitions.ruleset.churn.min_history_ms
    return np.asarray((table.head["active_days"] > 0) & enough, np.bool_)


def _decide(table: CustomerTable, frame: Frame, definitions: Definitions) -> tuple[Outcome, Ints]:
    head, now_ms, plan = table.head, frame.now_ms, definitions.plan
    evaluation = Evaluation(frame, plan.program)
    redefined = (head["rules"] != 0) & (head["rules"] != definitions.fingerprint)
    before = read_memberships(table, plan)
    inside, held_until_ms = wanted_memberships(plan, evaluation, before, now_ms, redefined)
    after, moved = before.moved(plan, inside, now_ms)
    columns = churn_columns(head)
    risk = score(definitions.model, columns, now_ms)
    policy, known = definitions.ruleset.churn, churn_known(table, now_ms, definitions)
    band = decide_band(policy.thresholds, policy.hysteresis, risk.risk, head["band"], known)
    outcome = Outcome(
        now_ms, evaluation, after, moved, columns, risk, known, head["band"].copy(), band, redefined
    )
    return outcome, held_until_ms


def _next_check_ms(
    table: CustomerTable, frame: Frame, outcome: Outcome, held_until_ms: Ints, plan: SegmentPlan
) -> Ints:
    """The first whole second at which something of a silent customer may change: early perhaps, never late."""
    due_ms = np.minimum(held_until_ms, next_flip_ms(plan, outcome.evaluation, outcome.memberships.inside))
    due_ms = np.minimum(due_ms, table.head["churn_due_ms"])
    due_ms = np.minimum(due_ms, frame.unfolds_at_ms())
    if len(outcome.moved.place):
        # What was just entered may have to be left at the next tick already (enter and exit both true), or may be
        # held by a dwell that began right now.
        nobody = np.zeros(frame.n, np.bool_)
        settled, held_until_ms = wanted_memberships(
            plan, outcome.evaluation, outcome.memberships, frame.now_ms, nobody
        )
        restless = (settled != outcome.memberships.inside).any(axis=0)
        next_tick_ms = (frame.now_ms // TICK_MS + 1) * TICK_MS
        due_ms = np.where(restless, np.minimum(due_ms, next_tick_ms), due_ms)
        due_ms = np.minimum(due_ms, held_until_ms)
    return np.where(due_ms > INF - TICK_MS, INF, -(-due_ms // TICK_MS) * TICK_MS)


def _schedule_churn(table: CustomerTable, outcome: Outcome, definitions: Definitions) -> None:
    """Set `churn_due_ms`: when a silent customer reaches the next band up, or has enough history for the first one.

    Silence alone does not move it, so it is found anew only where something else happened, or where it has come.
    """
    head, policy, now_ms, band = table.head, definitions.ruleset.churn, outcome.now_ms, outcome.band_after
    before_ms = head["churn_due_ms"]
    outdated = (head["cause_offset"] != NEVER) | outcome.redefined | (band != outcome.band_before)
    rows = np.flatnonzero(outdated | (before_ms <= now_ms))
    if len(rows) == 0:
        return
    known = outcome.churn_known[rows]
    thresholds = np.where(known, threshold_above(policy.thresholds, band[rows]), np.inf)
    due_ms = crossing_ms(definitions.model, outcome.score.past, rows, now_ms, thresholds, before_ms[rows])
    if not known.all():
        young = head[rows[~known]]
        enough_ms = young["first_seen_ms"] + policy.min_history_ms
        due_ms[~known] = np.where(young["active_days"] > 0, -(-enough_ms // TICK_MS) * TICK_MS, INF)
    head["churn_due_ms"][rows] = due_ms
