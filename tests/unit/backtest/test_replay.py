"""A replay publishes what a worker would have, whatever the chunks."""

import asyncio
from collections.abc import Sequence

import pytest

from streamproc.backtest import replay as module
from streamproc.backtest.history import HistoricEvent
from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from tests.oracle.engine import run_engine
from tests.reference.compose import call, encode, to_logs
from tests.unit.backtest import histories
from tests.unit.backtest.histories import DAY_MS

START_MS = 20_514 * DAY_MS
DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
CALLS = [
    ("events.web", call("page", "a", START_MS + 5, "m1", name="Home")),
    ("events.app", call("screen", "b", START_MS + 60_000, "m2", name="Home")),
    ("events.web", call("page", "a", START_MS + 3 * DAY_MS, "m3", name="Home")),
    ("events.web", call("page", "a", START_MS + 3 * DAY_MS, "m3", name="Home")),
    ("events.support", call("track", "b", START_MS + 4 * DAY_MS, "m4", event="Ticket Opened")),
    ("events.web", call("page", "c", START_MS + 5 * DAY_MS, "m5", name="Home")),
    # Late, and on another topic: which of the two comes first is known only once both logs are.
    ("events.app", call("screen", "a", START_MS + 4 * DAY_MS + 5, "m6", name="Home")),
    ("events.app", call("screen", "a", START_MS + 4 * DAY_MS, "m7", name="Home")),
]
EVENTS = [HistoricEvent(topic, encode(body)) for topic, body in CALLS]
WALL_NOW_MS = START_MS + 400 * DAY_MS


async def replayed(
    events: Sequence[HistoricEvent], silence_ms: int = 40 * DAY_MS
) -> tuple[Replay, list[Signal]]:
    return await histories.replayed(events, DEFINITIONS, WALL_NOW_MS, silence_ms)


async def test_it_publishes_what_the_engine_publishes_from_the_same_logs() -> None:
    replay, signals = await replayed(EVENTS)
    until_ms = START_MS + 46 * DAY_MS
    assert replay.time_ms == until_ms
    assert (replay.events, replay.refused, replay.repeats, replay.too_late) == (8, 0, 1, 0)
    run = await asyncio.to_thread(run_engine, to_logs(CALLS), DEFINITIONS, 1, until_ms)
    assert [signal.record for signal in signals] == run.records[0]
    assert {signal.key for signal in signals} >= {"new", "dormant", "needs_help"}


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_the_size_of_its_chunks_does_not_matter(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    _, whole = await replayed(EVENTS)
    monkeypatch.setattr(module, "_CHUNK_RECORDS", size)
    _, pieces = await replayed(EVENTS)
    assert pieces == whole


async def test_one_file_may_follow_the_other_if_each_has_a_topic() -> None:
    _, mixed = await replayed(EVENTS)
    _, apart = await replayed(sorted(EVENTS, key=lambda event: event.topic))
    assert apart == mixed


async def test_what_comes_far_too_late_is_counted() -> None:
    old, new = (
        encode(call("page", "a", at_ms, f"m{at_ms}")) for at_ms in (START_MS, START_MS + 200 * DAY_MS)
    )
    replay, _ = await replayed([HistoricEvent("events.web", new), HistoricEvent("events.web", old)])
    assert (replay.events, replay.too_late) == (2, 1)


async def test_the_future_is_refused() -> None:
    late = encode(call("page", "a", WALL_NOW_MS + DAY_MS, "m1"))
    replay, signals = await replayed([HistoricEvent("events.web", late)])
    assert (replay.events, replay.refused, signals) == (1, 1, [])


async def test_what_is_no_event_is_counted_and_named() -> None:
    replay, signals = await replayed([*EVENTS[:2], HistoricEvent("events.web", b"{"), *EVENTS[2:3]])
    assert (replay.events, replay.refused, replay.repeats) == (4, 1, 0)
    assert signals
    (refused,) = replay.first_refused
    assert (refused.line, refused.failure.reason) == (3, "not_json")


async def test_nothing_comes_of_nothing() -> None:
    replay, signals = await replayed([])
    assert (replay.time_ms, signals) == (0, [])
