"""What events are about: answers to surveys, tickets. Columns of a chunk."""

from typing import Any, Final

from xxhash import xxh3_64_intdigest

from streamproc.contracts.chunk import Chunk
from streamproc.contracts.events import ID_CHARACTERS_MAX, SURVEYS
from streamproc.contracts.failures import FailureReason
from streamproc.contracts.meanings import ANSWER, TICKET

#: Codes of `EventColumns.view`.
PAGES, PRODUCTS = range(2)
_SURVEY_CODE: Final = {name: code for code, name in enumerate(SURVEYS)}


def fill_answers(chunk: Chunk) -> None:
    """EventColumns.survey and .score."""
    rows = chunk.rows_with(ANSWER)
    if not rows:
        return
    survey, score = chunk.rows["survey"], chunk.rows["score"]
    for row in rows:
        properties = chunk.events[row].properties
        name = None if properties is None else properties.survey
        if type(name) is str and name.lower() in SURVEYS:
            survey[row], score[row] = _SURVEY_CODE[name.lower()], _score(chunk, row, name.lower())


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


def fill_tickets(chunk: Chunk) -> None:
    """EventColumns.ticket_hash."""
    for row in chunk.rows_with(TICKET):
        properties = chunk.events[row].properties
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
    if not 1 <= len(given) <= ID_CHARACTERS_MAX:
        chunk.reject(
            row, FailureReason.INVALID_FIELD, field, f"must have 1 to {ID_CHARACTERS_MAX} characters"
        )
    return given.encode()
