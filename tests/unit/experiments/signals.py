"""Signals of campaigns as records hold them, and lives of customers in an experiment, through the real assignment."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from streamproc.actions.arms import is_held_out, variant
from streamproc.contracts.instants import to_iso
from streamproc.rules.campaign import Campaign, ContactPolicy, Step, Trigger

DAY_MS: Final = 86_400_000
START_MS: Final = 1_772_366_400_000  # 2026-03-01T12:00:00Z
WINDOW_MS: Final = 14 * DAY_MS


def signal(event: str, customer: str, entry: int, at_ms: int, **properties: Any) -> bytes:
    """A record's value; `event` without its first word."""
    whole = {
        "type": "track",
        "event": f"Reactivation {event}",
        "messageId": f"{event}/{customer}/{entry}/{at_ms}",
        "userId": customer,
        "timestamp": to_iso(at_ms),
        "properties": {"campaign": "rescue", "campaign_version": 1, "entry": entry, "steps": 2, **properties},
        "context": {"streamproc": {"version": 1, "trigger": "enter dormant"}},
    }
    return orjson.dumps(whole)


def asked(customer: str, entry: int = 1, at_ms: int = START_MS, *, step: int = 1, **properties: Any) -> bytes:
    return signal("Requested", customer, entry, at_ms, step=step, **{"holdout": False, **properties})


def held(customer: str, entry: int = 1, at_ms: int = START_MS, **properties: Any) -> bytes:
    own = {"step": 1, "holdout": True, "abort_type": "holdout", "closes": False, **properties}
    return signal("Suppressed", customer, entry, at_ms, **own)


def suppressed(customer: str, why: str, entry: int = 1, at_ms: int = START_MS, **properties: Any) -> bytes:
    own = {"step": 1, "holdout": False, "abort_type": why, "closes": True, **properties}
    return signal("Suppressed", customer, entry, at_ms, **own)


def ended(
    customer: str, outcome: str, entry: int = 1, began_ms: int | None = START_MS, **properties: Any
) -> bytes:
    """At its window's end, or for a conversion a day after its beginning."""
    own: dict[str, Any] = {"goal": "activity", "outcome": outcome, "requests": 1, **properties}
    since_ms = START_MS if began_ms is None else began_ms
    own["first_requested_at"] = None if began_ms is None else to_iso(began_ms)
    at_ms = since_ms + (DAY_MS if outcome == "converted" else WINDOW_MS)
    return signal("Ended", customer, entry, at_ms, **own)


#: The campaign that `rescue` makes, with a control group of 30 % and two variants.
RULES: Final = """
segments:
  - {key: dormant, name: Dormant, version: 1, enter: recency > 30d}
campaigns:
  - key: rescue
    name: Rescue
    version: 1
    on: enter dormant
    reentry: each time
    holdout: 30%
    variants: {short: 1, long: 1}
    attribution: 14d
    expires_after: 1d
    channel: email
    reason: No visit
"""


def rescue(*, holdout: float = 0.5, variants: tuple[tuple[str, int], ...] = ()) -> Campaign:
    return Campaign(
        key="rescue",
        name="Rescue",
        version=1,
        trigger=Trigger("enter", "dormant", "enter dormant"),
        steps=(Step(0, ("email",), "No visit"),),
        again_ms=0,
        expires_after_ms=DAY_MS,
        attribution_ms=WINDOW_MS,
        id=1,
        holdout=holdout,
        variants=variants,
    )


@dataclass(frozen=True)
class Experiment:
    """Customers who are asked once. rate: of those held out; lifts: on top of it, by variant (None: all)."""

    campaign: Campaign
    rate: float
    lifts: Mapping[str | None, float]
    customers: int

    def signals(self, seed: int) -> Iterator[bytes]:
        """Their signals. Other seeds have other customers, with other arms and other luck."""
        rng = random.Random(seed)
        for number in range(self.customers):
            yield from self._life(f"u-{seed}-{number}", rng.random())

    def _life(self, customer: str, luck: float) -> Iterator[bytes]:
        holdout = is_held_out(self.campaign, ContactPolicy(), customer)
        place = variant(self.campaign, customer)
        name = None if place is None else self.campaign.variants[place][0]
        yield (held if holdout else asked)(customer, variant=name)
        came = luck < self.rate + (0 if holdout else self.lifts[name])
        yield ended(customer, "converted" if came else "not_converted", variant=name, holdout=holdout)
