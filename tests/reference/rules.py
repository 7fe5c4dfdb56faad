"""The rules file as the reference reads it. It is taken to be correct: nothing is checked here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.reference.campaigns import Campaign, ContactPolicy, read_campaign, read_policy
from tests.reference.expression import Expression, parse, parse_duration
from tests.reference.meanings import PLAIN, Meaning, read_meanings

SESSION_GAP_MS = 30 * 60_000
DEFAULT_BANDS = {"medium": 0.3, "high": 0.6, "critical": 0.8}
DEFAULT_CHURN: dict[str, Any] = {"min_history": "7d", "hysteresis": 0.05, "bands": None}


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
class Funnel:
    """A way of several steps, each the name of an event, to be gone within some time of the first."""

    key: str
    version: int
    steps: tuple[str, ...]
    within_ms: int


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything of a rules file that decides what is published."""

    currency: str
    session_gap_ms: int
    meanings: dict[str, Meaning]
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    contact: ContactPolicy
    funnels: tuple[Funnel, ...]
    min_history_ms: int
    hysteresis: float
    thresholds: tuple[float, float, float]

    def meaning(self, name: str | None) -> Meaning:
        """The meaning of a track call's event name; a call without one means nothing special."""
        return self.meanings.get(name, PLAIN) if name is not None else PLAIN

    def knows(self, name: str) -> bool:
        """Whether a track call's event name means something, or is a step of a funnel."""
        return name in self.meanings or any(name in funnel.steps for funnel in self.funnels)


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
        contact=read_policy(raw.get("contact") or {}),
        funnels=tuple(read_funnel(one) for one in raw.get("funnels") or []),
        min_history_ms=parse_duration(churn["min_history"]),
        hysteresis=float(churn["hysteresis"]),
        thresholds=(float(bands["medium"]), float(bands["high"]), float(bands["critical"])),
    )


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


def read_funnel(raw: dict[str, Any]) -> Funnel:
    return Funnel(
        key=raw["key"],
        version=raw.get("version", 1),
        steps=tuple(raw["steps"]),
        within_ms=parse_duration(raw["within"]),
    )
