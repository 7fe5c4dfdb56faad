"""What an event's name means: activity, order, cart, consent. Said by the rules file, or by the defaults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
import numpy as np
import xxhash
from numpy.typing import NDArray

from streamproc.contracts.events import MONEY_PROPERTIES, Event, Properties

#: Codes 0, 1, 2: `EventColumns.channel`.
CHANNELS: Final = ("web", "app", "support")
#: In place of a code: the channel of the topic.
NO_CHANNEL: Final = -1
#: Codes 0 .. 4: the bits of `EventColumns.consent`.
CONSENT_CHANNELS: Final = ("email", "push", "sms", "phone", "in_app")
#: What events may count as, and what that says to people. `negatives` and `positives` follow from the valence.
TALLIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "searches": "searches",
        "product_views": "products looked at",
        "checkouts": "steps towards an order, from the start of the checkout on",
        "refunds": "orders refunded",
        "coupons": "coupons applied",
        "content_views": "articles read, videos begun",
        "feature_uses": "uses of a feature",
        "app_opens": "openings of the app",
        "crashes": "crashes of the app",
        "pushes": "push messages received",
        "push_taps": "push messages tapped",
        "emails": "e-mails delivered",
        "email_opens": "e-mails opened (or fetched by a machine)",
        "email_clicks": "links clicked in e-mails",
        "support_contacts": "conversations and tickets begun",
        "surveys": "survey questions answered",
        "shares": "products and carts shared",
        "referrals": "invitations sent to others",
        "negatives": "events with a negative valence",
        "positives": "events with a positive valence",
    }
)
#: Is an event activity, where its meaning does not say? A complaint must not look like engagement.
ACTIVITY_BY_CHANNEL: Final = (True, True, False)


class EventMeaning(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one name mean.

    channel: the channel they belong to, whatever their topic; None is the topic's. activity: None is the channel's
    default. counts: one of TALLIES. value: the property that holds the money; None is the first number of revenue,
    total, value. duration: the property that holds the duration in ms; None is duration_ms. survey: whether they are
    answers to one. ticket: whether they open or close one. consent: channel to granted or not.
    """

    channel: Literal["web", "app", "support"] | None = None
    activity: bool | None = None
    valence: Literal["positive", "neutral", "negative"] = "neutral"
    counts: str | None = None
    order: bool = False
    value: str | None = None
    duration: str | None = None
    cart: Literal["add", "remove"] | None = None
    survey: bool = False
    ticket: Literal["open", "close"] | None = None
    consent: dict[str, bool] | None = None


_KNOWN: Final = EventMeaning()


def _web_or_app(**fields: Any) -> EventMeaning:
    """Something that customers do."""
    return EventMeaning(**fields)


def _app(**fields: Any) -> EventMeaning:
    return EventMeaning(channel="app", **fields)


def _sent(**fields: Any) -> EventMeaning:
    """Something that was done to the customer, or that machines do for them: no engagement."""
    return EventMeaning(activity=False, **fields)


def _support(**fields: Any) -> EventMeaning:
    return EventMeaning(channel="support", **fields)


_NO_EMAIL: Final = {"email": False}

#: Names of the Segment spec (e-commerce, B2B SaaS, mobile, video, e-mail, live chat) and of usual help desks.
DEFAULT_MEANINGS: Final[Mapping[str, EventMeaning]] = MappingProxyType(
    {
        # shopping
        "Products Searched": _web_or_app(counts="searches"),
        "Product List Viewed": _KNOWN,
        "Product Clicked": _KNOWN,
        "Product Viewed": _web_or_app(counts="product_views"),
        "Product Added": _web_or_app(cart="add"),
        "Product Removed": _web_or_app(cart="remove"),
        "Product Added to Wishlist": _web_or_app(valence="positive"),
        "Cart Viewed": _KNOWN,
        "Checkout Started": _web_or_app(counts="checkouts"),
        "Checkout Step Viewed": _web_or_app(counts="checkouts"),
        "Checkout Step Completed": _web_or_app(counts="checkouts"),
        "Payment Info Entered": _web_or_app(counts="checkouts"),
        "Coupon Entered": _KNOWN,
        "Coupon Applied": _web_or_app(counts="coupons"),
        "Coupon Denied": _KNOWN,
        "Order Completed": _web_or_app(order=True, valence="positive"),
        "Order Updated": _sent(),
        "Order Cancelled": _web_or_app(valence="negative"),
        "Order Refunded": _sent(counts="refunds", valence="negative"),
        "Product Reviewed": _KNOWN,
        "Product Shared": _web_or_app(counts="shares", valence="positive"),
        "Cart Shared": _web_or_app(counts="shares", valence="positive"),
        # accounts and onboarding
        "Account Created": _KNOWN,
        "Account Deleted": _sent(valence="negative"),
        "Signed Up": _web_or_app(valence="positive"),
        "Signed In": _KNOWN,
        "Signed Out": _KNOWN,
        "Trial Started": _web_or_app(valence="positive"),
        "Trial Ended": _sent(),
        "Onboarding Step Completed": _web_or_app(valence="positive"),
        "Onboarding Completed": _web_or_app(valence="positive"),
        "Feature Used": _web_or_app(counts="feature_uses"),
        "Referral Sent": _web_or_app(counts="referrals", valence="positive"),
        # content
        "Content Viewed": _web_or_app(counts="content_views"),
        "Article Read": _web_or_app(counts="content_views"),
        "Video Playback Started": _web_or_app(counts="content_views"),
        "Video Playback Paused": _KNOWN,
        "Video Playback Resumed": _KNOWN,
        "Video Playback Interrupted": _sent(valence="negative"),
        "Video Playback Completed": _web_or_app(valence="positive"),
        "Video Content Started": _KNOWN,
        "Video Content Completed": _web_or_app(valence="positive"),
        # the app
        "Application Installed": _app(valence="positive"),
        "Application Opened": _app(counts="app_opens"),
        "Application Backgrounded": _app(activity=False),
        "Application Updated": _app(activity=False),
        "Application Crashed": _app(activity=False, counts="crashes", valence="negative"),
        "Application Uninstalled": _app(activity=False, valence="negative"),
        "Push Notification Received": _app(activity=False, counts="pushes"),
        "Push Notification Tapped": _app(counts="push_taps", valence="positive"),
        # e-mail
        "Email Delivered": _sent(counts="emails"),
        "Email Bounced": _sent(),
        "Email Opened": _sent(counts="email_opens"),
        "Email Link Clicked": _web_or_app(counts="email_clicks", valence="positive"),
        "Email Marked as Spam": _sent(valence="negative", consent=_NO_EMAIL),
        "Email Unsubscribed": _sent(valence="negative", consent=_NO_EMAIL),
        "Unsubscribed": _sent(valence="negative", consent=_NO_EMAIL),
        # support
        "Live Chat Conversation Started": _support(counts="support_contacts"),
        "Live Chat Message Sent": _support(),
        "Live Chat Message Received": _support(),
        "Live Chat Conversation Ended": _support(),
        "Ticket Opened": _support(counts="support_contacts", ticket="open", valence="negative"),
        "Ticket Replied": _support(),
        "Ticket Resolved": _support(ticket="close"),
        "Ticket Closed": _support(ticket="close"),
        "Ticket Reopened": _support(counts="support_contacts", ticket="open", valence="negative"),
        "Survey Question Answered": _support(counts="surveys", survey=True),
    }
)

#: The first rows of a `MeaningTable`, which no rule can redefine; those of the names follow.
PLAIN: Final = 0
"""page and screen calls"""
IDENTIFY: Final = 1
UNKNOWN: Final = 2
"""a track call whose name has no meaning"""
NAMELESS: Final = 3
"""a track call without `event`: not valid"""
_ROWS_WITHOUT_NAME: Final = 4


@dataclass(frozen=True)
class MeaningTable:
    """The meanings as arrays of m rows; `code` finds the row of a track call's `event`."""

    code: Mapping[str | None, int]
    name: NDArray[np.uint32]  # uint32[m]: as EventColumns.name
    channel: NDArray[np.int8]  # int8[m]: NO_CHANNEL is the topic's
    activity: NDArray[np.bool_]  # bool[channels, m]
    tally: NDArray[np.int8]  # int8[m]: as EventColumns.tally
    valence: NDArray[np.int8]  # int8[m]: as EventColumns.valence
    order: NDArray[np.bool_]  # bool[m]
    cart_sign: NDArray[np.int64]  # int64[m]: 1 adds, -1 removes, 0 neither
    survey: NDArray[np.bool_]  # bool[m]
    ticket: NDArray[np.int8]  # int8[m]: as EventColumns.ticket
    consent: NDArray[np.int16]  # int16[m]: as EventColumns.consent
    money: list[
        tuple[tuple[str, str], ...]
    ]  # m times: (name, attribute) of the properties to look for money in
    duration: dict[int, str]  # row to the name of its own duration property


@dataclass(frozen=True)
class Meanings:
    """Everything that decoding needs of the rules: the meanings of all names, and the currency of money.

    `names` is taken as it is: merge it over DEFAULT_MEANINGS first. Build it once; `reader` and `table` are
    made at their first use and kept.
    """

    names: Mapping[str, EventMeaning]
    currency: str

    @cached_property
    def own_properties(self) -> Mapping[str, str]:
        """Property name to attribute, of the money and duration properties that only these meanings name."""
        named = {
            name for meaning in self.names.values() for name in (meaning.value, meaning.duration) if name
        }
        return {name: f"own_{i}" for i, name in enumerate(sorted(named - set(Properties.__struct_fields__)))}

    @cached_property
    def reader(self) -> Callable[[bytes], Event]:
        """Decodes one JSON event, with `own_properties` among its properties."""
        if not self.own_properties:
            return msgspec.json.Decoder(Event).decode
        properties = msgspec.defstruct(
            "OwnProperties",
            [
                (attribute, Any, msgspec.field(default=None, name=name))
                for name, attribute in self.own_properties.items()
            ],
            bases=(Properties,),
            gc=False,
        )
        event = msgspec.defstruct(
            "OwnEvent",
            [("properties", properties | None, None)],
            bases=(Event,),
            gc=False,
            kw_only=True,
            rename="camel",
        )
        decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(event)
        return decoder.decode

    @cached_property
    def table(self) -> MeaningTable:
        """The meanings as arrays."""
        rows = [*[_KNOWN] * _ROWS_WITHOUT_NAME, *self.names.values()]
        codes: dict[str | None, int] = {name: _ROWS_WITHOUT_NAME + i for i, name in enumerate(self.names)}
        activity = np.array(
            [
                [default if row.activity is None else row.activity for row in rows]
                for default in ACTIVITY_BY_CHANNEL
            ]
        )
        activity[:, IDENTIFY] = False
        sign = {"add": 1, "remove": -1, "open": 1, "close": -1, None: 0}
        valence = {"positive": 1, "neutral": 0, "negative": -1}
        tally = {name: place for place, name in enumerate(TALLIES)}
        return MeaningTable(
            code={**codes, None: NAMELESS},
            name=np.array([*[0] * _ROWS_WITHOUT_NAME, *map(name_hash, self.names)], np.uint32),
            channel=np.array(
                [NO_CHANNEL if row.channel is None else CHANNELS.index(row.channel) for row in rows], np.int8
            ),
            activity=activity,
            tally=np.array([tally.get(row.counts, -1) if row.counts else -1 for row in rows], np.int8),
            valence=np.array([valence[row.valence] for row in rows], np.int8),
            order=np.array([row.order for row in rows]),
            cart_sign=np.array([sign[row.cart] for row in rows], np.int64),
            survey=np.array([row.survey for row in rows]),
            ticket=np.array([sign[row.ticket] for row in rows], np.int8),
            consent=np.array([consent_bits(row.consent or {}) for row in rows], np.int16),
            money=[self._money(row) for row in rows],
            duration={code: row.duration for code, row in enumerate(rows) if row.duration},
        )

    def attribute(self, name: str) -> str:
        """The attribute of the reader's properties that holds the property `name`."""
        return self.own_properties.get(name, name)

    def _money(self, meaning: EventMeaning) -> tuple[tuple[str, str], ...]:
        names = (meaning.value,) if meaning.value else MONEY_PROPERTIES
        return tuple((name, self.attribute(name)) for name in names)


def name_hash(name: str) -> int:
    """What stands for the name of a track call in columns, whatever the rules."""
    return xxhash.xxh32_intdigest(name.encode())


def consent_bits(consent: Mapping[str, bool | None]) -> int:
    """`EventColumns.consent` of what is said per channel (None: nothing); -1 if nothing at all is said."""
    bits = 0
    for code, channel in enumerate(CONSENT_CHANNELS):
        granted = consent.get(channel)
        if granted is not None:
            bits |= (0b11 if granted else 0b01) << 2 * code
    return bits or -1
