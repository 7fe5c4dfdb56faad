"""Accepted events as columns: what the engine works on."""

from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.rows import is_whole, pick, pick_rows

#: What is known of one event but for its customer; EventColumns says what the fields mean. Large ones first, so that
#: none lies across words.
EVENT_DTYPE: Final = np.dtype(
    [
        ("offset", np.int64),
        ("ts_ms", np.int64),
        ("message_hash", np.uint64),
        ("duration_ms", np.int64),
        ("money_micros", np.int64),
        ("cart", np.int64),
        ("cart_micros", np.int64),
        ("ticket_hash", np.uint64),
        ("name", np.uint32),
        ("shown", np.uint32),
        ("time_zone", np.uint32),
        ("category", "S24"),
        ("consent", np.int16),
        ("topic", np.int8),
        ("channel", np.int8),
        ("counted", np.bool_),
        ("activity", np.bool_),
        ("order", np.bool_),
        ("tally", np.int8),
        ("valence", np.int8),
        ("view", np.int8),
        ("survey", np.int8),
        ("score", np.int8),
        ("ticket", np.int8),
        ("suppressed", np.int8),
        ("answered", np.int8),
        ("contact", np.int8),
    ],
    align=True,
)

EventRows = NDArray[np.void]


class EventColumns:
    """n accepted events of one shard, in log order of one topic or, after a merge, in apply order.

    Small batches spend their time in calls of numpy, not in its loops. So the events lie row by row: taking and
    joining them is one copy, whatever the number of columns. Those are views, made when they are first asked for.
    """

    customer: list[str]
    """n customer ids"""
    rows: EventRows
    """EVENT_DTYPE[n]: all columns that follow"""
    topic: NDArray[np.int8]
    """index into the pipeline's list of source topics"""
    offset: NDArray[np.int64]
    ts_ms: NDArray[np.int64]
    channel: NDArray[np.int8]
    """index into `meanings.CHANNELS`"""
    message_hash: NDArray[np.uint64]
    """XXH3-64 of the UTF-8 messageId"""
    counted: NDArray[np.bool_]
    """false for identify and outcomes"""
    activity: NDArray[np.bool_]
    duration_ms: NDArray[np.int64]
    """-1: not given"""
    order: NDArray[np.bool_]
    money_micros: NDArray[np.int64]
    """millionths of the rules file's currency; 0 where nothing is counted"""
    cart: NDArray[np.int64]
    """pieces added, or taken out if negative"""
    cart_micros: NDArray[np.int64]
    """what these pieces cost, in millionths of the rules file's currency; never negative"""
    consent: NDArray[np.int16]
    """-1: the event says nothing; else two bits per channel code c: bit 2c given, bit 2c + 1 granted"""
    name: NDArray[np.uint32]
    """XXH32 of the name of a track call that has a meaning; 0: of others"""
    tally: NDArray[np.int8]
    """index into `meanings.TALLIES`, -1: none"""
    valence: NDArray[np.int8]
    """-1, 0, 1"""
    view: NDArray[np.int8]
    """what is shown: `subjects.PAGES` or `subjects.PRODUCTS`, -1: nothing"""
    shown: NDArray[np.uint32]
    """XXH32 of the page or product shown"""
    category: NDArray[np.bytes_]
    """S24, UTF-8: what an activity is about; empty: nothing"""
    survey: NDArray[np.int8]
    """index into `events.SURVEYS`, -1: no answer to one"""
    score: NDArray[np.int8]
    ticket: NDArray[np.int8]
    """1 opens one, -1 closes one, 0 neither"""
    ticket_hash: NDArray[np.uint64]
    """XXH3-64 of the ticket's id"""
    suppressed: NDArray[np.int8]
    """1 puts the customer on the suppression list, -1 takes them off it, 0 neither"""
    time_zone: NDArray[np.uint32]
    """XXH32 of the IANA name of the customer's time zone, 0: not said"""
    answered: NDArray[np.int8]
    """code of the channel (`meanings.CONSENT_CHANNELS`) through which the customer reacted, -1: none"""
    contact: NDArray[np.int8]
    """code of the channel through which somebody else's message was delivered, -1: none"""

    def __init__(self, customer: list[str], rows: EventRows) -> None:
        self.customer, self.rows = customer, rows

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name not in _COLUMNS:
            raise AttributeError(name)
        column: NDArray[Any] = self.rows[name]
        setattr(self, name, column)
        return column

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, index: NDArray[np.integer[Any] | np.bool_] | Sequence[int]) -> "EventColumns":
        """The events at `index`, in its order: int[m] positions, or bool[n] with true for those to keep.

        All of them as they are need no copy: who changes a column changes it for everybody.
        """
        positions = np.asarray(index)
        if positions.dtype == np.bool_:
            (positions,) = positions.nonzero()
        positions = np.ascontiguousarray(positions, np.intp)
        if is_whole(positions, len(self)):
            return self
        # Not `rows[positions]`, which would copy field by field.
        rows = pick_rows(self.rows, EVENT_DTYPE.itemsize, positions)
        return EventColumns(pick(self.customer, positions), np.frombuffer(rows, EVENT_DTYPE))

    def part(self, first: int, end: int) -> "EventColumns":
        """The events from one place up to another. Their rows are not copied."""
        return EventColumns(self.customer[first:end], self.rows[first:end])


def concat(parts: Sequence[EventColumns]) -> EventColumns:
    """The events of all parts, in order. `parts` must not be empty."""
    if len(parts) == 1:
        return parts[0]
    # As plain bytes: numpy would join field by field.
    buffers: list[Any] = [part.rows for part in parts]
    rows = bytearray().join(buffers)
    return EventColumns(
        list(chain.from_iterable(part.customer for part in parts)), np.frombuffer(rows, EVENT_DTYPE)
    )


_COLUMNS: Final = frozenset(EVENT_DTYPE.names or ())
