"""Small adversarial logs: a few customers, instants on and around every kind of boundary."""

from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.reference.compose import call, to_logs
from tests.reference.malformed import REASONS, malformed
from tests.reference.partition import partition_of
from tests.reference.record import Logs, Record
from tests.reference.rule_strategies import rules_files

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


def calls() -> st.SearchStrategy[tuple[str, str, dict[str, Any]]]:
    """(topic, type, fields) of a call that says something."""
    topics = st.sampled_from(TOPICS)
    names = ("Product Viewed", "Ticket Opened", "Email Opened", "Unsubscribed", "Sold Out", "Never Heard Of")
    money = st.sampled_from((0, 1, 9.99, 10, 25.5, 0.0000005, 3.25))
    order = st.fixed_dictionaries(
        {},
        optional={
            "revenue": money,
            "total": money,
            "price": money,
            "currency": st.sampled_from(("USD", "EUR")),
        },
    )
    cart = st.fixed_dictionaries({}, optional={"quantity": st.integers(1, 3)})
    lasting = st.fixed_dictionaries(
        {},
        optional={
            "duration_ms": st.sampled_from((0, 1, 999.5, 1000, 30_000, 1_800_000)),
            "watched_ms": st.just(60_000),
        },
    )
    granted = st.dictionaries(st.sampled_from(("email", "push", "fax")), st.booleans(), max_size=2)
    return st.one_of(
        topics.map(lambda topic: (topic, "page", {})),
        st.tuples(topics, st.just("screen"), lasting.map(lambda p: {"properties": p})),
        track(topics, st.sampled_from((*names, "Video Watched")), lasting),
        track(topics, st.sampled_from(("Order Completed", "Order Completed", "Paid")), order),
        track(topics, st.sampled_from(("Product Added", "Product Added", "Product Removed")), cart),
        st.tuples(topics, st.just("identify"), granted.map(lambda c: {"traits": {"consent": c}})),
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
def sent_calls(draw: st.DrawFn, span: Span, customers: tuple[str, ...]) -> list[Sent]:
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
    if draw(st.integers(0, 9)) == 0:
        topic, body = draw(st.sampled_from(sent))
        at_ms, length = draw(instants(span)), draw(st.sampled_from((255, 256, 257)))
        burst = [
            (topic, {**call("page", customers[0], at_ms, f"burst-{n}"), "sentAt": body["timestamp"]})
            for n in range(length)
        ]
        sent += [*burst, (topic, body), burst[0]]
    return sent


def opening(span: Span, partitions: int) -> list[Sent]:
    """One event per topic and shard at the start of the span: no clock starts before."""
    keeper_of = {partition_of(f"clock-{n}", partitions): f"clock-{n}" for n in range(100)}
    keepers = [keeper_of[partition] for partition in range(partitions)]
    return [
        (topic, call("page", one, span.start_ms, f"start-{topic}")) for topic in TOPICS for one in keepers
    ]


@st.composite
def scenarios(draw: st.DrawFn, span: Span = MINUTES, *, contradictory: bool = False) -> Scenario:
    """Logs, rules and a model. contradictory: as for `rules_files`."""
    partitions = draw(st.sampled_from((1, 1, 2)))
    customers = draw(st.sampled_from((("ann",), ("ann", "bob"), ("ann", "anon:é", "bob"))))
    wall_now_ms = span.end_ms + HOUR_MS
    sent = [*opening(span, partitions), *draw(sent_calls(span, customers))]
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
        rules_yaml=draw(rules_files(contradictory=contradictory)),
        model_json=draw(st.sampled_from(MODELS)),
        partitions=partitions,
        logs={place: [replace(one, offset=n) for n, one in enumerate(log)] for place, log in logs.items()},
        wall_now_ms=wall_now_ms,
        until_ms=span.end_ms,
    )
