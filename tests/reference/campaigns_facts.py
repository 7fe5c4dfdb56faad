"""What was known of customers at any instant, straight from the logs, and what was published: to check promises by.

Nothing here uses the model of journeys, nor what it reads of a rules file's campaigns.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml
from xxhash import xxh3_64_intdigest

from tests.reference.apply import apply_event
from tests.reference.customer import Customer
from tests.reference.evaluate import Signal
from tests.reference.expression import parse, parse_duration, truth
from tests.reference.features import feature
from tests.reference.merge import Applied, apply_order
from tests.reference.partition import partition_of
from tests.reference.record import OUTCOMES
from tests.reference.rules import read_rules
from tests.reference.strategies import Scenario

DAY_MS = 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = available_timezones()
NO_EMAIL = ("Email Unsubscribed", "Unsubscribed", "Email Marked as Spam")
GONE = ("Action Unsubscribed", "Action Bounced")
#: What is no activity of the names that the lives use.
PASSIVE = ("Email Opened", *NO_EMAIL)

#: campaign -> (from, to, mode), as an operator said it beside the rules file.
Controls = dict[str, list[tuple[int, int, str]]]
#: Why nobody enters; while a journey is open, the refusal is said of that one.
REFUSALS = ("in_journey", "never_again", "cooldown")


@dataclass
class Facts:
    """A run: its rules, its logs, and what it published (all shards). `campaigns`: as the rules file says them."""

    scenario: Scenario
    signals: list[Signal]
    controls: Controls = field(default_factory=dict)

    def __post_init__(self) -> None:
        raw = yaml.safe_load(self.scenario.rules_yaml)
        self.rules = read_rules(self.scenario.rules_yaml)
        self.contact: dict[str, Any] = raw.get("contact") or {}
        self.campaigns: dict[str, dict[Any, Any]] = {one["key"]: one for one in raw["campaigns"]}
        self.funnel_steps = {step for one in raw.get("funnels") or [] for step in one["steps"]}
        self.actions = [one for one in self.signals if one["topic"] == "actions.reactivation"]
        self.states: dict[tuple[str, int], Customer] = {}

    @cached_property
    def events(self) -> dict[str, list[Applied]]:
        """The events of each customer in apply order, without repeats and those that come too late."""
        found: dict[str, list[Applied]] = {}
        for shard in range(self.scenario.partitions):
            for one in apply_order(self.scenario.logs, shard, self.scenario.wall_now_ms, self.rules, []):
                if partition_of(one.event.customer, self.scenario.partitions) != shard:
                    continue
                known = found.setdefault(one.event.customer, [])
                is_late = one.event.ts_ms // DAY_MS < one.at_ms // DAY_MS - 89
                is_again = any(
                    other.event.message_id == one.event.message_id and other.at_ms > one.at_ms - DAY_MS
                    for other in known
                )
                if not is_late and not is_again:
                    known.append(one)
        return found

    def until(self, customer: str, at_ms: int) -> list[Applied]:
        """The customer's events that were known at an instant."""
        return [one for one in self.events.get(customer, []) if one.at_ms <= at_ms]

    def consents(self, customer: str, channel: str, at_ms: int) -> bool:
        """What the latest word on a channel was."""
        words = [(0, 0, False)]
        for one in self.until(customer, at_ms):
            rank, name = rank_of(one), one.event.name
            if one.channel == OUTCOMES:
                if name in GONE and one.event.properties["channel"] == channel:
                    words.append((*rank, False))
            elif one.event.type == "identify" and channel in one.event.consent:
                words.append((*rank, one.event.consent[channel]))
            elif name in NO_EMAIL and channel == "email":
                words.append((*rank, False))
        return max(words, key=lambda word: word[:2])[2]

    def is_suppressed(self, customer: str, at_ms: int) -> bool:
        words = [
            (*rank_of(one), one.event.suppressed)
            for one in self.until(customer, at_ms)
            if one.event.suppressed is not None
        ]
        return bool(max(words)[2]) if words else False

    def zone(self, customer: str, at_ms: int) -> str:
        words = [
            (*rank_of(one), one.event.time_zone)
            for one in self.until(customer, at_ms)
            if one.event.time_zone in ZONES
        ]
        return str(max(words)[2]) if words else str(self.contact.get("time_zone", "UTC"))

    def local(self, customer: str, shown_ms: int, at_ms: int) -> datetime:
        """What calendars and clocks showed at `shown_ms`, where the customer was known to be at `at_ms`."""
        return (EPOCH + timedelta(milliseconds=shown_ms)).astimezone(ZoneInfo(self.zone(customer, at_ms)))

    def contacts(self, customer: str, before_ms: int) -> list[tuple[int, str]]:
        """(when, channel) of every message before an instant: ours, and those of others that were known of."""
        ours = [
            (one["at_ms"], one["action"]["channel"])
            for one in self.requests(customer)
            if one["at_ms"] < before_ms
        ]
        others = [
            (one.event.ts_ms, one.event.properties["channel"])
            for one in self.until(customer, before_ms)
            if one.channel == OUTCOMES
            and one.event.name == "Action Delivered"
            and one.event.properties.get("action_id") is None
        ]
        return ours + others

    def goals(self, customer: str, goal: str, at_ms: int) -> list[int]:
        """When what a campaign is for happened, as far as it was known."""
        seen = [one for one in self.until(customer, at_ms) if one.channel != OUTCOMES]
        if goal == "order":
            return [one.event.ts_ms for one in seen if one.event.name == "Order Completed"]
        return [
            one.event.ts_ms
            for one in seen
            if goal == "activity"
            and one.channel != "support"
            and one.event.type != "identify"
            and one.event.name not in PASSIVE
        ]

    def requests(self, customer: str | None = None) -> list[Signal]:
        """The requests that were published, of one customer or of all."""
        return [
            one for one in self.actions if one["kind"] == "requested" and customer in (None, one["customer"])
        ]

    def truth(self, customer: str, expression: str, at_ms: int) -> int:
        """FALSE, UNKNOWN or TRUE."""
        state = self.state(customer, at_ms)
        return truth(parse(expression), lambda name: feature(state, name, at_ms, self.rules))

    def state(self, customer: str, at_ms: int) -> Customer:
        """Everything that was known of a customer but memberships."""
        if (customer, at_ms) not in self.states:
            state = Customer(customer)
            for one in self.until(customer, at_ms):
                apply_event(state, one.event, one.channel, one.at_ms, self.rules)
            self.states[customer, at_ms] = state
        return self.states[customer, at_ms]

    def entered_ms(self, customer: str, key: str, entry: int) -> int | None:
        """When the entry was, where what leads into the campaign is published."""
        entries = self.entries(customer, key)
        return entries[entry - 1] if entries is not None and entry <= len(entries) else None

    def entries(self, customer: str, key: str) -> list[int] | None:
        """All instants at which the customer entered: every trigger, but for those refused while a journey was open."""
        triggers = self.triggers(customer, key)
        if triggers is None or self.is_ever_dry(key):
            return None
        refused = {
            one["at_ms"]
            for one in self.actions
            if (one["customer"], one["key"]) == (customer, key) and is_refused_inside(one)
        }
        return [at_ms for at_ms in triggers if at_ms not in refused]

    def mode(self, key: str, at_ms: int) -> str:
        """What a campaign was in at an instant."""
        said = [mode for begin, end, mode in self.controls.get(key, []) if begin <= at_ms < end]
        return said[-1] if said else str(self.campaigns[key].get("mode", "live"))

    def is_ever_dry(self, key: str) -> bool:
        """Whether not all is published of a campaign."""
        modes = [mode for _, _, mode in self.controls.get(key, [])]
        return "dry" in (*modes, self.campaigns[key].get("mode"))

    def triggers(self, customer: str, key: str) -> list[int] | None:
        """All instants at which the campaign's trigger happened; None where that is not published."""
        kind, *target = trigger_of(self.campaigns[key]).split()
        if "when" in self.campaigns[key] or kind not in ("enter", "exit", "band"):
            return None
        mine = [one for one in self.signals if one["customer"] == customer]
        if kind in ("enter", "exit"):
            wanted = ("entered" if kind == "enter" else "exited", target[0])
            return [one["at_ms"] for one in mine if (one["kind"], one["key"]) == wanted]
        level = {None: -1, "low": 0, "medium": 1, "high": 2, "critical": 3}
        bands = [
            (level[one["previous"]] - level[target[0]], level[one["key"]] - level[target[0]], one["at_ms"])
            for one in mine
            if one["kind"] == "churn"
        ]
        both = "both" in target
        return [at_ms for old, new, at_ms in bands if old < 0 <= new or (both and new < 0 <= old)]

    def unit(self, salt: str, customer: str) -> float:
        return xxh3_64_intdigest(f"{salt}/{customer}".encode()) / 2**64

    def is_held_out(self, customer: str, key: str) -> bool:
        """Whether the customer is in a control group."""
        shares = (("holdout", self.contact), (f"holdout/{key}", self.campaigns[key]))
        return any(
            self.unit(salt, customer) < float(where.get("holdout", "0%")[:-1]) / 100 for salt, where in shares
        )


def is_refused_inside(one: Signal) -> bool:
    """Whether it says that nobody entered because a journey is open."""
    return one["abort_type"] in REFUSALS and not one["action"]["closes"]


def rank_of(one: Applied) -> tuple[int, int]:
    return one.event.ts_ms, xxh3_64_intdigest(one.event.message_id.encode())


def trigger_of(campaign: dict[Any, Any]) -> str:
    """YAML 1.1 reads the bare key `on` as true."""
    return str(campaign["on"] if "on" in campaign else campaign[True])


def steps_of(campaign: dict[Any, Any]) -> list[dict[Any, Any]]:
    """The ladder, also where it is a single step in the campaign itself."""
    ladder: list[dict[Any, Any]] = campaign.get("steps") or [campaign]
    return ladder


def wait_ms(step: dict[Any, Any]) -> int:
    return parse_duration(step.get("wait", 0))


def attribution_ms(campaign: dict[Any, Any]) -> int:
    """How long after the first request a conversion counts."""
    waits_ms = sum(wait_ms(step) for step in steps_of(campaign))
    return parse_duration(campaign["attribution"]) if "attribution" in campaign else waits_ms + 7 * DAY_MS
