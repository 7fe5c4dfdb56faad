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


_MAKERS: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    lambda chance: b"\xff" + chance.randbytes(chance.randint(0, 500)),
    lambda chance: b"\xff" * _LARGE_BYTES if chance.random() < 0.1 else b"",
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
    lambda _: _bytes(_event()).replace(b'"properties": {}', b'"properties": {"x": NaN}'),
    lambda _: _bytes(_event())[:-1],
    lambda _: _bytes(_event()) * 2,
    lambda _: b"\xef\xbb\xbf" + _bytes(_event()),
    lambda _: _bytes(_event()).decode().encode("utf-16"),
    lambda _: b"null",
    lambda _: b"1" * 5_000,
)


def not_an_event(chance: random.Random) -> bytes:
    """The value of a record that must end in `events.failed`."""
    return chance.choice(_MAKERS)(chance)
