"""Campaigns and the contact policy in words, and what a running group makes of campaigns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamproc.api.wording import Words, in_words
from streamproc.in_force import campaign_modes
from streamproc.quota import Controls, held_since_ms
from streamproc.rules.campaign import BEST_HOUR, Campaign, Cap, ContactPolicy, Mode, Step
from streamproc.rules.expression import with_cutoffs
from streamproc.rules.literals import format_duration, format_minute
from streamproc.rules.model import Ruleset
from streamproc.state.store import Store

_GOALS: Final = {"activity": "any activity", "order": "an order"}


@dataclass(frozen=True, slots=True)
class Running:
    """What Redis says of a group's campaigns.

    modes: by key, as the rules in force have it; empty: no worker has told any. controls: what operators say. held: by
    shard, since when the breaker holds its requests (epoch ms). shards: how many there are; 0: no worker ever ran.
    """

    modes: Mapping[str, Mode]
    controls: Controls
    held: Mapping[int, int]
    shards: int

    def mode(self, key: str, of_file: Mode) -> Mode:
        """In which a campaign is, whatever holds its shards."""
        return self.controls.modes.get(key, self.modes.get(key, of_file))


async def look_at_running(store: Store) -> Running:
    """Read it. Raises what the store raises."""
    controls = Controls.of(await store.controls())
    first = await store.read_head(0)
    modes: dict[str, Mode] = {}
    held: dict[int, int] = {}
    for partition in range(first.partitions if first else 0):
        head = await store.read_head(partition)
        if head is not None:
            modes |= campaign_modes(head)
            since_ms = held_since_ms(head.extra, controls.released_ms)
            if since_ms is not None:
                held[partition] = since_ms
    return Running(modes, controls, held, first.partitions if first else 0)


def describe_campaign(campaign: Campaign, ruleset: Ruleset) -> dict[str, Any]:
    """What the rules file says of a campaign; some of it in words.

    `asks_while` None: whatever comes after entry. `success` None: nothing counts as that.
    """
    return {
        "key": campaign.key,
        "name": campaign.name,
        "version": campaign.version,
        "priority": campaign.priority,
        "mode": campaign.mode,
        "on": campaign.trigger.text,
        "enters_if": _enters_if(campaign, ruleset),
        "asks_while": _asks_while(campaign),
        "when": None if campaign.when is None else with_cutoffs(campaign.when),
        "when_in_words": None if campaign.when is None else in_words(campaign.when, ruleset.features),
        "reentry": _reentry(campaign.again_ms),
        "again_ms": campaign.again_ms,
        "steps": [_step(number, step) for number, step in enumerate(campaign.steps, 1)],
        "goal": campaign.goal,
        "success": _success(campaign),
        "attribution_ms": campaign.attribution_ms,
        "holdout": campaign.holdout,
        "variants": dict(campaign.variants),
        "budget": campaign.budget,
        "expires_after_ms": campaign.expires_after_ms,
    }


def describe_contact(policy: ContactPolicy, ruleset: Ruleset) -> dict[str, Any]:
    """What holds before every request. `complaint` None: everybody may get offers."""
    quiet = policy.quiet_hours
    return {
        "time_zone": policy.time_zone,
        "quiet_hours": quiet and f"{format_minute(quiet.from_minute)}-{format_minute(quiet.to_minute)}",
        "caps": [
            {"most": cap.most, "per_ms": cap.per_ms, "channel": cap.channel, "in_words": _cap(cap)}
            for cap in policy.caps
        ],
        "complaint": None if policy.complaint is None else with_cutoffs(policy.complaint),
        "complaint_in_words": None
        if policy.complaint is None
        else in_words(policy.complaint, ruleset.features),
        "holdout": policy.holdout,
    }


def _enters_if(campaign: Campaign, ruleset: Ruleset) -> Words:
    trigger = campaign.trigger
    match trigger.kind:
        case "enter":
            return f"the customer enters {trigger.target}"
        case "exit":
            return f"the customer leaves {trigger.target}"
        case "band":
            falls = ", or falls below it" if trigger.both else ""
            return f"the churn risk rises to {trigger.target} or above{falls}"
        case "watch":
            (watch,) = (watch for watch in ruleset.watches if watch.key == trigger.target)
            return in_words(watch.enter, ruleset.features)


def _asks_while(campaign: Campaign) -> str | None:
    trigger = campaign.trigger
    if not trigger.lasts:
        return None
    match trigger.kind:
        case "enter":
            return f"still in {trigger.target}"
        case "exit":
            return f"not in {trigger.target} again"
        case "band":
            return f"the risk is {trigger.target} or above"
        case "watch":
            return "that is still so"


def _reentry(again_ms: int | None) -> str:
    if again_ms is None:
        return "never, once somebody was asked"
    return f"{format_duration(again_ms)} after the last request" if again_ms else "each time"


def _step(number: int, step: Step) -> dict[str, Any]:
    """`at`: None: at once."""
    at = step.at_minute
    return {
        "step": number,
        "wait_ms": step.wait_ms,
        "channels": list(step.channels),
        "preferred": step.preferred,
        "at": None if at is None else "best_hour" if at == BEST_HOUR else format_minute(at),
        "reason": step.reason,
        "offer": step.offer,
    }


def _success(campaign: Campaign) -> str | None:
    if campaign.goal == "none":
        return None
    return f"{_GOALS[campaign.goal]} within {format_duration(campaign.attribution_ms)} of the first request"


def _cap(cap: Cap) -> str:
    where = f" by {cap.channel}" if cap.channel else ""
    when = "a day" if cap.per_ms is None else f"in {format_duration(cap.per_ms)}"
    return f"at most {cap.most}{where} {when}"
