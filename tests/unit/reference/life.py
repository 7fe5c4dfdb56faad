"""Shorthand for hand-computed lives: a day to live on, calls, rules, and what was published."""

from pathlib import Path
from typing import Any

from tests.reference.compose import call, to_logs
from tests.reference.evaluate import Signal
from tests.reference.model import Mode, Reference, Result

S, M, H, D = 1000, 60_000, 3_600_000, 86_400_000
#: Monday 2026-03-02, 00:00 UTC.
DAY0 = 20_514 * D
#: The noon of that day: the time of most first events.
NOON = DAY0 + 12 * H
WALL = DAY0 + 1000 * D

MODEL = Path(__file__).parents[2] / "reference" / "models" / "scorecard.json"
#: A history too long for any life here: no churn signals.
NO_CHURN = "churn: {min_history: 20000d, hysteresis: 0.1, bands: {medium: 0.5, high: 0.7, critical: 0.9}}"

BLOCKS = ("campaigns:", "contact:", "funnels:")

WEB, APP, SUPPORT = "events.web", "events.app", "events.support"
Sent = tuple[str, dict[str, Any]]


def page(
    customer: str, at_ms: int, message_id: str | None = None, topic: str = WEB, **properties: Any
) -> Sent:
    """A page call; its messageId follows from its time unless given."""
    return topic, call("page", customer, at_ms, message_id or f"page-{at_ms}", properties=properties or None)


def track(event: str, customer: str, at_ms: int, message_id: str | None = None, **properties: Any) -> Sent:
    """A track call on the web."""
    name = message_id or f"{event}-{at_ms}"
    return WEB, call("track", customer, at_ms, name, event=event, properties=properties or None)


def identify(customer: str, at_ms: int, message_id: str | None = None, **consent: bool) -> Sent:
    """An identify call on the web that gives or withdraws consent."""
    name = message_id or f"identify-{at_ms}"
    return WEB, call("identify", customer, at_ms, name, traits={"consent": consent})


def rules(*parts: str, churn: str = NO_CHURN) -> str:
    """A rules file of segment lines (and parts such as `campaigns:`, each a block of its own)."""
    segments = "\n".join(f"  - {part}" for part in parts if not part.startswith(BLOCKS))
    others = "\n".join(part for part in parts if part.startswith(BLOCKS))
    return f"currency: USD\nsession_gap: 30m\nsegments:\n{segments}\n{others}\n{churn}\n"


def live(
    text: str, sent: list[Sent], until_ms: int, *, model: Path = MODEL, mode: Mode = "candidates"
) -> Result:
    """The lives of the customers of one shard until `until_ms`."""
    return Reference(text, model, 1).run(to_logs(sent), WALL, until_ms, mode)


def brief(result: Result, *names: str) -> list[tuple[Any, ...]]:
    """(at_ms, kind, key, *names) of every signal of shard 0."""
    return [tuple(pick(signal, ("at_ms", "kind", "key", *names))) for signal in result.signals[0]]


def pick(signal: Signal, names: tuple[str, ...]) -> list[Any]:
    """Those fields of a signal."""
    return [signal[name] for name in names]
