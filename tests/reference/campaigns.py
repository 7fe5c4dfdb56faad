"""Campaigns and the contact policy as the reference reads them from a rules file. Nothing is checked here."""

from dataclasses import dataclass
from typing import Any

from tests.reference.expression import Expression, parse, parse_duration

#: The channels, in the order in which `preferred` tries them.
CHANNELS = ("email", "push", "sms", "phone", "in_app")
#: In a step's channels: the one on which the customer reacted last.
PREFERRED = "preferred"
#: A step's hour: the one in which the customer is most often active.
BEST_HOUR = "best_hour"
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
HOUR_MINUTES = 60


@dataclass(frozen=True, slots=True)
class Trigger:
    """`kind` is enter, exit, band or watch; `target` the segment or the band; `watched` the expression of a watch.

    both: a band that falls below the target counts, too. lasts: a step is requested only while it holds.
    """

    kind: str
    target: str = ""
    both: bool = False
    watched: Expression | None = None
    lasts: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """at: BEST_HOUR, the local minute of the day at which its hour begins, or None."""

    wait_ms: int
    channels: tuple[str, ...]
    reason: str
    offer: str | None
    at: int | str | None


@dataclass(frozen=True, slots=True)
class Campaign:
    """again_ms: 0 for each time, None for never."""

    key: str
    version: int
    trigger: Trigger
    when: Expression | None
    again_ms: int | None
    priority: int
    goal: str
    attribution_ms: int
    holdout: float
    variants: tuple[tuple[str, int], ...]
    budget: int | None
    expires_after_ms: int
    mode: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Cap:
    """per_ms: None for a calendar day. channel: None for all together."""

    most: int
    per_ms: int | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """quiet: (from, to), local minutes of the day."""

    time_zone: str
    quiet: tuple[int, int] | None
    caps: tuple[Cap, ...]
    complaint: Expression
    holdout: float


def read_policy(raw: dict[str, Any]) -> ContactPolicy:
    """The section `contact`; what it does not say has its default."""
    quiet = raw.get("quiet_hours")
    return ContactPolicy(
        time_zone=raw.get("time_zone", "UTC"),
        quiet=None if quiet is None else (read_minute(quiet.split("-")[0]), read_minute(quiet.split("-")[1])),
        caps=tuple(read_cap(one) for one in raw.get("caps") or []),
        complaint=parse(raw.get("complaint", "open_tickets > 0")),
        holdout=read_share(raw.get("holdout", "0%")),
    )


def read_cap(raw: dict[str, Any]) -> Cap:
    per_ms = None if raw["per"] == "day" else parse_duration(raw["per"])
    return Cap(raw["most"], per_ms, raw.get("channel"))


def read_campaign(raw: dict[Any, Any]) -> Campaign:
    """One of the section `campaigns`; a single step may be written into the campaign itself."""
    steps = tuple(read_step(one) for one in raw.get("steps") or [raw])
    waits_ms = sum(step.wait_ms for step in steps)
    return Campaign(
        key=raw["key"],
        version=raw.get("version", 1),
        trigger=read_trigger(trigger_text(raw)),
        when=parse(raw["when"]) if raw.get("when") is not None else None,
        again_ms=read_reentry(raw["reentry"]),
        priority=raw.get("priority", 0),
        goal=raw.get("goal", "activity"),
        attribution_ms=parse_duration(raw["attribution"]) if "attribution" in raw else waits_ms + WEEK_MS,
        holdout=read_share(raw.get("holdout", "0%")),
        variants=tuple((raw.get("variants") or {}).items()),
        budget=raw.get("budget"),
        expires_after_ms=parse_duration(raw["expires_after"]),
        mode=raw.get("mode", "live"),
        steps=steps,
    )


def trigger_text(raw: dict[Any, Any]) -> str:
    """What is at `on`; YAML 1.1 reads the bare key as true."""
    text: str = raw["on"] if "on" in raw else raw[True]
    return text


def read_trigger(text: str) -> Trigger:
    """What leads into a campaign."""
    kind, _, target = text.partition(" ")
    if kind in ("enter", "exit", "band"):
        both = target.endswith(" both")
        return Trigger(kind, target.removesuffix(" both"), both, lasts=not both)
    return Trigger("watch", watched=parse(watched_text(text)), lasts=kind != "answer")


def watched_text(text: str) -> str:
    """The expression that a watch waits for."""
    kind, *rest = text.split()
    if kind == "becomes":
        return text.removeprefix("becomes")
    if kind == "inactive":
        return f"recency > {rest[0]}"
    if kind == "answer":
        return f"{rest[0]}_recency <= 1h"
    if kind == "cart":
        return f"cart_idle > {rest[1]}"
    if kind == "funnel":
        return f"funnel_{rest[0]}_idle > {rest[2]}"
    return "open_tickets > 0" if rest == ["open"] else f"ticket_age > {rest[1]}"


def read_step(raw: dict[Any, Any]) -> Step:
    given, at = raw["channel"], raw.get("at")
    listed = (given,) if isinstance(given, str) else tuple(given)
    return Step(
        wait_ms=parse_duration(raw.get("wait", 0)),
        channels=(PREFERRED, *CHANNELS) if given == PREFERRED else listed,
        reason=raw["reason"],
        offer=raw.get("offer"),
        at=at if at in (None, BEST_HOUR) else read_minute(at),
    )


def read_reentry(written: str) -> int | None:
    if written == "never":
        return None
    return 0 if written == "each time" else parse_duration(written.removeprefix("after").strip())


def read_minute(written: str) -> int:
    """The minute of the day of `21:00`."""
    hour, minute = written.strip().split(":")
    return int(hour) * HOUR_MINUTES + int(minute)


def read_share(written: str) -> float:
    """0 to 1 of `10%`."""
    return float(written.removesuffix("%")) / 100
