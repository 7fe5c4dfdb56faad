"""Seek sessions: what is asked in which order, and what is refused."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport import seek
from streamproc.transport.owner import Progress, Unavailable
from streamproc.transport.seek import OffsetLost, SeekFailed, SeekSessions, Start, resolve_start
from streamproc.transport.settings import LostPolicy

WEB = TopicPartition("web", 1)
APP = TopicPartition("app", 1)


class FakeOwner:
    """Answers with `stored`; writes down what it is told."""

    def __init__(self, stored: Mapping[TopicPartition, int | None]) -> None:
        self.stored = stored
        self.told: list[Any] = []
        self.slow_s = 0.0

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        self.told.append(("acquire", shards, generation))
        await asyncio.sleep(self.slow_s)
        return self.stored

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None:
        self.told.append(("started", dict(starts), session))

    def on_lost(self, tp: TopicPartition, count: int) -> None:
        self.told.append(("lost", tp, count))

    async def release(self, shards: set[int]) -> None:
        """Sessions never release."""

    def committed_offsets(self) -> Mapping[TopicPartition, Progress]:
        return {}


class FakeLog:
    """A log of fixed bounds; `ends_shown` are the answers of fetches past the end, one after the other."""

    def __init__(self, bounds: Mapping[TopicPartition, tuple[int, int]]) -> None:
        self.bounds = bounds
        self.ends_shown: list[int | KafkaError | None] = []
        self.moved_on = False
        self.started: list[tuple[dict[TopicPartition, int], int, int]] = []

    async def log_bounds(self, tps: set[TopicPartition]) -> Mapping[TopicPartition, tuple[int, int]]:
        return {tp: self.bounds[tp] for tp in tps}

    async def shown_end(self, tp: TopicPartition, offset: int) -> int | None:
        end = self.ends_shown.pop(0) if len(self.ends_shown) > 1 else self.ends_shown[0]
        if isinstance(end, KafkaError):
            raise end
        return end

    async def start_reading(
        self, starts: Mapping[TopicPartition, int], *, session: int, generation: int
    ) -> None:
        if self.moved_on:
            raise IllegalStateError("another generation")
        self.started.append((dict(starts), session, generation))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seek, "_END_CHECK_PAUSE_S", 0)


def sessions_of(
    owner: FakeOwner, log: FakeLog, *, policy: LostPolicy = "fail", deadline_s: float = 5
) -> SeekSessions:
    return SeekSessions(owner, log, policy=policy, deadline_s=deadline_s)


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_an_offset_inside_the_log_is_taken_as_it_is(beginning: int, length: int, stored: int) -> None:
    """Both policies agree there; outside, `fail` refuses and `skip` lands inside."""
    end = beginning + length
    if beginning <= stored <= end:
        assert resolve_start(WEB, stored, beginning, end, "fail") == Start(stored)
        assert resolve_start(WEB, stored, beginning, end, "skip") == Start(stored)
    else:
        with pytest.raises(OffsetLost):
            resolve_start(WEB, stored, beginning, end, "fail")
        assert beginning <= resolve_start(WEB, stored, beginning, end, "skip").offset <= end


def test_what_was_never_read_starts_at_the_beginning() -> None:
    """Wherever retention has put it by now; nothing of it counts as lost."""
    assert resolve_start(WEB, None, 40, 90, "fail") == Start(40, lost=0)


def test_records_removed_by_retention_are_counted() -> None:
    """The error names topic, partition, both offsets and the way out; `skip` counts what is gone."""
    with pytest.raises(OffsetLost, match=r"web\[1\].* 10,.* 40: .* 30 unread") as refusal:
        resolve_start(WEB, 10, 40, 90, "fail")
    assert "STREAMPROC_LOST_RECORDS=skip" in refusal.value.fix
    assert resolve_start(WEB, 10, 40, 90, "skip") == Start(40, lost=30)


def test_an_offset_past_the_end_is_refused() -> None:
    """The topic was made anew or cut back; `skip` goes to the end, so that nothing is counted twice."""
    with pytest.raises(OffsetLost, match=r"web\[1\].* 100,.*ends at 90: .*made anew or cut back"):
        resolve_start(WEB, 100, 40, 90, "fail")
    assert resolve_start(WEB, 100, 40, 90, "skip") == Start(90, lost=50)


async def test_a_session_asks_the_owner_seeks_and_reports() -> None:
    """In this order, with the same starts and session number for the thread and for the owner."""
    owner, log = FakeOwner({WEB: 7, APP: None}), FakeLog({WEB: (0, 9), APP: (3, 9)})
    sessions = sessions_of(owner, log)
    starts = {WEB: 7, APP: 3}
    assert await sessions.run(lambda: {WEB, APP}, 5) == starts
    assert owner.told == [("acquire", {1}, 5), ("started", starts, 1)]
    assert log.started == [(starts, 1, 5)]
    await sessions.run(lambda: {WEB, APP}, 6)
    assert [session for _, session, _ in log.started] == [1, 2]


async def test_nothing_assigned_is_nothing_to_do() -> None:
    """The owner is not even asked."""
    owner, log = FakeOwner({}), FakeLog({})
    assert await sessions_of(owner, log).run(set, 5) == {}
    assert owner.told == []


async def test_partitions_are_chosen_when_the_turn_has_come() -> None:
    """A session that waited for another one seeks what is assigned by then."""
    owner, log = FakeOwner({WEB: 7, APP: 1}), FakeLog({WEB: (0, 9), APP: (0, 9)})
    owner.slow_s = 0.05
    sessions = sessions_of(owner, log)
    assigned = {WEB}
    first = asyncio.create_task(sessions.run(lambda: set(assigned), 5))
    second = asyncio.create_task(sessions.run(lambda: set(assigned), 5))
    await asyncio.sleep(0.01)
    assigned.add(APP)
    assert (await first).keys() == {WEB}
    assert (await second).keys() == {WEB, APP}


async def test_lost_records_are_reported_before_reading_starts() -> None:
    """Policy `skip` tells the owner how many, then where it goes on."""
    owner, log = FakeOwner({WEB: 10}), FakeLog({WEB: (40, 90)})
    await sessions_of(owner, log, policy="skip").run(lambda: {WEB}, 5)
    assert owner.told[1:] == [("lost", WEB, 30), ("started", {WEB: 40}, 1)]


async def test_an_end_that_is_wrong_is_not_believed() -> None:
    """Some brokers name an end below what they serve: a fetch that shows more settles it."""
    owner, log = FakeOwner({WEB: 100}), FakeLog({WEB: (0, 60)})
    log.ends_shown = [KafkaError("no leader"), None, 60, 100]
    assert await sessions_of(owner, log).run(lambda: {WEB}, 5) == {WEB: 100}


@pytest.mark.parametrize("shown", [None, 60])
async def test_an_end_that_fetches_confirm_is_believed(shown: int | None) -> None:
    """Out of range, or an end below the offset, again and again: the topic is not the one it was."""
    owner, log = FakeOwner({WEB: 100}), FakeLog({WEB: (0, 60)})
    log.ends_shown = [shown]
    with pytest.raises(OffsetLost, match="ends at 60"):
        await sessions_of(owner, log).run(lambda: {WEB}, 5)
    assert log.started == []


async def test_a_slow_session_ends_with_an_error_that_says_so() -> None:
    """Faust would wait a little longer and then forget about it."""
    owner, log = FakeOwner({WEB: 7}), FakeLog({WEB: (0, 9)})
    owner.slow_s = 5
    with pytest.raises(SeekFailed, match="took more than") as failure:
        await sessions_of(owner, log, deadline_s=0.02).run(lambda: {WEB}, 5)
    assert "Redis" in failure.value.fix


async def test_brokers_that_do_not_answer_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is put off; the worker lives on."""
    owner, log = FakeOwner({WEB: 7}), FakeLog({WEB: (0, 9)})

    async def away(_: object) -> None:
        raise KafkaError("no leader")

    monkeypatch.setattr(log, "log_bounds", away)
    with pytest.raises(Unavailable, match="no leader"):
        await sessions_of(owner, log).run(lambda: {WEB}, 5)
    assert log.started == []


async def test_an_owner_that_leaves_out_a_partition_is_refused() -> None:
    """Starting it anywhere would be a guess."""
    owner, log = FakeOwner({WEB: 7}), FakeLog({WEB: (0, 9), APP: (0, 9)})
    with pytest.raises(SeekFailed, match="app"):
        await sessions_of(owner, log).run(lambda: {WEB, APP}, 5)


async def test_a_session_overtaken_by_a_rebalance_reports_nothing() -> None:
    """The next assignment brings another session; the lock is free for it."""
    owner, log = FakeOwner({WEB: 7}), FakeLog({WEB: (0, 9)})
    log.moved_on = True
    sessions = sessions_of(owner, log)
    with pytest.raises(IllegalStateError):
        await sessions.run(lambda: {WEB}, 5)
    assert owner.told == [("acquire", {1}, 5)]
    log.moved_on = False
    assert await sessions.run(lambda: {WEB}, 6) == {WEB: 7}


async def test_a_cancelled_session_leaves_the_way_free() -> None:
    """Faust cancels the seek of an assignment that is overtaken."""
    owner, log = FakeOwner({WEB: 7}), FakeLog({WEB: (0, 9)})
    owner.slow_s = 5
    sessions = sessions_of(owner, log)
    session = asyncio.create_task(sessions.run(lambda: {WEB}, 5))
    await asyncio.sleep(0.01)
    session.cancel()
    with pytest.raises(asyncio.CancelledError):
        await session
    owner.slow_s = 0
    assert await sessions.run(lambda: {WEB}, 6) == {WEB: 7}
