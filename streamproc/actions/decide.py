"""What the campaigns decide about one customer at one instant: docs/semantics.md, section 8, in its order.

Who entered, whose journey is over, which steps are due and may ask; and of those that may, the one that does.
"""

from collections.abc import Collection, Sequence
from datetime import UTC
from operator import attrgetter
from typing import Final

from streamproc.actions.arms import is_held_out, variant
from streamproc.actions.caps import Contact, is_capped
from streamproc.actions.hours import is_quiet, outside_hour_from, quiet_until_ms
from streamproc.actions.journeys import Journey, arm_of, is_control
from streamproc.actions.rulings import Rulings
from streamproc.actions.said import Facts, Said
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.contracts.signal_types import AbortType, JourneyOutcome, WaitedFor
from streamproc.rules.campaign import BEST_HOUR, Campaign, ContactPolicy, Step
from streamproc.windows.panes import INF, NEVER

#: A step that waits for somebody to let its campaign go on looks again so often.
LOOK_AGAIN_MS: Final = 300_000
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
        if journey is None or not journey.has_asked or self._campaigns[place].goal == "none":
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
        if journey.step_ms != NEVER:
            return "in_journey"
        if journey.requested_ms != NEVER:
            if campaign.again_ms is None:
                return "never_again"
            if journey.requested_ms > self._now_ms - campaign.again_ms:
                return "cooldown"
        return None

    def _waits(self, campaign: Campaign, step: Step) -> tuple[WaitedFor | None, int]:
        """For what a step has to wait, and until when it need not be looked at."""
        now_ms, facts = self._now_ms, self._facts
        if self._rulings.mode(campaign) == "paused":
            return "paused", now_ms + LOOK_AGAIN_MS
        if self._rulings.is_held:
            return "held", now_ms + LOOK_AGAIN_MS
        quiet = self._policy.quiet_hours
        slot_ms = self._slot_ms(step)
        # Who is most active at night would never be asked.
        is_reachable = (
            quiet is None or step.at_minute != BEST_HOUR or not is_quiet(quiet, slot_ms, facts.zone)
        )
        if slot_ms > now_ms and is_reachable:
            return "slot", slot_ms
        if quiet is not None and is_quiet(quiet, now_ms, facts.zone):
            return "quiet_hours", quiet_until_ms(quiet, now_ms, facts.zone)
        return None, INF

    def _slot_ms(self, step: Step) -> int:
        """When the hour begins in which a step is to ask; now: it is here, or there is none."""
        facts = self._facts
        if step.at_minute is None or (step.at_minute == BEST_HOUR and facts.best_hour < 0):
            return self._now_ms
        minute, zone = step.at_minute, facts.zone
        if minute == BEST_HOUR:
            minute, zone = facts.best_hour * 60, UTC
        others = outside_hour_from(minute)
        return (
            quiet_until_ms(others, self._now_ms, zone)
            if is_quiet(others, self._now_ms, zone)
            else self._now_ms
        )

    def _allowed(self, place: int, step: Step) -> str | None:
        """The channel that a step may use; None: it was refused."""
        facts = self._facts
        if facts.is_suppressed:
            self._refuse(place, "suppressed", closing=True)
        elif step.offer is not None and facts.complains:
            self._refuse(place, "open_complaint")
        else:
            consented = [channel for channel in self._channels(step) if self._consents(channel)]
            caps = self._policy.caps
            for channel in consented:
                if not is_capped(caps, channel, facts.contacts, self._now_ms, facts.zone):
                    return channel
            self._refuse(place, "frequency_cap" if consented else "no_consent")
        return None

    def _channels(self, step: Step) -> Sequence[str]:
        if not step.preferred:
            return step.channels
        reacted = [CONSENT_CHANNELS[self._facts.reacted]] if self._facts.reacted >= 0 else []
        return tuple(dict.fromkeys((*reacted, *step.channels)))

    def _consents(self, channel: str) -> bool:
        return bool(self._facts.consents >> CONSENT_CHANNELS.index(channel) & 1)

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
            if self._mode(place) == "live":
                self._facts.contacts.append(Contact(CONSENT_CHANNELS.index(channel), self._now_ms))
        elif not journey.has_asked:
            self._say(said._replace(kind="suppressed", abort_type="holdout"))
        if not journey.has_asked:
            journey.first_ms = self._now_ms
        journey.requested_ms, journey.asked = self._now_ms, journey.step + 1
        journey.requests += 1
        self._go_on(place, closing=False)

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
