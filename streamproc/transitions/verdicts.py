"""What campaigns decided, as signals say it: the action, its instants, and the comparisons behind it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.journeys import is_control, variant_name
from streamproc.actions.said import Said
from streamproc.contracts.forms import to_json
from streamproc.contracts.signal_bytes import evidence_column
from streamproc.contracts.signal_forms import evidence_form
from streamproc.contracts.signals import Action
from streamproc.rules.campaign import Campaign
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.model import BandPolicy
from streamproc.transitions.bulletin import Actions, crossings
from streamproc.transitions.campaigns import Decided
from streamproc.transitions.memberships import SegmentPlan
from streamproc.transitions.triggers import CampaignPlan
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Grounds(NamedTuple):
    """What decisions of campaigns rest on: rules and their truth, and the risk (float64[n]) with its bands."""

    segments: SegmentPlan
    evaluation: Evaluation
    risk: Floats
    bands: BandPolicy


def actions_of(
    decided: Decided, table: CustomerTable, now_ms: Ints, plan: CampaignPlan, grounds: Grounds | None
) -> Actions:
    """Their signals' own part. `grounds` None: nobody asks why."""
    rows, said, campaigns = decided.rows, decided.said, plan.campaigns
    at_ms = now_ms[rows]
    validity_ms = np.array([campaigns[each.place].expires_after_ms for each in said], np.int64)
    asks = np.array([each.kind == "requested" for each in said], np.bool_)
    return Actions(
        rows,
        [_action(each, campaigns[each.place]) for each in said],
        entry=[each.entry for each in said],
        entered_ms=np.array([each.entered_ms for each in said], np.int64),
        expires_ms=np.where(asks, at_ms + validity_ms, NEVER),
        requests=[each.requests if each.kind == "ended" else None for each in said],
        first_requested_ms=np.array([each.since_ms for each in said], np.int64),
        converted_ms=np.array([each.at_ms for each in said], np.int64),
        evidence=[] if grounds is None else _evidence(decided, table, now_ms, plan, grounds),
    )


def _action(said: Said, campaign: Campaign) -> Action:
    step = campaign.steps[min(said.step, len(campaign.steps)) - 1]
    return Action(
        said.kind,
        campaign.key,
        campaign.version,
        campaign.trigger.text,
        campaign.goal,
        said.step,
        len(campaign.steps),
        step.reason,
        step.offer,
        variant_name(campaign, said.arm) or None,
        is_control(said.arm),
        said.closes,
        said.channel,
        said.abort_type,
        said.waited_for,
        said.outranked_by,
        said.outcome,
    )


def _evidence(
    decided: Decided, table: CustomerTable, now_ms: Ints, plan: CampaignPlan, grounds: Grounds
) -> list[bytes]:
    """Why: of an end by the goal, how long ago that was; else what leads into the campaign, and whether it holds."""
    found = [b"[]"] * len(decided.said)
    goals, rules, bands = [], [], []
    for number, said in enumerate(decided.said):
        campaign = plan.campaigns[said.place]
        if said.outcome in ("converted", "not_converted"):
            goals.append(number)
        elif campaign.trigger.kind == "band":
            bands.append(number)
        else:
            rules.append(number)
    for numbers, tell in ((goals, _of_goals), (rules, _of_rules), (bands, _of_bands)):
        if numbers:
            some = Decided(decided.rows[numbers], [decided.said[number] for number in numbers], now_ms)
            for number, evidence in zip(numbers, tell(some, table, now_ms, plan, grounds), strict=True):
                found[number] = evidence
    return found


_Tell = Callable[[Decided, CustomerTable, Ints, CampaignPlan, Grounds], list[bytes]]


def _of_goals(
    decided: Decided, table: CustomerTable, now_ms: Ints, plan: CampaignPlan, _: Grounds
) -> list[bytes]:
    forms, values, thresholds, exact = [], [], [], []
    for row, said in zip(decided.rows.tolist(), decided.said, strict=True):
        is_order = plan.campaigns[said.place].goal == "order"
        last_ms = int(table.head["last_order_ms" if is_order else "last_activity_ms"][row])
        op = "<" if said.outcome == "converted" else ">="
        forms.append(evidence_form("order_recency" if is_order else "recency", op, "ms"))
        since_ms = int(table.head["first_seen_ms"][row]) if last_ms == NEVER else last_ms
        values.append(int(now_ms[row]) - since_ms)
        thresholds.append(to_json(int(now_ms[row]) - said.since_ms))
        exact.append(last_ms != NEVER)
    return [b"[%b]" % one for one in evidence_column(forms, values, thresholds, [True] * len(forms), exact)]


def _of_rules(
    decided: Decided, _table: CustomerTable, now_ms: Ints, plan: CampaignPlan, grounds: Grounds
) -> list[bytes]:
    size = len(grounds.segments.segments)
    asked = []
    for row, said in zip(decided.rows.tolist(), decided.said, strict=True):
        outside = plan.campaigns[said.place].trigger.kind == "exit"
        has_just_moved = said.entered_ms == now_ms[row]
        # The rule to enter says why somebody came in, or is still outside; that to leave, the contrary.
        asked.append(plan.segments[said.place] + (0 if has_just_moved != outside else size))
    return grounds.evaluation.explain(grounds.segments.reasons, np.array(asked), decided.rows)


def _of_bands(
    decided: Decided, _table: CustomerTable, _now_ms: Ints, plan: CampaignPlan, grounds: Grounds
) -> list[bytes]:
    levels = np.array([plan.levels[said.place] for said in decided.said])
    rises = np.array([0.0, *grounds.bands.thresholds])[levels]
    falls = np.round(rises - grounds.bands.hysteresis, 6)
    risk = grounds.risk[decided.rows]
    thresholds = np.where(risk >= rises, rises, falls)
    return crossings(risk, [">="] * len(risk), thresholds, (risk >= thresholds).tolist())
