"""Events in: the Segment spec's track, page, screen and identify calls, as far as they are read here.

A field that is not named here is skipped, whatever it holds. A field that is named must have its type
wherever it appears; `null` counts as absent. What a track call means is said by its name
(`contracts.meanings`).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

#: A larger record is refused unread. Segment's own limit is 32 KB; Kafka's default is about this.
EVENT_BYTES_MAX: Final = 1_048_576
#: A longer duration is a mistake of unit (microseconds?), and would wreck a 90-day window.
DURATION_MS_MAX: Final = 366 * 86_400_000
#: More pieces in one cart event are a mistake, and sums of them must fit 64 bits.
QUANTITY_MAX: Final = 1_000_000
#: Customer ids of events without `userId` start so; a `userId` may not.
ANONYMOUS_PREFIX: Final = "anon:"
#: More money in one order is a mistake, and sums of them must fit 64 bits in millionths.
MONEY_MAX: Final = 10_000_000_000
#: A dearer piece in a cart is a mistake.
PRICE_MAX: Final = 1_000_000
#: Longer names of categories are cut.
CATEGORY_BYTES: Final = 24
#: Longer ids of tickets and actions are refused.
ID_CHARACTERS_MAX: Final = 200
#: The scores that an answer to a survey may have, by its name.
SURVEYS: Final = MappingProxyType({"nps": range(11), "csat": range(1, 6), "ces": range(1, 8)})
#: What may be said of a message to a customer, by whoever sends it: names of track calls, with one meaning for all.
OUTCOMES: Final = (
    "Action Delivered",
    "Action Opened",
    "Action Clicked",
    "Action Bounced",
    "Action Unsubscribed",
)
#: The properties that hold an order's money; the first that is given counts.
MONEY_PROPERTIES: Final = ("revenue", "total", "value")

CustomerName = Annotated[str, Meta(min_length=1, max_length=200)]
UserName = Annotated[
    str,
    Meta(min_length=1, max_length=200, extra_json_schema={"not": {"pattern": f"^{ANONYMOUS_PREFIX}"}}),
]
MessageId = Annotated[str, Meta(min_length=1, max_length=100)]
EventName = Annotated[str, Meta(min_length=1, max_length=200)]
_INSTANT_PATTERN: Final = (
    "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})$"
)
#: RFC 3339 with an offset; beyond six digits the fraction of a second is rounded to microseconds.
Instant = Annotated[datetime, Meta(tz=True, extra_json_schema={"pattern": _INSTANT_PATTERN})]
DurationMs = Annotated[float, Meta(ge=0, le=DURATION_MS_MAX)]


class Properties(Struct, gc=False):
    """What is read of `properties`. Where any value will do, the event's name decides if its type matters."""

    revenue: Any = None
    total: Any = None
    value: Any = None
    currency: Any = None
    quantity: Any = None
    price: Any = None
    product_id: Any = None
    sku: Any = None
    path: Any = None
    url: Any = None
    category: Any = None
    survey: Any = None
    score: Any = None
    ticket_id: Any = None
    channel: Any = None
    action_id: Any = None
    duration_ms: DurationMs | None = None


class Consent(Struct, gc=False):
    """May the customer be contacted through the channel? Absent or null: this event does not say."""

    email: bool | None = None
    push: bool | None = None
    sms: bool | None = None
    phone: bool | None = None
    in_app: bool | None = None


class Traits(Struct, gc=False):
    """What is read of `traits` (identify)."""

    consent: Consent | None = None
    suppressed: bool | None = None
    timezone: str | None = None


class Event(Struct, gc=False, kw_only=True, rename="camel"):
    """One event: who, when, what."""

    type: Literal["track", "page", "screen", "identify"]
    message_id: MessageId
    timestamp: Instant
    event: EventName | None = None
    name: Any = None
    user_id: UserName | None = None
    anonymous_id: CustomerName | None = None
    sent_at: Instant | None = None
    original_timestamp: Instant | None = None
    received_at: Instant | None = None
    properties: Properties | None = None
    traits: Traits | None = None


class Field(Struct, frozen=True):
    """A field for its reader: `shape` continues the sentence "it must be ..."."""

    required: str
    shape: str
    meaning: str


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


_INSTANT_SHAPE: Final = "an ISO 8601 time with a UTC offset, such as 2026-01-31T12:00:00.000Z"
_ANY_SHAPE: Final = "any JSON value; a number must fit a double"
_MONEY_SHAPE: Final = f"in an order a number from 0 to {MONEY_MAX:,}; elsewhere {_ANY_SHAPE}"
_NAME_SHAPE: Final = "a string of 1 to 200 characters or an integer"
_BOOLEAN_SHAPE: Final = "true or false"

#: Every field that is read, by its JSON path, in the order of the documentation.
FIELDS: Final[Mapping[str, Field]] = MappingProxyType(
    {
        "$.type": Field("yes", '"track", "page", "screen" or "identify"', "the kind of call"),
        "$.event": Field(
            "track", "a string of 1 to 200 characters", "the name of what happened, such as Order Completed"
        ),
        "$.name": Field(
            "no", f"{_ANY_SHAPE}; a string counts", "the name of the page or screen (page, screen)"
        ),
        "$.userId": Field(
            "one of the two",
            f'a string of 1 to 200 characters that does not start with "{ANONYMOUS_PREFIX}"',
            "your id of the customer",
        ),
        "$.anonymousId": Field(
            "one of the two",
            "a string of 1 to 200 characters",
            f"an id of a visitor you do not know; counts only where `userId` is absent, as customer "
            f"`{ANONYMOUS_PREFIX}<anonymousId>`",
        ),
        "$.messageId": Field(
            "yes", "a string of 1 to 100 characters", "unique per event: a repeat within 24 h counts once"
        ),
        "$.timestamp": Field("yes", _INSTANT_SHAPE, "when it happened; 1970 or later, not in the future"),
        "$.sentAt": Field("no", _INSTANT_SHAPE, "when the sender sent it, by the sender's clock"),
        "$.originalTimestamp": Field(
            "no",
            _INSTANT_SHAPE,
            "when it happened, by the sender's clock, if `timestamp` is corrected already",
        ),
        "$.receivedAt": Field("no", _INSTANT_SHAPE, "when your collector received it"),
        "$.properties": Field("no", "an object", "what the event says of itself"),
        "$.properties.revenue": Field("no", _MONEY_SHAPE, "an order's money, first choice"),
        "$.properties.total": Field("no", _MONEY_SHAPE, "an order's money, second choice"),
        "$.properties.value": Field("no", _MONEY_SHAPE, "an order's money, third choice"),
        "$.properties.currency": Field(
            "no",
            "a string",
            "of an order's money or a piece's price; what is in another than the rules file's is not counted",
        ),
        "$.properties.quantity": Field(
            "no",
            f"an integer from 1 to {QUANTITY_MAX}",
            "pieces put into or taken out of the cart; default 1",
        ),
        "$.properties.price": Field(
            "no", f"in a cart event a number from 0 to {PRICE_MAX:,}", "what one piece costs; default 0"
        ),
        "$.properties.product_id": Field("no", _NAME_SHAPE, "in a product view: which product; first choice"),
        "$.properties.sku": Field("no", _NAME_SHAPE, "in a product view: which product; second choice"),
        "$.properties.path": Field("no", _ANY_SHAPE, "in a page or screen call: which, if it has no `name`"),
        "$.properties.url": Field(
            "no", _ANY_SHAPE, "in a page or screen call: which, if it has neither `name` nor `path`"
        ),
        "$.properties.category": Field(
            "no",
            f"{_ANY_SHAPE}; a string counts",
            f"in activity: what it is about, up to {CATEGORY_BYTES} bytes",
        ),
        "$.properties.survey": Field(
            "no", _ANY_SHAPE, "in a survey answer: nps, csat or ces; others are counted, no more"
        ),
        "$.properties.score": Field(
            "in an answer to one of these",
            "an integer: NPS 0 to 10, CSAT 1 to 5, CES 1 to 7",
            "in a survey answer: the score",
        ),
        "$.properties.ticket_id": Field(
            "no", _NAME_SHAPE, "in a ticket event: which; without it, all are one ticket"
        ),
        "$.properties.channel": Field(
            "outcome",
            f"in an outcome {_either(Consent.__struct_fields__)}; elsewhere {_ANY_SHAPE}",
            "in an outcome: the channel of the message",
        ),
        "$.properties.action_id": Field(
            "no",
            f"in an outcome a string of 1 to 200 characters; elsewhere {_ANY_SHAPE}",
            "in an outcome: the `action_id` of the request that the message answers; without it, the message is "
            "somebody else's",
        ),
        "$.properties.duration_ms": Field(
            "no", f"a number of milliseconds from 0 to {DURATION_MS_MAX} (366 days)", "how long it took"
        ),
        "$.traits": Field("no", "an object", "what is known of the customer (identify)"),
        "$.traits.consent": Field("no", "an object", "may the customer be contacted, by channel (identify)"),
        "$.traits.consent.email": Field("no", _BOOLEAN_SHAPE, "consent to e-mail"),
        "$.traits.consent.push": Field("no", _BOOLEAN_SHAPE, "consent to push messages"),
        "$.traits.consent.sms": Field("no", _BOOLEAN_SHAPE, "consent to text messages"),
        "$.traits.consent.phone": Field("no", _BOOLEAN_SHAPE, "consent to calls"),
        "$.traits.consent.in_app": Field("no", _BOOLEAN_SHAPE, "consent to messages inside the app"),
        "$.traits.suppressed": Field(
            "no",
            _BOOLEAN_SHAPE,
            "whether the customer is on the suppression list: no campaign asks for anything (identify)",
        ),
        "$.traits.timezone": Field(
            "no",
            "a string; the IANA name of a time zone counts, such as Europe/Berlin",
            "where the customer's quiet hours and calendar days are (identify)",
        ),
    }
)
