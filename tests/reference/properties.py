"""What an event's properties say, as far as its meaning asks: each reader returns a value or raises
Invalid.
"""

import math
from typing import Any

from tests.reference.campaigns_outcomes import check_outcome, is_outcome
from tests.reference.event import Event, Invalid
from tests.reference.meanings import Meaning
from tests.reference.rules import Rules
from tests.reference.texts import cut

DURATION_MS_MAX = 366 * 86_400_000
QUANTITY_MAX = 1_000_000
PRICE_MAX = 1_000_000
MONEY_MAX = 10_000_000_000
MONEY_FIELDS = ("revenue", "total", "value")
TICKET_ID_LENGTH = 200
#: The surveys whose answers are remembered, each with its least and its greatest score.
SURVEYS = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}


def check_properties(event: Event, rules: Rules) -> None:
    """Invalid if a property that is used has the wrong form."""
    number(event, "duration_ms", 0, DURATION_MS_MAX)
    if is_outcome(event):
        check_outcome(event)
        return
    meaning = rules.meaning(event.name)
    own_duration_ms(event, meaning)
    if meaning.cart is not None:
        quantity(event)
        price_micros(event, rules.currency)
    if meaning.order:
        order_micros(event, meaning, rules.currency)
    if meaning.survey:
        answer(event)
    if meaning.ticket is not None:
        ticket_id(event)


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


def price_micros(event: Event, currency: str) -> int:
    """What one piece costs, in millionths; 0 if it is not said, or in another currency."""
    price = number(event, "price", 0, PRICE_MAX)
    if price is None or event.properties.get("currency") not in (None, currency):
        return 0
    return round(price * 1e6)


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


def answer(event: Event) -> tuple[str, int] | None:
    """(survey, score) of a survey answer; None if it answers none of the surveys that are remembered."""
    survey = event.properties.get("survey")
    survey = survey.lower() if isinstance(survey, str) else None
    if survey not in SURVEYS:
        return None
    score = event.properties.get("score")
    if score is None:
        raise Invalid("missing_field")
    if not is_integer(score):
        raise Invalid("wrong_type")
    least, greatest = SURVEYS[survey]
    if not least <= score <= greatest:
        raise Invalid("out_of_range")
    return survey, score


def ticket_id(event: Event) -> str:
    """Which ticket: without an id, all are one."""
    given = event.properties.get("ticket_id")
    if given is None:
        return ""
    if is_integer(given):
        return str(given)
    if not isinstance(given, str):
        raise Invalid("wrong_type")
    if not 1 <= len(given) <= TICKET_ID_LENGTH:
        raise Invalid("invalid_field")
    return given


def page_shown(event: Event) -> str | None:
    """Which page or screen a call shows: its name, else its path, else its URL."""
    for given in (event.title, event.properties.get("path"), event.properties.get("url")):
        if isinstance(given, str) and given:
            return given
    return None


def product_shown(event: Event) -> str | None:
    """Which product a call shows: its id, else its SKU."""
    for given in (event.properties.get("product_id"), event.properties.get("sku")):
        if is_integer(given):
            return str(given)
        if isinstance(given, str) and given:
            return given
    return None


def category(event: Event) -> str:
    """What the event is about; empty if it does not say."""
    given = event.properties.get("category")
    return cut(given) if isinstance(given, str) else ""


def is_integer(value: Any) -> bool:
    """Whether it is an integer in JSON: neither 5.0 nor true is one."""
    return isinstance(value, int) and not isinstance(value, bool)


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
