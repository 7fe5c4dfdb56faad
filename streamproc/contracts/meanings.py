"""What an event's name means: activity, order, cart, consent. Said by the rules file, or by the defaults."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.events import MONEY_PROPERTIES, Event, Properties

#: Codes 0, 1, 2: `EventColumns.channel`.
CHANNELS: Final = ("web", "app", "support")
#: Codes 0 .. 4: the bits of `EventColumns.consent`.
CONSENT_CHANNELS: Final = ("email", "push", "sms", "phone", "in_app")
#: Is an event activity, where its meaning does not say? A complaint must not look like engagement.
ACTIVITY_BY_CHANNEL: Final = (True, True, False)


class EventMeaning(msgspec.Struct, frozen=True, kw_only=True):
    """What the events of one name mean.

    activity: None is the channel's default. value: the property that holds the money; None is the first
    number of revenue, total, value. duration: the property that holds the duration in ms; None is
    duration_ms. consent: channel to granted or not.
    """

    activity: bool | None = None
    valence: Literal["positive", "neutral", "negative"] = "neutral"
    order: bool = False
    value: str | None = None
    duration: str | None = None
    cart: Literal["add", "remove"] | None = None
    consent: dict[str, bool] | None = None


_KNOWN: Final = EventMeaning()
_POSITIVE: Final = EventMeaning(valence="positive")
_NEGATIVE: Final = EventMeaning(valence="negative")
#: Things that were done to the customer, or that machines do for him: no engagement.
_PASSIVE: Final = EventMeaning(activity=False)
_FAREWELL: Final = EventMeaning(activity=False, valence="negative")
_NO_EMAIL: Final = EventMeaning(activity=False, valence="negative", consent={"email": False})

#: Names of the Segment spec (e-commerce, mobile, e-mail, live chat, accounts) and of usual help desks.
DEFAULT_MEANINGS: Final[Mapping[str, EventMeaning]] = MappingProxyType(
    {
        "Order Completed": EventMeaning(order=True, valence="positive"),
        "Order Cancelled": _NEGATIVE,
        "Order Refunded": _NEGATIVE,
        "Product Added": EventMeaning(cart="add"),
        "Product Removed": EventMeaning(cart="remove"),
        "Products Searched": _KNOWN,
        "Product List Viewed": _KNOWN,
        "Product Clicked": _KNOWN,
        "Product Viewed": _KNOWN,
        "Cart Viewed": _KNOWN,
        "Checkout Started": _KNOWN,
        "Product Added to Wishlist": _POSITIVE,
        "Product Shared": _POSITIVE,
        "Product Reviewed": _KNOWN,
        "Signed Up": _POSITIVE,
        "Signed In": _KNOWN,
        "Signed Out": _KNOWN,
        "Account Deleted": _FAREWELL,
        "Application Installed": _POSITIVE,
        "Application Opened": _KNOWN,
        "Application Updated": _PASSIVE,
        "Application Backgrounded": _PASSIVE,
        "Application Crashed": _FAREWELL,
        "Application Uninstalled": _FAREWELL,
        "Push Notification Received": _PASSIVE,
        "Push Notification Tapped": _POSITIVE,
        "Email Delivered": _PASSIVE,
        "Email Bounced": _PASSIVE,
        "Email Opened": _PASSIVE,
        "Email Link Clicked": _POSITIVE,
        "Email Marked as Spam": _NO_EMAIL,
        "Email Unsubscribed": _NO_EMAIL,
        "Unsubscribed": _NO_EMAIL,
        "Live Chat Conversation Started": _KNOWN,
        "Live Chat Conversation Ended": _KNOWN,
        "Live Chat Message Sent": _KNOWN,
        "Live Chat Message Received": _KNOWN,
        "Ticket Opened": _NEGATIVE,
        "Ticket Reopened": _NEGATIVE,
        "Ticket Closed": _KNOWN,
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
    activity: NDArray[np.bool_]  # bool[channels, m]
    order: NDArray[np.bool_]  # bool[m]
    cart_sign: NDArray[np.int64]  # int64[m]: 1 adds, -1 removes, 0 neither
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
        sign = {"add": 1, "remove": -1, None: 0}
        return MeaningTable(
            code={**codes, None: NAMELESS},
            activity=activity,
            order=np.array([row.order for row in rows]),
            cart_sign=np.array([sign[row.cart] for row in rows], np.int64),
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


def consent_bits(consent: Mapping[str, bool | None]) -> int:
    """`EventColumns.consent` of what is said per channel (None: nothing); -1 if nothing at all is said."""
    bits = 0
    for code, channel in enumerate(CONSENT_CHANNELS):
        granted = consent.get(channel)
        if granted is not None:
            bits |= (0b11 if granted else 0b01) << 2 * code
    return bits or -1
