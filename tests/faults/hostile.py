"""Records that somebody hostile, or careless, might publish."""

import json
import random
from collections.abc import Callable
from typing import Any, Final

#: Kafka takes a little more by default.
_LARGE_BYTES: Final = 900_000
_NESTED: Final = 20_000


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "type": "track",
        "event": "Product Viewed",
        "userId": "c000001",
        "messageId": "m-hostile",
        "timestamp": "2026-01-05T12:00:00.000Z",
        "properties": {},
    }
    return {name: value for name, value in {**event, **changes}.items() if value is not ...}


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode()


def _large(chance: random.Random) -> bytes:
    return chance.randbytes(1) * _LARGE_BYTES


_MAKERS: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    lambda chance: b"\xff" + chance.randbytes(chance.randint(0, 500)),
    _large,
    lambda _: b"[" * _NESTED + b"]" * _NESTED,
    lambda _: b'{"a":' * _NESTED + b"1" + b"}" * _NESTED,
    lambda _: _bytes(_event(userId="\ud800")),
    lambda _: _bytes(_event(userId=...)),
    lambda _: _bytes(_event(userId="")),
    lambda _: _bytes(_event(userId=7)),
    lambda _: _bytes(_event(messageId="m" * 101)),
    lambda _: _bytes(_event(timestamp="2026-01-05T12:00:00")),
    lambda _: _bytes(_event(timestamp="yesterday")),
    lambda _: _bytes(_event(timestamp=1e308)),
    lambda _: _bytes(_event(timestamp="9999-12-31T23:59:59Z")),
    lambda _: _bytes(_event(event=...)),
    lambda _: _bytes(_event(type="group")),
    lambda _: _bytes(_event(properties=[])),
    lambda _: _bytes(_event(event="Order Completed", properties={"revenue": "a lot"})),
    lambda _: _bytes(_event(event="Product Added", properties={"price": "9.99"})),
    lambda _: _bytes(_event(event="Survey Question Answered", properties={"survey": "csat", "score": 9})),
    lambda _: _bytes(_event(event="Ticket Opened", properties={"ticket_id": ""})),
    lambda _: _bytes(_event()).replace(b'"properties": {}', b'"properties": {"x": NaN}'),
    lambda _: _bytes(_event())[:-1],
    lambda _: _bytes(_event()) * 2,
    lambda _: b"\xef\xbb\xbf" + _bytes(_event()),
    lambda _: _bytes(_event()).decode().encode("utf-16"),
    lambda _: b"null",
    lambda _: b"1" * 5_000,
)


_KINDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Product Viewed", {}),
    ("Order Completed", {"revenue": 12.5, "currency": "USD"}),
    ("Order Completed", {"revenue": 12, "total": "x"}),
    ("Product Added", {"quantity": 2, "price": 9.99, "category": " shoes\u0000"}),
    ("Product Viewed", {"product_id": 10**30, "sku": "", "category": "é" * 20}),
    ("Survey Question Answered", {"survey": "NPS", "score": 10}),
    ("Survey Question Answered", {"survey": ["csat"]}),
    ("Ticket Opened", {"ticket_id": -7}),
    ("Ticket Resolved", {"ticket_id": "t" * 200}),
    ("Onboarding Step Completed", {"category": {"a": 1}, "path": 5, "url": []}),
    ("Something of our own", {"nested": {"deep": [1, 2, 3]}}),
    ("Live Chat Conversation Ended", {"duration_ms": 1234.5}),
)
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 2**63, -(2**63) - 1, 10**400, 1e308, float("nan"), float("inf"), "", "\x00", "\ud800",
    "anon:x", "\u202e", "9" * 500, [], {}, [[]] * 50, {"a": {"b": {}}}, "2026-02-30T00:00:00Z", "0001-01-01T00:00:00Z",
    "2026-01-05T24:00:00Z", "2026-01-05T12:00:00+99:99", {"revenue": -1}, {"revenue": "NaN"}, {"revenue": 1e400},
    {"quantity": 1e18}, {"duration_ms": -5}, {"price": -1}, {"price": "9"}, {"survey": "ces", "score": 8},
    {"survey": "nps", "score": 5.0}, {"ticket_id": {}}, {"ticket_id": 10**400},
    {"category": "\ud800"}, {"consent": {"email": "yes"}}, "track", "identify",
)  # fmt: skip
_INSERTS: Final = (
    b"\x00",
    b"\xff",
    b'"',
    b"\\",
    b"{",
    b"}",
    b"\\ud800",
    b"NaN",
    b"1e999",
    b"\xed\xa0\x80",
    b"/*",
    b",,",
)


def not_an_event(chance: random.Random, large: float = 0.1) -> bytes:
    """The value of a record that must end in `events.failed`. `large`: how many of those that may be so are large."""
    maker = chance.choice(_MAKERS)
    if maker is _large and chance.random() >= large:
        return b""
    return maker(chance)


def valid_event(chance: random.Random, customer: str, message_id: str) -> bytes:
    """An event that must be accepted, in one of its many forms."""
    name, properties = chance.choice(_KINDS)
    event = _event(
        event=name,
        userId=customer,
        messageId=message_id,
        timestamp=f"2026-0{chance.randint(1, 9)}-1{chance.randint(0, 9)}T{chance.randint(10, 23)}:00:00"
        + chance.choice(["Z", ".5Z", "+02:00", "-11:30", ".123456Z"]),
        properties=properties,
        unknown=chance.choice([None, [1, {"a": "😀"}], -1e300, "é" * 50]),
    )
    return json.dumps(event, ensure_ascii=chance.random() < 0.5).encode()


def mutated(chance: random.Random, event: bytes) -> bytes:
    """An event with something changed that may matter or not: bytes, or values."""
    if chance.random() < 0.5:
        return _bytes_changed(chance, event)
    value = json.loads(event)
    for _ in range(chance.randint(1, 3)):
        field = chance.choice(
            [*value, "context", "traits", "sentAt", "originalTimestamp", "receivedAt", "anonymousId"]
        )
        if chance.random() < 0.2:
            value.pop(field, None)
        else:
            value[field] = chance.choice(_VALUES)
    return json.dumps(value).encode()


def _bytes_changed(chance: random.Random, event: bytes) -> bytes:
    changed = bytearray(event)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed)) if changed else 0
        match chance.randrange(4):
            case 0:
                changed[place : place + 1] = chance.randbytes(1)
            case 1:
                del changed[place : place + chance.randint(1, 20)]
            case 2:
                changed[place:place] = chance.choice(_INSERTS)
            case 3:
                changed = changed[: place + 1]
    return bytes(changed)
