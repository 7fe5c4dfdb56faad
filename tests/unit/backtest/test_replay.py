"""A replay publishes what a worker would have, whatever the chunks."""

import asyncio
from collections.abc import Sequence

import pytest

from streamproc.backtest import replay as module
from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.rules.load import load_ruleset
from streamproc.simulate.history import HistoryEvent
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from tests.oracle.engine import run_engine
from tests.reference.compose import call, encode, to_logs

DAY_MS = 86_400_000
START_MS = 20_514 * DAY_MS
DEFINITIONS = Definitions(load_ruleset(None), load_model(None))
CALLS = [
    ("events.web", call("page", "a", START_MS + 5, "m1", name="Home")),
    ("events.app", call("screen", "b", START_MS + 60_000, "m2", name="Home")),
    ("events.web", call("page", "a", START_MS + 3 * DAY_MS, "m3", name="Home")),
    ("events.web", call("page", "a", START_MS + 3 * DAY_MS, "m3", name="Home")),
    ("events.support", call("track", "b", START_MS + 4 * DAY_MS, "m4", event="Ticket Opened")),
]
EVENTS = [HistoryEvent(0, topic, "", encode(body)) for topic, body in CALLS]


async def replayed(
    events: Sequence[HistoryEvent], silence_ms: int = 40 * DAY_MS
) -> tuple[Replay, list[Signal]]:
    replay = Replay(DEFINITIONS)
    return replay, [signal async for signal in replay.signals(events, silence_ms)]


async def test_it_publishes_what_the_engine_publishes_from_the_same_logs() -> None:
    replay, signals = await replayed(EVENTS)
    until_ms = START_MS + 45 * DAY_MS
    assert replay.time_ms == until_ms
    assert (replay.events, replay.refused) == (5, 0)
    run = await asyncio.to_thread(run_engine, to_logs(CALLS), DEFINITIONS, 1, until_ms)
    assert [signal.record for signal in signals] == run.records[0]
    assert {signal.key for signal in signals} >= {"new", "dormant", "needs_help"}


async def test_the_size_of_its_chunks_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    _, whole = await replayed(EVENTS)
    monkeypatch.setattr(module, "_CHUNK_RECORDS", 1)
    _, pieces = await replayed(EVENTS)
    assert pieces == whole


async def test_what_is_no_event_is_counted() -> None:
    replay, signals = await replayed([HistoryEvent(0, "events.web", "", b"{"), *EVENTS[:1]])
    assert (replay.events, replay.refused) == (2, 1)
    assert signals


async def test_nothing_comes_of_nothing() -> None:
    replay, signals = await replayed([])
    assert (replay.time_ms, signals) == (0, [])
