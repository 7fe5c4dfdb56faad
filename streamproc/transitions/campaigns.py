"""Campaigns of many customers at once: who has to be decided about now, from what facts, and what came of it.

Only customers whom something leads into a campaign, or whose journey has something to do, are looked at one by one.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.decide import decide
from streamproc.actions.journeys import first_looks_ms, places_of
from streamproc.actions.rulings import Rulings
from streamproc.actions.said import Said
from streamproc.transitions.cases import Cases
from streamproc.transitions.triggers import GOALS, CampaignPlan, Found
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable, Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Decided(NamedTuple):
    """What campaigns say of customers, by rising row; and when each customer's journeys need another look: int64[n]."""

    rows: Ints
    said: list[Said]
    looks_ms: Ints


def decide_campaigns(
    table: CustomerTable, found: Found, plan: CampaignPlan, rulings: Sequence[Rulings]
) -> Decided:
    """Decide about all who need it, and let their journeys in `table` move on. `rulings`: by `table.origin`."""
    nothing = np.empty(0, np.int64)
    if not plan.campaigns:
        return Decided(nothing, [], np.full(len(table), INF, np.int64))
    led = [found.admitted(plan, place) for place in range(len(plan.campaigns))]
    places = places_of(table.journeys, plan.campaigns)
    busy = table.journeys["row"][_has_to_do(table, places, found.now_ms, plan)]
    rows = np.unique(np.concatenate((*led, busy)))
    if not len(rows):
        return Decided(nothing, [], first_looks_ms(table.journeys, places, len(table)))
    cases = Cases(table, rows, found, plan)
    triggered: dict[int, list[int]] = defaultdict(list)
    for place, of_campaign in enumerate(led):
        for row in of_campaign.tolist():
            triggered[row].append(place)
    said_rows: list[int] = []
    said: list[Said] = []
    origin, by_time = table.origin[rows].tolist(), (table.head["cause_offset"][rows] == NEVER).tolist()
    for at, case in enumerate(cases):
        rules = rulings[origin[at]]
        verdicts = decide(
            plan.campaigns, plan.policy, case.journeys, triggered.get(case.row, ()), case.facts, rules
        )
        said += verdicts
        said_rows += [case.row] * len(verdicts)
        if by_time[at] and not case.facts.redefined:
            rules.by_time += [
                case.facts.now_ms for each in verdicts if each.kind == "requested" and each.step == 1
            ]
    cases.write_back()
    places = places_of(table.journeys, plan.campaigns)
    return Decided(np.array(said_rows, np.int64), said, first_looks_ms(table.journeys, places, len(table)))


def _has_to_do(table: CustomerTable, places: Ints, now_ms: Ints, plan: CampaignPlan) -> Bools:
    """Which journeys have come to an instant, have a step that is due, or have reached their goal: bool[journeys]."""
    journeys: Table = table.journeys
    row = journeys["row"]
    now_ms, goal = now_ms[row], plan.goals[places]
    reached_ms = np.where(goal == 0, table.head["last_activity_ms"][row], table.head["last_order_ms"][row])
    asked_ms, step_ms = journeys["first_ms"], journeys["step_ms"]
    busy = journeys["look_ms"] <= now_ms
    busy |= (step_ms != NEVER) & (step_ms <= now_ms)
    busy |= (asked_ms != NEVER) & (reached_ms > asked_ms) & (goal != GOALS.index("none"))
    return np.asarray(busy & (places >= 0), np.bool_)
