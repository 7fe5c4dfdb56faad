"""What events are about: pages and products shown, categories, answers to surveys, tickets. Columns of a chunk."""

from collections.abc import Callable, Collection
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from streamproc.contracts.chunk import Chunk
from streamproc.contracts.events import CATEGORY_BYTES, SURVEYS, Event
from streamproc.contracts.failures import FailureReason
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import ANSWER, PAGE, PRODUCT, TICKET

#: Codes of `EventColumns.view`.
PAGES, PRODUCTS = range(2)
_SURVEY_CODE: Final = {name: code for code, name in enumerate(SURVEYS)}
_ID_CHARACTERS_MAX: Final = 200


def fill_views(chunk: Chunk) -> None:
    """EventColumns.view and .shown."""
    for look, kind, named in ((PAGE, PAGES, _page), (PRODUCT, PRODUCTS, _product)):
        names = {row: name for row in chunk.rows_with(look) if (name := named(chunk.events[row]))}
        if names:
            rows = np.array(list(names), np.intp)
            chunk.rows["view"][rows] = kind
            chunk.rows["shown"][rows] = _each(names.values(), text_hash)


def fill_categories(chunk: Chunk) -> None:
    """EventColumns.category."""
    activity = chunk.rows["activity"].tolist()
    texts = {
        row: p.category
        for row, p in enumerate(chunk.properties)
        if p is not None and type(p.category) is str and activity[row]
    }
    if texts:
        chunk.rows["category"][list(texts)] = _each(texts.values(), as_category)


def as_category(text: str) -> bytes:
    """The name under which a category is known: its first 24 bytes of UTF-8, whole characters only.

    Spaces and U+0000 around it are not part of it.
    """
    cut = text.strip(" \0").encode()[:CATEGORY_BYTES].decode(errors="ignore")
    return cut.strip(" \0").encode()


def fill_answers(chunk: Chunk) -> None:
    """EventColumns.survey and .score."""
    survey, score = chunk.rows["survey"], chunk.rows["score"]
    for row in chunk.rows_with(ANSWER):
        properties = chunk.properties[row]
        name = None if properties is None else properties.survey
        if type(name) is str and name.lower() in SURVEYS:
            survey[row], score[row] = _SURVEY_CODE[name.lower()], _score(chunk, row, name.lower())


def _score(chunk: Chunk, row: int, survey: str) -> int:
    properties, allowed, field = chunk.properties[row], SURVEYS[survey], "$.properties.score"
    score = None if properties is None else properties.score
    if score is None:
        what = f"is missing; an answer to {survey.upper()} must have one"
        chunk.reject(row, FailureReason.MISSING_FIELD, field, what)
    elif type(score) is not int:
        chunk.reject(row, FailureReason.WRONG_TYPE, field, "must be an integer")
    elif score not in allowed:
        what = f"must be from {allowed[0]} to {allowed[-1]} for {survey.upper()}"
        chunk.reject(row, FailureReason.OUT_OF_RANGE, field, what)
    else:
        return score
    return 0


def fill_tickets(chunk: Chunk) -> None:
    """EventColumns.ticket_hash."""
    for row in chunk.rows_with(TICKET):
        properties = chunk.properties[row]
        given = None if properties is None else properties.ticket_id
        chunk.rows["ticket_hash"][row] = xxh3_64_intdigest(_ticket_id(chunk, row, given))


def _ticket_id(chunk: Chunk, row: int, given: Any) -> bytes:
    field = "$.properties.ticket_id"
    if given is None:
        return b""
    if type(given) is int:
        return str(given).encode()
    if type(given) is not str:
        chunk.reject(row, FailureReason.WRONG_TYPE, field, "must be a string or an integer")
        return b""
    if not 1 <= len(given) <= _ID_CHARACTERS_MAX:
        chunk.reject(
            row, FailureReason.INVALID_FIELD, field, f"must have 1 to {_ID_CHARACTERS_MAX} characters"
        )
    return given.encode()


def _page(event: Event) -> str:
    """The first of its names; "" where it has none."""
    name, properties = event.name, event.properties
    if properties is not None and not (name and type(name) is str):
        name = properties.path
        if not (name and type(name) is str):
            name = properties.url
    return name if type(name) is str else ""


def _product(event: Event) -> str:
    """The first of its names; "" where it has none."""
    properties = event.properties
    if properties is None:
        return ""
    name = properties.product_id
    if type(name) is not int and not (name and type(name) is str):
        name = properties.sku
    return str(name) if type(name) is int else name if type(name) is str else ""


def _each(texts: Collection[str], make: Callable[[str], Any]) -> list[Any]:
    """What `make` makes of each text. Equal texts are many, and made once."""
    made = {text: make(text) for text in set(texts)}
    return [made[text] for text in texts]
