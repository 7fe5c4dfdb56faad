"""What became of messages to customers, ours or somebody else's. Columns of a chunk.

An outcome is no activity and is not counted; it means the same on every topic, and no rules file can change it.
"""

from typing import Any, Final, NamedTuple

from streamproc.contracts.chunk import Chunk
from streamproc.contracts.events import ID_CHARACTERS_MAX, OUTCOMES
from streamproc.contracts.failures import FailureReason
from streamproc.contracts.meanings import CONSENT_CHANNELS, OUTCOME, OUTCOME_CODES, TALLIES, consent_bits

_TALLY_CODE: Final = {name: code for code, name in enumerate(TALLIES)}
_CHANNEL_CODE: Final = {name: code for code, name in enumerate(CONSENT_CHANNELS)}
_DELIVERED, _OPENED, _CLICKED, _BOUNCED, _UNSUBSCRIBED = OUTCOMES
_TALLIES: Final = {
    (_DELIVERED, "email"): "emails",
    (_OPENED, "email"): "email_opens",
    (_CLICKED, "email"): "email_clicks",
    (_DELIVERED, "push"): "pushes",
    (_OPENED, "push"): "push_taps",
    (_CLICKED, "push"): "push_taps",
}
_CHANNELS: Final = f"it must be one of {', '.join(CONSENT_CHANNELS)}"
_NO_TRACK: Final = (
    "must be track: only outcomes belong on this topic; send the event to the topic of its channel"
)
_NO_OUTCOME: Final = (
    f"must be one of {', '.join(OUTCOMES)} on this topic; send other events to the topic of their channel"
)


class Effect(NamedTuple):
    """What an outcome of a channel does.

    tally: of `meanings.TALLIES`, or none. answers: the customer reacted. withdraws: the channel may not be used any
    more. contacts: without an action of ours, it is a message of somebody else.
    """

    tally: str | None = None
    answers: bool = False
    withdraws: bool = False
    contacts: bool = False


def effect(outcome: str, channel: str) -> Effect:
    """What one of `events.OUTCOMES` on one of `meanings.CONSENT_CHANNELS` does."""
    return Effect(
        tally=_TALLIES.get((outcome, channel)),
        answers=outcome in (_OPENED, _CLICKED),
        withdraws=outcome in (_BOUNCED, _UNSUBSCRIBED),
        contacts=outcome == _DELIVERED,
    )


def fill_outcomes(chunk: Chunk) -> None:
    """EventColumns.answered and .contact; of outcomes also .tally and .consent. Refuses what is on the wrong topic."""
    rows = chunk.rows
    for row in chunk.rows_with(OUTCOME):
        if chunk.codes[row] not in OUTCOME_CODES:
            _refuse(chunk, row)
            continue
        properties = chunk.events[row].properties
        channel = _channel(chunk, row, None if properties is None else properties.channel)
        is_ours = _is_given(chunk, row, None if properties is None else properties.action_id)
        if channel is None:
            continue
        code, does = _CHANNEL_CODE[channel], effect(OUTCOMES[chunk.codes[row] - OUTCOME_CODES.start], channel)
        if does.tally:
            rows["tally"][row] = _TALLY_CODE[does.tally]
        if does.answers:
            rows["answered"][row] = code
        if does.withdraws:
            rows["consent"][row] = consent_bits({channel: False})
        if does.contacts and not is_ours:
            rows["contact"][row] = code


def _refuse(chunk: Chunk, row: int) -> None:
    """Anything but an outcome on their topic would be counted in no channel."""
    if chunk.events[row].type == "track":
        chunk.reject(row, FailureReason.NOT_AN_OUTCOME, "$.event", _NO_OUTCOME)
    else:
        chunk.reject(row, FailureReason.NOT_AN_OUTCOME, "$.type", _NO_TRACK)


def _channel(chunk: Chunk, row: int, given: Any) -> str | None:
    """None: the event is refused."""
    field = "$.properties.channel"
    if given is None:
        chunk.reject(row, FailureReason.MISSING_FIELD, field, f"is missing; {_CHANNELS}")
    elif type(given) is not str:
        chunk.reject(row, FailureReason.WRONG_TYPE, field, f"is no string; {_CHANNELS}")
    elif given not in _CHANNEL_CODE:
        chunk.reject(row, FailureReason.INVALID_FIELD, field, f"is no channel; {_CHANNELS}")
    else:
        return given
    return None


def _is_given(chunk: Chunk, row: int, action_id: Any) -> bool:
    """Whether the outcome is of an action."""
    field = "$.properties.action_id"
    if action_id is None:
        return False
    if type(action_id) is not str:
        chunk.reject(row, FailureReason.WRONG_TYPE, field, "must be a string")
    elif not 1 <= len(action_id) <= ID_CHARACTERS_MAX:
        what = f"must have 1 to {ID_CHARACTERS_MAX} characters"
        chunk.reject(row, FailureReason.INVALID_FIELD, field, what)
    return True
