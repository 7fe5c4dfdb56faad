"""Small adversarial logs: a few customers, instants on and around every kind of boundary."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.reference.compose import call, to_logs
from tests.reference.malformed import REASONS, malformed
from tests.reference.outcome_strategies import OUTCOMES, REPORTED, TRAITS
from tests.reference.partition import partition_of
from tests.reference.record import OUTCOMES_TOPIC, Logs, Record
from tests.reference.rule_strategies import STEPS, rules_files
from tests.reference.rules import Funnel, read_rules

SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS = 1000, 60_000, 3_600_000, 86_400_000
#: 2026-03-02, 00:00 UTC: every pane width has a boundary here.
MIDNIGHT_MS = 20_514 * DAY_MS
MODELS = tuple(sorted((Path(__file__).parent / "models").glob("*.json")))

#: How far an event is from the boundary that it is put at.
JITTERS_MS = (-1001, -1000, -999, -500, -1, 0, 1, 2, 250, 999, 1000, 1001, 2000)
#: How long before its boundary a late event happened.
LATENESS_MS = (
    *(1_000, 5 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS, 23 * HOUR_MS, DAY_MS, 2 * DAY_MS, 6 * DAY_MS),
    *(7 * DAY_MS, 29 * DAY_MS, 30 * DAY_MS, 63 * DAY_MS, 64 * DAY_MS, 89 * DAY_MS, 90 * DAY_MS),
)
TOPICS = ("events.web", "events.app", "events.support")
OFFSETS_MINUTES = (0, 0, 120, -330)
#: How many of each are remembered.
ROW_LENGTHS = {"page": 32, "product": 32, "category": 8, "ticket": 16}

Sent = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything a run needs."""

    rules_yaml: str
    model_json: Path
    partitions: int
    logs: Logs
    wall_now_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when the clock goes, and the instants near which events happen."""

    start_ms: int
    end_ms: int
    boundaries_ms: tuple[int, ...]


#: Twelve minutes around midnight: short enough to evaluate every second.
MINUTES = Span(
    MIDNIGHT_MS - 6 * MINUTE_MS,
    MIDNIGHT_MS + 6 * MINUTE_MS,
    tuple(MIDNIGHT_MS + minute * MINUTE_MS for minute in (-6, -5, -5, -3, -1, 0, 0, 2, 4, 5)),
)
#: Four months, with everything at hours and days.
MONTHS = Span(
    MIDNIGHT_MS - DAY_MS,
    MIDNIGHT_MS + 120 * DAY_MS,
    tuple(
        MIDNIGHT_MS + day * DAY_MS + hour * HOUR_MS
        for day in (-1, 0, 1, 2, 5, 6, 7, 8, 29, 30, 31, 63, 64, 89, 90, 91)
        for hour in (0, 0, 5, 12)
    ),
)


def some(**values: tuple[Any, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these properties, each with one of its values."""
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(of) for name, of in values.items()})


#: Blank ones, too long ones, and such that a character or a space lies where they are cut.
CATEGORIES = (
    *(
        "shoes",
        "shoes",
        "Shoes",
        " shoes ",
        "\tshoes",
        "",
        "   ",
        "a category longer than it may be",
        7,
        None,
    ),
    *(
        "größe in zentimetern, lang",
        "🎁🎁🎁🎁🎁🎁🎁",
        "123456789012345678901234",
        "12345678901234567890123 x",
    ),
)
TITLES = ("Home", "Shop", "home", "", 5, None)
MONEY = (0, 1, 9.99, 10, 25.5, 0.0000005, 3.25)
CURRENCIES = ("USD", "USD", "EUR", None)
PRODUCTS = ("sku-1", "sku-2", "1", 1, 2, "", 2.0, True, None)
TICKETS = ("t-1", "t-2", "t-3", "1", 1, "é", None)
VIEWS = some(category=CATEGORIES, product_id=PRODUCTS, sku=PRODUCTS, price=(9.99, -1, "free"))
ORDERS = some(
    **{"revenue": MONEY, "total": MONEY, "price": MONEY, "currency": CURRENCIES},
    **{"ticket_id": TICKETS, "quantity": (1, 2)},
)
CARTS = some(quantity=(1, 2, 3, 1_000_000), price=(0, *MONEY, 1_000_000), currency=(*CURRENCIES, 978))
LASTING = some(duration_ms=(0, 1, 999.5, 1000, 30_000, 1_800_000), watched_ms=(60_000,), category=CATEGORIES)
ANSWERS = st.fixed_dictionaries(
    {
        "survey": st.sampled_from(("nps", "NPS", "csat", "csat", "ces", "Ces", "mood", 3, None)),
        "score": st.sampled_from((1, 2, 5, 3, 5, 7, 10, 0, 11, -1, 5.0, True, "9", None)),
    }
)
#: Names of calls, most often of those that the properties are made for.
VIEWED = ("Product Viewed", "Product Viewed", "Never Heard Of")
PLAIN = ("Email Opened", "Unsubscribed", "Sold Out", "Never Heard Of", "Video Watched", *STEPS)
TALLIED = (
    *("Products Searched", "Checkout Started", "Checkout Started", "Application Opened", "Order Refunded"),
    *("Push Notification Received", "Application Crashed", "Coupon Applied"),
)
TICKETED = ("Ticket Opened", "Ticket Opened", "Ticket Reopened", "Ticket Replied", "Ticket Closed")
SURVEYED = ("Survey Question Answered", "Survey Question Answered", "Never Heard Of", "Ticket Closed")


def calls() -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """(topic, type, fields) of a call that says something."""
    topics = st.sampled_from(TOPICS)
    shown = st.tuples(
        some(name=TITLES), some(path=("/", "/p", "", 3), url=("https://a.example/",), category=CATEGORIES)
    ).map(lambda both: {**both[0], "properties": both[1]})
    return st.one_of(
        st.tuples(topics, st.just("page"), shown),
        st.tuples(topics, st.just("screen"), LASTING.map(lambda p: {"properties": p})),
        track(topics, st.sampled_from(PLAIN), LASTING),
        track(topics, st.sampled_from(TALLIED), some(category=CATEGORIES)),
        track(topics, st.sampled_from(VIEWED), VIEWS),
        track(topics, st.sampled_from(("Order Completed", "Order Completed", "Paid")), ORDERS),
        track(topics, st.sampled_from(("Product Added", "Product Added", "Product Removed")), CARTS),
        track(topics, st.sampled_from(TICKETED), some(ticket_id=TICKETS)),
        track(topics, st.sampled_from(SURVEYED), ANSWERS),
        st.tuples(topics, st.just("identify"), TRAITS.map(lambda traits: {"traits": traits})),
        track(st.sampled_from((*(OUTCOMES_TOPIC,) * 3, *TOPICS)), REPORTED, OUTCOMES),
        track(st.just(OUTCOMES_TOPIC), st.sampled_from(PLAIN), LASTING),  # what does not belong there
    )


def track(
    topics: st.SearchStrategy[str],
    names: st.SearchStrategy[str],
    properties: st.SearchStrategy[dict[str, Any]],
) -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """(topic, "track", fields)."""
    fields = st.tuples(names, properties).map(lambda one: {"event": one[0], "properties": one[1]})
    return st.tuples(topics, st.just("track"), fields)


@st.composite
def instants(draw: st.DrawFn, span: Span) -> int:
    """An instant at a boundary of the span, or long before one."""
    late = draw(st.sampled_from((0, 0, 0, *LATENESS_MS)))
    return draw(st.sampled_from(span.boundaries_ms)) + draw(st.sampled_from(JITTERS_MS)) - late


@st.composite
def sent_calls(
    draw: st.DrawFn, span: Span, customers: tuple[str, ...], funnels: tuple[Funnel, ...]
) -> list[Sent]:
    """Calls in the order of sending, some of them twice, some with ids used before."""
    fresh = count()
    sent: list[Sent] = []
    for _ in range(draw(st.integers(1, 14))):
        if sent and draw(st.integers(0, 9)) == 0:
            sent.append(draw(st.sampled_from(sent)))
            continue
        topic, kind, fields = draw(calls())
        message_id = draw(st.sampled_from((f"new-{next(fresh)}", f"new-{next(fresh)}", "old-1", "old-2")))
        customer, at_ms = draw(st.sampled_from(customers)), draw(instants(span))
        offset = draw(st.sampled_from(OFFSETS_MINUTES))
        sent.append((topic, call(kind, customer, at_ms, message_id, offset_minutes=offset, **fields)))
    if funnels and draw(st.booleans()):
        sent += draw(ways(span, customers[0], funnels))
    if draw(st.integers(0, 3)) == 0:
        sent += draw(rows(span, customers[0]))
    if draw(st.integers(0, 9)) == 0:
        topic, body = draw(st.sampled_from(sent))
        at_ms, length = draw(instants(span)), draw(st.sampled_from((255, 256, 257)))
        burst = [
            (topic, {**call("page", customers[0], at_ms, f"burst-{n}"), "sentAt": body["timestamp"]})
            for n in range(length)
        ]
        sent += [*burst, (topic, body), burst[0]]
    return sent


@st.composite
def ways(draw: st.DrawFn, span: Span, customer: str, funnels: tuple[Funnel, ...]) -> list[Sent]:
    """The steps of a funnel, perhaps with others between them, at and around the ends of its time."""
    funnel = draw(st.sampled_from(funnels))
    names = list(funnel.steps) * draw(st.integers(1, 2))
    for other in draw(st.lists(st.sampled_from(STEPS), max_size=2)):
        names.insert(draw(st.integers(0, len(names))), other)
    within = funnel.within_ms
    after = st.sampled_from((0, 0, 1000, within // 2, within - 1, within, within, within + 1))
    gaps = [0, *(draw(after) for _ in names[1:])]
    topic, start_ms = draw(st.sampled_from(TOPICS)), draw(instants(span))
    moments = [start_ms + gap for gap in (sorted(gaps) if draw(st.integers(0, 3)) else gaps)]
    return [
        (topic, call("track", customer, at_ms, f"way-{n}", event=name))
        for n, (name, at_ms) in enumerate(zip(names, moments, strict=True))
        if at_ms <= span.end_ms
    ]


@st.composite
def rows(draw: st.DrawFn, span: Span, customer: str) -> list[Sent]:
    """About as many different pages, products, categories or tickets as are remembered, some of them again."""
    kind = draw(st.sampled_from(("page", "product", "category", "ticket", "ticket")))
    length = ROW_LENGTHS[kind] + draw(st.integers(-1, 3))
    numbers = [*range(length), *draw(st.lists(st.integers(0, length), max_size=3))]
    closed = draw(st.sets(st.integers(0, len(numbers) - 1), max_size=3))
    start_ms, step_ms = draw(instants(span)), draw(st.sampled_from((0, 0, 1, -1, 1000)))
    topic = draw(st.sampled_from(TOPICS[:2]))
    moments = [start_ms + n * step_ms for n in range(len(numbers))]
    return [
        (topic, row_call(kind, customer, at_ms, f"row-{n}", number, last=n in closed))
        for n, (number, at_ms) in enumerate(zip(numbers, moments, strict=True))
        if at_ms <= span.end_ms
    ]


def row_call(
    kind: str, customer: str, at_ms: int, message_id: str, number: int, *, last: bool
) -> dict[str, Any]:
    """A call about the page, product, category or ticket of this number; last: closes the ticket."""
    if kind == "page":
        return call("page", customer, at_ms, message_id, name=f"page {number}")
    event = {"ticket": "Ticket Closed" if last else "Ticket Opened"}.get(kind, "Product Viewed")
    name = {"ticket": "ticket_id", "product": "product_id", "category": "category"}[kind]
    value = f"c{number}" if kind == "category" else number
    return call("track", customer, at_ms, message_id, event=event, properties={name: value})


def opening(span: Span, partitions: int) -> list[Sent]:
    """One event per topic and shard at the start of the span: no clock starts before."""
    keeper_of = {partition_of(f"clock-{n}", partitions): f"clock-{n}" for n in range(100)}
    keepers = [keeper_of[partition] for partition in range(partitions)]
    delivered = {"event": "Action Delivered", "properties": {"channel": "in_app"}}
    return [
        *((topic, call("page", one, span.start_ms, f"start-{topic}")) for topic in TOPICS for one in keepers),
        *(
            (OUTCOMES_TOPIC, call("track", one, span.start_ms, "start-outcomes", **delivered))
            for one in keepers
        ),
    ]


@st.composite
def scenarios(draw: st.DrawFn, span: Span = MINUTES, *, contradictory: bool = False) -> Scenario:
    """Logs, rules and a model. contradictory: as for `rules_files`."""
    partitions = draw(st.sampled_from((1, 1, 2)))
    customers = draw(st.sampled_from((("ann",), ("ann", "bob"), ("ann", "anon:é", "bob"))))
    wall_now_ms = span.end_ms + HOUR_MS
    rules_yaml = draw(rules_files(contradictory=contradictory))
    funnels = read_rules(rules_yaml).funnels
    sent = [*opening(span, partitions), *draw(sent_calls(span, customers, funnels))]
    if draw(st.booleans()):
        consent = {"consent": {"email": True, "push": draw(st.booleans())}}
        sent[3:3] = [
            (TOPICS[0], call("identify", one, span.start_ms, "consent", traits=consent)) for one in customers
        ]
    logs = to_logs(sent, partitions)
    for kind in draw(st.lists(st.sampled_from(sorted(REASONS)), max_size=2)):
        place = draw(st.sampled_from(sorted(logs)))
        at = draw(st.integers(0, len(logs[place])))
        value = malformed(kind, call("track", "ann", span.start_ms, kind, event="Paid"))
        logs[place].insert(at, Record(0, b"ann", value))
    return Scenario(
        rules_yaml=rules_yaml,
        model_json=draw(st.sampled_from(MODELS)),
        partitions=partitions,
        logs={place: [replace(one, offset=n) for n, one in enumerate(log)] for place, log in logs.items()},
        wall_now_ms=wall_now_ms,
        until_ms=span.end_ms,
    )
