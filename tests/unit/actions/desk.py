"""Campaigns and customers to decide about."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from streamproc.actions.caps import Contact
from streamproc.actions.decide import decide
from streamproc.actions.journeys import Journey
from streamproc.actions.rulings import Rulings
from streamproc.actions.said import Facts, Said
from streamproc.actions.zones import zone
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.rules.campaign import Campaign, ContactPolicy, Step, Trigger
from streamproc.windows.panes import NEVER

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
#: 2026-06-15T12:00:00Z, a Monday.
NOON_MS: Final = 1_781_524_800_000
NO_POLICY: Final = ContactPolicy()


def step(*channels: str, wait_ms: int = 0, **own: Any) -> Step:
    return Step(wait_ms, channels or ("email",), "No visit", **own)


def campaign(key: str = "winback", *steps: Step, **own: Any) -> Campaign:
    """Again after a day; of a week to convert in."""
    return Campaign(
        **{
            "key": key,
            "name": key,
            "version": 1,
            "trigger": Trigger("enter", "dormant", "enter dormant"),
            "steps": steps or (step(),),
            "again_ms": DAY_MS,
            "expires_after_ms": 2 * HOUR_MS,
            "attribution_ms": 7 * DAY_MS,
            "id": sum(key.encode()),
            **own,
        }
    )


@dataclass
class Customer:
    """One whose journeys go on from call to call; a field says what holds from then on."""

    campaigns: Sequence[Campaign]
    policy: ContactPolicy = NO_POLICY
    customer: str = "ada"
    consents: Collection[str] = CONSENT_CHANNELS
    journeys: dict[int, Journey] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    lapsed: Collection[int] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def at(self, now_ms: int, *triggered: int, rulings: Rulings | None = None) -> list[Said]:
        """What is decided, where something leads into the campaigns at the places `triggered`."""
        facts: dict[str, Any] = {
            "redefined": False,
            "is_suppressed": False,
            "complains": False,
            "reacted": -1,
            "best_hour": -1,
            "zone": zone("UTC"),
            "last_activity_ms": NEVER,
            "last_order_ms": NEVER,
            **self.facts,
        }
        about = Facts(
            customer=self.customer,
            now_ms=now_ms,
            consents=sum(1 << CONSENT_CHANNELS.index(channel) for channel in self.consents),
            holds=lambda place: place not in self.lapsed,
            contacts=self.contacts,
            **facts,
        )
        rules = Rulings() if rulings is None else rulings
        return decide(self.campaigns, self.policy, self.journeys, triggered, about, rules)

    @property
    def look_ms(self) -> int:
        """When to look again."""
        return min(journey.look_ms for journey in self.journeys.values())


def verdicts(said: Sequence[Said]) -> list[str]:
    """In a word each: the abort type, the outcome, or the channel."""
    return [str(each.abort_type or each.outcome or each.channel) for each in said]
