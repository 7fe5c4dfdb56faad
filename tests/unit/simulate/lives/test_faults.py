"""What goes wrong on the way."""

from collections import Counter
from itertools import pairwise

import pytest

from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.simulate.lives.faults import Faults, spoilt
from streamproc.simulate.lives.life import HOUR_MS, MINUTE_MS
from streamproc.simulate.lives.records import EventRecord, line, recorded
from streamproc.transport.lines import parse_line
from tests.reference.record import Record
from tests.unit.simulate.lives.people import PLAN, happenings


def arriving(faults: Faults) -> list[EventRecord]:
    """The first 20,000 events."""
    return list(spoilt(recorded(happenings()[:20_000], "s7"), faults, seed=7))


def test_without_shares_nothing_is_changed() -> None:
    """Not a byte."""
    assert arriving(Faults()) == list(recorded(happenings()[:20_000], "s7"))


def test_the_same_seed_spoils_the_same_records() -> None:
    """And another one others."""
    faults = Faults(late=0.1, repeated=0.1, malformed=0.1)
    records = list(recorded(happenings()[:1000], "s7"))
    first, again, other = (list(spoilt(records, faults, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_late_records_come_within_25_hours() -> None:
    """All of them, out of order; those that are on time keep theirs."""
    records = arriving(Faults(late=0.05))
    assert sorted(records) == sorted(arriving(Faults()))
    latest_ms, late_ms = 0, []
    for record in records:
        if record.ts_ms < latest_ms:
            late_ms.append(latest_ms - record.ts_ms)
        latest_ms = max(latest_ms, record.ts_ms)
    assert len(late_ms) / len(records) == pytest.approx(0.05, abs=0.01)
    assert max(late_ms) < 26 * HOUR_MS


def test_repeated_records_are_the_same_and_soon() -> None:
    """Same messageId, same bytes."""
    records = arriving(Faults(repeated=0.05))
    twice = [record for record, times in Counter(records).items() if times == 2]
    assert len(twice) / 20_000 == pytest.approx(0.05, abs=0.01)
    assert len(records) == 20_000 + len(twice)
    newest_ms = max(record.ts_ms for record in records)
    assert all(b.ts_ms - a.ts_ms > -25 * MINUTE_MS for a, b in pairwise(records))
    assert newest_ms < PLAN.end_ms


def test_malformed_records_are_refused_and_no_others() -> None:
    """For several reasons; the lines hold them as they are, under the customer's key."""
    records = arriving(Faults(malformed=0.05))
    broken = [offset for offset, record in enumerate(records) if record.broken]
    assert len(broken) / len(records) == pytest.approx(0.05, abs=0.01)
    decoded = decode_chunk(
        [Record(offset, record.key, record.value) for offset, record in enumerate(records)],
        topic=0,
        origin=0,
        meanings=Meanings(DEFAULT_MEANINGS, "USD"),
        wall_now_ms=PLAN.end_ms,
    )
    assert [failure.offset for failure in decoded.failures] == broken
    assert len({failure.reason for failure in decoded.failures}) >= 4
    for record in records[broken[0] : broken[0] + 3]:
        assert parse_line(line(record), None) == (record.topic, record.key, record.value)
