"""The JSON Schemas: valid, up to date, and saying what the decoder does."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings

from streamproc.contracts import samples
from streamproc.contracts.export import TOPICS, documents, json_schema
from tests.unit.contracts.events import OUTCOMES, WEB, decode, event, events, likely_events, outcomes, track

SCHEMAS = Path(__file__).parents[3] / "schemas"
EVENTS = jsonschema.Draft202012Validator(json_schema("events.web"))
ON_OUTCOMES = jsonschema.Draft202012Validator(json_schema("actions.outcomes"))


@pytest.mark.parametrize("topic", TOPICS)
def test_schemas_are_valid(topic: str) -> None:
    """JSON Schema 2020-12."""
    schema = json_schema(topic)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_the_committed_files_are_up_to_date() -> None:
    """Else: run `streamproc schemas`."""
    assert {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()} == documents()


def test_documents_are_the_same_in_every_process() -> None:
    """No order of a set or hash shows."""
    program = "from streamproc.contracts.export import documents; print(documents())"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == str(documents())


@pytest.mark.parametrize("topic", samples.EVENTS)
def test_sample_events_are_valid_and_accepted(topic: str) -> None:
    """By the schema and by the decoder."""
    for sample in samples.EVENTS[topic]:
        jsonschema.validate(sample, json_schema(topic))
        origin = OUTCOMES if topic == "actions.outcomes" else WEB
        assert not decode(sample, channel=origin).failures


@pytest.mark.parametrize("topic", samples.records())
def test_sample_records_are_valid(topic: str) -> None:
    """Every field of them is described: nothing goes out that the schema does not know."""
    schema = _closed(json_schema(topic))
    for record in samples.records()[topic]:
        assert record.topic == topic
        jsonschema.validate(json.loads(record.value), schema)


def _closed(schema: Any) -> Any:
    """The schema, with every object closed to fields that it does not name."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.mark.parametrize(
    "value",
    [
        event(userId=None),
        event(userId="anon:x"),
        event(timestamp="2026-01-01T00:00:00"),
        event(type="group"),
        track(None),
        track("Product Added", properties={"quantity": 0}),
        track("Order Completed", properties={"currency": 5}),
        event(properties={"duration_ms": -1}),
        track("Action Opened"),
        track("Action Opened", properties={"channel": "fax"}),
        track("Action Clicked", properties={"channel": "sms", "action_id": ""}),
        event(type="identify", traits={"suppressed": "yes"}),
    ],
)
def test_the_schema_refuses_what_the_decoder_refuses(value: dict[str, Any]) -> None:
    """Also what ties two fields together."""
    assert not EVENTS.is_valid(value)
    assert decode(value).failures


@settings(max_examples=100, deadline=None)
@given(outcomes)
def test_schema_and_decoder_agree_on_outcomes(value: dict[str, Any]) -> None:
    """On their own topic and on others."""
    for schema, origin in ((ON_OUTCOMES, OUTCOMES), (EVENTS, WEB)):
        assert schema.is_valid(value) == (not decode(value, channel=origin).failures)


@pytest.mark.parametrize("value", [event(), event(type="identify"), track("Order Completed")])
def test_nothing_but_outcomes_belongs_on_their_topic(value: dict[str, Any]) -> None:
    """Says the schema, and says the decoder."""
    assert not ON_OUTCOMES.is_valid(value)
    assert decode(value, channel=OUTCOMES).failures


#: What no schema can say: clocks, sums, calendars.
_BEYOND_SCHEMA = {"timestamp_out_of_range", "timestamp_in_future"}
_CALENDAR = {"$.timestamp", "$.sentAt", "$.originalTimestamp", "$.receivedAt"}
_MONEY = {"$.properties.revenue", "$.properties.total", "$.properties.value"}


@settings(max_examples=150, deadline=None)
@given(events | likely_events)
def test_schema_and_decoder_agree(value: dict[str, Any]) -> None:
    """On every event, but for what no schema can say."""
    failures = decode(value).failures
    if EVENTS.is_valid(value):
        assert all(
            failure.reason in _BEYOND_SCHEMA or failure.field in _CALENDAR | _MONEY for failure in failures
        ), failures
    else:
        assert failures
