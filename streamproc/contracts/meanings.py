"""What an event's name means: activity, order, cart, consent. Said by the rules file, or by the defaults."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EVENT_DTYPE, EventRows
from streamproc.contracts.events import MONEY_PROPERTIES, OUTCOMES, Event, Properties
from streamproc.contracts.hashes import text_hash

#: Codes 0, 1, 2: `EventColumns.channel`.
CHANNELS: Final = ("web", "app", "support")
#: Codes 0 .. 3: where events come in, a channel's topic or that of outcomes.
ORIGINS: Final = (*CHANNELS, "outcomes")
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


#: The first codes of a `MeaningTable`, which no rule can redefine; those of the names follow.
PLAIN: Final = 0
"""page and screen calls"""
IDENTIFY: Final = 1
UNKNOWN: Final = 2
"""a track call whose name has no meaning"""
NAMELESS: Final = 3
"""a track call without `event`: not valid"""
OUTCOME_CODES: Final = range(4, 4 + len(OUTCOMES))
"""in the order of OUTCOMES"""
_OWN_NAMES: Final = OUTCOME_CODES.stop

#: What to look at in an event, where its meaning says so.
ORDER, CART, ANSWER, TICKET, TRAITS, PAGE, PRODUCT, OUTCOME = (1 << bit for bit in range(8))
_SIGNS: Final = MappingProxyType({"add": 1, "remove": -1, "open": 1, "close": -1, None: 0})
_VALENCES: Final = MappingProxyType({"positive": 1, "neutral": 0, "negative": -1})


@dataclass(frozen=True)
class MeaningTable:
    """What decoding needs of m meanings; `codes` finds the place of a track call's `event` among them.

    An event of an origin and a code begins with what that says of it, at origin * m + code.
    """

    codes: dict[str | None, int]
    plain: bytes  # EVENT_DTYPE[origins * m]; a `cart` is one piece
    looks: bytes  # uint8[origins * m]: what to look at in an event, as bits: ORDER, CART ...
    money: list[
        tuple[tuple[str, str], ...]
    ]  # m times: (name, attribute) of the properties to look for money in
    duration: dict[int, str]  # code to the name of its own duration property


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
        """The meanings as decoding needs them."""
        rows = [*[EventMeaning()] * _OWN_NAMES, *self.names.values()]
        codes: dict[str | None, int] = {name: _OWN_NAMES + i for i, name in enumerate(self.names)}
        codes |= dict(zip(OUTCOMES, OUTCOME_CODES, strict=True))
        plain = self._plain(rows)
        return MeaningTable(
            codes={**codes, None: NAMELESS},
            plain=plain.tobytes(),
            looks=_looks(rows, plain).tobytes(),
            money=[self._money(row) for row in rows],
            duration={code: row.duration for code, row in enumerate(rows) if row.duration},
        )

    def _plain(self, meanings: Sequence[EventMeaning]) -> EventRows:
        """EVENT_DTYPE[origins, m]: an event of each origin and meaning that says nothing itself."""
        plain = np.zeros((len(ORIGINS), len(meanings)), EVENT_DTYPE)
        own = [NO_CHANNEL if row.channel is None else CHANNELS.index(row.channel) for row in meanings]
        # Only outcomes, which count in no channel, are accepted where there is none.
        topics = np.minimum(np.arange(len(ORIGINS)), len(CHANNELS) - 1)[:, np.newaxis]
        plain["channel"] = np.where(np.array(own) == NO_CHANNEL, topics, own)
        by_channel = [
            [default if row.activity is None else row.activity for default in ACTIVITY_BY_CHANNEL]
            for row in meanings
        ]
        plain["activity"] = np.array(by_channel)[np.arange(len(meanings)), plain["channel"]]
        quiet = [IDENTIFY, *OUTCOME_CODES]
        plain["activity"][:, quiet] = False
        plain["counted"] = True
        plain["counted"][:, quiet] = False
        tally = {name: place for place, name in enumerate(TALLIES)}
        plain["tally"] = [tally.get(row.counts, -1) if row.counts else -1 for row in meanings]
        plain["valence"] = [_VALENCES[row.valence] for row in meanings]
        plain["name"] = [*[0] * _OWN_NAMES, *map(text_hash, self.names)]
        plain["order"] = [row.order for row in meanings]
        plain["cart"] = [_SIGNS[row.cart] for row in meanings]
        plain["ticket"] = [_SIGNS[row.ticket] for row in meanings]
        plain["consent"] = [consent_bits(row.consent or {}) for row in meanings]
        for name in ("duration_ms", "view", "survey", "answered", "contact"):
            plain[name] = -1
        return plain

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


def _looks(meanings: Sequence[EventMeaning], plain: EventRows) -> NDArray[np.uint8]:
    """MeaningTable.looks of what `plain` says: uint8[origins, m]. Only what is activity can show something."""
    looks = np.zeros(plain.shape, np.uint8)
    looks[plain["order"]] |= ORDER
    looks[plain["cart"] != 0] |= CART
    looks[plain["ticket"] != 0] |= TICKET
    looks[:, [row.survey for row in meanings]] |= ANSWER
    looks[:, IDENTIFY] |= TRAITS
    looks[:, PLAIN] |= PAGE
    looks[plain["tally"] == list(TALLIES).index("product_views")] |= PRODUCT
    looks[~plain["activity"]] &= ~(PAGE | PRODUCT) & 0xFF
    looks[:, OUTCOME_CODES] = looks[len(CHANNELS) :] = OUTCOME
    return looks
