"""The acceptance stream is what it claims to be."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.reference.malformed import FAR_FUTURE_MS, REASONS
from tests.reference.merge import apply_order
from tests.reference.model import Reference
from tests.reference.partition import partition_of
from tests.reference.rules import read_rules
from tests.reference.stream import Arrival, arrivals, generate, to_logs, write_jsonl
from tests.unit.reference.life import MODEL, rules

END_MS = 1_780_272_000_000


@pytest.fixture(scope="module")
def sent() -> list[Arrival]:
    return arrivals(
        1,
        customers=250,
        events=10_000,
        days=30,
        duplicates=0.1,
        out_of_order=0.2,
        malformed_share=0.01,
        end_ms=END_MS,
    )


def test_it_has_the_shares_it_is_asked_for(sent: list[Arrival]) -> None:
    """10,000 events, 1,000 repeats, 100 malformed records of all kinds."""
    kinds = Counter(one.kind for one in sent)
    assert (kinds["event"], kinds["repeat"], sum(kinds[kind] for kind in REASONS)) == (10_000, 1_000, 100)
    assert set(REASONS) <= set(kinds)
    assert len({one.key for one in sent if one.kind == "event"}) == 250


def test_every_repeat_is_recognized_and_every_malformed_record_fails_for_its_reason(
    sent: list[Arrival],
) -> None:
    """Nothing else fails, and nothing is too late."""
    logs = to_logs(sent, 2)
    result = Reference(rules(), MODEL, 2).run(logs, END_MS, END_MS)
    assert (result.duplicates, result.too_late) == (1_000, 0)
    reasons = Counter(failed.reason for failed in result.failed)
    assert reasons == Counter(REASONS[one.kind] for one in sent if one.kind in REASONS)
    total = sum(values["events_total"][0] for values in result.features.values())
    identifies = sum(b'"type":"identify"' in (one.value or b"") for one in sent if one.kind == "event")
    assert total == 10_000 - identifies


def test_a_fifth_is_out_of_order_by_at_most_a_day(sent: list[Arrival]) -> None:
    """An event is out of order if a later one of its topic and partition was sent before it."""
    logs = to_logs([one for one in sent if one.kind == "event"], 1)
    late = 0
    for place, log in logs.items():
        highest_ms = 0
        by_offset = sorted(
            apply_order({place: log}, 0, FAR_FUTURE_MS, read_rules(rules()), []),
            key=lambda applied: applied.offset,
        )
        for applied in by_offset:
            late += applied.event.ts_ms < highest_ms
            highest_ms = max(highest_ms, applied.event.ts_ms)
            assert highest_ms - applied.event.ts_ms < 86_400_000
    assert 0.19 < late / 10_000 < 0.24


def test_the_same_seed_makes_the_same_logs() -> None:
    """And another seed others; every record is in its customer's partition."""
    logs, again, other = (
        generate(seed, customers=20, events=300, days=5, partitions=3) for seed in (5, 5, 6)
    )
    assert logs == again
    assert logs != other
    for (_, partition), log in logs.items():
        assert [one.offset for one in log] == list(range(len(log)))
        assert {partition_of((one.key or b"").decode(), 3) for one in log} <= {partition}


def test_lines_hold_the_records_byte_for_byte(sent: list[Arrival], tmp_path: Path) -> None:
    """Each line is JSON; an event's value stands in it as it is."""
    path = tmp_path / "stream.jsonl"
    write_jsonl(path, sent)
    lines = path.read_text().splitlines()
    assert len(lines) == len(sent)
    for line, one in zip(lines, sent, strict=True):
        read = json.loads(line)
        assert (read["topic"], read["key"]) == (one.topic, (one.key or b"").decode())
        if one.kind in ("event", "repeat"):
            assert (one.value or b"") in line.encode()
            assert isinstance(read["value"], dict)
        elif one.kind == "invalid_utf8":
            assert "value_base64" in read
        elif one.value is not None:
            assert read["value"].encode() == one.value
