"""Campaigns of many customers at once: who has to be decided about now, from what facts, and what came of it.

Only customers whom something leads into a campaign, or whose journey has something to do, are looked at one by one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.caps import Contact
from streamproc.actions.decide import decide
from streamproc.actions.journeys import Journey, first_looks_ms, places_of, read_journeys, write_journeys
from streamproc.actions.said import Facts, Said
from streamproc.actions.zones import zone_of
from streamproc.contracts.signal_types import BANDS
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.campaign import BEST_HOUR, Campaign, ContactPolicy, Trigger
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.model import Ruleset
from streamproc.rules.program import Program, compile_rules
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import Memberships, Moved, SegmentPlan
from streamproc.windows.contacts import CONTACT_DTYPE, latest_contacts
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable, Table
from streamproc.windows.words import consents, reactions, suppressed, time_zones

_GOALS: Final = ("activity", "order", "none")
_BEST_HOUR: Final = FEATURES["best_hour"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """The campaigns of a rules file, ready for many customers.

    goals: place of each one's goal in `_GOALS`. segments: place of the segment that it is about, -1: none. levels: of
    the band that it is about, -1: none. asks_hour: whether any step waits for the best hour.
    """

    campaigns: tuple[Campaign, ...]
    policy: ContactPolicy
    program: Program
    goals: Ints
    segments: tuple[int, ...]
    levels: tuple[int, ...]
    asks_hour: bool


def plan_campaigns(ruleset: Ruleset, segments: SegmentPlan) -> CampaignPlan:
    """Compile them; `segments`: with the watches."""
    campaigns, policy = ruleset.campaigns, ruleset.contact
    rules = [campaign.when for campaign in campaigns if campaign.when is not None]
    if policy.complaint is not None:
        rules.append(policy.complaint)
    triggers = [campaign.trigger for campaign in campaigns]
    return CampaignPlan(
        campaigns,
        policy,
        compile_rules(rules, ruleset.features),
        np.array([_GOALS.index(campaign.goal) for campaign in campaigns], np.int64),
        tuple(-1 if each.kind == "band" else segments.places[each.target] for each in triggers),
        tuple(BANDS.index(each.target) if each.kind == "band" else -1 for each in triggers),  # type: ignore[arg-type]
        any(step.at_minute == BEST_HOUR for campaign in campaigns for step in campaign.steps),
    )


class Found(NamedTuple):
    """What the evaluation has found of segments and bands."""

    memberships: Memberships
    moved: Moved
    band_before: NDArray[np.int8]
    band_after: NDArray[np.int8]
    redefined: Bools


class Decided(NamedTuple):
    """What campaigns say of customers, by rising row; and when each customer's journeys need another look: int64[n]."""

    rows: Ints
    said: list[Said]
    looks_ms: Ints


def decide_campaigns(
    table: CustomerTable, now_ms: Ints, found: Found, definitions: Definitions, origins: Sequence[Origin]
) -> Decided:
    """Decide, and let journeys in `table` move on."""
    plan = definitions.campaigns
    nothing = np.empty(0, np.int64)
    if not plan.campaigns:
        return Decided(nothing, [], np.full(len(table), _INF, np.int64))
    places = places_of(table.journeys, plan.campaigns)
    triggers = [_triggered(trigger, at, found) for trigger, at in _triggers(plan)]
    waiting = _due(table, places, now_ms, plan)
    rows = np.unique(np.concatenate((*triggers, table.journeys["row"][waiting])))
    if not len(rows):
        return Decided(nothing, [], first_looks_ms(table.journeys, places, len(table)))
    desk = _Desk(table, now_ms, rows, found, plan)
    triggered: dict[int, list[int]] = defaultdict(list)
    for place, led in enumerate(triggers):
        for row in desk.admitted(place, led).tolist():
            triggered[row].append(place)
    said_rows: list[int] = []
    said: list[Said] = []
    for row, facts, journeys in desk.cases():
        rulings = origins[int(table.origin[row])].rulings
        verdicts = decide(plan.campaigns, plan.policy, journeys, triggered.get(row, ()), facts, rulings)
        said += verdicts
        said_rows += [row] * len(verdicts)
        is_by_time = table.head["cause_offset"][row] == NEVER and not facts.redefined
        if is_by_time:
            rulings.by_time += [facts.now_ms for each in verdicts if each.kind == "requested"]
    desk.write_back()
    places = places_of(table.journeys, plan.campaigns)
    looks_ms = first_looks_ms(table.journeys, places, len(table))
    return Decided(np.array(said_rows, np.int64), said, looks_ms)
