"""Samples of everything that crosses the border: for the schemas, the documentation and the tests."""

from typing import Any, Final

from streamproc.contracts.failed import failed_record
from streamproc.contracts.failures import Failure, FailureReason
from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.signals import (
    Action,
    Evidence,
    Reason,
    action_signal,
    audience_signal,
    churn_signal,
)

_MESSAGE: Final = "0c5a7e6c-3a0b-4c5f-9a57-6a3f0e3d4b"
_DORMANT: Final = Evidence("recency", 1_209_600_000, ">=", 1_209_600_000, "ms", True, True)
_AT_MS: Final = 1_772_366_400_000
"""2026-03-01T12:00:00.000Z"""
_DAY_MS: Final = 86_400_000
_ACTION_ID: Final = "401e73716f546af3b4e9a3d042ad428c"


def _outcome(number: str, event: str, timestamp: str, **properties: str) -> dict[str, Any]:
    return {
        "type": "track",
        "event": event,
        "userId": "u-1001",
        "messageId": f"{_MESSAGE}{number}",
        "timestamp": timestamp,
        "properties": properties,
    }


#: Topic to sample events, in the order in which a backend would come to need them.
EVENTS: Final[dict[str, list[dict[str, Any]]]] = {
    "events.web": [
        {
            "type": "page",
            "name": "Home",
            "userId": "u-1001",
            "messageId": f"{_MESSAGE}01",
            "timestamp": "2026-03-01T10:15:00.000Z",
        },
        {
            "type": "track",
            "event": "Product Added",
            "userId": "u-1001",
            "messageId": f"{_MESSAGE}02",
            "timestamp": "2026-03-01T10:16:30.250Z",
            "properties": {"product_id": "sku-42", "quantity": 2, "price": 19.9},
        },
        {
            "type": "track",
            "event": "Order Completed",
            "userId": "u-1001",
            "messageId": f"{_MESSAGE}03",
            "timestamp": "2026-03-01T11:20:05.000+01:00",
            "properties": {"order_id": "o-77", "revenue": 39.8, "currency": "USD"},
        },
        {
            "type": "identify",
            "userId": "u-1001",
            "messageId": f"{_MESSAGE}04",
            "timestamp": "2026-03-01T10:21:00.000Z",
            "traits": {
                "consent": {"email": True, "sms": False},
                "timezone": "Europe/Berlin",
                "suppressed": False,
            },
        },
    ],
    "events.app": [
        {
            "type": "screen",
            "name": "Player",
            "anonymousId": "5b1f-device",
            "messageId": f"{_MESSAGE}05",
            "timestamp": "2026-03-01T10:30:00.000Z",
            "properties": {"duration_ms": 184000},
        },
    ],
    "events.support": [
        {
            "type": "track",
            "event": "Ticket Opened",
            "userId": "u-1001",
            "messageId": f"{_MESSAGE}06",
            "timestamp": "2026-03-01T12:00:00.000Z",
            "properties": {"ticket_id": "t-9"},
        },
    ],
    "actions.outcomes": [
        _outcome("07", "Action Delivered", "2026-03-01T12:00:08.000Z", channel="email", action_id=_ACTION_ID),
        _outcome("08", "Action Opened", "2026-03-01T12:41:30.000Z", channel="email", action_id=_ACTION_ID),
        _outcome("09", "Action Clicked", "2026-03-01T12:41:52.000Z", channel="email", action_id=_ACTION_ID),
        _outcome("10", "Action Delivered", "2026-03-02T08:00:00.000Z", channel="push"),
        _outcome("11", "Action Bounced", "2026-03-02T09:15:00.000Z", channel="sms"),
        _outcome("12", "Action Unsubscribed", "2026-03-02T18:05:00.000Z", channel="push"),
    ],
}


def records() -> dict[str, list[OutRecord]]:
    """Topic to sample records out, made as the worker makes them."""
    return {
        "segments.changes": [_entered(), _exited()],
        "churn.risk": [_churn()],
        "actions.reactivation": [
            _action(_WIN_BACK, version=9, days=0),
            _action(_WIN_BACK._replace(**_REFUSED), version=10, days=0),
            _action(_WIN_BACK._replace(**_CONVERTED), version=12, days=3, ended=True),
        ],
        "events.failed": [_failed()],
    }


def _entered() -> OutRecord:
    return audience_signal(
        customer="u-1001",
        entered=True,
        key="dormant",
        rule_version=1,
        entry_seq=1,
        entered_at_ms=_AT_MS,
        at_ms=_AT_MS,
        version=7,
        cause="time",
        causation_id=f"time/{_AT_MS}",
        next_check_at_ms=_AT_MS + 16 * _DAY_MS,
        evidence=[_DORMANT],
        displaced_by=None,
    )


def _exited() -> OutRecord:
    return audience_signal(
        customer="anon:5b1f-device",
        entered=False,
        key="heavy",
        rule_version=2,
        entry_seq=3,
        entered_at_ms=_AT_MS - 30 * _DAY_MS,
        at_ms=_AT_MS,
        version=12,
        cause="event",
        causation_id="events.app/3/1044",
        next_check_at_ms=None,
        evidence=[Evidence("events_30d", 19, ">=", 20, "count", False, True)],
        displaced_by="medium",
    )


def _churn() -> OutRecord:
    return churn_signal(
        customer="u-1001",
        at_ms=_AT_MS,
        version=8,
        cause="time",
        causation_id=f"time/{_AT_MS}",
        risk=0.6123456,
        band="high",
        previous_band="medium",
        horizon_days=90,
        reasons=[Reason("SILENCE", "14 d silent, usual gap 4 d", 14.0, 1.25)],
        model_version="sample-1",
        next_check_at_ms=_AT_MS + 9 * _DAY_MS,
        evidence=[Evidence("churn_risk", 0.612346, ">=", 0.6, "probability", True, True)],
    )


_WIN_BACK: Final = Action(
    kind="requested",
    campaign="win_back",
    campaign_version=1,
    trigger="enter dormant",
    goal="activity",
    step=1,
    steps=2,
    reason="silent for two weeks",
    offer="WELCOME-BACK-10",
    variant="short",
    holdout=False,
    closes=False,
    channel="email",
)


_REFUSED: Final[dict[str, Any]] = {
    "kind": "suppressed",
    "campaign": "win_back_by_sms",
    "steps": 1,
    "offer": None,
    "variant": None,
    "channel": None,
    "abort_type": "no_consent",
    "closes": True,
}
_CONVERTED: Final[dict[str, Any]] = {"kind": "ended", "channel": None, "outcome": "converted", "closes": True}


def _action(action: Action, version: int, days: int, *, ended: bool = False) -> OutRecord:
    at_ms = _AT_MS + days * _DAY_MS
    return action_signal(
        customer="u-1001",
        at_ms=at_ms,
        version=version,
        cause="event" if action.outcome == "converted" else "time",
        causation_id="events.web/3/2051" if action.outcome == "converted" else f"time/{at_ms}",
        action=action,
        entry=1,
        entered_ms=_AT_MS,
        expires_at_ms=at_ms + 7 * _DAY_MS if action.kind == "requested" else None,
        requests=1 if ended else None,
        first_requested_at_ms=_AT_MS if ended else None,
        converted_at_ms=at_ms - 400 if ended else None,
        next_check_at_ms=_AT_MS + 16 * _DAY_MS,
        evidence=[Evidence("recency", 400, "<", days * _DAY_MS, "ms", True, True)] if ended else [_DORMANT],
    )


def _failed() -> OutRecord:
    return failed_record(
        Failure(
            position=0,
            offset=1045,
            reason=FailureReason.INVALID_FIELD,
            field="$.timestamp",
            message="`timestamp` has a value that is not allowed; it must be an ISO 8601 time with a UTC "
            "offset, such as 2026-01-31T12:00:00.000Z.",
        ),
        topic="events.web",
        partition=3,
        key=b"u-1001",
        value=b'{"type":"page","userId":"u-1001","messageId":"m-8","timestamp":"2026-03-01T12:00:00"}',
        timestamp_ms=_AT_MS,
    )
