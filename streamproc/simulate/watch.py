"""What the signals tell, added up: sizes of segments, churn bands, actions, and every customer's story.

It does what any consumer should: it drops a signal that is not newer than the customer's last one on the same
topic. It needs nothing but the signals.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from streamproc.contracts.failed import TOPIC as FAILED_TOPIC
from streamproc.contracts.failed import FailedEvent
from streamproc.contracts.signals import ACTION_TOPIC, AUDIENCE_TOPIC, CHURN_TOPIC, Evidence
from streamproc.rules.literals import spell_duration, spell_other

_LATEST: Final = 50


class Change(NamedTuple):
    """One signal, for a reader. at: ISO 8601; version: rises with every signal of the customer."""

    at: str
    version: int
    customer: str
    kind: str  # entered, left, risk, requested, suppressed, ended
    what: str  # the segment, band or campaign
    cause: str  # event, time or another
    why: str


class _Explanation(msgspec.Struct):
    cause: str
    version: int
    evidence: list[Evidence]
    displaced_by: str | None = None


class _Context(msgspec.Struct):
    streamproc: _Explanation


class _Signal(msgspec.Struct, rename="camel"):
    event: str
    timestamp: str
    properties: dict[str, Any]
    context: _Context
    user_id: str = ""
    anonymous_id: str = ""


_read: Final = msgspec.json.Decoder(_Signal).decode
_read_failed: Final = msgspec.json.Decoder(FailedEvent).decode


@dataclass(slots=True)
class Tally:
    """Signals, added up.

    sizes: by segment. bands: customers by churn band. actions: by (kind, campaign, abort type or outcome). causes:
    of all signals. refused: events by reason. stories: every customer's changes.
    """

    signals: int = 0
    repeats: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    latest: deque[Change] = field(default_factory=lambda: deque(maxlen=_LATEST))
    stories: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    _versions: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, topic: str, value: bytes) -> None:
        """Count a signal, or a refused event. topic: its name without the prefix.

        Raises msgspec.DecodeError for a value that is neither.
        """
        if topic == FAILED_TOPIC:
            self.refused[_read_failed(value).data.failure.reason.value] += 1
            return
        signal = _read(value)
        explanation = signal.context.streamproc
        customer = signal.user_id or f"anon:{signal.anonymous_id}"
        if explanation.version <= self._versions.get((topic, customer), -1):
            self.repeats += 1
            return
        self._versions[topic, customer] = explanation.version
        self.signals += 1
        self.causes[explanation.cause] += 1
        kind, what, why = _READERS[topic](self, signal)
        change = Change(signal.timestamp, explanation.version, customer, kind, what, explanation.cause, why)
        self.latest.append(change)
        self.stories[customer].append(change)

    def story(self, most: int) -> list[Change]:
        """What happened to a customer with many kinds of changes, but not more than `most`, in their order."""
        short = [story for story in self.stories.values() if len(story) <= most]
        best = max(short, key=lambda story: len({change[3:5] for change in story}), default=[])
        # The topics are read side by side, so they come in no common order.
        return sorted(best, key=lambda change: change.version)

    def _audience(self, signal: _Signal) -> tuple[str, str, str]:
        key = signal.properties["audience_key"]
        entered = signal.properties[key]
        self.sizes[key] += 1 if entered else -1
        displaced_by = signal.context.streamproc.displaced_by
        why = (
            f"{displaced_by} takes its place"
            if displaced_by
            else sentence(signal.context.streamproc.evidence)
        )
        return "entered" if entered else "left", key, why

    def _churn(self, signal: _Signal) -> tuple[str, str, str]:
        properties = signal.properties
        if properties["previous_band"] is not None:
            self.bands[properties["previous_band"]] -= 1
        self.bands[properties["band"]] += 1
        risk = f"{properties['risk']:.0%} in {properties['horizon_days']} d"
        reasons = [reason["text"] for reason in properties["reasons"]]
        return "risk", properties["band"], ": ".join([risk, *reasons[:1]])

    def _action(self, signal: _Signal) -> tuple[str, str, str]:
        properties = signal.properties
        campaign, kind = properties["campaign"], _ACTION_KINDS[signal.event]
        came_of_it = properties["abort_type"] or properties["outcome"] or ""
        self.actions[kind, campaign, came_of_it] += 1
        if kind == "requested":
            return kind, campaign, f"{properties['channel']}: {properties['reason']}"
        why = came_of_it.replace("_", " ")
        if properties["waited_for"]:
            why += f", waited for {_WAITED_FOR[properties['waited_for']]}"
        if properties["outranked_by"]:
            why += f" by {properties['outranked_by']}"
        return kind, campaign, why


#: What is said of an action, by the signal's event.
_ACTION_KINDS: Final = {
    "Reactivation Requested": "requested",
    "Reactivation Suppressed": "suppressed",
    "Reactivation Ended": "ended",
}
_WAITED_FOR: Final = {
    "paused": "its campaign, which is paused",
    "held": "the breaker",
    "slot": "its hour",
    "quiet_hours": "the end of quiet hours",
}
_READERS: Final = {AUDIENCE_TOPIC: Tally._audience, CHURN_TOPIC: Tally._churn, ACTION_TOPIC: Tally._action}


_NEGATIONS: Final = {"<": "≥", "<=": ">", ">": "≤", ">=": "<", "==": "≠", "!=": "="}
_SIGNS: Final = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}


def sentence(evidence: Sequence[Evidence]) -> str:
    """`recency 30d 2h > 30d`: the comparisons that decided, turned round where they did not hold.

    Of each feature the first one only: a line has little room.
    """
    first = {item.feature: item for item in reversed(evidence)}
    return ", ".join(_comparison(item) for item in evidence if first[item.feature] is item)


def _comparison(item: Evidence) -> str:
    sign = _NEGATIONS[item.op] if item.holds is False else _SIGNS.get(item.op, item.op)
    amount, limit = _amount(item.value, item.unit, 2), _amount(item.threshold, item.unit, 2)
    if amount == limit.rpartition("=")[2] and item.value != item.threshold:
        # `30d 1s > 30d`, not `30d > 30d`
        amount, limit = _amount(item.value, item.unit, 4), _amount(item.threshold, item.unit, 4)
    text = f"{item.feature} {amount}{'' if item.exact else '+'} {sign} {limit}"
    return f"unknown: {text}" if item.holds is None else text


def _amount(value: float | str | None, unit: str, parts: int) -> str:
    """A number of the evidence with its unit; texts and features' names as they are. parts: units of a duration."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return spell_other(value, unit, parts)
    if unit == "ms":
        return spell_duration(int(value), parts)
    if unit == "probability":
        return f"{value:.0%}"
    if unit == "percent":
        return f"{value}%"
    return f"{value:,}" if unit == "count" else f"{value:,.2f} {unit}"
