"""Outcomes: what became of messages to customers."""

from typing import Any

import pytest

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.events import OUTCOMES as NAMES
from streamproc.contracts.meanings import CONSENT_CHANNELS, TALLIES, EventMeaning, consent_bits
from tests.unit.contracts.events import APP, OUTCOMES, SUPPORT, WEB, decode, event, reason_of, track

EMAIL, PUSH, SMS = range(3)


def outcome(name: str, channel: Any = "email", **properties: Any) -> dict[str, Any]:
    return track(name, properties={"channel": channel, **properties})


def said(columns: EventColumns) -> list[tuple[str | None, int, int, int]]:
    """Tally, answer, contact, consent of each."""
    names = list(TALLIES)
    return [
        (None if tally < 0 else names[tally], answered, contact, consent)
        for tally, answered, contact, consent in zip(
            columns.tally.tolist(),
            columns.answered.tolist(),
            columns.contact.tolist(),
            columns.consent.tolist(),
            strict=True,
        )
    ]


def test_what_outcomes_say() -> None:
    """By their name and the channel of the message."""
    told = decode(
        outcome("Action Delivered"),
        outcome("Action Delivered", "push", action_id="a"),
        outcome("Action Delivered", "sms"),
        outcome("Action Opened"),
        outcome("Action Opened", "push"),
        outcome("Action Clicked"),
        outcome("Action Clicked", "push"),
        outcome("Action Clicked", "in_app"),
        outcome("Action Bounced", "sms"),
        outcome("Action Unsubscribed", "push"),
        channel=OUTCOMES,
    )
    assert told.failures == []
    assert said(told.columns) == [
        ("emails", -1, EMAIL, -1),
        ("pushes", -1, -1, -1),
        (None, -1, SMS, -1),
        ("email_opens", EMAIL, -1, -1),
        ("push_taps", PUSH, -1, -1),
        ("email_clicks", EMAIL, -1, -1),
        ("push_taps", PUSH, -1, -1),
        (None, CONSENT_CHANNELS.index("in_app"), -1, -1),
        (None, -1, -1, consent_bits({"sms": False})),
        (None, -1, -1, consent_bits({"push": False})),
    ]


@pytest.mark.parametrize("origin", [WEB, APP, SUPPORT, OUTCOMES])
@pytest.mark.parametrize("name", NAMES)
def test_an_outcome_is_no_activity_anywhere(name: str, origin: int) -> None:
    """Whatever it holds besides, and whatever the rules file makes of its name."""
    names = {name: EventMeaning(activity=True, order=True, cart="add", counts="searches", survey=True)}
    odd = {
        "revenue": "x",
        "quantity": "x",
        "survey": "nps",
        "score": 99,
        "duration_ms": 5,
        "category": "shoes",
    }
    told = decode(outcome(name, "phone", action_id="a", **odd), channel=origin, names=names)
    (row,) = told.columns.rows
    assert [int(row[one]) for one in ("counted", "activity", "order", "cart", "name")] == [0] * 5
    assert (row["tally"], row["survey"], row["duration_ms"], row["category"]) == (-1, -1, -1, b"")
    assert (told.unknown_names, told.failures) == (0, [])


@pytest.mark.parametrize("origin", [WEB, OUTCOMES])
@pytest.mark.parametrize(
    ("properties", "reason", "field"),
    [
        (None, "missing_field", "$.properties.channel"),
        ({"channel": None}, "missing_field", "$.properties.channel"),
        ({"channel": 1}, "wrong_type", "$.properties.channel"),
        ({"channel": "Email"}, "invalid_field", "$.properties.channel"),
        ({"channel": "sms", "action_id": 1}, "wrong_type", "$.properties.action_id"),
        ({"channel": "sms", "action_id": ""}, "invalid_field", "$.properties.action_id"),
        ({"channel": "sms", "action_id": "a" * 201}, "invalid_field", "$.properties.action_id"),
    ],
)
def test_outcomes_that_are_refused(properties: Any, reason: str, field: str, origin: int) -> None:
    value = track("Action Delivered", properties=properties)
    assert reason_of(value, channel=origin) == (reason, field)


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (track("Order Completed", properties={"revenue": "x"}), "$.event"),
        (track("action opened", properties={"channel": "sms"}), "$.event"),
        (event(), "$.type"),
        (event(type="identify", traits={"consent": {"sms": True}}), "$.type"),
    ],
)
def test_nothing_else_belongs_on_their_topic(value: dict[str, Any], field: str) -> None:
    """It would be counted in no channel."""
    assert reason_of(value, channel=OUTCOMES) == ("not_an_outcome", field)
    (failure,) = decode(value, channel=OUTCOMES).failures
    assert failure.message.endswith("channel.")


def test_elsewhere_the_properties_of_outcomes_may_be_anything() -> None:
    told = decode(track("Video Watched", properties={"channel": 4, "action_id": [1]}))
    assert (len(told.columns), told.failures) == (1, [])
