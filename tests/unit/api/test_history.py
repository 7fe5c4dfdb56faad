"""What topics know of a customer's way through campaigns."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.api.history import entries_of
from streamproc.contracts.events import OUTCOMES
from streamproc.transitions.publish import Signal
from tests.unit.api.customers import consent, definitions_of, lived

AGREED = {"consent": consent("email", given=True)}
RULES = definitions_of("""
segments:
  - {key: quiet, name: Quiet, version: 1, enter: recency > 3d}
campaigns:
  - key: back
    name: Back
    version: 1
    on: enter quiet
    reentry: after 8d
    expires_after: 1d
    steps:
      - {channel: email, reason: Quiet, offer: ten}
      - {wait: 2d, channel: sms, reason: Still quiet}
  - {key: nag, name: Nag, version: 1, on: inactive 6d, reentry: each time, channel: sms, reason: Six, expires_after: 2d}
""")


def values(signals: list[Signal]) -> list[bytes]:
    return [signal.record.value for signal in signals if signal.topic == "actions.reactivation"]


def published(*days: float, until_days: float) -> list[bytes]:
    """Action signals of ada, who agrees to e-mail and is active on these days."""
    return values(lived([(day, AGREED) for day in days], until_days, RULES)[1])


def outcome(what: str, action_id: str | None, customer: str = "ada", **fields: Any) -> bytes:
    return orjson.dumps(
        {
            "type": "track",
            "event": what,
            "userId": customer,
            "messageId": f"{what}-{action_id}",
            "timestamp": "2026-01-05T08:00:00+01:00",
            "properties": {"channel": "email", "action_id": action_id},
            **fields,
        }
    )


def told(entries: list[dict[str, Any]]) -> list[tuple[str, int, list[str]]]:
    return [
        (
            entry["campaign"],
            entry["entry"],
            [happened.get("abort_type") or happened["what"] for happened in entry["happened"]],
        )
        for entry in entries
    ]


def test_entries_come_with_all_that_happened_in_them() -> None:
    """Also one that was refused, and one that goes on."""
    entries = entries_of("ada", published(0, 4, 8, until_days=30), [])
    assert told(entries) == [
        ("back", 1, ["requested", "ended"]),
        ("back", 2, ["cooldown"]),
        ("back", 3, ["requested", "no_consent", "ended"]),
        ("nag", 1, ["no_consent"]),
    ]
    assert [entry["entered_at"] for entry in entries] == sorted(entry["entered_at"] for entry in entries)
    first = entries[0]
    assert (first["trigger"], first["goal"], first["variant"], first["holdout"]) == (
        "enter quiet",
        "activity",
        None,
        False,
    )
    assert first["evidence"][0]["feature"] == "recency"
    assert first["evidence_at"] == first["entered_at"]
    request = first["happened"][0]
    assert (request["step"], request["steps"], request["channel"], request["offer"]) == (1, 2, "email", "ten")


def test_outcomes_stand_with_their_request() -> None:
    """In the order of time; those of other messages, of others, and what is no outcome are passed over."""
    signals = published(0, until_days=3.5)
    action_id = entries_of("ada", signals, [])[0]["happened"][0]["action_id"]
    outcomes = [
        outcome("Action Opened", action_id, timestamp="2026-01-04T12:00:00Z"),
        outcome("Action Delivered", action_id, timestamp="2026-01-04T11:00:00.5Z"),
        outcome("Action Delivered", None),
        outcome("Action Delivered", "another"),
        outcome("Action Clicked", action_id, customer="bob"),
        outcome("Action Clicked", action_id, userId=None, anonymousId="ada"),
        outcome("Action Clicked", action_id, timestamp="2026-01-05T08:00:00"),
        outcome("Order Completed", action_id),
        b"{",
        b"\xff",
        b"[" * 100_000,
        orjson.dumps({"event": "Action Clicked", "userId": "ada"}),
    ]
    (entry,) = entries_of("ada", signals, outcomes)
    assert [(happened["at"], happened["what"]) for happened in entry["happened"]] == [
        ("2026-01-04T10:00:01.000Z", "requested"),
        ("2026-01-04T11:00:00.500Z", "delivered"),
        ("2026-01-04T12:00:00.000Z", "opened"),
    ]
    assert entry["happened"][1] == {
        "at": "2026-01-04T11:00:00.500Z",
        "what": "delivered",
        "channel": "email",
        "action_id": action_id,
    }


@pytest.mark.parametrize("what", OUTCOMES)
def test_every_outcome_is_told(what: str) -> None:
    signals = published(0, until_days=3.5)
    action_id = entries_of("ada", signals, [])[0]["happened"][0]["action_id"]
    (entry,) = entries_of("ada", signals, [outcome(what, action_id)])
    assert entry["happened"][-1]["what"] == what.removeprefix("Action ").lower()


@given(st.data())
def test_repeats_change_nothing(data: st.DataObject) -> None:
    """Nor what others' signals are between them."""
    signals = published(0, 4, 8, until_days=30)
    others = [value.replace(b'"userId":"ada"', b'"userId":"bob"') for value in signals]
    noise = data.draw(st.lists(st.sampled_from([*signals, *others, b"", b"null"]), max_size=30))
    assert entries_of("ada", [*signals, *noise], []) == entries_of("ada", signals, [])


def test_what_retention_has_taken() -> None:
    """An end says nothing of why the customer came in."""
    *_, ended = published(0, until_days=20)
    (entry,) = entries_of("ada", [ended], [])
    assert (told([entry])[0][2], entry["evidence"]) == (["ended"], [])
    assert entry["entered_at"] == "2026-01-04T10:00:01.000Z"


def test_an_anonymous_customer() -> None:
    signals = [
        value.replace(b'"userId":"ada"', b'"anonymousId":"x"') for value in published(0, until_days=3.5)
    ]
    assert len(entries_of("anon:x", signals, [])) == 1
    assert entries_of("x", signals, []) == []
