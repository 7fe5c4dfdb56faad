"""Files of signals: as `streamproc backtest --signals` writes them, or their values alone."""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from streamproc.contracts.signal_types import ACTION_TOPIC


class _Line(Struct):
    topic: str | None = None
    value: Raw | UnsetType = UNSET


_read: Final = msgspec.json.Decoder(_Line).decode


def action_value(line: bytes) -> bytes | None:
    """The value of a record of `actions.reactivation`, whatever the prefix; None: it is of another topic.

    A line without topic and value is the value itself. Raises ValueError if the line is no JSON object.
    """
    try:
        record = _read(line)
    except RecursionError as error:
        raise ValueError("the line is nested too deeply") from error
    if record.topic is not None and not record.topic.endswith(ACTION_TOPIC):
        return None
    return line if isinstance(record.value, UnsetType) else bytes(record.value)
