"""How one event changes a customer (semantics, section 4)."""

from typing import Any

from xxhash import xxh3_64_intdigest

from tests.reference import campaigns_outcomes as outcomes
from tests.reference.contact import zone_names
from tests.reference.customer import DAY_MS, HOUR_MS, TIERS, Customer, Progress, Word
from tests.reference.event import Event
from tests.reference.meanings import TALLY_OF_VALENCE, Meaning
from tests.reference.properties import (
    answer,
    category,
    order_micros,
    own_duration_ms,
    page_shown,
    price_micros,
    product_shown,
    quantity,
    ticket_id,
)
from tests.reference.rules import Funnel, Rules

SHOWN_MAX = 32
CATEGORIES_MAX = 8
TICKETS_MAX = 16
CART_VALUE_MAX = 10**18
CART_ITEMS_MAX = 4_000_000_000

TOO_LATE, REPEAT, APPLIED = "too_late", "repeat", "applied"


def apply_event(customer: Customer, event: Event, topic_channel: str, at_ms: int, rules: Rules) -> str:
    """Change the customer by one event at evaluation instant `at_ms`; says what became of the event."""
    meaning = rules.meaning(event.name)
    channel = meaning.channel or topic_channel
    ts = event.ts_ms
    if ts // DAY_MS < at_ms // DAY_MS - 89:
        return TOO_LATE
    if any(seen == event.message_id and then > at_ms - DAY_MS for seen, then in customer.ring):
        return REPEAT
    customer.ring.append((event.message_id, at_ms))
    customer.first_seen = ts if customer.first_seen is None else min(customer.first_seen, ts)
    if outcomes.is_outcome(event):
        apply_outcome(customer, event, at_ms)
        return APPLIED
    apply_consent(customer, event, meaning)
    apply_traits(customer, event)
    if event.type == "identify":
        return APPLIED

    add(customer, f"{channel}_events", ts, 1, at_ms)
    customer.last_of_channel[channel] = max(customer.last_of_channel.get(channel, ts), ts)
    apply_tallies(customer, ts, meaning, at_ms)
    duration = own_duration_ms(event, meaning)
    if meaning.activity if meaning.activity is not None else channel != "support":
        apply_session(customer, ts, channel, at_ms, gap_ms=rules.session_gap_ms, gap_counts=duration is None)
        apply_hour(customer, ts)
        apply_view(customer, event, meaning)
        apply_category(customer, event)
    if duration is not None:
        add(customer, f"{channel}_duration", ts, duration, at_ms)
    if meaning.order:
        add(customer, "orders", ts, 1, at_ms)
        customer.last_order = later(customer.last_order, ts)
        add(customer, "money", ts, order_micros(event, meaning, rules.currency), at_ms)
    apply_cart(customer, event, meaning, rules.currency)
    apply_answer(customer, event, meaning)
    apply_ticket(customer, event, meaning)
    for funnel in rules.funnels:
        apply_funnel(customer, event, funnel)
    return APPLIED


def later(known: int | None, ts: int) -> int:
    """The later of two instants, of which the first may be unknown."""
    return ts if known is None else max(known, ts)


def rank(event: Event) -> tuple[int, int]:
    """The event with the greatest rank has the last word. Of the hash, the upper half counts."""
    return event.ts_ms, hash_of(event.message_id) >> 32


def hash_of(written: str) -> int:
    """XXH3-64 of the UTF-8, unsigned."""
    return xxh3_64_intdigest(written.encode())


def say(words: dict[str, Word], about: str, event: Event, said: Any) -> None:
    """Keep what the event says, unless a word of the same rank or a greater one is known."""
    words[about] = latest(words.get(about), event, said)


def latest(known: Word | None, event: Event, said: Any) -> Word:
    """The word of the greater rank; of equal ones the one that was known."""
    if known is not None and rank(event) <= (known.ts_ms, known.hash):
        return known
    return Word(*rank(event), said)


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


def apply_tallies(customer: Customer, ts: int, meaning: Meaning, at_ms: int) -> None:
    """What the event counts as, and what its valence does."""
    for tally in (meaning.counts, TALLY_OF_VALENCE.get(meaning.valence)):
        if tally is not None:
            add(customer, tally, ts, 1, at_ms)
            customer.last_of_tally[tally] = later(customer.last_of_tally.get(tally), ts)


def apply_session(
    customer: Customer, ts: int, channel: str, at_ms: int, *, gap_ms: int, gap_counts: bool
) -> None:
    """Sessions, the durations that follow from gaps inside them, and active days."""
    before = customer.last_activity
    if before is None or ts - before > gap_ms:
        add(customer, "sessions", ts, 1, at_ms)
        customer.session_start = ts
        customer.pause = 0 if before is None else ts - before
        customer.pages, customer.products = set(), set()
    elif ts > before and gap_counts:
        add(customer, f"{channel}_duration", ts, ts - before, at_ms)
    customer.active_days.add(ts // DAY_MS)
    customer.last_activity = later(before, ts)


def apply_hour(customer: Customer, ts: int) -> None:
    """The UTC hour of the day counts one more."""
    hour = ts % DAY_MS // HOUR_MS
    customer.hours[hour] = customer.hours.get(hour, 0) + 1


def apply_view(customer: Customer, event: Event, meaning: Meaning) -> None:
    """What is shown joins the pages or the products of the latest session, if it is part of it."""
    assert customer.session_start is not None
    if event.ts_ms < customer.session_start:
        return
    if event.type in ("page", "screen"):
        join(customer.pages, page_shown(event))
    elif meaning.counts == "product_views":
        join(customer.products, product_shown(event))


def join(known: set[str], shown: str | None) -> None:
    """One more of those that are known, as long as there are not too many."""
    if shown is not None and len(known) < SHOWN_MAX:
        known.add(shown)


def apply_category(customer: Customer, event: Event) -> None:
    """Count the event's category; a ninth takes the place, and the count, of the least."""
    counts, name = customer.categories, category(event)
    if name == "":
        return
    if name not in counts and len(counts) == CATEGORIES_MAX:
        least = min(counts, key=lambda one: (counts[one], one.encode()))
        counts[name] = counts.pop(least)
    counts[name] = counts.get(name, 0) + 1


def apply_cart(customer: Customer, event: Event, meaning: Meaning, currency: str) -> None:
    """What is in the cart and what it costs, since when, when it changed, and when an order emptied it."""
    ts = event.ts_ms
    if meaning.cart is not None and (customer.cart_cleared is None or ts >= customer.cart_cleared):
        pieces = quantity(event)
        micros = pieces * price_micros(event, currency)
        if meaning.cart == "add":
            if customer.cart_items == 0:
                customer.cart_since = ts
            customer.cart_items = min(CART_ITEMS_MAX, customer.cart_items + pieces)
            customer.cart_value = min(CART_VALUE_MAX, customer.cart_value + micros)
        else:
            customer.cart_items = max(0, customer.cart_items - pieces)
            customer.cart_value = max(0, customer.cart_value - micros) if customer.cart_items > 0 else 0
        customer.cart_changed = later(customer.cart_changed, ts)
    if meaning.order and (customer.cart_changed is None or ts >= customer.cart_changed):
        customer.cart_items = 0
        customer.cart_value = 0
        customer.cart_cleared = later(customer.cart_cleared, ts)


def apply_consent(customer: Customer, event: Event, meaning: Meaning) -> None:
    """What an identify call gives or withdraws, or what the event's name means; per channel."""
    given = event.consent if event.type == "identify" else meaning.consent
    for channel, granted in given.items():
        say(customer.consent, channel, event, granted)


def apply_traits(customer: Customer, event: Event) -> None:
    """Whether the customer is on the suppression list, and in which zone; zones that there are not say nothing."""
    if event.suppressed is not None:
        customer.suppressed = latest(customer.suppressed, event, event.suppressed)
    if event.time_zone in zone_names():
        customer.time_zone = latest(customer.time_zone, event, event.time_zone)


def apply_outcome(customer: Customer, event: Event, at_ms: int) -> None:
    """What became of a message: ours, or one of somebody else."""
    channel = event.properties["channel"]
    tally = outcomes.TALLIES.get((event.name or "", channel))
    if tally is not None:
        add(customer, tally, event.ts_ms, 1, at_ms)
        customer.last_of_tally[tally] = later(customer.last_of_tally.get(tally), event.ts_ms)
    if event.name in (outcomes.UNSUBSCRIBED, outcomes.BOUNCED):
        say(customer.consent, channel, event, said=False)
    if event.name in (outcomes.OPENED, outcomes.CLICKED):
        say(customer.answered, channel, event, said=True)
    if outcomes.is_contact(event):
        outcomes.remember_contact(customer, event.ts_ms, channel)


def apply_answer(customer: Customer, event: Event, meaning: Meaning) -> None:
    """The score of a survey."""
    answered = answer(event) if meaning.survey else None
    if answered is not None:
        survey, score = answered
        say(customer.surveys, survey, event, score)


def apply_ticket(customer: Customer, event: Event, meaning: Meaning) -> None:
    """Open or closed; of too many tickets one is forgotten: a closed one first, of those the oldest."""
    if meaning.ticket is None:
        return
    tickets = customer.tickets
    say(tickets, ticket_id(event), event, meaning.ticket == "open")
    if len(tickets) > TICKETS_MAX:
        del tickets[min(tickets, key=lambda one: (tickets[one].said, tickets[one].ts_ms, hash_of(one)))]


def apply_funnel(customer: Customer, event: Event, funnel: Funnel) -> None:
    """Begin, begin anew after the time of the last beginning, or go the next step within it."""
    if event.type != "track":
        return
    ts = event.ts_ms
    done = customer.funnels.get(funnel.key)
    if event.name == funnel.steps[0] and (done is None or ts > done.started + funnel.within_ms):
        customer.funnels[funnel.key] = Progress(1, ts, ts)
    elif (
        done is not None
        and done.steps < len(funnel.steps)
        and event.name == funnel.steps[done.steps]
        and done.last <= ts <= done.started + funnel.within_ms
    ):
        customer.funnels[funnel.key] = Progress(done.steps + 1, done.started, ts)
