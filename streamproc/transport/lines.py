"""Kafka records as lines of JSON, one each: what `streamproc publish` reads.

A line is an event by itself, or an envelope that says where it goes:

    {"topic": "events.web", "key": "u-1", "value": {...}}

topic: without the prefix. key: absent, it is the customer's id; null, the record has none. value: an object
is sent as it stands, byte for byte; a string is sent as its text, which need not be an event; null is a
record without a value. `value_base64` instead of `value` holds any bytes.
"""

import base64
import binascii
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, Final, NamedTuple

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from streamproc.contracts.events import ANONYMOUS_PREFIX
from streamproc.transport.topics import Topics

EVENT_TOPICS: Final = Topics().events


class LineError(ValueError):
    """A line that cannot be made a record; the message says why."""


class BadLine(NamedTuple):
    """A line of a file that is no event, and why."""

    file: str
    line: int
    reason: str
    field: str
    message: str


class ParsedLine(NamedTuple):
    """A record of a source topic (its name without the prefix)."""

    topic: str
    key: bytes | None
    value: bytes | None


class _Envelope(Struct):
    topic: str | None = None
    key: str | UnsetType | None = UNSET
    value: Raw | UnsetType = UNSET
    value_base64: str | UnsetType = UNSET


class _Plain(Struct):
    """What most envelopes hold."""

    topic: str = ""
    value: Raw = Raw(b"")
    value_base64: str = ""


class _Customer(Struct, rename="camel"):
    user_id: Any = None
    anonymous_id: Any = None


_read_envelope: Final = msgspec.json.Decoder(_Envelope).decode
_read_plain: Final = msgspec.json.Decoder(_Plain).decode
_read_customer: Final = msgspec.json.Decoder(_Customer).decode
_read_text: Final = msgspec.json.Decoder(str).decode


def parse_line(line: bytes, topic: str | None) -> ParsedLine:
    """The record of a line. `topic`: where a line goes that is no envelope; None: such a line is an error.

    Raises LineError. What the value holds is not checked: it may be no event, and no JSON.
    """
    try:
        envelope = _read_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if topic is None:
            raise LineError(f"the line does not say its topic, and none is given ({error})") from error
        return ParsedLine(topic, None, line)
    if envelope.topic is None or (envelope.value is UNSET and envelope.value_base64 is UNSET):
        if topic is None:
            raise LineError("the line does not say its topic, and none is given")
        return ParsedLine(topic, customer_key(line), line)
    if envelope.topic not in EVENT_TOPICS:
        raise LineError(f"topic {envelope.topic!r} is none of {', '.join(EVENT_TOPICS)}")
    value = _value(envelope)
    if envelope.key is UNSET:
        return ParsedLine(envelope.topic, customer_key(value), value)
    key = None if envelope.key is None else envelope.key.encode()
    return ParsedLine(envelope.topic, key, value)


def numbered_lines(file: IO[bytes], most: int) -> Iterator[tuple[list[tuple[int, bytes]], int]]:
    """The lines that are not blank with their numbers, in lists of `most`, and how many bytes each was read from."""
    numbered = enumerate(file, 1)
    while lines := list(islice(numbered, most)):
        yield (
            [(number, text) for number, line in lines if (text := line.strip())],
            sum(len(line) for _, line in lines),
        )


def open_line(line: bytes, topic: str) -> tuple[str, bytes | None]:
    """Topic and value of a line, as `parse_line` finds them: most lines are of two kinds, and found faster.

    Raises LineError.
    """
    if b"topic" not in line and b"\\" not in line:
        return topic, line
    try:
        envelope = _read_plain(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        envelope = _Plain()
    value = bytes(envelope.value)
    if envelope.topic in EVENT_TOPICS and value.startswith(b"{") and not envelope.value_base64:
        return envelope.topic, value
    parsed = parse_line(line, topic)
    return parsed.topic, parsed.value


def customer_key(value: bytes | None) -> bytes | None:
    """The Kafka key of an event: the customer's id; None if that cannot be read."""
    try:
        customer = _read_customer(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if isinstance(customer.user_id, str) and customer.user_id:
        return customer.user_id.encode()
    if isinstance(customer.anonymous_id, str) and customer.anonymous_id:
        return (ANONYMOUS_PREFIX + customer.anonymous_id).encode()
    return None


def _value(envelope: _Envelope) -> bytes | None:
    if not isinstance(envelope.value_base64, UnsetType):
        try:
            return base64.b64decode(envelope.value_base64, validate=True)
        except binascii.Error as error:
            raise LineError(f"value_base64 is no base64: {error}") from error
    raw = bytes(envelope.value) if not isinstance(envelope.value, UnsetType) else b""
    if raw == b"null":
        return None
    return _read_text(raw).encode() if raw.startswith(b'"') else raw
