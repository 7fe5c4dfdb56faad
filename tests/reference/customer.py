"""One customer: everything that is remembered, and how one event changes it (semantics, section 4)."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from xxhash import xxh3_64_intdigest

from tests.reference.event import Event
from tests.reference.properties import order_micros, own_duration_ms, quantity
from tests.reference.rules import Meaning, Rules

FIVE_MINUTES_MS = 300_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
#: The pane widths, each with the number of panes of its longest window.
TIERS = {FIVE_MINUTES_MS: 12, HOUR_MS: 24, DAY_MS: 90}
RING_LENGTH = 256

TOO_LATE, REPEAT, APPLIED = "too_late", "repeat", "applied"


class Consent(NamedTuple):
    """The last word on one channel: the greatest (ts_ms, hash) holds."""

    ts_ms: int
    hash: int
    granted: bool


class Membership(NamedTuple):
    """Since when, and in which entry (1, 2, …), a customer is in a segment."""

    entered_at_ms: int
    entry_seq: int


def no_panes() -> dict[int, dict[str, dict[int, int]]]:
    """width -> series -> pane -> sum, all empty."""
    return {width: {} for width in TIERS}


@dataclass(slots=True)
class Customer:
    """`totals` and `panes` hold sums per series: web_events, orders, sessions, web_duration, money, …"""

    id: str
    first_seen: int | None = None
    last_activity: int | None = None
    last_of_channel: dict[str, int] = field(default_factory=dict)
    ring: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=RING_LENGTH))
    totals: dict[str, int] = field(default_factory=dict)
    panes: dict[int, dict[str, dict[int, int]]] = field(default_factory=no_panes)
    active_days: set[int] = field(default_factory=set)
    cart_items: int = 0
    cart_changed: int | None = None
    cart_cleared: int | None = None
    consent: dict[str, Consent] = field(default_factory=dict)
    inside: dict[str, Membership] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    band: str | None = None
    last_request: dict[str, int] = field(default_factory=dict)
    version: int = 0

    def consents_to(self, channel: str) -> bool:
        """Whether there is consent for the channel; without a word on it there is none."""
        return channel in self.consent and self.consent[channel].granted


def apply_event(customer: Customer, event: Event, channel: str, at_ms: int, rules: Rules) -> str:
    """Change the customer by one event at evaluation instant `at_ms`; says what became of the event."""
    meaning = rules.meaning(event.name)
    ts = event.ts_ms
    if ts // DAY_MS < at_ms // DAY_MS - 89:
        return TOO_LATE
    if any(seen == event.message_id and then > at_ms - DAY_MS for seen, then in customer.ring):
        return REPEAT
    customer.ring.append((event.message_id, at_ms))
    customer.first_seen = ts if customer.first_seen is None else min(customer.first_seen, ts)
    apply_consent(customer, event, meaning)
    if event.type == "identify":
        return APPLIED

    add(customer, f"{channel}_events", ts, 1, at_ms)
    customer.last_of_channel[channel] = max(customer.last_of_channel.get(channel, ts), ts)
    duration = own_duration_ms(event, meaning)
    if meaning.activity if meaning.activity is not None else channel != "support":
        apply_activity(customer, ts, channel, at_ms, gap_ms=rules.session_gap_ms, gap_counts=duration is None)
    if duration is not None:
        add(customer, f"{channel}_duration", ts, duration, at_ms)
    if meaning.order:
        add(customer, "orders", ts, 1, at_ms)
        add(customer, "money", ts, order_micros(event, meaning, rules.currency), at_ms)
    apply_cart(customer, event, meaning)
    return APPLIED


def add(customer: Customer, series: str, ts: int, amount: int, at_ms: int) -> None:
    """Add to the lifetime sum of a series, and to the panes of `ts` that a window can still hold.

    Panes that no window can hold any more are forgotten.
    """
    customer.totals[series] = customer.totals.get(series, 0) + amount
    for width, panes in TIERS.items():
        oldest, pane = at_ms // width - panes + 1, ts // width
        sums = customer.panes[width].setdefault(series, {})
        if pane >= oldest:
            sums[pane] = sums.get(pane, 0) + amount
        for gone in [pane for pane in sums if pane < oldest]:
            del sums[gone]


def apply_activity(
    customer: Customer, ts: int, channel: str, at_ms: int, *, gap_ms: int, gap_counts: bool
) -> None:
    """Sessions, the durations that follow from gaps inside them, and active days."""
    before = customer.last_activity
    if before is None or ts - before > gap_ms:
        add(customer, "sessions", ts, 1, at_ms)
    elif ts > before and gap_counts:
        add(customer, f"{channel}_duration", ts, ts - before, at_ms)
    customer.active_days.add(ts // DAY_MS)
    customer.last_activity = ts if before is None else max(before, ts)


def apply_cart(customer: Customer, event: Event, meaning: Meaning) -> None:
    """What is in the cart, when it changed, and when an order emptied it."""
    ts = event.ts_ms
    if meaning.cart is not None and (customer.cart_cleared is None or ts >= customer.cart_cleared):
        pieces = quantity(event)
        if meaning.cart == "add":
            customer.cart_items += pieces
        else:
            customer.cart_items = max(0, customer.cart_items - pieces)
        customer.cart_changed = ts if customer.cart_changed is None else max(customer.cart_changed, ts)
    if meaning.order and (customer.cart_changed is None or ts >= customer.cart_changed):
        customer.cart_items = 0
        customer.cart_cleared = ts if customer.cart_cleared is None else max(customer.cart_cleared, ts)


def apply_consent(customer: Customer, event: Event, meaning: Meaning) -> None:
    """The greatest (timestamp, hash of the messageId) has the last word per channel."""
    given = event.consent if event.type == "identify" else meaning.consent
    rank = (event.ts_ms, xxh3_64_intdigest(event.message_id.encode()))
    for channel, granted in given.items():
        known = customer.consent.get(channel)
        if known is None or rank > (known.ts_ms, known.hash):
            customer.consent[channel] = Consent(*rank, granted)
