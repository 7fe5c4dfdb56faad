"""What the campaigns decide about one customer at one instant: docs/semantics.md, section 8, in its order.

Who entered, whose journey is over, which steps are due and may ask; and of those that may, the one that does.
"""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Final

from streamproc.actions.arms import is_held_out, is_held_out_of_all, variant
from streamproc.actions.caps import Contact
from streamproc.actions.channels import choose_channel
from streamproc.actions.journeys import Journey, arm_of, is_control, reentry_refusal, variant_name
from streamproc.actions.rulings import ENTERED, Rulings, Tallied
from streamproc.actions.said import Facts, Said
from streamproc.actions.waits import wait
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.signal_types import AbortType, JourneyOutcome, WaitedFor
from streamproc.rules.campaign import Campaign, ContactPolicy, Step
from streamproc.windows.panes import INF, NEVER

#: Between two steps, at least.
_STEP_MS: Final = 1_000
_PLACE: Final = attrgetter("place")


def decide(
    campaigns: Sequence[Campaign],
    policy: ContactPolicy,
    journeys: dict[int, Journey],
    triggered: Collection[int],
    facts: Facts,
    rulings: Rulings,
) -> list[Said]:
    """What is decided about a customer: what to publish, in the order of the file.

    `journeys`: by the place of the campaign, all that there are; they move on, and those entered now are added.
    `triggered`: the places of campaigns that something leads into now. Messages are added to `facts.contacts`, and what
    a shard shares is noted in `rulings`.
    """
    desk = _Desk(campaigns, policy, journeys, facts, rulings)
    wishes: dict[int, str] = {}
    for place in sorted({*journeys, *triggered} if triggered else journeys):
        desk.close_if_over(place)
        if place in triggered:
            desk.enter(place)
        channel = desk.wish(place)
        if channel is not None:
            wishes[place] = channel
    if wishes:
        desk.choose(wishes)
    desk.schedule()
    return desk.said if len(desk.said) < 2 else sorted(desk.said, key=_PLACE)


class _Desk:
    """One customer's case."""

    def __init__(
        self,
        campaigns: Sequence[Campaign],
        policy: ContactPolicy,
        journeys: dict[int, Journey],
        facts: Facts,
        rulings: Rulings,
    ) -> None:
        self.said: list[Said] = []
        self._campaigns, self._policy, self._journeys = campaigns, policy, journeys
        self._facts, self._rulings, self._now_ms = facts, rulings, facts.now_ms

    def close_if_over(self, place: int) -> None:
        """End a journey whose goal is reached, or whose time is over."""
        journey = self._journeys.get(place)
        if journey is None or not journey.has_asked:
            return
        if self._campaigns[place].goal == "none":
            if journey.step_ms == NEVER:  # the file had a goal to wait for
                self._end(place, "done")
            return
        end_ms, reached_ms = self._window_end_ms(place), self._goal_ms(place)
        if journey.first_ms < reached_ms <= end_ms:
            self._end(place, "converted", reached_ms)
        elif self._now_ms >= end_ms:
            self._end(place, "not_converted")

    def enter(self, place: int) -> None:
        """Open a journey, or refuse to."""
        campaign, journey = self._campaigns[place], self._journeys.setdefault(place, Journey())
        refusal = self._refusal_at_door(campaign, journey)
        if refusal is not None and journey.is_open:
            said = Said(
                place, "suppressed", journey.seq, journey.entered_ms, self._step_number(place), journey.arm,
                abort_type=refusal,
            )  # fmt: skip
            self._say(said)
            return
        if refusal is None and journey.is_open:
            self._end(place, "superseded")
        held_out = is_held_out(campaign, self._policy, self._facts.customer)
        arm = arm_of(variant(campaign, self._facts.customer), held_out)
        journey.seq += 1
        if refusal is None:
            journey.begin(self._now_ms, self._now_ms + campaign.steps[0].wait_ms, arm)
            self._tally(place, arm, ENTERED)
        else:
            said = Said(
                place, "suppressed", journey.seq, self._now_ms, 1, arm, abort_type=refusal, closes=True
            )
            self._say(said)

    def wish(self, place: int) -> str | None:
        """The channel on which a step that is due would ask now; None: it does not. What it does instead is noted."""
        journey = self._journeys[place]
        if journey.step_ms == NEVER or journey.step_ms > self._now_ms:
            return None
        campaign = self._campaigns[place]
        if journey.step >= len(campaign.steps):  # the file had more of them
            self._refuse(place, "definition", closing=True)
        elif not journey.has_asked and self._goal_ms(place) > journey.entered_ms:
            self._refuse(place, "goal_reached", closing=True)
        elif campaign.trigger.lasts and not self._facts.holds(place):
            self._refuse(place, "no_longer", closing=True)
        else:
            step = campaign.steps[journey.step]
            waits_for, until_ms = self._waits(campaign, step)
            expiry_ms = journey.step_ms + campaign.expires_after_ms
            if waits_for is None:
                return self._allowed(place, step)
            if self._now_ms >= expiry_ms:
                self._refuse(place, "expired", waited_for=waits_for)
            else:
                journey.look_ms = min(until_ms, expiry_ms)
        return None

    def choose(self, wishes: dict[int, str]) -> None:
        """Of all that would ask now, let one; and those that only pretend to."""
        rivals = []
        for place, channel in wishes.items():
            if self._mode(place) == "dry":
                self._ask(place, channel)
            else:
                rivals.append(place)
        if not rivals:
            return
        best = min(rivals, key=self._rank)
        priority = self._campaigns[best].priority
        above = [place for place in self._coming(wishes) if self._campaigns[place].priority > priority]
        winner = min(above, key=self._rank, default=best)
        for place in rivals:
            if place != winner:
                key = self._campaigns[winner].key
                self._refuse(place, "outranked", closing=True, outranked_by=key, channel=wishes[place])
            elif not self._rulings.spend(self._campaigns[place], self._now_ms, self._facts.customer):
                self._refuse(place, "budget", channel=wishes[place])
            else:
                self._ask(place, wishes[place])

    def schedule(self) -> None:
        """Set when to look at each journey again, of those that do not wait for their hour."""
        for place, journey in self._journeys.items():
            if not journey.is_open:
                continue
            if journey.step_ms == NEVER:
                journey.look_ms = INF
            elif journey.step_ms > self._now_ms:
                journey.look_ms = journey.step_ms
            if journey.has_asked and self._campaigns[place].goal != "none":
                journey.look_ms = min(journey.look_ms, self._window_end_ms(place))

    def _refusal_at_door(self, campaign: Campaign, journey: Journey) -> AbortType | None:
        if self._facts.redefined:
            return "definition"
        return reentry_refusal(campaign, journey, self._now_ms)

    def _waits(self, campaign: Campaign, step: Step) -> tuple[WaitedFor | None, int]:
        facts, told_to = self._facts, self._rulings.told_to_wait(campaign)
        return wait(step, self._policy, facts.zone, facts.best_hour, self._now_ms, told_to=told_to)

    def _allowed(self, place: int, step: Step) -> str | None:
        """The channel that a step may use; None: it was refused."""
        facts = self._facts
        if facts.is_suppressed:
            self._refuse(place, "suppressed", closing=True)
        elif step.offer is not None and facts.complains:
            self._refuse(place, "open_complaint")
        else:
            channel, refusal = choose_channel(step, self._policy, facts)
            if refusal is None:
                return channel
            self._refuse(place, refusal)
        return None

    def _coming(self, wishes: Collection[int]) -> list[int]:
        """Campaigns in whose ladders the customer is, and which may ask later."""
        return [
            place
            for place, journey in self._journeys.items()
            if journey.step_ms != NEVER and place not in wishes and self._mode(place) == "live"
        ]

    def _rank(self, place: int) -> tuple[int, int]:
        return -self._campaigns[place].priority, place

    def _ask(self, place: int, channel: str) -> None:
        """Request a step's action; of the control group, only note that it would have been."""
        journey = self._journeys[place]
        said = Said(
            place, "requested", journey.seq, journey.entered_ms, journey.step + 1, journey.arm, channel
        )
        if not is_control(journey.arm):
            self._say(said)
        elif not journey.has_asked:
            self._say(said._replace(kind="suppressed", abort_type="holdout"))
        if self._mode(place) == "live" and self._is_contact(journey):
            self._facts.contacts.append(Contact(CONSENT_CHANNELS.index(channel), self._now_ms))
        if not journey.has_asked:
            journey.first_ms = self._now_ms
        journey.requested_ms, journey.asked = self._now_ms, journey.step + 1
        journey.requests += 1
        self._go_on(place, closing=False)

    def _is_contact(self, journey: Journey) -> bool:
        """Whether a request counts for the caps. Those of the control group of all campaigns do.

        Who is never asked would never be capped, and would be compared with others in entries that those do not get.
        """
        return not is_control(journey.arm) or is_held_out_of_all(self._policy, self._facts.customer)

    def _refuse(
        self,
        place: int,
        abort_type: AbortType,
        *,
        closing: bool = False,
        waited_for: WaitedFor | None = None,
        outranked_by: str | None = None,
        channel: str | None = None,
    ) -> None:
        journey = self._journeys[place]
        is_last = closing or journey.step + 1 >= len(self._campaigns[place].steps)
        said = Said(
            place, "suppressed", journey.seq, journey.entered_ms, self._step_number(place), journey.arm, channel,
            abort_type, waited_for, outranked_by, closes=is_last and not journey.has_asked,
        )  # fmt: skip
        self._say(said)
        self._go_on(place, closing=closing)

    def _step_number(self, place: int) -> int:
        """Of the next step; of the last one, if there is no next."""
        return min(self._journeys[place].step + 1, len(self._campaigns[place].steps))

    def _go_on(self, place: int, *, closing: bool) -> None:
        """To the next step; behind the last one, the ladder is closed."""
        campaign, journey = self._campaigns[place], self._journeys[place]
        journey.step += 1
        if not closing and journey.step < len(campaign.steps):
            journey.step_ms = self._now_ms + max(campaign.steps[journey.step].wait_ms, _STEP_MS)
            return
        journey.step, journey.step_ms = len(campaign.steps), NEVER
        if not journey.has_asked:
            journey.end()
        elif campaign.goal == "none":
            self._end(place, "done")

    def _end(self, place: int, outcome: JourneyOutcome, at_ms: int = NEVER) -> None:
        journey = self._journeys[place]
        said = Said(
            place, "ended", journey.seq, journey.entered_ms, journey.asked, journey.arm, closes=True,
            outcome=outcome, requests=journey.requests, since_ms=journey.first_ms, at_ms=at_ms,
        )  # fmt: skip
        self._say(said)
        journey.end()

    def _say(self, said: Said) -> None:
        if self._mode(said.place) == "dry":
            self._rulings.dry[self._campaigns[said.place].key, said.kind] += 1
        else:
            self.said.append(said)
            self._tally(said.place, said.arm, said.abort_type or said.outcome or said.kind)

    def _tally(self, place: int, arm: int, what: str) -> None:
        if self._mode(place) != "dry":
            campaign, is_held_out = self._campaigns[place], is_control(arm)
            self._rulings.tallied[Tallied(campaign.key, variant_name(campaign, arm), is_held_out, what)] += 1

    def _mode(self, place: int) -> str:
        return self._rulings.mode(self._campaigns[place])

    def _goal_ms(self, place: int) -> int:
        """When the customer last did what the campaign is for."""
        match self._campaigns[place].goal:
            case "activity":
                return self._facts.last_activity_ms
            case "order":
                return self._facts.last_order_ms
            case "none":
                return NEVER

    def _window_end_ms(self, place: int) -> int:
        return self._journeys[place].first_ms + self._campaigns[place].attribution_ms
