"""What the signals tell, added up: sizes of segments, churn bands, actions, and every customer's story.

It reads the topics as any consumer would: it drops what is not newer than the last signal of that customer on that
topic, and needs nothing but the signals.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec

from streamproc.contracts.signals import ACTION_TOPIC, AUDIENCE_TOPIC, CHURN_TOPIC

_LATEST: Final = 50


class Change(NamedTuple):
    """One signal for a reader. at: ISO 8601; what: such as "entered dormant"; cause: "event" or "time" or another."""

    at: str
    customer: str
    kind: str  # entered, left, risk, requested, suppressed
    what: str
    cause: str
    why: str


class _Explanation(msgspec.Struct):
    cause: str
    version: int
    evidence: list[dict[str, Any]]
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


@dataclass(slots=True)
class Tally:
    """Signals, added up. Counters are by segment, by band, and by (outcome, campaign, abort type)."""

    signals: int = 0
    repeats: int = 0
    sizes: Counter[str] = field(default_factory=Counter)
    bands: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    latest: deque[Change] = field(default_factory=lambda: deque(maxlen=_LATEST))
    stories: dict[str, list[Change]] = field(default_factory=lambda: defaultdict(list))
    _versions: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, topic: str, value: bytes) -> None:
        """Count a signal. topic: its name without the prefix.

        Raises msgspec.DecodeError for a value that is no signal.
        """
        signal = _read(value)
        customer = signal.user_id or f"anon:{signal.anonymous_id}"
        version = signal.context.streamproc.version
        if version <= self._versions.get((topic, customer), -1):
            self.repeats += 1
            return
        self._versions[topic, customer] = version
        self.signals += 1
        self.causes[signal.context.streamproc.cause] += 1
        change = _READERS[topic](self, customer, signal)
        self.latest.append(change)
        self.stories[customer].append(change)

    def story(self, length: int) -> list[Change]:
        """What happened to the customer with the most kinds of changes, cut to its first `length`."""
        if not self.stories:
            return []
        best = max(self.stories.values(), key=_colour)
        return best[:length]

    def _audience(self, customer: str, signal: _Signal) -> Change:
        key = signal.properties["audience_key"]
        entered = signal.properties[key]
        self.sizes[key] += 1 if entered else -1
        explanation = signal.context.streamproc
        why = f"{explanation.displaced_by} took its place" if explanation.displaced_by else sentence(explanation.evidence)
        kind = "entered" if entered else "left"
        return Change(signal.timestamp, customer, kind, key, explanation.cause, why)

    def _churn(self, customer: str, signal: _Signal) -> Change:
        properties = signal.properties
        band, previous = properties["band"], properties["previous_band"]
        if previous is not None:
            self.bands[previous] -= 1
        self.bands[band] += 1
        reasons = ", ".join(reason["text"] for reason in properties["reasons"][:1])
        risk = f"{properties['risk']:.0%} in {properties['horizon_days']} d"
        why = f"{risk}: {reasons}" if reasons else risk
        return Change(signal.timestamp, customer, "risk", band, signal.context.streamproc.cause, why)

    def _action(self, customer: str, signal: _Signal) -> Change:
        properties = signal.properties
        abort_type = properties["abort_type"] or ""
        kind = "suppressed" if abort_type else "requested"
        self.actions[kind, properties["campaign"], abort_type] += 1
        via = f"by {properties['channel']}"
        why = f"{abort_type} ({via})" if abort_type else f"{via}: {properties['reason']}"
        cause = signal.context.streamproc.cause
        return Change(signal.timestamp, customer, kind, properties["campaign"], cause, why)


_READERS: Final = {AUDIENCE_TOPIC: Tally._audience, CHURN_TOPIC: Tally._churn, ACTION_TOPIC: Tally._action}


def sentence(evidence: Sequence[Mapping[str, Any]]) -> str:
    """`recency 30d 2h > 30d`: the comparisons that decided; those that did not hold with `not`."""
    return ", ".join(
        f"{'' if item['holds'] else 'not '}{item['feature']} {_amount(item['value'], item['unit'])} {item['op']} "
        f"{_amount(item['threshold'], item['unit'])}"
        for item in evidence
    )


def _amount(value: float | str, unit: str) -> str:
    """A number of the evidence with its unit, short; another feature's name as it is."""
    if isinstance(value, str):
        return value
    if unit == "ms":
        return _duration(int(value))
    if unit == "probability":
        return f"{value:.0%}"
    return f"{value:,}" if unit == "count" else f"{value / 1_000_000:,.2f} {unit}"


def _duration(duration_ms: int) -> str:
    """The two largest units: `30d 2h`."""
    whole = timedelta(milliseconds=duration_ms)
    hours, rest_s = divmod(whole.seconds, 3600)
    parts = [(whole.days, "d"), (hours, "h"), (rest_s // 60, "m"), (rest_s % 60, "s")]
    first = next((i for i, (amount, _) in enumerate(parts) if amount), 3)
    return " ".join(f"{amount}{unit}" for amount, unit in parts[first : first + 2] if amount) or "0s"


def _colour(story: Sequence[Change]) -> tuple[int, int]:
    """How much happens in a story: its kinds of changes; then, the shorter the better."""
    return len({(change.kind, change.what) for change in story}), -len(story)
