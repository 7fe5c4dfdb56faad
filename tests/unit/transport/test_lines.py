"""Lines of JSON to records."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transport.lines import LineError, ParsedLine, customer_key, parse_line
from tests.reference.stream import Arrival, written

EVENT = b'{"type": "page",  "userId":"u-1"}'


def test_an_event_by_itself_goes_where_it_is_told_under_its_customer() -> None:
    """The bytes of the line are the value."""
    assert parse_line(EVENT, "events.app") == ParsedLine("events.app", b"u-1", EVENT)


def test_an_envelope_says_where_it_goes() -> None:
    """Its value keeps its bytes, spaces too."""
    line = b'{"topic":"events.web","key":"k","value":' + EVENT + b"}"
    assert parse_line(line, None) == ParsedLine("events.web", b"k", EVENT)
    assert parse_line(line, "events.support").topic == "events.web"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ('"value":"caf\\u00e9"', "café".encode()),
        ('"value":""', b""),
        ('"value":null', None),
        ('"value":"null"', b"null"),
        ('"value":[1, 2]', b"[1, 2]"),
        ('"value":7', b"7"),
        ('"value_base64":"/w=="', b"\xff"),
    ],
)
def test_a_value_may_be_anything(member: str, value: bytes | None) -> None:
    """An object as it stands, a string as its text, null as no value, base64 as its bytes."""
    line = f'{{"topic":"events.web","key":"k",{member}}}'.encode()
    assert parse_line(line, None).value == value


@pytest.mark.parametrize(
    ("envelope", "key"),
    [
        ({}, b"u-1"),
        ({"key": "other"}, b"other"),
        ({"key": "ü"}, "ü".encode()),
        ({"key": None}, None),
    ],
)
def test_a_key_is_the_customer_unless_the_envelope_has_its_own(
    envelope: dict[str, object], key: bytes | None
) -> None:
    """Null is a record without a key."""
    line = json.dumps({"topic": "events.web", "value": {"userId": "u-1"}, **envelope}).encode()
    assert parse_line(line, None).key == key


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'{"userId":"u","anonymousId":"a"}', b"u"),
        (b'{"userId":"","anonymousId":"a"}', b"anon:a"),
        (b'{"userId":null,"anonymousId":"a"}', b"anon:a"),
        (b'{"userId":7}', None),
        (b"{}", None),
        (b"not json", None),
        (b"\xff", None),
        (b"", None),
        (None, None),
    ],
)
def test_customer_key(value: bytes | None, key: bytes | None) -> None:
    """The id that the worker will read, as far as there is one."""
    assert customer_key(value) == key


@pytest.mark.parametrize(
    "line", [b"not json", b"\xff\xfe", b"[" * 100_000, b"[1]", b'{"topic":5,"value":{}}']
)
def test_what_is_no_line_of_json_is_a_value_where_a_topic_is_given(line: bytes) -> None:
    """So that every failure can be tried; without a topic there is nowhere to send it."""
    assert parse_line(line, "events.web") == ParsedLine("events.web", None, line)
    with pytest.raises(LineError, match="does not say its topic"):
        parse_line(line, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (EVENT, "does not say its topic"),
        (b'{"topic":"events.web"}', "does not say its topic"),
        (
            b'{"topic":"churn.risk","value":{}}',
            "'churn.risk' is none of events.web, events.app, events.support",
        ),
        (b'{"topic":"events.web","value_base64":"%"}', "no base64"),
    ],
)
def test_lines_that_cannot_be_sent(line: bytes, message: str) -> None:
    """Each says why."""
    with pytest.raises(LineError, match=message):
        parse_line(line, None)


@given(value=st.none() | st.binary(), key=st.none() | st.text(st.characters(codec="utf-8")))
def test_the_lines_of_the_reference_stream_are_its_records(value: bytes | None, key: str | None) -> None:
    """Whatever the bytes are."""
    encoded = None if key is None else key.encode()
    arrival = Arrival(0, "events.app", encoded, value, "malformed")
    line = f'{{"topic":"events.app","key":{json.dumps(key)},{written(arrival)}}}'.encode()
    assert parse_line(line, None) == ParsedLine("events.app", encoded, value)


@given(value=st.binary())
def test_base64(value: bytes) -> None:
    """Any bytes come through."""
    line = json.dumps({"topic": "events.web", "value_base64": base64.b64encode(value).decode()}).encode()
    assert parse_line(line, None).value == value
