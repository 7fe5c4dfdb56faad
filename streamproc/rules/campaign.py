"""Campaigns and the contact policy, as a rules file says them: checked, and ready to be decided."""

from dataclasses import dataclass, field
from typing import Final, Literal

from streamproc.rules.expression import Expr

#: dry: decided and counted, but not published.
Mode = Literal["live", "dry", "paused"]
Goal = Literal["activity", "order", "none"]

#: Begins the keys of watches: hidden segments, of which campaigns hear and nobody else. No segment has such a key.
WATCH_PREFIX: Final = "watch/"
#: A step that waits for the hour in which the customer is most often active.
BEST_HOUR: Final = -1


@dataclass(frozen=True, slots=True)
class Trigger:
    """What leads into a campaign.

    `enter`, `exit`: of the segment `target`. `band`: the band rises to `target` or above; with `both`, also falls
    below. `watch`: an expression becomes true; `target` is the key of its hidden segment. `text`: as the file has it.
    `lasts`: whether a step is requested only while what happened still holds.
    """

    kind: Literal["enter", "exit", "band", "watch"]
    target: str
    text: str
    both: bool = False
    lasts: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ladder.

    wait_ms: after the decision on the step before. channels: in the order of preference; `preferred`: before them, the
    one on which the customer last reacted. at_minute: the local minute of the day at which its hour begins; BEST_HOUR;
    None: any time.
    """

    wait_ms: int
    channels: tuple[str, ...]
    reason: str
    offer: str | None = None
    preferred: bool = False
    at_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """Whom to ask back, how, and how often.

    when: predicate at entry. again_ms: how long after the last request somebody may enter again; 0: each time; None:
    never. attribution_ms: how long after the first request a conversion counts. holdout: share (0 to 1) of the
    control group. variants: with their weights. budget: requests a UTC day; None: no limit. expires_after_ms: how long
    a step may wait for its hour, and how long an action is valid. line: where the file has it.
    """

    key: str
    name: str
    version: int
    trigger: Trigger
    steps: tuple[Step, ...]
    again_ms: int | None
    expires_after_ms: int
    attribution_ms: int
    id: int
    when: Expr | None = None
    priority: int = 0
    goal: Goal = "activity"
    holdout: float = 0.0
    variants: tuple[tuple[str, int], ...] = ()
    budget: int | None = None
    mode: Mode = "live"
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many requests, of one channel or of all (None).

    per_ms: in the time before; None: in a calendar day of the customer's time zone.
    """

    most: int
    per_ms: int | None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Local minutes of the day, [from, to); to the next morning if `from_minute` is the greater."""

    from_minute: int
    to_minute: int


@dataclass(frozen=True, slots=True)
class ContactPolicy:
    """The gate before every request.

    time_zone: IANA name, of customers who told none. complaint: who gets no offers.
    """

    time_zone: str = "UTC"
    quiet_hours: QuietHours | None = None
    caps: tuple[Cap, ...] = ()
    complaint: Expr | None = None
    holdout: float = 0.0
