"""Records that are no accepted events: one way of being wrong each, with the reason it must fail for."""

import json
from collections.abc import Callable
from typing import Any

from tests.reference.compose import encode, iso

#: Noon of 2099-12-31: beyond every wall clock that a record will meet, so that "in the future" stays true.
FAR_FUTURE_MS = 4_102_401_600_000
Body = dict[str, Any]


def without(*keys: str) -> Callable[[Body], Body]:
    """The call without these fields."""
    return lambda body: {key: value for key, value in body.items() if key not in keys}


def having(**fields: Any) -> Callable[[Body], Body]:
    """The call with these fields instead of its own."""
    return lambda body: {**body, **fields}


def having_property(name: str, value: Any, event: str = "Product Viewed") -> Callable[[Body], Body]:
    """A track call with this property."""
    return lambda body: {
        **body,
        "type": "track",
        "event": event,
        "properties": {name: value},
    }


def having_answer(survey: str, score: Any) -> Callable[[Body], Body]:
    """An answer to a survey."""
    return lambda body: {
        **body,
        "type": "track",
        "event": "Survey Question Answered",
        "properties": {"survey": survey, "score": score},
    }


def having_consent(value: Any) -> Callable[[Body], Body]:
    """An identify call with this consent."""
    return having_traits(consent=value)


def having_traits(**traits: Any) -> Callable[[Body], Body]:
    """An identify call with these traits."""
    return having(type="identify", traits=traits)


def having_outcome(**properties: Any) -> Callable[[Body], Body]:
    """An outcome by e-mail with these properties."""
    return having(event="Action Clicked", properties={"channel": "email", **properties})


#: kind -> (reason, what it makes of a valid track call). Each call has one thing wrong with it.
WRONG_CALLS: dict[str, tuple[str, Callable[[Body], Body]]] = {
    "no_type": ("missing_field", without("type")),
    "no_message_id": ("missing_field", without("messageId")),
    "no_timestamp": ("missing_field", without("timestamp")),
    "no_event": ("missing_field", without("event")),
    "no_customer": ("no_customer", without("userId", "anonymousId")),
    "unknown_type": ("invalid_field", having(type="alias")),
    "type_in_capitals": ("invalid_field", having(type="Track")),
    "type_number": ("wrong_type", having(type=1)),
    "empty_message_id": ("invalid_field", having(messageId="")),
    "long_message_id": ("invalid_field", having(messageId="m" * 101)),
    "message_id_number": ("wrong_type", having(messageId=12345)),
    "empty_event": ("invalid_field", having(event="")),
    "long_event": ("invalid_field", having(event="e" * 201)),
    "event_object": ("wrong_type", having(event={"name": "Product Viewed"})),
    "user_id_number": ("wrong_type", having(userId=4711)),
    "empty_user_id": ("invalid_field", having(userId="")),
    "reserved_user_id": ("invalid_field", having(userId="anon:v-1")),
    "long_user_id": ("invalid_field", having(userId="u" * 201)),
    "anonymous_id_list": ("wrong_type", having(anonymousId=["a"])),
    "naive_timestamp": ("invalid_field", having(timestamp="2026-03-02T12:00:00.000")),
    "date_only": ("invalid_field", having(timestamp="2026-03-02")),
    "naive_sent_at": ("invalid_field", having(sentAt="2026-03-02T12:00:00")),
    "impossible_date": ("invalid_field", having(timestamp="2026-02-30T12:00:00Z")),
    "timestamp_text": ("invalid_field", having(timestamp="yesterday")),
    "timestamp_number": ("wrong_type", having(timestamp=1_772_452_800_000)),
    "before_1970": ("timestamp_out_of_range", having(timestamp="1969-12-31T23:59:59.999Z")),
    "properties_list": ("wrong_type", having(properties=[])),
    "properties_text": ("wrong_type", having(properties="none")),
    "traits_text": ("wrong_type", having(traits="none")),
    "negative_duration": ("out_of_range", having_property("duration_ms", -1)),
    "duration_text": ("wrong_type", having_property("duration_ms", "1500")),
    "duration_boolean": ("wrong_type", having_property("duration_ms", True)),
    "revenue_text": ("wrong_type", having_property("revenue", "19.90", "Order Completed")),
    "revenue_boolean": ("wrong_type", having_property("revenue", False, "Order Completed")),
    "negative_total": ("out_of_range", having_property("total", -5, "Order Completed")),
    "huge_value": ("out_of_range", having_property("value", 10_000_000_001, "Order Completed")),
    "long_duration": ("out_of_range", having_property("duration_ms", 31_622_400_001)),
    "quantity_fraction": ("out_of_range", having_property("quantity", 1.5, "Product Added")),
    "quantity_zero": ("out_of_range", having_property("quantity", 0, "Product Added")),
    "quantity_text": ("wrong_type", having_property("quantity", "2", "Product Added")),
    "currency_number": ("wrong_type", having_property("currency", 978, "Order Completed")),
    "price_text": ("wrong_type", having_property("price", "9.99", "Product Added")),
    "price_boolean": ("wrong_type", having_property("price", True, "Product Removed")),
    "negative_price": ("out_of_range", having_property("price", -0.01, "Product Added")),
    "huge_price": ("out_of_range", having_property("price", 1_000_001, "Product Added")),
    "no_score": ("missing_field", having_answer("nps", None)),
    "score_text": ("wrong_type", having_answer("csat", "5")),
    "score_boolean": ("wrong_type", having_answer("ces", True)),
    "score_float": ("wrong_type", having_answer("nps", 5.0)),
    "negative_score": ("out_of_range", having_answer("NPS", -1)),
    "great_nps": ("out_of_range", having_answer("nps", 11)),
    "great_csat": ("out_of_range", having_answer("csat", 6)),
    "small_ces": ("out_of_range", having_answer("Ces", 0)),
    "empty_ticket_id": ("invalid_field", having_property("ticket_id", "", "Ticket Opened")),
    "long_ticket_id": ("invalid_field", having_property("ticket_id", "t" * 201, "Ticket Closed")),
    "ticket_id_float": ("wrong_type", having_property("ticket_id", 7.0, "Ticket Reopened")),
    "ticket_id_boolean": ("wrong_type", having_property("ticket_id", False, "Ticket Resolved")),
    "ticket_id_list": ("wrong_type", having_property("ticket_id", ["t-1"], "Ticket Opened")),
    "consent_text": ("wrong_type", having_consent("all")),
    "consent_number": ("wrong_type", having_consent({"email": 1})),
    "suppressed_text": ("wrong_type", having_traits(suppressed="yes")),
    "time_zone_number": ("wrong_type", having_traits(timezone=2)),
    "no_outcome_channel": ("missing_field", having_property("action_id", "a", "Action Opened")),
    "outcome_channel_number": ("wrong_type", having_property("channel", 1, "Action Delivered")),
    "unknown_outcome_channel": ("invalid_field", having_property("channel", "fax", "Action Bounced")),
    "action_id_number": ("wrong_type", having_outcome(action_id=7)),
    "empty_action_id": ("invalid_field", having_outcome(action_id="")),
    "long_action_id": ("invalid_field", having_outcome(action_id="a" * 201)),
    "outcome_duration": ("wrong_type", having_outcome(duration_ms="1")),
}
#: kind -> (reason, the value made of a valid value).
WRONG_VALUES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "truncated": ("not_json", lambda value: value[: len(value) // 2]),
    "single_quotes": ("not_json", lambda value: value.replace(b'"', b"'")),
    "nan": ("not_json", lambda value: value[:-1] + b',"properties":{"revenue":NaN}}'),
    "trailing_comma": ("not_json", lambda value: value[:-1] + b",}"),
    "two_objects": ("not_json", lambda value: value + value),
    "lone_surrogate": ("not_json", lambda value: value[:-1] + b',"anonymousId":"\\ud800"}'),
    "invalid_utf8": ("not_utf8", lambda value: value[:-1] + b',"anonymousId":"caf\xe9"}'),
    "list": ("wrong_type", lambda value: b"[" + value + b"]"),
    "text": ("wrong_type", lambda value: json.dumps(value.decode()).encode()),
    "null": ("wrong_type", lambda value: b"null"),
    "blank": ("not_json", lambda value: b"  "),
    "empty": ("empty", lambda value: b""),
}
#: Every kind, with its reason.
REASONS: dict[str, str] = {
    **{kind: reason for kind, (reason, _) in WRONG_CALLS.items()},
    **{kind: reason for kind, (reason, _) in WRONG_VALUES.items()},
    "tombstone": "empty",
    "future": "timestamp_in_future",
}


def malformed(kind: str, body: Body) -> bytes | None:
    """The record value that a valid track call becomes by being wrong in the way of `kind`."""
    call = {"event": "Product Viewed", "properties": {}, **body, "type": "track"}
    if kind == "tombstone":
        return None
    if kind == "future":
        return encode({**call, "timestamp": iso(FAR_FUTURE_MS)})
    if kind in WRONG_CALLS:
        return encode(WRONG_CALLS[kind][1](call))
    return WRONG_VALUES[kind][1](encode(call))
