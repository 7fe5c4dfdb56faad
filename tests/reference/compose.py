"""Events as a producer writes them, and logs as a broker keeps them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.reference.partition import partition_of
from tests.reference.record import Logs, Record

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(at_ms: int, offset_minutes: int = 0) -> str:
    """ISO 8601 with milliseconds and the given offset; `Z` for no offset."""
    at = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(timezone(timedelta(minutes=offset_minutes)))
    written = at.isoformat(timespec="milliseconds")
    return written.removesuffix("+00:00") + "Z" if offset_minutes == 0 else written


def call(
    kind: str, customer: str, at_ms: int, message_id: str, *, offset_minutes: int = 0, **fields: Any
) -> dict[str, Any]:
    """A Segment call; `fields` are event, properties, traits, context. `anon:x` is an anonymous visitor."""
    name = {"anonymousId": customer[5:]} if customer.startswith("anon:") else {"userId": customer}
    return {
        "type": kind,
        **name,
        "messageId": message_id,
        "timestamp": iso(at_ms, offset_minutes),
        **{key: value for key, value in fields.items() if value is not None},
    }


def customer_of(body: dict[str, Any]) -> str:
    """The customer id of a call."""
    user: str | None = body.get("userId")
    return user if user is not None else f"anon:{body['anonymousId']}"


def encode(body: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def to_logs(sent: Iterable[tuple[str, dict[str, Any]]], partitions: int = 1) -> Logs:
    """The logs after (topic, call) were sent in that order, each keyed with its customer."""
    logs: Logs = {}
    for topic, body in sent:
        customer = customer_of(body)
        log = logs.setdefault((topic, partition_of(customer, partitions)), [])
        log.append(Record(len(log), customer.encode(), encode(body)))
    return logs
