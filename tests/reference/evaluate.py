"""One evaluation of one customer at one instant: what is published, in order (semantics, section 6)."""

from typing import Any

from tests.reference.campaigns import Campaign
from tests.reference.campaigns_gate import Controls
from tests.reference.campaigns_journeys import Journeys
from tests.reference.churn import BANDS, ChurnModel, History, next_band
from tests.reference.customer import Customer, Membership
from tests.reference.expression import FALSE, TRUE, UNKNOWN, Lookup, truth
from tests.reference.features import Value, feature
from tests.reference.rules import Rules, Segment

Signal = dict[str, Any]

SEGMENTS_TOPIC = "segments.changes"
CHURN_TOPIC = "churn.risk"
ACTIONS_TOPIC = "actions.reactivation"
NOT_CONTROLLED: Controls = {}


class Evaluator:
    """Rules and a churn model, applied to one customer at a time."""

    def __init__(
        self,
        rules: Rules,
        model: ChurnModel,
        shard: int = 0,
        partitions: int = 1,
        controls: Controls = NOT_CONTROLLED,
    ) -> None:
        """shard, partitions: whose customers these are, and of how many; they share the daily budgets."""
        self.rules = rules
        self.journeys = Journeys(rules, shard, partitions, controls)
        self.model = model
        self.groups: dict[str, list[Segment]] = {}
        for segment in rules.segments:
            # an ungrouped segment is a group of its own
            self.groups.setdefault(segment.group or f"\n{segment.key}", []).append(segment)
        self.histories: dict[str, tuple[int, History]] = {}

    def evaluate(self, customer: Customer, now_ms: int, last_event: str | None) -> list[Signal]:
        """Bring the customer's memberships, band and requests up to `now_ms`; returns what is published.

        last_event: `topic/partition/offset` of the customer's last event applied for this instant, or None.
        """
        common: Signal = {
            "customer": customer.id,
            "at_ms": now_ms,
            "cause": "time" if last_event is None else "event",
            "causation_id": f"time/{now_ms}" if last_event is None else last_event,
        }
        lookup = self.lookup(customer, now_ms)
        signals = self.move_segments(customer, now_ms, lookup)
        moved = {(signal["kind"], signal["key"]) for signal in signals}
        watched = self.move_watches(customer, lookup)
        before = customer.band
        signals += self.move_band(customer, now_ms)
        triggered = {
            campaign.key
            for campaign in self.rules.campaigns
            if campaign.key in watched or is_triggered(campaign, moved, before, customer.band)
        }
        signals += self.journeys.evaluate(customer, now_ms, triggered, lookup)
        for signal in signals:
            customer.version += 1
            signal.update(common, version=customer.version)
        return signals

    def lookup(self, customer: Customer, now_ms: int) -> Lookup:
        """The customer's features, each worked out when it is first asked for."""
        known: dict[str, Value] = {}

        def look_up(name: str) -> Value:
            if name not in known:
                known[name] = feature(customer, name, now_ms, self.rules)
            return known[name]

        return look_up

    def move_watches(self, customer: Customer, lookup: Lookup) -> set[str]:
        """The campaigns whose watch begins to hold; where nothing is known, it stays as it is."""
        began = set()
        for campaign in self.rules.campaigns:
            if campaign.trigger.watched is None:
                continue
            value = truth(campaign.trigger.watched, lookup)
            if value == TRUE and campaign.key not in customer.watched:
                customer.watched.add(campaign.key)
                began.add(campaign.key)
            elif value == FALSE:
                customer.watched.discard(campaign.key)
        return began

    def move_segments(self, customer: Customer, now_ms: int, lookup: Lookup) -> list[Signal]:
        """Leave and enter segments: exits in file order, then entries in file order."""

        def raw(segment: Segment) -> bool:
            inside = segment.key in customer.inside
            value = truth(segment.exit if inside else segment.enter, lookup)
            return inside if value == UNKNOWN else (value == TRUE) != inside

        leaving, entering = set(), set()
        for members in self.groups.values():
            wanted = max((s for s in members if raw(s)), key=lambda s: s.priority, default=None)
            present = next((s for s in members if s.key in customer.inside), None)
            if wanted is present:
                continue
            if present is not None:
                if now_ms < customer.inside[present.key].entered_at_ms + present.min_dwell_ms:
                    continue
                leaving.add(present.key)
            if wanted is not None:
                entering.add(wanted.key)

        signals = []
        for segment in self.rules.segments:
            if segment.key in leaving:
                signals.append(segment_signal("exited", segment, customer.inside.pop(segment.key)))
        for segment in self.rules.segments:
            if segment.key in entering:
                customer.entries[segment.key] = customer.entries.get(segment.key, 0) + 1
                customer.inside[segment.key] = Membership(now_ms, customer.entries[segment.key])
                signals.append(segment_signal("entered", segment, customer.inside[segment.key]))
        return signals

    def move_band(self, customer: Customer, now_ms: int) -> list[Signal]:
        """Change the churn band, if the risk is known and says so: at most one signal."""
        risk = self.risk(customer, now_ms)
        if risk is None:
            return []
        before = customer.band
        customer.band = next_band(before, risk, self.rules.thresholds, self.rules.hysteresis)
        if customer.band == before:
            return []
        return [
            {
                "topic": CHURN_TOPIC,
                "kind": "churn",
                "key": customer.band,
                "previous": before,
                "risk": round(risk, 6),
                "rule_version": self.model.version,
                "entry_seq": None,
                "entered_at_ms": None,
                "abort_type": None,
            }
        ]

    def risk(self, customer: Customer, now_ms: int) -> float | None:
        """The churn risk at `now_ms`; None while it is unknown."""
        if customer.last_activity is None or now_ms < self.churn_known_at_ms(customer):
            return None
        return self.model.risk(self.history(customer), now_ms - customer.last_activity)

    def churn_known_at_ms(self, customer: Customer) -> int:
        """The instant from which an active customer has enough history."""
        assert customer.first_seen is not None
        return customer.first_seen + self.rules.min_history_ms

    def history(self, customer: Customer) -> History:
        """The sums over active days, kept until there is another one (days are only ever added)."""
        kept = self.histories.get(customer.id)
        if kept is None or kept[0] != len(customer.active_days):
            kept = (len(customer.active_days), self.model.history(customer.active_days))
            self.histories[customer.id] = kept
        return kept[1]


def segment_signal(kind: str, segment: Segment, membership: Membership) -> Signal:
    """An entry, or the exit that carries the numbers of its entry."""
    return {
        "topic": SEGMENTS_TOPIC,
        "kind": kind,
        "key": segment.key,
        "previous": None,
        "risk": None,
        "rule_version": segment.version,
        "entry_seq": membership.entry_seq,
        "entered_at_ms": membership.entered_at_ms,
        "abort_type": None,
    }


def is_triggered(
    campaign: Campaign, moved: set[tuple[str, str]], before: str | None, after: str | None
) -> bool:
    """Whether what was published leads into a campaign."""
    trigger = campaign.trigger
    if trigger.kind == "enter":
        return ("entered", trigger.target) in moved
    if trigger.kind == "exit":
        return ("exited", trigger.target) in moved
    if trigger.kind != "band":
        return False
    fell = trigger.both and rose_to(trigger.target, after, before)
    return rose_to(trigger.target, before, after) or fell


def rose_to(target: str, before: str | None, after: str | None) -> bool:
    """Whether a band change crossed `target` upwards; no band is below every band."""
    level: dict[str | None, int] = {None: -1, **{band: number for number, band in enumerate(BANDS)}}
    return level[before] < level[target] <= level[after]
