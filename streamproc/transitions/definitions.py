"""What decides: the rules and the churn model in force, and what older rules called their segments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import msgspec
import xxhash

from streamproc.actions.rulings import Rulings
from streamproc.churn.model import ChurnModel
from streamproc.rules.model import Ruleset
from streamproc.transitions.memberships import SegmentPlan, plan_segments
from streamproc.transitions.triggers import CampaignPlan, conditions, plan_campaigns


@dataclass(frozen=True)
class Definitions:
    """The rules and the churn model in force.

    `retired`: segments of earlier rules by id, as (key, version): customers may still be inside them.
    """

    ruleset: Ruleset
    model: ChurnModel
    retired: Mapping[int, tuple[str, int]] = field(default_factory=dict)

    @cached_property
    def plan(self) -> SegmentPlan:
        """The segments and the watches of campaigns, compiled, with the conditions of campaigns."""
        ruleset = self.ruleset
        segments = (*ruleset.segments, *ruleset.watches)
        return plan_segments(segments, ruleset.features, conditions(ruleset))

    @cached_property
    def campaigns(self) -> CampaignPlan:
        """The campaigns, ready for many customers."""
        return plan_campaigns(self.ruleset, self.plan)

    @cached_property
    def fingerprint(self) -> int:
        """Identifies everything that an evaluation depends on but the customer: u32, never 0."""
        model = msgspec.json.encode(self.model)
        return xxhash.xxh32_intdigest(f"{self.ruleset.fingerprint}/".encode() + model) or 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a shard's signals come from.

    `topics`: the source topics' names, by code, without prefix. `rewinds`: how often the shard's Redis lost
    acknowledged writes; the high part of every signal's version, so that what was sent from a lost future is older.
    `rulings`: what campaigns of the shard share, for one go.
    """

    topics: tuple[str, ...]
    partition: int
    rewinds: int = 0
    rulings: Rulings = field(default_factory=Rulings, compare=False)

    def of_event(self, topic: int, offset: int) -> str:
        """How signals name the event that caused them."""
        return f"{self.topics[topic]}/{self.partition}/{offset}"
