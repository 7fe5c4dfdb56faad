"""The inbox hands records on in apply order, whatever the chunks they came in."""

import json
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.instants.inbox import NO_TIME, Inbox

MEANINGS = Meanings(names=DEFAULT_MEANINGS, currency="USD")
WALL_MS = 1_700_000_000_000


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes
    key: bytes | None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def log_of(seconds: list[int | None]) -> list[Record]:
    """Events at these seconds; None: a record that is no event."""
    records = []
    for offset, second in enumerate(seconds):
        event = {
            "type": "page",
            "userId": "u",
            "messageId": str(offset),
            "timestamp": f"2023-01-01T00:00:{second or 0:02}Z",
        }
        records.append(Record(offset, b"bad" if second is None else json.dumps(event).encode()))
    return records


def put(inbox: Inbox, topic: int, records: list[Record], next_offset: int) -> None:
    decoded = decode_chunk(records, topic=topic, origin=0, meanings=MEANINGS, wall_now_ms=WALL_MS)
    inbox.put(topic, records, decoded, next_offset)


logs = st.lists(st.lists(st.none() | st.integers(0, 5), max_size=8), min_size=2, max_size=3)


@given(seconds=logs, chunk=st.integers(1, 4), limit=st.integers(1, 5))
def test_order_is_running_maximum_then_topic_then_offset(
    seconds: list[list[int | None]], chunk: int, limit: int
) -> None:
    """Chunks arrive in turn; a topic is waited for until it has shown its end."""
    expected = []
    for topic, log in enumerate(seconds):
        highest = NO_TIME
        for offset, second in enumerate(log):
            if second is not None:
                highest = max(highest, second)
                expected.append((highest, topic, offset))
    expected.sort()

    inbox = Inbox(len(seconds), {})
    read = [0] * len(seconds)
    taken, failed, next_offsets = [], set(), {}
    while True:
        waiting = [topic for topic, log in enumerate(seconds) if read[topic] < len(log)]
        piece = inbox.take(limit, waiting)
        if piece is None:
            if not waiting:
                break
            topic = waiting[0]
            records = log_of(seconds[topic])[read[topic] : read[topic] + chunk]
            read[topic] += len(records)
            put(inbox, topic, records, read[topic])
            continue
        assert piece.records <= limit
        taken += list(zip(piece.events.topic.tolist(), piece.events.offset.tolist(), strict=True))
        assert [record.offset for record in piece.raw] == piece.events.offset.tolist()
        failed |= {(topic, failure.offset) for topic, failure, _ in piece.failures}
        next_offsets |= piece.next_offset
    assert taken == [(topic, offset) for _, topic, offset in expected]
    assert failed == {
        (t, o) for t, log in enumerate(seconds) for o, second in enumerate(log) if second is None
    }
    assert next_offsets == {topic: len(log) for topic, log in enumerate(seconds) if log}
    assert len(inbox) == 0


def test_a_topic_that_has_shown_nothing_is_waited_for() -> None:
    inbox = Inbox(2, {})
    put(inbox, 1, log_of([3]), 1)
    assert inbox.take(10, waiting=[0]) is None
    assert inbox.take(10, waiting=[]) is not None


def test_what_a_topic_reached_before_a_restart_still_counts() -> None:
    inbox = Inbox(2, {0: 1_672_531_202_000})  # 2023-01-01T00:00:02Z
    put(inbox, 1, log_of([1, 2, 3]), 3)
    piece = inbox.take(10, waiting=[0])
    assert piece is not None
    assert piece.events.offset.tolist() == [0]  # at second 2 topic 0 comes first


def test_nothing_beyond_the_given_time_is_taken() -> None:
    inbox = Inbox(1, {})
    put(inbox, 0, log_of([1, 2, 3, 2]), 4)
    assert inbox.last_ms(10, ()) == 1_672_531_203_000
    piece = inbox.take(10, (), up_to_ms=1_672_531_202_999)
    assert piece is not None
    assert piece.events.offset.tolist() == [0, 1]
    assert piece.next_offset == {0: 2}
    assert inbox.last_ms(1, ()) == 1_672_531_203_000


def test_the_end_of_a_chunk_is_where_its_log_goes_on() -> None:
    """Kafka may leave a hole behind the last record."""
    inbox = Inbox(1, {})
    put(inbox, 0, log_of([1, 2]), 7)
    piece = inbox.take(10, ())
    assert piece is not None
    assert piece.next_offset == {0: 7}
