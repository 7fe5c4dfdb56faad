"""Events on the wrong partition go to their own, once."""

import json
from dataclasses import dataclass, replace

import numpy as np

from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.outbox import unpack
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.instants.inbox import Inbox, Slice
from streamproc.sources import REKEY_BYTES_MAX, SOURCE_HEADER, SOURCES, origins_of, sort_slice
from streamproc.transport.partitioner import partition_of
from streamproc.windows.table import new_customers

MEANINGS = Meanings(names=DEFAULT_MEANINGS, currency="USD")
PARTITIONS = 4
HERE = 1
OWN = next(f"u{i}" for i in range(99) if partition_of(f"u{i}".encode(), PARTITIONS) == HERE)
STRAY = next(f"u{i}" for i in range(99) if partition_of(f"u{i}".encode(), PARTITIONS) != HERE)


@dataclass(frozen=True)
class Record:
    offset: int
    value: bytes
    key: bytes | None = b"k"
    timestamp: int = 7
    headers: tuple[tuple[str, bytes | None], ...] = ()


def slice_of(topic: str, *customers: str) -> Slice:
    records = []
    for offset, customer in enumerate(customers):
        event = {
            "type": "page",
            "userId": customer,
            "messageId": str(offset),
            "timestamp": "2026-01-01T00:00:00Z",
        }
        records.append(Record(offset, json.dumps(event).encode()))
    inbox = Inbox(len(SOURCES), {})
    code = SOURCES.index(topic)
    decoded = decode_chunk(records, topic=code, origin=0, meanings=MEANINGS, wall_now_ms=2_000_000_000_000)
    inbox.put(code, records, decoded, len(records))
    taken = inbox.take(100, ())
    assert taken is not None
    return taken


def test_the_order_of_the_sources_is_by_name() -> None:
    assert SOURCES == (
        "actions.outcomes", "events.app", "events.support", "events.web", "streamproc.rekey",
    )  # fmt: skip


def test_a_stranger_of_another_partition_is_sent_there() -> None:
    taken = slice_of("events.app", OWN, STRAY)
    result = sort_slice(taken, new_customers([OWN, STRAY]), np.array([0, 1]), HERE, PARTITIONS)
    assert result.own.tolist() == [0]
    (record,) = result.rekeyed
    assert (record.topic, record.key, record.value) == (
        "streamproc.rekey",
        STRAY.encode(),
        taken.raw[1].value,
    )
    assert origins_of(SOURCES.index("streamproc.rekey"), [record]) == [1]
    assert (SOURCE_HEADER, b"events.app") in record.headers
    assert result.failed == []


def test_the_origin_is_that_of_the_first_topic() -> None:
    """Outcomes that are re-keyed stay outcomes."""
    taken = slice_of("actions.outcomes", STRAY)
    (record,) = sort_slice(taken, new_customers([STRAY]), np.array([0]), HERE, PARTITIONS).rekeyed
    assert [origins_of(SOURCES.index(topic), [record]) for topic in SOURCES[:4]] == [3, 1, 2, 0]
    assert origins_of(SOURCES.index("streamproc.rekey"), [record]) == [3]


def test_a_customer_with_state_here_stays_here() -> None:
    table = new_customers([STRAY])
    table.head["first_seen_ms"] = 5
    result = sort_slice(slice_of("events.web", STRAY), table, np.array([0]), HERE, PARTITIONS)
    assert (result.own.tolist(), result.rekeyed) == ([0], [])


def test_a_record_that_was_brought_to_the_wrong_partition_fails_instead_of_circling() -> None:
    taken = slice_of("streamproc.rekey", STRAY)
    result = sort_slice(taken, new_customers([STRAY]), np.array([0]), HERE, PARTITIONS)
    assert (result.own.tolist(), result.rekeyed) == ([], [])
    failure = json.loads(result.failed[0].value)["data"]["failure"]
    assert failure["reason"] == "wrong_partition"


def test_null_headers_travel_along() -> None:
    """Kafka allows them, so somebody sends them."""
    taken = slice_of("events.app", STRAY)
    taken.raw[0] = replace(taken.raw[0], headers=(("trace", None),))
    (record,) = sort_slice(taken, new_customers([STRAY]), np.array([0]), HERE, PARTITIONS).rekeyed
    assert unpack(record.pack()).headers == [("trace", None), (SOURCE_HEADER, b"events.app")]
    odd = Record(0, b"", headers=((SOURCE_HEADER, None),))
    assert origins_of(SOURCES.index("streamproc.rekey"), [odd]) == [0]


def test_what_is_too_large_to_be_moved_fails() -> None:
    """It would not fit into its topic, and everything behind it would wait for ever."""
    taken = slice_of("events.app", STRAY)
    taken.raw[0] = replace(taken.raw[0], headers=(("h", b"x" * REKEY_BYTES_MAX),))
    result = sort_slice(taken, new_customers([STRAY]), np.array([0]), HERE, PARTITIONS)
    assert result.rekeyed == []
    (failed,) = result.failed
    assert json.loads(failed.value)["data"]["failure"]["reason"] == "too_large"
