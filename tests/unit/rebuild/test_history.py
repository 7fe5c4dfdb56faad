"""How far back logs reach: what retention has removed is said before anything is done."""

from collections.abc import Iterable

import pytest
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.errors import StreamprocError
from streamproc.rebuild import history
from streamproc.rebuild.history import REACH_MS, Bounds, begins_of
from streamproc.transport.brokers import Brokers

BOUNDS: Bounds = {"events.web": [(0, 10), (5, 20)], "events.app": [(0, 0), (0, 0)]}
BROKERS = Brokers("nowhere:1")


def with_oldest(monkeypatch: pytest.MonkeyPatch, age_ms: int) -> None:
    async def oldest_ms(_: Brokers, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        assert list(places) == [TopicPartition("t.events.web", 1)]  # of the others, nothing is missing
        return {TopicPartition("t.events.web", 1): wall_ms() - age_ms}

    monkeypatch.setattr(history, "oldest_ms", oldest_ms)


async def test_too_little_history_needs_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    with_oldest(monkeypatch, 12 * 86_400_000)
    with pytest.raises(StreamprocError, match=r"t.events.web\[1\] reaches back 12\.0 days") as refused:
        await begins_of(BROKERS, "t.", BOUNDS, None, accept_partial=False)
    assert "--accept-partial" in refused.value.fix
    found = await begins_of(BROKERS, "t.", BOUNDS, None, accept_partial=True)
    assert found == {"events.web": [0, 5], "events.app": [0, 0]}


async def test_more_than_windows_look_back_on_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    with_oldest(monkeypatch, REACH_MS + 1_000)
    assert (await begins_of(BROKERS, "t.", BOUNDS, None, accept_partial=False))["events.web"] == [0, 5]


async def test_from_an_instant_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all is older, there is nothing to read; less than windows look back on needs consent."""

    async def offsets_at(
        _: Brokers, __: Iterable[TopicPartition], at_ms: int
    ) -> dict[TopicPartition, tuple[int, int]]:
        assert at_ms == 1_000
        return {TopicPartition("t.events.web", 0): (4, 1_500)}

    monkeypatch.setattr(history, "offsets_at", offsets_at)
    found = await begins_of(BROKERS, "t.", BOUNDS, 1_000, accept_partial=False)
    assert found == {"events.web": [4, 20], "events.app": [0, 0]}
    recent_ms = wall_ms() - REACH_MS // 2
    monkeypatch.setattr(history, "offsets_at", nothing)
    with pytest.raises(StreamprocError, match="leaves out what windows look back on: 90 days") as refused:
        await begins_of(BROKERS, "t.", BOUNDS, recent_ms, accept_partial=False)
    assert "--accept-partial" in refused.value.fix
    found = await begins_of(BROKERS, "t.", BOUNDS, recent_ms, accept_partial=True)
    assert found == {"events.web": [10, 20], "events.app": [0, 0]}


async def nothing(*_: object) -> dict[TopicPartition, tuple[int, int]]:
    """No record is so new."""
    return {}
