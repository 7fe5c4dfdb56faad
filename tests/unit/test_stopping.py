"""The end of a worker: in order by one signal; at once by a second one, or when it takes too long."""

import asyncio
import signal

import pytest
from structlog.testing import capture_logs

from streamproc import stopping as module
from streamproc.stopping import UNFINISHED, Stopping


@pytest.fixture
def codes() -> list[int]:
    """Exit codes with which the process would have ended."""
    return []


@pytest.fixture
async def stopping(codes: list[int], monkeypatch: pytest.MonkeyPatch) -> Stopping:
    monkeypatch.setattr(module.logging, "shutdown", lambda: None)
    return Stopping(lambda: {"partitions": [3]}, codes.append)


def at(monkeypatch: pytest.MonkeyPatch, now_s: float) -> None:
    monkeypatch.setattr(module, "monotonic_s", lambda: now_s)


async def test_a_signal_asks_for_the_end(stopping: Stopping, codes: list[int]) -> None:
    with stopping.listen():
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(stopping.asked.wait(), 5)
    assert codes == []


async def test_one_signal_that_comes_twice_is_one(
    stopping: Stopping, codes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal sends Ctrl-C to all processes, and a supervisor among them passes it on."""
    with stopping.listen():
        for now_s in (100.0, 100.9):
            at(monkeypatch, now_s)
            stopping.hear(signal.SIGINT)
    assert codes == []


async def test_a_second_signal_ends_it_at_once(
    stopping: Stopping, codes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the exit code of the signal, and a word on what is left."""
    with stopping.listen(), capture_logs() as logs:
        at(monkeypatch, 100.0)
        stopping.hear(signal.SIGTERM)
        at(monkeypatch, 101.1)
        stopping.hear(signal.SIGINT)
    assert codes == [128 + signal.SIGINT]
    assert logs[-1]["partitions"] == [3]
    assert "nothing is lost" in logs[-1]["event"]


async def test_an_end_that_takes_too_long_is_cut_short(
    stopping: Stopping, codes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_WITHIN_S", 0.0)
    with stopping.listen(), capture_logs() as logs:
        stopping.hurry()
        stopping.hurry()
        await asyncio.sleep(0.01)
    assert codes == [UNFINISHED]
    assert logs[-1]["why"] == "not done within 0 s"


async def test_a_worker_that_has_ended_is_not_ended_again(
    stopping: Stopping, codes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "END_WITHIN_S", 0.0)
    with stopping.listen():
        stopping.hurry()
    await asyncio.sleep(0.01)
    assert codes == []
