"""What a record says: the reference's own reading and checking of an event's JSON.

What its properties say depends on what its name means: see `properties`.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

FUTURE_MS = 5 * 60_000
BYTES_MAX = 1_048_576
TYPES = ("track", "page", "screen", "identify")
CONSENT_CHANNELS = ("email", "push", "sms", "phone", "in_app")

TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):?(\d\d))",
    re.ASCII,
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Invalid(Exception):
    """The record is not an accepted event; the argument is the reason, a code of `events.failed`."""


@dataclass(frozen=True, slots=True)
class Event:
    """A valid event: who (`customer`), what (`type`, and `name` for track), when (`ts_ms`).

    title: the name of the page or screen, if it has one.
    """

    customer: str
    message_id: str
    ts_ms: int
    type: str
    name: str | None
    title: str | None
    properties: dict[str, Any]
    consent: dict[str, bool]
    time_zone: str | None = None
    suppressed: bool | None = None


def read_event(value: bytes | None, wall_now_ms: int) -> Event:
    """The event in a record's value; Invalid if there is none that can be accepted at `wall_now_ms`."""
    body = parse_json(value)
    kind = text(body, "type", longest=None, required=True)
    if kind not in TYPES:
        raise Invalid("invalid_field")
    message_id = text(body, "messageId", longest=100, required=True)
    name = text(body, "event", longest=200, required=kind == "track")
    user = text(body, "userId", longest=200)
    if user is not None and user.startswith("anon:"):
        raise Invalid("invalid_field")  # would be taken for an anonymous customer
    anonymous = text(body, "anonymousId", longest=200)
    if user is None and anonymous is None:
        raise Invalid("no_customer")
    ts_ms = read_timestamp(text(body, "timestamp", longest=None, required=True) or "")
    for key in ("sentAt", "originalTimestamp", "receivedAt"):
        written = text(body, key, longest=None)
        if written is not None:
            read_timestamp(written)
    if ts_ms < 0:
        raise Invalid("timestamp_out_of_range")
    properties = fields(body, "properties")
    traits = fields(body, "traits")
    consent = check_consent(fields(traits, "consent"))
    time_zone = text(traits, "timezone", longest=None)
    suppressed = flag(traits, "suppressed")
    if ts_ms > wall_now_ms + FUTURE_MS:
        raise Invalid("timestamp_in_future")
    return Event(
        customer=user if user is not None else f"anon:{anonymous}",
        message_id=message_id or "",
        ts_ms=ts_ms,
        type=kind,
        name=name if kind == "track" else None,
        title=title_of(body) if kind in ("page", "screen") else None,
        properties=properties,
        consent=consent if kind == "identify" else {},
        time_zone=time_zone if kind == "identify" else None,
        suppressed=suppressed if kind == "identify" else None,
    )


def parse_json(value: bytes | None) -> dict[str, Any]:
    """The JSON object in `value`: strict JSON (no NaN), strict UTF-8 (no lone surrogates)."""
    if not value:
        raise Invalid("empty")
    if len(value) > BYTES_MAX:
        raise Invalid("too_large")
    try:
        written = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid("not_utf8") from error
    try:
        body = json.loads(written, parse_constant=refuse_constant)
        if "\\u" in written:
            json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Invalid("not_json") from error
    if not isinstance(body, dict):
        raise Invalid("wrong_type")
    return body


def refuse_constant(name: str) -> Any:
    """NaN and Infinity are no JSON."""
    raise ValueError(name)


def text(body: dict[str, Any], key: str, *, longest: int | None, required: bool = False) -> str | None:
    """The string at `key`, 1..`longest` characters; None if it is absent or null and not required."""
    value = body.get(key)
    if value is None:
        if required:
            raise Invalid("missing_field")
        return None
    if not isinstance(value, str):
        raise Invalid("wrong_type")
    if longest is not None and not 1 <= len(value) <= longest:
        raise Invalid("invalid_field")
    return value


def fields(body: dict[str, Any], key: str) -> dict[str, Any]:
    """The object at `key`; empty if it is absent or null."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid("wrong_type")
    return value


def flag(body: dict[str, Any], key: str) -> bool | None:
    """True or false at `key`; None if it is absent or null."""
    value = body.get(key)
    if value is not None and not isinstance(value, bool):
        raise Invalid("wrong_type")
    return value


def title_of(body: dict[str, Any]) -> str | None:
    """The name of a page or screen: whatever is no string is none."""
    title = body.get("name")
    return title if isinstance(title, str) else None


def check_consent(given: dict[str, Any]) -> dict[str, bool]:
    """The consent given or withdrawn, of the known channels only."""
    known = {channel: given[channel] for channel in CONSENT_CHANNELS if given.get(channel) is not None}
    if not all(isinstance(granted, bool) for granted in known.values()):
        raise Invalid("wrong_type")
    return known


def read_timestamp(written: str) -> int:
    """Epoch milliseconds, rounded down, of an ISO 8601 time with an offset, rounded to microseconds."""
    match = TIMESTAMP.fullmatch(written)
    if match is None:
        raise Invalid("invalid_field")
    year, month, day, hour, minute, second, fraction, _, sign, off_hours, off_minutes = match.groups()
    try:
        wall = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError as error:
        raise Invalid("invalid_field") from error
    offset_ms = 0
    if sign is not None:
        if int(off_hours) > 23 or int(off_minutes) > 59:
            raise Invalid("invalid_field")
        offset_ms = (int(off_hours) * 60 + int(off_minutes)) * 60_000 * (-1 if sign == "-" else 1)
    tenths_of_micros = int((fraction or "0")[:7].ljust(7, "0"))
    fraction_ms = (tenths_of_micros + 5) // 10 // 1000
    return (wall - EPOCH) // timedelta(milliseconds=1) + fraction_ms - offset_ms
