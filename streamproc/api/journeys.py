"""One customer's way through campaigns, as far as the state and what silence will do tell: JSON values.

Instants are ISO 8601, durations ms. What the state forgets at a journey's end is in the topics: `api.history`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from streamproc.actions.arms import is_held_out
from streamproc.actions.journeys import Journey, is_control, read_journeys, reentry_refusal, variant_name
from streamproc.actions.rulings import Rulings
from streamproc.actions.waits import wait
from streamproc.actions.zones import zone_of
from streamproc.api.instants import iso_or_none
from streamproc.churn.score import score
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.outbox import stable_id
from streamproc.contracts.signal_types import BANDS
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.quota import Quota
from streamproc.rules.campaign import Campaign, Step
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.literals import format_duration
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.evaluate import churn_columns
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable
from streamproc.windows.words import time_zones


def describe_campaigns(
    table: CustomerTable,
    definitions: Definitions,
    quota: Quota,
    foretold: Sequence[dict[str, Any]],
    as_of_ms: int,
    history: Sequence[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The campaigns that something has led the customer into, in the order of the file, then those it lacks.

    `foretold`: signals of a silent customer, as `describe_outlook` tells them. `history`: entries, as `read_history`
    gives them; None: topics were not asked.
    """
    view = _View(table, definitions, quota, foretold, as_of_ms)
    journeys = dict(zip(table.journeys["campaign"].tolist(), read_journeys(table.journeys), strict=True))
    told = _by_campaign(history or ())
    found = [
        view.describe(campaign, journeys.pop(campaign.id, None) or Journey())
        for campaign in definitions.ruleset.campaigns
        if campaign.id in journeys or campaign.key in told
    ]
    keys = {text_hash(key): key for key in told}
    found += [_unknown(keys.get(id_, f"{id_:08x}"), journey) for id_, journey in journeys.items()]
    if history is None:
        return found
    # Those of an earlier state, which neither this one nor the rules have.
    found += [_unknown(key, Journey()) for key in told if key not in {campaign["key"] for campaign in found}]
    return [{**campaign, "history": told.get(campaign["key"], [])} for campaign in found]


@dataclass(frozen=True, slots=True)
class _View:
    """A customer at an instant. `quota`: of its shard, with what operators say."""

    table: CustomerTable
    definitions: Definitions
    quota: Quota
    foretold: Sequence[dict[str, Any]]
    as_of_ms: int

    def describe(self, campaign: Campaign, journey: Journey) -> dict[str, Any]:
        refusal, again_ms = self._reentry(campaign, journey)
        return {
            "key": campaign.key,
            "name": campaign.name,
            "version": campaign.version,
            "trigger": campaign.trigger.text,
            "goal": campaign.goal,
            "mode": self._rulings.mode(campaign),
            "entries": journey.seq,
            "last_requested_at": iso_or_none(journey.requested_ms),
            "holdout": is_control(journey.arm) if journey.is_open else self._is_held_out(campaign),
            "reentry": {
                "rule": _reentry_rule(campaign),
                "refused": refusal,
                "from": None if again_ms is None else to_iso(again_ms),
            },
            "journey": self._journey(campaign, journey) if journey.is_open else None,
        }

    @property
    def _rulings(self) -> Rulings:
        return Rulings(self.quota.controls.modes, self.quota.held_ms is not None)

    def _is_held_out(self, campaign: Campaign) -> bool:
        return is_held_out(campaign, self.definitions.ruleset.contact, self.table.ids[0])

    def _reentry(self, campaign: Campaign, journey: Journey) -> tuple[str | None, int | None]:
        """Why something that led into the campaign now would be refused, and until when; None: nobody knows."""
        refusal = reentry_refusal(campaign, journey, self.as_of_ms)
        if refusal is None:
            return None, self.as_of_ms
        if refusal == "cooldown" and campaign.again_ms is not None:
            return refusal, journey.requested_ms + campaign.again_ms
        return refusal, None

    def _journey(self, campaign: Campaign, journey: Journey) -> dict[str, Any]:
        has_window = journey.has_asked and campaign.goal != "none"
        window_ends_ms = journey.first_ms + campaign.attribution_ms if has_window else NEVER
        return {
            "entry": journey.seq,
            "entered_at": to_iso(journey.entered_ms),
            "holds": self._holds(campaign),
            "evidence": self._evidence(campaign),
            "variant": variant_name(campaign, journey.arm) or None,
            "holdout": is_control(journey.arm),
            "steps": len(campaign.steps),
            "requests": journey.requests,
            "first_requested_at": iso_or_none(journey.first_ms),
            "last_request": self._last_request(campaign, journey),
            "next_step": self._next_step(campaign, journey),
            "converts_until": iso_or_none(window_ends_ms),
            "if_silent": [
                signal
                for signal in self.foretold
                if signal["key"] == campaign.key and signal["entry"] == journey.seq
            ],
        }

    def _last_request(self, campaign: Campaign, journey: Journey) -> dict[str, Any] | None:
        """Of the control group, or of a dry campaign, what would have been one. Reason and offer are those of now."""
        if not journey.asked:
            return None
        step = campaign.steps[min(journey.asked, len(campaign.steps)) - 1]
        is_real = not is_control(journey.arm) and self._rulings.mode(campaign) != "dry"
        action_id = stable_id(
            "action", campaign.key, journey.asked, self.table.ids[0], journey.seq, journey.entered_ms
        )
        return {
            "step": journey.asked,
            "at": to_iso(journey.requested_ms),
            "channel": self._channel_at(journey.requested_ms) if is_real else None,
            "reason": step.reason,
            "offer": step.offer,
            "expires_at": to_iso(journey.requested_ms + campaign.expires_after_ms) if is_real else None,
            "action_id": action_id if is_real else None,
        }

    def _channel_at(self, at_ms: int) -> str | None:
        """On which the customer was written to then; None: not kept any more, or there was more than one message."""
        codes = self.table.contacts["channel"][self.table.contacts["at_ms"] == at_ms]
        return CONSENT_CHANNELS[codes[0]] if len(codes) == 1 else None

    def _next_step(self, campaign: Campaign, journey: Journey) -> dict[str, Any] | None:
        if journey.step_ms == NEVER or journey.step >= len(campaign.steps):
            return None
        step = campaign.steps[journey.step]
        waits_for, until_ms = self._wait(campaign, step, max(journey.step_ms, self.as_of_ms))
        expires_ms = journey.step_ms + campaign.expires_after_ms
        return {
            "step": journey.step + 1,
            "reason": step.reason,
            "offer": step.offer,
            "channels": list(step.channels),
            "preferred": step.preferred,
            "due_at": to_iso(journey.step_ms),
            "waits_for": waits_for,
            "waits_until": None
            if waits_for in (None, "paused", "held")
            else to_iso(min(until_ms, expires_ms)),
            "expires_at": to_iso(expires_ms),
        }

    def _wait(self, campaign: Campaign, step: Step, at_ms: int) -> tuple[str | None, int]:
        policy = self.definitions.ruleset.contact
        zone = zone_of(int(time_zones(self.table.words, 1)[0]), policy.time_zone)
        best_hour = int(self._frame.value(FEATURES["best_hour"])[0])
        return wait(step, policy, zone, best_hour, at_ms, told_to=self._rulings.told_to_wait(campaign))

    def _holds(self, campaign: Campaign) -> bool | None:
        """Whether what led in still holds, by the last evaluation; None: nobody asks."""
        trigger = campaign.trigger
        if not trigger.lasts:
            return None
        if trigger.kind == "band":
            return int(self.table.head["band"][0]) >= BANDS.index(trigger.target)
        segment = self._segments[trigger.target].id
        row = self.table.members[self.table.members["segment"] == segment]
        return bool(len(row) and row["entered_ms"][0] != NEVER) == (trigger.kind != "exit")

    def _evidence(self, campaign: Campaign) -> list[dict[str, Any]]:
        """The comparisons behind the trigger, as they are now."""
        trigger = campaign.trigger
        if trigger.kind == "band":
            return [self._risk(BANDS.index(trigger.target))]
        segment = self._segments[trigger.target]
        evaluation = Evaluation(self._frame, self.definitions.plan.program)
        has_left = segment.exit is not None and evaluation.truth_at(segment.enter, 0) != TRUE
        rule = segment.exit if has_left and segment.exit is not None else segment.enter
        return [msgspec.to_builtins(item) for item in evaluation.evidence(rule, 0)]

    def _risk(self, level: int) -> dict[str, Any]:
        columns, now_ms = churn_columns(self.table.head), np.array([self.as_of_ms])
        risk = float(score(self.definitions.model, columns, now_ms).risk[0])
        least = self.definitions.ruleset.churn.thresholds[level - 1]
        return {
            "feature": "churn_risk",
            "value": round(risk, 6),
            "op": ">=",
            "threshold": least,
            "unit": "probability",
            "holds": risk >= least,
        }

    @property
    def _frame(self) -> Frame:
        return Frame(self.table, np.array([self.as_of_ms]))

    @property
    def _segments(self) -> Mapping[str, Any]:
        ruleset = self.definitions.ruleset
        return {segment.key: segment for segment in (*ruleset.segments, *ruleset.watches)}


def _reentry_rule(campaign: Campaign) -> str:
    """As the file has it."""
    if campaign.again_ms is None:
        return "never"
    return f"after {format_duration(campaign.again_ms)}" if campaign.again_ms else "each time"


def _unknown(key: str, journey: Journey) -> dict[str, Any]:
    """Of a campaign that the rules do not have: nothing is decided about it, nor looked at."""
    return {
        "key": key,
        "name": None,
        "entries": journey.seq,
        "last_requested_at": iso_or_none(journey.requested_ms),
        "journey": None,
    }


def _by_campaign(history: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in history:
        found.setdefault(entry["campaign"], []).append(entry)
    return found
