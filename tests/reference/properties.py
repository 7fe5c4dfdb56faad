"""What an event's properties say, as far as its meaning asks: each reader returns a value or raises
Invalid.
"""

import math
from typing import Any

from tests.reference.event import Event, Invalid
from tests.reference.rules import Meaning, Rules

DURATION_MS_MAX = 366 * 86_400_000
QUANTITY_MAX = 1_000_000
MONEY_MAX = 10_000_000_000
MONEY_FIELDS = ("revenue", "total", "value")


def check_properties(event: Event, rules: Rules) -> None:
    """Invalid if a property that is used has the wrong form."""
    meaning = rules.meaning(event.name)
    number(event, "duration_ms", 0, DURATION_MS_MAX)
    own_duration_ms(event, meaning)
    if meaning.cart is not None:
        quantity(event)
    if meaning.order:
        order_micros(event, meaning, rules.currency)


def own_duration_ms(event: Event, meaning: Meaning) -> int | None:
    """The duration that the event carries itself; None if it carries none."""
    duration = number(event, meaning.duration or "duration_ms", 0, DURATION_MS_MAX)
    return None if duration is None else round(duration)


def quantity(event: Event) -> int:
    """How many pieces go into the cart, or out of it."""
    pieces = number(event, "quantity", 1, QUANTITY_MAX)
    if pieces is None:
        return 1
    if pieces != int(pieces):
        raise Invalid("out_of_range")
    return int(pieces)


def order_micros(event: Event, meaning: Meaning, currency: str) -> int:
    """The money of an order in millionths; 0 if there is none, or in another currency."""
    given = event.properties.get("currency")
    if given is not None and not isinstance(given, str):
        raise Invalid("wrong_type")
    if given not in (None, currency):
        return 0
    for key in (meaning.value,) if meaning.value else MONEY_FIELDS:
        amount = number(event, key, 0, MONEY_MAX)
        if amount is not None:
            return round(amount * 1e6)
    return 0


def number(event: Event, key: str, least: int, greatest: int) -> int | float | None:
    """The number at `key`; None if it is absent or null. True and false are no numbers."""
    value: Any = event.properties.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Invalid("wrong_type")
    if not (math.isfinite(value) and least <= value <= greatest):
        raise Invalid("out_of_range")
    return value
