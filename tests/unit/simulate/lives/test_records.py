"""Happenings as records and lines."""

from itertools import count, islice

import orjson

from streamproc.contracts.instants import to_iso
from streamproc.simulate.lives.records import line, recorded, recorded_live
from streamproc.transport.lines import parse_line
from tests.unit.simulate.lives.people import happenings


def test_a_line_is_the_record() -> None:
    """Topic, key and value, as `streamproc publish` reads it."""
    for record in recorded(happenings()[:500], "s7"):
        assert parse_line(line(record).rstrip(b"\n"), None) == (record.topic, record.key, record.value)


def test_events_say_who_when_and_what() -> None:
    """In the fields of the Segment spec."""
    for happening, record in zip(happenings()[:500], recorded(happenings(), "s7"), strict=False):
        event = orjson.loads(record.value)
        assert event[happening.who.field] == happening.who.name
        assert event["timestamp"] == to_iso(happening.ts_ms)
        assert event["messageId"] == f"s7-{happening.who.name}-{happening.number}"
        assert event["type"] == happening.call["type"]


def test_live_records_happen_when_they_are_asked_for() -> None:
    """The clock is read for each; the order stays."""
    ticks = count(1_700_000_000_000, 50)
    records = list(islice(recorded_live(happenings(), "live-1", ticks.__next__), 3))
    assert [record.ts_ms - 1_700_000_000_000 for record in records] == [0, 50, 100]
    assert [orjson.loads(record.value)["timestamp"][-7:] for record in records] == [
        "20.000Z",
        "20.050Z",
        "20.100Z",
    ]
