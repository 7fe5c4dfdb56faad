"""What leads customers into campaigns, and whether it lasts."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_types import BANDS
from streamproc.rules.campaign import BEST_HOUR, Campaign, ContactPolicy
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import Expr
from streamproc.rules.model import Ruleset
from streamproc.rules.program import Refs
from streamproc.transitions.memberships import Memberships, Moved, SegmentPlan

#: By the codes of `CampaignPlan.goals`.
GOALS: Final = ("activity", "order", "none")

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """The c campaigns of a rules file, ready for many customers.

    goals: int64[c], places in `GOALS`. segments, levels: of the segment or the band that each is about, its place; -1:
    it is about the other. when: the nodes of their own conditions, None: there is none; complaint: that of the policy.
    """

    campaigns: tuple[Campaign, ...]
    policy: ContactPolicy
    goals: Ints
    segments: tuple[int, ...]
    levels: tuple[int, ...]
    when: tuple[Refs | None, ...]
    complaint: Refs | None
    asks_best_hour: bool


def conditions(ruleset: Ruleset) -> list[Expr]:
    """What campaigns ask about customers beside their triggers; nothing, if there are none."""
    if not ruleset.campaigns:
        return []
    asked = [campaign.when for campaign in ruleset.campaigns] + [ruleset.contact.complaint]
    return [expr for expr in asked if expr is not None]


def plan_campaigns(ruleset: Ruleset, segments: SegmentPlan) -> CampaignPlan:
    """Compile them; `segments`: with the watches and `conditions`."""
    campaigns, policy = ruleset.campaigns, ruleset.contact
    places = segments.places

    def refs(expr: Expr | None) -> Refs | None:
        return None if expr is None else segments.program.refs((expr,))

    levels: dict[str, int] = {band: level for level, band in enumerate(BANDS)}
    return CampaignPlan(
        campaigns,
        policy,
        np.array([GOALS.index(campaign.goal) for campaign in campaigns], np.int64),
        tuple(places.get(campaign.trigger.target, -1) for campaign in campaigns),
        tuple(levels.get(campaign.trigger.target, -1) for campaign in campaigns),
        tuple(refs(campaign.when) for campaign in campaigns),
        refs(policy.complaint) if campaigns else None,
        any(step.at_minute == BEST_HOUR for campaign in campaigns for step in campaign.steps),
    )


class Found(NamedTuple):
    """What an evaluation has found of segments and bands, before campaigns are asked."""

    now_ms: Ints
    evaluation: Evaluation
    memberships: Memberships
    moved: Moved
    band_before: NDArray[np.int8]
    band_after: NDArray[np.int8]
    redefined: Bools

    def led_into(self, plan: CampaignPlan, place: int) -> Ints:
        """The customers whom something has led into the campaign at `place`, by rising row."""
        trigger, level = plan.campaigns[place].trigger, plan.levels[place]
        if trigger.kind == "band":
            led = (self.band_before < level) & (level <= self.band_after)
            if trigger.both:
                led |= (self.band_before >= level) & (level > self.band_after)
            return np.flatnonzero(led)
        mine = (self.moved.place == plan.segments[place]) & (self.moved.entered == (trigger.kind != "exit"))
        return np.asarray(self.moved.members["row"][mine], np.int64)

    def admitted(self, plan: CampaignPlan, place: int) -> Ints:
        """Those of them whom the campaign's own condition lets in; an edited rule is not held against anybody."""
        led, when = self.led_into(plan, place), plan.when[place]
        if when is None or not len(led):
            return led
        return np.asarray(led[self.meets(when)[led] | self.redefined[led]], np.int64)

    def meets(self, condition: Refs) -> Bools:
        """For whom a condition is true: bool[n]."""
        return np.asarray(self.evaluation.truths(condition)[0] == TRUE, np.bool_)

    def holds(self, plan: CampaignPlan, place: int, row: int) -> bool:
        """Whether what led a customer into a campaign still holds."""
        trigger = plan.campaigns[place].trigger
        if trigger.kind == "band":
            return bool(self.band_after[row] >= plan.levels[place])
        return bool(self.memberships.inside[plan.segments[place], row]) == (trigger.kind != "exit")
