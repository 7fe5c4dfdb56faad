"""Shards that wait for Redis are told of together, and seldom."""

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from streamproc.restarts import Waits
from streamproc.state.store import StoreUnavailable

AWAY = StoreUnavailable("Redis at r:6379 does not serve", fix="start it")


class Clock:
    """Seconds, moved by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def away(waits: Waits, clock: Clock, partitions: range, *, seconds: int) -> None:
    """Each asks in vain, every two seconds."""
    for _ in range(0, seconds, 2):
        for partition in partitions:
            waits.note(partition, AWAY)
        clock.now_s += 2


def lines(logs: list[EventDict]) -> list[tuple[str, list[int] | None]]:
    return [(line["event"], line.get("partitions")) for line in logs]


@pytest.mark.parametrize("count", [1, 12])
def test_however_many_wait_there_is_a_line_in_half_a_minute(count: int) -> None:
    clock = Clock()
    waits = Waits(clock)
    with capture_logs() as logs:
        away(waits, clock, range(count), seconds=150)
    told = lines(logs)
    assert len(told) <= 6
    assert told[-1] == ("waiting for Redis", list(range(count)))
    assert (logs[0]["error"], logs[0]["fix"]) == (AWAY.message, AWAY.fix)


def test_more_that_wait_are_told_of_earlier() -> None:
    clock = Clock()
    waits = Waits(clock)
    with capture_logs() as logs:
        away(waits, clock, range(1), seconds=6)
        away(waits, clock, range(3), seconds=12)
    assert lines(logs) == [("waiting for Redis", [0]), ("waiting for Redis", [0, 1, 2])]


def test_the_end_is_told_once_and_only_of_what_was_told() -> None:
    """A shard that had to ask twice is no news; one that is let go has had no answer."""
    clock = Clock()
    waits = Waits(clock)
    with capture_logs() as logs:
        waits.note(0, AWAY)
        waits.over(0)
        away(waits, clock, range(2), seconds=4)
        waits.over(0)
        waits.over(1)
        away(waits, clock, range(1), seconds=4)
        waits.forget(0)
    assert [event for event, _ in lines(logs)] == [
        "waiting for Redis",
        "Redis answers again",
        "waiting for Redis",
    ]
