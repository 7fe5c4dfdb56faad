"""What events are about: pages and products shown, categories, answers to surveys, tickets. Columns of a chunk."""

from typing import Any, Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from streamproc.contracts.chunk import Chunk, Rows
from streamproc.contracts.events import CATEGORY_BYTES, SURVEYS, Event
from streamproc.contracts.failures import FailureReason
from streamproc.contracts.hashes import text_hash
from streamproc.contracts.meanings import PLAIN, TALLIES

#: Codes of `EventColumns.view`.
PAGE, PRODUCT = range(2)
_PRODUCT_VIEWS: Final = list(TALLIES).index("product_views")
_SURVEY_CODE: Final = {name: code for code, name in enumerate(SURVEYS)}
_ID_CHARACTERS_MAX: Final = 200

Codes = NDArray[np.int8]
Bools = NDArray[np.bool_]


def views(chunk: Chunk, code: Rows, activity: Bools) -> tuple[Codes, NDArray[np.uint32]]:
    """EventColumns.view and .shown; `activity`: bool[rows]."""
    view = np.full(len(code), -1, np.int8)
    shown = np.zeros(len(code), np.uint32)
    is_product = chunk.meanings.table.tally[code] == _PRODUCT_VIEWS
    for kind, named, rows in ((PAGE, _page, code == PLAIN), (PRODUCT, _product, is_product)):
        for row in np.flatnonzero(rows & activity).tolist():
            name = named(chunk.events[row])
            if name:
                view[row], shown[row] = kind, text_hash(name)
    return view, shown


def categories(chunk: Chunk, activity: Bools) -> NDArray[np.bytes_]:
    """EventColumns.category."""
    column = np.zeros(len(activity), f"S{CATEGORY_BYTES}")
    for row in np.flatnonzero(activity).tolist():
        properties = chunk.events[row].properties
        if properties is not None and type(properties.category) is str:
            column[row] = as_category(properties.category)
    return column


def as_category(text: str) -> bytes:
    """The name under which a category is known: its first 24 bytes of UTF-8, whole characters only.

    Spaces and U+0000 around it are not part of it.
    """
    cut = text.strip(" \0").encode()[:CATEGORY_BYTES].decode(errors="ignore")
    return cut.strip(" \0").encode()


def answers(chunk: Chunk, code: Rows) -> tuple[Codes, Codes]:
    """EventColumns.survey and .score."""
    survey, score = np.full(len(code), -1, np.int8), np.zeros(len(code), np.int8)
    for row in np.flatnonzero(chunk.meanings.table.survey[code]).tolist():
        properties = chunk.events[row].properties
        name = None if properties is None else properties.survey
        if type(name) is str and name.lower() in SURVEYS:
            survey[row], score[row] = _SURVEY_CODE[name.lower()], _score(chunk, row, name.lower())
    return survey, score


def _score(chunk: Chunk, row: int, survey: str) -> int:
    properties, allowed, field = chunk.events[row].properties, SURVEYS[survey], "$.properties.score"
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


def tickets(chunk: Chunk, code: Rows) -> tuple[Codes, NDArray[np.uint64]]:
    """EventColumns.ticket and .ticket_hash."""
    ticket = chunk.meanings.table.ticket[code]
    hashes = np.zeros(len(code), np.uint64)
    for row in np.flatnonzero(ticket).tolist():
        properties = chunk.events[row].properties
        hashes[row] = xxhash.xxh3_64_intdigest(_ticket_id(chunk, row, properties and properties.ticket_id))
    return ticket, hashes


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
    properties = event.properties
    names = (event.name, *((properties.path, properties.url) if properties is not None else ()))
    return next((name for name in names if type(name) is str and name), "")


def _product(event: Event) -> str:
    properties = event.properties
    if properties is None:
        return ""
    names = (str(name) if type(name) is int else name for name in (properties.product_id, properties.sku))
    return next((name for name in names if type(name) is str and name), "")
