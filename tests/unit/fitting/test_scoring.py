"""Scores of the past: the engine's own, and nothing of the future in them."""

import asyncio
import io
import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.backtest.history import HistoricEvent
from streamproc.churn.model import ChurnModel, Scorecard, load_model
from streamproc.churn.score import DAY_MS
from streamproc.errors import StreamprocError
from streamproc.fitting.reading import Reader, Reading
from streamproc.fitting.scoring import for_horizon, risks_at
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from tests.unit.backtest.histories import replayed
from tests.unit.churn.customers import model_of
from tests.unit.fitting.histories import FIRST_DAY, line

RULESET = load_ruleset(None)
MODEL = load_model(None)
HOUR_MS = 3_600_000
START_MS = FIRST_DAY * DAY_MS
NOW_MS = START_MS + 1000 * DAY_MS

#: (customer, hour, name of the event)
events = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(0, 200 * 24),
        st.sampled_from(["Order Completed", "Product Viewed", "Live Chat Conversation Started"]),
    ),
    min_size=1,
    max_size=40,
)
Events = Sequence[tuple[str, int, str]]


def at(hour: int) -> int:
    return START_MS + hour * HOUR_MS


def reading_of(given_events: Events) -> Reading:
    reader = Reader(RULESET.meanings, "events.web", NOW_MS)
    lines = [line(who, at(hour), f"{who}{hour}{name}", event=name) for who, hour, name in given_events]
    reader.read(io.BytesIO(b"".join(lines)), "file", lambda size: None)
    return reader.reading()


def risks_of(
    given_events: Events, instants: Sequence[int], model: ChurnModel = MODEL
) -> dict[tuple[int, str], float]:
    """By (instant, customer)."""
    reading = reading_of(given_events)
    return {
        (found.now_ms, reading.ids[code]): risk
        for found in risks_at(reading, model, sorted(instants))
        for code, risk in zip(found.customer.tolist(), found.risk.tolist(), strict=True)
    }


@given(events, st.lists(st.integers(-10, 220 * 24), min_size=1, max_size=4, unique=True), st.data())
def test_no_look_ahead_no_order_no_repeats(
    given_events: Events, hours: list[int], data: st.DataObject
) -> None:
    """The score at an instant is the same, bit for bit, if the file ends there, is shuffled, or has all twice."""
    found = risks_of(given_events, [at(hour) for hour in hours])
    noisy = data.draw(st.permutations([*given_events, *given_events]))
    alone: dict[tuple[int, str], float] = {}
    for hour in hours:
        alone |= risks_of([event for event in noisy if event[1] < hour], [at(hour)])
    assert found == alone
    seen = {(at(hour), who) for hour in hours for who, when, _ in given_events if when < hour}
    assert set(found) == seen


@settings(max_examples=20, deadline=None)
@given(events)
def test_it_is_the_score_that_the_engine_publishes(given_events: Events) -> None:
    """Every risk in a churn signal of the worker's own shard, in the second in which it was published."""
    in_order = sorted(given_events, key=lambda event: event[1])
    history = [
        HistoricEvent("events.web", line(who, at(hour), f"{who}{hour}{name}", event=name).strip())
        for who, hour, name in in_order
    ]
    published = asyncio.run(churn_signals(history))
    for now_ms, customer, risk in published:
        assert risks_of(in_order, [now_ms])[now_ms, customer] == pytest.approx(risk, abs=1e-6)
    assert published or not any(not name.startswith("Live") for _, _, name in given_events)


async def churn_signals(history: Sequence[HistoricEvent]) -> list[tuple[int, str, float]]:
    """(instant, customer, risk) of each."""
    _, signals = await replayed(history, Definitions(RULESET, MODEL), NOW_MS, 60 * DAY_MS)
    return [
        (signal.at_ms, signal.customer, json.loads(signal.record.value)["properties"]["risk"])
        for signal in signals
        if signal.kind == "churn"
    ]


def test_who_was_never_active_is_scored_as_if_first_seen_had_been_an_activity() -> None:
    chat = [("a", 0, "Live Chat Conversation Started"), ("a", 300, "Live Chat Conversation Started")]
    (reading_risks,) = risks_at(reading_of(chat), MODEL, [at(24 * 50)])
    assert reading_risks.never_active == 1
    once = risks_of([("a", 0, "Order Completed")], [at(24 * 50)])
    assert reading_risks.risk.tolist() == list(once.values())


def test_before_the_first_event_there_is_nobody() -> None:
    assert risks_of([("a", 5, "Order Completed")], [at(5), at(0)]) == {}


def test_another_horizon_is_p0_alone() -> None:
    converted = for_horizon(MODEL, 30)
    assert (converted.horizon_days, converted.sc5, converted.p0) == (30, None, MODEL.p0)
    assert for_horizon(MODEL, 90) is MODEL
    p0 = model_of(p0=MODEL.p0, horizon_days=30)
    events_ = [("a", 5, "Order Completed"), ("a", 500, "Order Completed")]
    assert risks_of(events_, [at(800)], converted) == risks_of(events_, [at(800)], p0)


def test_a_longer_horizon_is_less_risk() -> None:
    lived = [("a", hour, "Order Completed") for hour in range(0, 2000, 240)]
    risks = [
        risks_of(lived, [at(2400)], for_horizon(MODEL, days))[at(2400), "a"] for days in (7, 30, 60, 120)
    ]
    assert risks == sorted(risks, reverse=True)
    assert len(set(np.round(risks, 6))) == 4


def test_a_rule_of_recency_is_refused_for_another_horizon() -> None:
    rule = model_of(sc5=Scorecard(w0=0.0, w1=0.0, w2=1.0, w3=0.0, w4=0.0, w5=0.0))
    with pytest.raises(StreamprocError, match="knows 90 days only"):
        for_horizon(rule, 30)
