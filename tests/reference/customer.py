"""One customer: everything that is remembered."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FIVE_MINUTES_MS = 300_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
#: The pane widths, each with the number of panes of its longest window.
TIERS = {FIVE_MINUTES_MS: 12, HOUR_MS: 24, DAY_MS: 90}
RING_LENGTH = 256


class Word(NamedTuple):
    """What an event said on something, with the event's rank: the greatest (ts_ms, hash) holds."""

    ts_ms: int
    hash: int
    said: Any


class Membership(NamedTuple):
    """Since when, and in which entry (1, 2, …), a customer is in a segment."""

    entered_at_ms: int
    entry_seq: int


class Progress(NamedTuple):
    """How many steps of a funnel are done, and when the first and the latest of them were."""

    steps: int
    started: int
    last: int


class Contact(NamedTuple):
    """A message to the customer: ours, or one that we were told of."""

    at_ms: int
    channel: str


@dataclass(slots=True)
class Journey:
    """An entry into a campaign that is under way.

    step: the next one to decide, from 0, due at step_ms; as many as there are, if the ladder is closed. first_ms: of
    the first request, real or of a ghost; requests: how many. asked: the number of the step requested last.
    """

    entry: int
    entered_ms: int
    step: int
    step_ms: int
    first_ms: int | None = None
    requests: int = 0
    asked: int | None = None


@dataclass(slots=True)
class Past:
    """What a campaign remembers of a customer: entries so far, its last request, and the journey, if one is open."""

    entries: int = 0
    requested_ms: int | None = None
    journey: Journey | None = None


def no_panes() -> dict[int, dict[str, dict[int, int]]]:
    """width -> series -> pane -> sum, all empty."""
    return {width: {} for width in TIERS}


@dataclass(slots=True)
class Customer:
    """`totals` and `panes` hold sums per series: web_events, orders, sessions, web_duration, money,
    searches, …

    pages, products: those of the latest session. consent, surveys, tickets: the latest word on each channel
    (bool), survey (score) and ticket (True: open). answered: the latest reaction on each channel. watched: the keys of
    the campaigns whose watch holds.
    """

    id: str
    first_seen: int | None = None
    last_activity: int | None = None
    last_order: int | None = None
    last_of_channel: dict[str, int] = field(default_factory=dict)
    last_of_tally: dict[str, int] = field(default_factory=dict)
    ring: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=RING_LENGTH))
    totals: dict[str, int] = field(default_factory=dict)
    panes: dict[int, dict[str, dict[int, int]]] = field(default_factory=no_panes)
    active_days: set[int] = field(default_factory=set)
    session_start: int | None = None
    pause: int = 0
    pages: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    hours: dict[int, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    cart_items: int = 0
    cart_value: int = 0
    cart_since: int | None = None
    cart_changed: int | None = None
    cart_cleared: int | None = None
    consent: dict[str, Word] = field(default_factory=dict)
    surveys: dict[str, Word] = field(default_factory=dict)
    tickets: dict[str, Word] = field(default_factory=dict)
    funnels: dict[str, Progress] = field(default_factory=dict)
    inside: dict[str, Membership] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    band: str | None = None
    last_request: dict[str, int] = field(default_factory=dict)
    version: int = 0
    suppressed: Word | None = None
    time_zone: Word | None = None
    answered: dict[str, Word] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    watched: set[str] = field(default_factory=set)
    pasts: dict[str, Past] = field(default_factory=dict)

    def consents_to(self, channel: str) -> bool:
        """Whether there is consent for the channel; without a word on it there is none."""
        return channel in self.consent and self.consent[channel].said
