"""Which records become messages, and until when they are sent."""

import json
from typing import Any

import pytest

from streamproc.sinks.webhook.message import Message, Unreadable, has_expired, message_of, pack, unpack
from streamproc.sinks.webhook.schedule import Answer

NOW_MS = 1_780_272_000_000
ID = "4441fe434cb7893cb8dd3dd1345c41b1"
EXPIRES = "2026-06-01T01:00:00.000Z"  # an hour from now


def signal(event: str = "Reactivation Requested", id_: Any = ID, expires_at: Any = EXPIRES) -> bytes:
    return json.dumps(
        {"event": event, "messageId": id_, "userId": "u", "properties": {"expires_at": expires_at}}
    ).encode()


def read(value: bytes | None, *, patience_ms: int = 86_400_000, key: bytes | None = b"u") -> Message | None:
    return message_of(
        7, key, value, events={"Reactivation Requested"}, now_ms=NOW_MS, patience_ms=patience_ms
    )


def test_a_wanted_signal_ends_with_its_action() -> None:
    message = read(signal())
    assert message is not None
    assert (message.id, message.customer, message.body) == (ID, b"u", signal())
    assert (message.ends_ms, message.expires) == (NOW_MS + 3_600_000, True)


@pytest.mark.parametrize("expires_at", [EXPIRES, None])
def test_or_with_our_patience(expires_at: str | None) -> None:
    message = read(signal(expires_at=expires_at), patience_ms=60_000)
    assert message is not None
    assert (message.ends_ms, message.expires) == (NOW_MS + 60_000, False)


def test_other_events_are_left_out() -> None:
    assert read(signal("Reactivation Suppressed")) is None


@pytest.mark.parametrize(
    ("campaigns", "is_wanted"),
    [((), True), (("win_back", "x"), True), (("x",), False), (("win_back_2",), False)],
)
def test_other_campaigns_are_left_out(campaigns: tuple[str, ...], is_wanted: bool) -> None:
    value = json.loads(signal())
    value["properties"]["campaign"] = "win_back"
    message = message_of(
        7,
        b"u",
        json.dumps(value).encode(),
        events={value["event"]},
        campaigns=campaigns,
        now_ms=NOW_MS,
        patience_ms=1,
    )
    assert (message is not None) == is_wanted


@pytest.mark.parametrize(
    ("expires_at", "hours", "expected"), [(EXPIRES, 0.9, False), (EXPIRES, 1, True), (None, 99_999, False)]
)
def test_an_action_expires_however_long_it_was_tried(
    expires_at: str | None, hours: float, expected: bool
) -> None:
    message = read(signal(expires_at=expires_at), patience_ms=1)
    assert message is not None
    assert has_expired(message, NOW_MS + int(hours * 3_600_000)) == expected


def test_a_record_without_a_key_is_a_customer_of_its_own() -> None:
    message = read(signal(), key=None)
    assert message is not None
    assert message.customer == ID.encode()


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"[" * 100_000,
        signal(id_=None),
        signal(id_="a.b"),
        signal(id_="a\r\nb"),
        signal(id_=""),
        signal(expires_at="tomorrow"),
        signal(expires_at="2026-06-01T01:00:00"),
    ],
)
def test_what_is_no_signal_is_refused(value: bytes | None) -> None:
    """Also ids that could not be a header, or would move the border of what is signed."""
    with pytest.raises(Unreadable):
        read(value)


def test_it_is_stored_as_it_is() -> None:
    message = read(signal())
    assert message is not None
    later = message.after(Answer("5xx", "HTTP 500"), NOW_MS, first_ms=1_000, chance=0.5)
    assert (later.attempts, later.next_ms, later.last) == (1, NOW_MS + 1_000, "HTTP 500")
    assert unpack(pack(later)) == later
