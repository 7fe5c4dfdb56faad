"""Decoding for a shard: nothing raises for bad input, and what the program has failed on is refused."""

import json
from typing import Any

import pytest

from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import Meanings
from streamproc.contracts.vocabulary import DEFAULT_MEANINGS
from streamproc.intake import Intake
from streamproc.metrics import Metrics
from streamproc.sources import SOURCES
from tests.unit.test_sources import Record

WEB = SOURCES.index("events.web")
MEANINGS = Meanings(names=DEFAULT_MEANINGS, currency="USD")
NOW_MS = 2_000_000_000_000


def record(offset: int, event: str = "Product Viewed", **properties: Any) -> Record:
    value = {
        "type": "track",
        "event": event,
        "userId": "ada",
        "messageId": str(offset),
        "properties": properties,
    }
    return Record(offset, json.dumps({**value, "timestamp": "2026-01-01T00:00:00Z"}).encode())


def test_bad_records_are_failures() -> None:
    intake = Intake(Metrics(), frozenset(), corrects_skew=False)
    decoded = intake.decode(WEB, [record(0), Record(1, b"{"), record(2)], MEANINGS, NOW_MS)
    assert (len(decoded.columns), [failure.offset for failure in decoded.failures]) == (2, [1])


def test_what_the_program_has_failed_on_is_refused() -> None:
    """By topic and offset, in its place; the others are events as before."""
    intake = Intake(Metrics(), {(WEB, 1), (WEB + 1, 0)}, corrects_skew=False)
    records = [record(0), record(1), Record(2, b"{")]
    decoded = intake.decode(WEB, records, MEANINGS, NOW_MS)
    assert len(decoded.columns) == 1
    assert [(failure.position, failure.offset, failure.reason) for failure in decoded.failures] == [
        (1, 1, "not_processed"),
        (2, 2, "not_json"),
    ]


def test_what_is_odd_is_counted() -> None:
    metrics = Metrics()
    intake = Intake(metrics, frozenset(), corrects_skew=False)
    odd = [record(0, "Never Heard Of"), record(1, "Order Completed", revenue=1, currency="EUR")]
    intake.decode(WEB, odd, MEANINGS, NOW_MS)
    found = {
        name: metrics.registry.get_sample_value(f"streamproc_{name}")
        for name in ("events_unknown_name_total", "currency_mismatches_total")
    }
    assert found == {"events_unknown_name_total": 1, "currency_mismatches_total": 1}


def test_the_record_to_blame_for_a_defect_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(records: Any, **kwargs: Any) -> Any:
        if any(one.offset == 1 for one in records):
            raise ZeroDivisionError("a bug")
        return decode_chunk(records, **kwargs)

    monkeypatch.setattr("streamproc.intake.decode_chunk", defective)
    intake = Intake(Metrics(), frozenset(), corrects_skew=False)
    assert [intake.fails_on(WEB, record(offset), MEANINGS, NOW_MS) for offset in (0, 1)] == [False, True]
