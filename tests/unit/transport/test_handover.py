"""Whether a chunk still counts, and whether a partition is at its end."""

from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import TopicPartition

from streamproc.transport.chunks import Chunk, Tail
from streamproc.transport.handover import Handover
from streamproc.transport.reader import Cursor, Poll

WEB = TopicPartition("web", 3)


def chunk_up_to(next_offset: int, *, session: int) -> Chunk:
    return Chunk(
        topic="web",
        partition=3,
        records=[],
        start_offset=0,
        next_offset=next_offset,
        generation=1,
        session=session,
    )


@pytest.fixture
def reader() -> Any:
    """Session 7 of WEB, sought to 100; no poll was answered yet."""
    return SimpleNamespace(cursors={WEB: Cursor(7, 1, start_offset=100, next_offset=150)}, polls={})


@pytest.fixture
def handover(reader: Any) -> Handover:
    return Handover(lambda: reader)


def test_before_the_start_nothing_counts() -> None:
    """There is no reader, no session, no tail."""
    handover = Handover(lambda: None)
    assert handover.tail(WEB) is None
    assert not handover.is_current(chunk_up_to(5, session=1))


def test_only_chunks_of_the_latest_session_count(handover: Handover, reader: Any) -> None:
    """A seek voids what came before it; a revocation voids everything."""
    assert handover.is_current(chunk_up_to(150, session=7))
    assert not handover.is_current(chunk_up_to(150, session=6))
    reader.cursors.clear()
    assert not handover.is_current(chunk_up_to(150, session=7))
    assert handover.tail(WEB) is None


def test_a_partition_is_at_its_end_when_everything_shown_was_handed_over(
    handover: Handover, reader: Any
) -> None:
    """Not before the first answer, and not while a chunk is still on its way to an agent."""
    assert handover.tail(WEB) == Tail(100, at_end=False, polled_at_ms=0)
    reader.polls[WEB] = Poll(sent_ms=5_000, end=150)
    assert handover.tail(WEB) == Tail(100, at_end=False, polled_at_ms=5_000)
    handover.note(chunk_up_to(150, session=7))
    assert handover.tail(WEB) == Tail(150, at_end=True, polled_at_ms=5_000)
    reader.polls[WEB] = Poll(sent_ms=6_000, end=151)
    assert handover.tail(WEB) == Tail(150, at_end=False, polled_at_ms=6_000)


def test_what_an_earlier_session_handed_over_says_nothing_about_this_one(
    handover: Handover, reader: Any
) -> None:
    """After a seek back, the tail begins where the seek went."""
    handover.note(chunk_up_to(150, session=6))
    reader.polls[WEB] = Poll(sent_ms=5_000, end=150)
    assert handover.tail(WEB) == Tail(100, at_end=False, polled_at_ms=5_000)


def test_an_empty_partition_is_at_its_end_at_once(handover: Handover, reader: Any) -> None:
    """No chunk will ever come to say so."""
    reader.polls[WEB] = Poll(sent_ms=5_000, end=100)
    assert handover.tail(WEB) == Tail(100, at_end=True, polled_at_ms=5_000)
