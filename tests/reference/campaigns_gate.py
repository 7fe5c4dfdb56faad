"""What is between a step and its request: whether it still makes sense, its hour, the contact policy."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.reference.campaigns import BEST_HOUR, Campaign, ContactPolicy, Step
from tests.reference.churn import BANDS
from tests.reference.contact import choose_channel, in_quiet_hours, in_slot, next_minute, zone_of
from tests.reference.customer import Customer, Journey
from tests.reference.expression import TRUE, Lookup, truth

PAUSE_LOOK_MS = 5 * 60_000

#: campaign -> (from, to, mode): when an operator had it in another mode than its file, `to` not included.
Controls = Mapping[str, list[tuple[int, int, str]]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the first eight tests say of a step: its channel, or why it is not requested."""

    channel: str | None = None
    abort_type: str | None = None
    closes_ladder: bool = False
    waited_for: str | None = None


class Gate:
    """The tests of a step that look at nothing but its own campaign and the customer."""

    def __init__(self, policy: ContactPolicy, controls: Controls) -> None:
        self.policy = policy
        self.controls = controls

    def judge(
        self, customer: Customer, campaign: Campaign, journey: Journey | None, now_ms: int, lookup: Lookup
    ) -> Verdict | None:
        """The first eight tests of the step that is due; None if none is, or if it waits."""
        if journey is None or not is_ladder_open(campaign, journey) or now_ms < journey.step_ms:
            return None
        waits_for = self.waits_for(customer, campaign, journey, now_ms)
        is_expired = now_ms >= journey.step_ms + campaign.expires_after_ms
        if is_goal_reached(customer, campaign, journey):
            verdict = Verdict(abort_type="goal_reached", closes_ladder=True)
        elif not still_holds(customer, campaign):
            verdict = Verdict(abort_type="no_longer", closes_ladder=True)
        elif waits_for is not None:
            return Verdict(abort_type="expired", waited_for=waits_for) if is_expired else None
        elif customer.suppressed is not None and customer.suppressed.said:
            verdict = Verdict(abort_type="suppressed", closes_ladder=True)
        else:
            verdict = self.choose(campaign.steps[journey.step], customer, now_ms, lookup)
        return verdict

    def choose(self, step: Step, customer: Customer, now_ms: int, lookup: Lookup) -> Verdict:
        """The channel of a step, if there is one."""
        if step.offer is not None and truth(self.policy.complaint, lookup) == TRUE:
            return Verdict(abort_type="open_complaint")
        channel, refusal = choose_channel(step, customer, self.policy, now_ms)
        return Verdict(channel=channel, abort_type=refusal)

    def waits_for(self, customer: Customer, campaign: Campaign, journey: Journey, now_ms: int) -> str | None:
        """What keeps a step that is due from being requested now, if it may be later."""
        zone = zone_of(customer, self.policy)
        if self.mode(campaign, now_ms) == "paused":
            return "paused"
        if self.waits_for_slot(campaign.steps[journey.step], customer, now_ms, zone):
            return "slot"
        if self.is_quiet(now_ms, zone):
            return "quiet_hours"
        return None

    def waits_for_slot(self, step: Step, customer: Customer, now_ms: int, zone: str) -> bool:
        """Whether the step's hour is still to come; a best hour that will begin in quiet hours is none."""
        if in_slot(step, customer, now_ms, zone):
            return False
        if step.at != BEST_HOUR:
            return True
        begins_ms = next_minute(now_ms, lambda at_ms: in_slot(step, customer, at_ms, zone))
        return begins_ms is None or not self.is_quiet(begins_ms, zone)

    def is_quiet(self, at_ms: int, zone: str) -> bool:
        return self.policy.quiet is not None and in_quiet_hours(self.policy.quiet, at_ms, zone)

    def mode(self, campaign: Campaign, now_ms: int) -> str:
        """What an operator said last stands in the place of what the rules say."""
        said = [mode for begin, end, mode in self.controls.get(campaign.key, []) if begin <= now_ms < end]
        return said[-1] if said else campaign.mode

    def instants(
        self, customer: Customer, campaign: Campaign, journey: Journey, now_ms: int
    ) -> Iterator[int]:
        """When something of a journey may happen, if nothing else does: steps, their hours, expiries, ends."""
        if journey.first_ms is not None:
            yield journey.first_ms + campaign.attribution_ms
        if is_ladder_open(campaign, journey):
            yield journey.step_ms
            yield journey.step_ms + campaign.expires_after_ms
            if now_ms >= journey.step_ms:
                yield from self.looks(customer, campaign, journey, now_ms)

    def looks(self, customer: Customer, campaign: Campaign, journey: Journey, now_ms: int) -> Iterator[int]:
        """When what a step waits for may be over."""
        zone = zone_of(customer, self.policy)
        step = campaign.steps[journey.step]
        waits_for = self.waits_for(customer, campaign, journey, now_ms)
        look_ms: int | None = None
        if waits_for == "paused" and campaign.mode != "paused":
            look_ms = now_ms + PAUSE_LOOK_MS
        elif waits_for == "slot":
            look_ms = next_minute(now_ms, lambda at_ms: in_slot(step, customer, at_ms, zone))
        elif waits_for == "quiet_hours":
            look_ms = next_minute(now_ms, lambda at_ms: not self.is_quiet(at_ms, zone))
        if look_ms is not None:
            yield look_ms


def is_ladder_open(campaign: Campaign, journey: Journey) -> bool:
    """Whether a step is still to come."""
    return journey.step < len(campaign.steps)


def goal_instant(customer: Customer, campaign: Campaign) -> int | None:
    """When what the campaign is for happened last."""
    return {"activity": customer.last_activity, "order": customer.last_order, "none": None}[campaign.goal]


def is_goal_reached(customer: Customer, campaign: Campaign, journey: Journey) -> bool:
    """Whether it was, without any request; after one, the journey would have converted."""
    goal_ms = goal_instant(customer, campaign)
    return journey.requests == 0 and goal_ms is not None and goal_ms > journey.entered_ms


def still_holds(customer: Customer, campaign: Campaign) -> bool:
    """Whether what led into the campaign is still so."""
    trigger = campaign.trigger
    if not trigger.lasts:
        return True
    if trigger.kind == "enter":
        return trigger.target in customer.inside
    if trigger.kind == "exit":
        return trigger.target not in customer.inside
    if trigger.kind == "band":
        return customer.band is not None and BANDS.index(customer.band) >= BANDS.index(trigger.target)
    return campaign.key in customer.watched
