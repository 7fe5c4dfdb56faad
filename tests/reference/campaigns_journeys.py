"""The journeys of customers through campaigns: entries, step decisions, ends (slow and literal)."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.reference.campaigns import Campaign, ContactPolicy
from tests.reference.campaigns_arms import in_holdout, in_holdout_of_all, variant_of
from tests.reference.campaigns_gate import Gate, Pauses, Verdict, goal_instant, is_ladder_open
from tests.reference.campaigns_outcomes import remember_contact
from tests.reference.customer import DAY_MS, Customer, Journey, Past
from tests.reference.expression import TRUE, Lookup, truth
from tests.reference.rules import Rules

ACTIONS_TOPIC = "actions.reactivation"
Action = dict[str, Any]


class Journeys:
    """The campaigns of one shard: all of its customers share their daily budgets."""

    def __init__(self, rules: Rules, shard: int, partitions: int, pauses: Pauses) -> None:
        self.rules = rules
        self.policy: ContactPolicy = rules.contact
        self.shard = shard
        self.partitions = partitions
        self.gate = Gate(rules.contact, pauses)
        self.spent: Counter[tuple[str, int]] = Counter()

    def evaluate(self, customer: Customer, now_ms: int, triggered: set[str], lookup: Lookup) -> list[Action]:
        """Bring the customer's journeys up to `now_ms`. triggered: the keys of the campaigns whose trigger
        happened.
        """
        campaigns = self.rules.campaigns
        said: dict[str, list[Action]] = {campaign.key: [] for campaign in campaigns}
        for campaign in campaigns:
            said[campaign.key] += self.end_in_time(customer, campaign, now_ms)
        for campaign in campaigns:
            if campaign.key in triggered:
                said[campaign.key] += self.enter(customer, campaign, now_ms, lookup)
        wanting: dict[str, str] = {}
        for campaign in campaigns:
            verdict = self.gate.judge(
                customer, campaign, self.past(customer, campaign).journey, now_ms, lookup
            )
            if verdict is not None and verdict.channel is not None:
                wanting[campaign.key] = verdict.channel
            elif verdict is not None:
                said[campaign.key] += self.refuse(customer, campaign, now_ms, verdict)
        # all are outranked by what was so before any of them went on
        outranked = {key: self.outranked_by(customer, key, wanting) for key in wanting}
        for campaign in campaigns:
            if campaign.key in wanting:
                channel = wanting[campaign.key]
                said[campaign.key] += self.ask(customer, campaign, now_ms, channel, outranked[campaign.key])
        return [one for campaign in campaigns if campaign.mode != "dry" for one in said[campaign.key]]

    def past(self, customer: Customer, campaign: Campaign) -> Past:
        return customer.pasts.setdefault(campaign.key, Past())

    # ---- the journey's end

    def end_in_time(self, customer: Customer, campaign: Campaign, now_ms: int) -> Iterator[Action]:
        """Convert, or end with the window; at once, if an edit took the goal away that was waited for."""
        past = self.past(customer, campaign)
        journey = past.journey
        if journey is None or journey.first_ms is None:
            return
        if campaign.goal == "none":
            yield from self.end_when_done(customer, campaign)
            return
        end_ms = journey.first_ms + campaign.attribution_ms
        goal_ms = goal_instant(customer, campaign)
        if goal_ms is not None and journey.first_ms < goal_ms <= end_ms:
            yield self.ended(customer, campaign, journey, "converted", goal_ms)
            past.journey = None
        elif now_ms >= end_ms:
            yield self.ended(customer, campaign, journey, "not_converted")
            past.journey = None

    def ended(
        self,
        customer: Customer,
        campaign: Campaign,
        journey: Journey,
        outcome: str,
        converted_ms: int | None = None,
    ) -> Action:
        """The end of a journey."""
        assert journey.asked is not None
        step = journey.asked - 1
        action = self.signal(customer, campaign, journey.entry, step, "ended")
        action["action"].update(
            outcome=outcome,
            goal=campaign.goal,
            requests=journey.requests,
            first_requested_ms=journey.first_ms,
            converted_ms=converted_ms,
            closes=True,
        )
        return action

    # ---- entry

    def enter(self, customer: Customer, campaign: Campaign, now_ms: int, lookup: Lookup) -> Iterator[Action]:
        """A trigger happened: begin a journey, or say why not."""
        past = self.past(customer, campaign)
        if campaign.when is not None and truth(campaign.when, lookup) != TRUE:
            return
        abort_type = None
        if past.journey is not None and is_ladder_open(campaign, past.journey):
            abort_type = "in_journey"
        elif past.requested_ms is not None and campaign.again_ms is None:
            abort_type = "never_again"
        elif past.requested_ms is not None and past.requested_ms > now_ms - (campaign.again_ms or 0):
            abort_type = "cooldown"
        if abort_type is not None and past.journey is not None:
            entry, step = past.journey.entry, min(past.journey.step, len(campaign.steps) - 1)
            yield self.signal(customer, campaign, entry, step, "suppressed", abort_type=abort_type)
            return
        past.entries += 1
        if abort_type is not None:
            yield self.signal(
                customer, campaign, past.entries, 0, "suppressed", abort_type=abort_type, closes=True
            )
            return
        if past.journey is not None:
            yield self.ended(customer, campaign, past.journey, "superseded")
        past.journey = Journey(past.entries, now_ms, 0, now_ms + campaign.steps[0].wait_ms)

    # ---- a step's decision

    def outranked_by(self, customer: Customer, key: str, wanting: Mapping[str, str]) -> str | None:
        """The campaign that goes first, if there is one: the foremost of those that do."""
        campaigns = self.rules.campaigns
        place = next(n for n, campaign in enumerate(campaigns) if campaign.key == key)
        before = []
        for n, other in enumerate(campaigns):
            if n == place or other.mode == "dry":
                continue
            journey = self.past(customer, other).journey
            is_greater = other.priority > campaigns[place].priority
            is_first = is_greater or (other.priority == campaigns[place].priority and n < place)
            has_steps = journey is not None and is_ladder_open(other, journey) and other.mode != "paused"
            if (other.key in wanting and is_first) or (has_steps and is_greater):
                before.append((-other.priority, n))
        return campaigns[min(before)[1]].key if before else None

    def ask(
        self, customer: Customer, campaign: Campaign, now_ms: int, channel: str, outranked_by: str | None
    ) -> Iterator[Action]:
        """The last tests of a step, and its request, real or not."""
        if outranked_by is not None:
            verdict = Verdict(channel, "outranked", closes_ladder=True)
            yield from self.refuse(customer, campaign, now_ms, verdict, outranked_by)
            return
        today = (campaign.key, now_ms // DAY_MS)
        if campaign.budget is not None and campaign.mode != "dry":
            if self.spent[today] >= self.share_of(campaign.budget):
                yield from self.refuse(customer, campaign, now_ms, Verdict(channel, "budget"))
                return
            self.spent[today] += 1
        yield from self.request(customer, campaign, now_ms, channel)

    def share_of(self, budget: int) -> int:
        """The shard's part of a budget."""
        return budget // self.partitions + (self.shard < budget % self.partitions)

    def request(self, customer: Customer, campaign: Campaign, now_ms: int, channel: str) -> Iterator[Action]:
        """Ask, or for one of the control group: behave as if."""
        past = self.past(customer, campaign)
        journey = past.journey
        assert journey is not None
        is_ghost = in_holdout(campaign, self.policy, customer.id)
        step = journey.step
        if not is_ghost:
            expires_ms = now_ms + campaign.expires_after_ms
            yield self.signal(
                customer, campaign, journey.entry, step, "requested", channel=channel, expires_ms=expires_ms
            )
        elif journey.requests == 0:
            yield self.signal(
                customer, campaign, journey.entry, step, "suppressed", channel=channel, abort_type="holdout"
            )
        is_counted = not is_ghost or in_holdout_of_all(self.policy, customer.id)
        if is_counted and campaign.mode != "dry":
            remember_contact(customer, now_ms, channel)
        journey.first_ms = now_ms if journey.first_ms is None else journey.first_ms
        journey.requests += 1
        journey.asked = step + 1
        past.requested_ms = now_ms
        self.go_on(campaign, journey, now_ms)
        yield from self.end_when_done(customer, campaign)

    def refuse(
        self,
        customer: Customer,
        campaign: Campaign,
        now_ms: int,
        verdict: Verdict,
        outranked_by: str | None = None,
    ) -> Iterator[Action]:
        """Say why a step is not requested, and go on with the next, if there is one."""
        past = self.past(customer, campaign)
        journey = past.journey
        assert journey is not None
        step = journey.step
        self.go_on(campaign, journey, now_ms)
        if verdict.closes_ladder:
            journey.step = len(campaign.steps)
        closes = journey.requests == 0 and not is_ladder_open(campaign, journey)
        yield self.signal(
            customer,
            campaign,
            journey.entry,
            step,
            "suppressed",
            abort_type=verdict.abort_type,
            channel=verdict.channel,
            waited_for=verdict.waited_for,
            outranked_by=outranked_by,
            closes=closes,
        )
        if closes:
            past.journey = None
        yield from self.end_when_done(customer, campaign)

    def go_on(self, campaign: Campaign, journey: Journey, now_ms: int) -> None:
        """The step is decided."""
        journey.step += 1
        if is_ladder_open(campaign, journey):
            journey.step_ms = now_ms + campaign.steps[journey.step].wait_ms

    def end_when_done(self, customer: Customer, campaign: Campaign) -> Iterator[Action]:
        """Without a goal, there is nothing to wait for after the last step."""
        past = self.past(customer, campaign)
        journey = past.journey
        if journey is not None and campaign.goal == "none" and not is_ladder_open(campaign, journey):
            yield self.ended(customer, campaign, journey, "done")
            past.journey = None

    # ---- signals, and the next look

    def signal(
        self, customer: Customer, campaign: Campaign, entry: int, step: int, kind: str, **said: Any
    ) -> Action:
        """A signal about a step (from 0) of an entry."""
        action = {
            "action_id": f"{customer.id}/{campaign.key}/{entry}/{step + 1}",
            "entry": entry,
            "step": step + 1,
            "steps": len(campaign.steps),
            "channel": None,
            "variant": variant_of(campaign, customer.id),
            "holdout": in_holdout(campaign, self.policy, customer.id),
            "reason": campaign.steps[step].reason,
            "offer": campaign.steps[step].offer,
            "expires_ms": None,
            "waited_for": None,
            "outranked_by": None,
            "closes": False,
        }
        action.update({name: value for name, value in said.items() if name != "abort_type"})
        return {
            "topic": ACTIONS_TOPIC,
            "kind": kind,
            "key": campaign.key,
            "previous": None,
            "risk": None,
            "rule_version": campaign.version,
            "entry_seq": None,
            "entered_at_ms": None,
            "abort_type": said.get("abort_type"),
            "action": action,
        }

    def instants(self, customer: Customer, now_ms: int) -> Iterator[int]:
        """When something of the journeys may happen, if nothing else does."""
        for campaign in self.rules.campaigns:
            journey = self.past(customer, campaign).journey
            if journey is not None:
                yield from self.gate.instants(customer, campaign, journey, now_ms)
