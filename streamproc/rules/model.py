"""What a rules file says, checked and ready to be evaluated."""

from dataclasses import dataclass, field
from typing import Literal

import xxhash

from streamproc.contracts.meanings import Meanings
from streamproc.rules.expression import Expr


def stable_id(key: str) -> int:
    """The unsigned 32-bit id under which the state keeps what belongs to `key`. It must never change."""
    return xxhash.xxh32_intdigest(key.encode())


@dataclass(frozen=True, slots=True)
class Segment:
    """A named set of customers.

    `exit` None stands for "not `enter`". `priority` only matters inside a `group`. `line` is where the file
    defines it.
    """

    key: str
    name: str
    description: str
    version: int
    enter: Expr
    exit: Expr | None
    min_dwell_ms: int
    group: str | None
    priority: int
    id: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class BandPolicy:
    """When churn risk is medium, high and critical.

    A band is left downwards only when the risk falls `hysteresis` below its threshold. No band before
    `min_history_ms` of history.
    """

    thresholds: tuple[float, float, float]
    hysteresis: float
    min_history_ms: int


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a campaign waits for: entry into the segment `target`, or a rise to the band `target` or above."""

    kind: Literal["enter", "band"]
    target: str


@dataclass(frozen=True, slots=True)
class Campaign:
    """One action to request when its trigger happens. `channel` is the consent channel it needs."""

    key: str
    name: str
    version: int
    trigger: Trigger
    channel: str
    reason: str
    offer: str | None
    expires_after_ms: int
    cooldown_ms: int
    id: int
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Ruleset:
    """A whole rules file. `segments` and `campaigns` are in file order, which is the order of publication.

    `fingerprint` is equal for files under which every customer is evaluated alike: see `rules.versions`.
    """

    path: str
    segments: tuple[Segment, ...]
    campaigns: tuple[Campaign, ...]
    churn: BandPolicy
    meanings: Meanings
    currency: str
    session_gap_ms: int
    fingerprint: int
