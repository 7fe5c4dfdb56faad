"""The rules file as the reference reads it. It is taken to be correct: nothing is checked here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.reference.expression import Expression, parse, parse_duration

SESSION_GAP_MS = 30 * 60_000
DEFAULT_BANDS = {"medium": 0.3, "high": 0.6, "critical": 0.8}
DEFAULT_CHURN: dict[str, Any] = {"min_history": "7d", "hysteresis": 0.05, "bands": None}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event name means; activity None: as the channel has it."""

    activity: bool | None = None
    order: bool = False
    value: str | None = None
    duration: str | None = None
    cart: str | None = None
    consent: dict[str, bool] = field(default_factory=dict)


PLAIN = Meaning()
#: Done to the customer, by a machine, or to take leave: no activity.
PASSIVE = (
    "Account Deleted",
    "Application Updated",
    "Application Backgrounded",
    "Application Crashed",
    "Application Uninstalled",
    "Push Notification Received",
    "Email Delivered",
    "Email Bounced",
    "Email Opened",
)
DEFAULT_MEANINGS: dict[str, dict[str, Any]] = {
    "Order Completed": {"order": True},
    "Product Added": {"cart": "add"},
    "Product Removed": {"cart": "remove"},
    "Unsubscribed": {"activity": False, "consent": {"email": False}},
    "Email Unsubscribed": {"activity": False, "consent": {"email": False}},
    "Email Marked as Spam": {"activity": False, "consent": {"email": False}},
    **{name: {"activity": False} for name in PASSIVE},
}


@dataclass(frozen=True, slots=True)
class Segment:
    key: str
    version: int
    enter: Expression
    exit: Expression
    min_dwell_ms: int
    group: str | None
    priority: int


@dataclass(frozen=True, slots=True)
class Campaign:
    """`on` is ("enter", segment) or ("band", band)."""

    key: str
    version: int
    on: tuple[str, str]
    channel: str
    cooldown_ms: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a rules file that decides what is published."""

    currency: str
    session_gap_ms: int
    meanings: dict[str, Meaning]
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    min_history_ms: int
    hysteresis: float
    thresholds: tuple[float, float, float]

    def meaning(self, name: str | None) -> Meaning:
        """The meaning of a track call's event name; a call without one means nothing special."""
        return self.meanings.get(name, PLAIN) if name is not None else PLAIN


def read_rules(source: str | Path) -> Rules:
    """The rules in a file (a Path) or in a text (a str)."""
    raw = yaml.safe_load(source.read_text() if isinstance(source, Path) else source)
    churn = {**DEFAULT_CHURN, **(raw.get("churn") or {})}
    bands = {**DEFAULT_BANDS, **(churn["bands"] or {})}
    return Rules(
        currency=raw.get("currency", "USD"),
        session_gap_ms=parse_duration(raw["session_gap"]) if "session_gap" in raw else SESSION_GAP_MS,
        meanings=read_meanings(raw.get("events") or {}),
        segments=tuple(read_segment(one) for one in raw.get("segments") or []),
        campaigns=tuple(read_campaign(one) for one in raw.get("campaigns") or []),
        min_history_ms=parse_duration(churn["min_history"]),
        hysteresis=float(churn["hysteresis"]),
        thresholds=(float(bands["medium"]), float(bands["high"]), float(bands["critical"])),
    )


def read_meanings(declared: dict[str, dict[str, Any]]) -> dict[str, Meaning]:
    """The defaults, and over them, field by field, what the file declares; null takes a default back."""
    known = ("activity", "order", "value", "duration", "cart", "consent")
    meanings = {}
    for name in {**DEFAULT_MEANINGS, **declared}:
        fields = {**DEFAULT_MEANINGS.get(name, {}), **(declared.get(name) or {})}
        said = {key: value for key, value in fields.items() if key in known and value is not None}
        meanings[name] = Meaning(**said)
    return meanings


def read_segment(raw: dict[str, Any]) -> Segment:
    enter = parse(raw["enter"])
    return Segment(
        key=raw["key"],
        version=raw.get("version", 1),
        enter=enter,
        exit=parse(raw["exit"]) if raw.get("exit") is not None else ("not", enter),
        min_dwell_ms=parse_duration(raw.get("min_dwell", 0)),
        group=raw.get("group"),
        priority=raw.get("priority", 0),
    )


def read_campaign(raw: dict[Any, Any]) -> Campaign:
    # YAML 1.1 reads the bare key `on` as true
    kind, target = (raw["on"] if "on" in raw else raw[True]).split()
    return Campaign(
        key=raw["key"],
        version=raw.get("version", 1),
        on=(kind, target),
        channel=raw["channel"],
        cooldown_ms=parse_duration(raw.get("cooldown", 0)),
    )
