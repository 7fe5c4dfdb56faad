"""Why an event was not accepted: the reason's code, the field, and what to send instead."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from streamproc.contracts.events import EVENT_BYTES_MAX, FIELDS


class FailureReason(StrEnum):
    """Codes of why an event was not accepted; what each means is said in REASONS."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    TOO_DEEP = "too_deep"
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    OUT_OF_RANGE = "out_of_range"
    NO_CUSTOMER = "no_customer"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    NOT_AN_OUTCOME = "not_an_outcome"
    WRONG_PARTITION = "wrong_partition"
    NOT_PROCESSED = "not_processed"


#: Code to its meaning and what to do, for the documentation.
REASONS: Final[dict[FailureReason, tuple[str, str]]] = {
    FailureReason.EMPTY: ("the record has no value", "send no tombstones to event topics"),
    FailureReason.TOO_LARGE: (
        f"the value is larger than {EVENT_BYTES_MAX} bytes",
        "send a reference instead of the content",
    ),
    FailureReason.NOT_UTF8: (
        "the value is not UTF-8",
        "encode the JSON as UTF-8, without a compression of your own",
    ),
    FailureReason.NOT_JSON: (
        "the value is not JSON (nor are NaN, Infinity, a byte order mark, unpaired surrogate escapes)",
        "send one complete JSON object per record",
    ),
    FailureReason.TOO_DEEP: ("arrays or objects are nested hundreds of levels deep", "flatten the event"),
    FailureReason.WRONG_TYPE: (
        "a field, or the whole event, has another JSON type than it must",
        "send that type",
    ),
    FailureReason.MISSING_FIELD: ("a required field is missing", "send it"),
    FailureReason.INVALID_FIELD: (
        "a field has the right type but a value that is not allowed (a length, a time without an offset)",
        "send an allowed value",
    ),
    FailureReason.OUT_OF_RANGE: ("a number is too small or too large", "check the unit"),
    FailureReason.NO_CUSTOMER: ("neither `userId` nor `anonymousId` is given", "send one of them"),
    FailureReason.TIMESTAMP_OUT_OF_RANGE: ("the event is from before 1970", "check the unit and the clock"),
    FailureReason.TIMESTAMP_IN_FUTURE: (
        "the event is more than 5 minutes ahead of the worker's clock",
        "check the sender's clock and the offset",
    ),
    FailureReason.NOT_AN_OUTCOME: (
        "the event is on the topic of outcomes, and is none",
        "send it to the topic of its channel",
    ),
    FailureReason.WRONG_PARTITION: (
        "the event was brought to the customer's partition and still is not on it",
        "give all topics the same number of partitions",
    ),
    FailureReason.NOT_PROCESSED: (
        "the event is fine, and streamproc failed on it: a defect of ours",
        "report it with the worker's log, and replay the event once it is mended",
    ),
}


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was not accepted.

    position: its place in the chunk. field: a JSON path; "$" is the whole event. message: what is wrong and
    what to send instead; it depends on the record alone, never on a clock.
    """

    position: int
    offset: int
    reason: FailureReason
    field: str
    message: str


#: What decoding raises for bad input, whatever the bytes. TypeError: a record without a value.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError)

#: What the decoder says of a value that ends inside a text, and what that may mean.
_TRUNCATED: Final = ("Input data was truncated", "it ends too early, or has an unpaired surrogate escape")
#: Checks that a value is JSON, and builds nothing.
_SYNTAX: Final = msgspec.json.Decoder(msgspec.Raw)

_MISSING: Final = re.compile(r"Object missing required field `(.+?)`")
_TYPE: Final = re.compile(r"Expected `(.+?)`, got `(.+?)`")
_NUMBER: Final = re.compile(r"Expected `(?:int|float)` [<>]|out of range")
_JSON_NAMES: Final = {
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}


def explain(error: Exception, value: bytes | None) -> tuple[FailureReason, str, str]:
    """Reason, field and message of what decoding `value` raised (one of UNREADABLE).

    A value that is no text, or no JSON, is called so, even if one of its fields was found to be wrong first.
    """
    if not value:
        return FailureReason.EMPTY, "$", "The record has no value; send an event, or nothing."
    try:
        value.decode()
        _SYNTAX.decode(value)
    except UNREADABLE as deeper:
        error = deeper
    match error:
        case msgspec.ValidationError():
            return _explain_field(str(error))
        case UnicodeDecodeError():
            return FailureReason.NOT_UTF8, "$", "The value is not UTF-8; encode the JSON as UTF-8."
        case RecursionError():
            return FailureReason.TOO_DEEP, "$", "The event is nested too deep; send a flatter one."
        case _:
            what = str(error).removeprefix("JSON is malformed: ").replace(*_TRUNCATED)
            return (
                FailureReason.NOT_JSON,
                "$",
                f"The value is not JSON: {what}; send one complete JSON object.",
            )


def _explain_field(text: str) -> tuple[FailureReason, str, str]:
    """The same for a decoder's validation error, such as "Expected `str`, got `int` - at `$.userId`"."""
    what, _, path = text.partition(" - at `")
    field = path.removesuffix("`") or "$"
    if missing := _MISSING.match(what):
        field = f"{field}.{missing[1]}"
        return FailureReason.MISSING_FIELD, field, f"{name(field)} is missing; {must_be(field)}."
    if wrong := _TYPE.match(what):
        if wrong[2] == "null" and field != "$":
            return FailureReason.MISSING_FIELD, field, f"{name(field)} is null; {must_be(field)}."
        got = _JSON_NAMES.get(wrong[2], wrong[2])
        return FailureReason.WRONG_TYPE, field, f"{name(field)} is {got}; {must_be(field)}."
    if _NUMBER.search(what):
        return FailureReason.OUT_OF_RANGE, field, f"{name(field)} is out of range; {must_be(field)}."
    return (
        FailureReason.INVALID_FIELD,
        field,
        f"{name(field)} has a value that is not allowed; {must_be(field)}.",
    )


def name(field: str) -> str:
    """`$.properties.quantity` as a reader calls it."""
    return "The event" if field == "$" else f"`{field.removeprefix('$.')}`"


def must_be(field: str) -> str:
    """The requirement of a field, as the second half of a sentence."""
    if field == "$":
        return "it must be a JSON object"
    known = FIELDS.get(field)
    return f"it must be {known.shape}" if known else "it must be a finite JSON number where it is one"
