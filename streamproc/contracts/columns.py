"""Accepted events as columns: what the engine works on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(slots=True)
class EventColumns:
    """n accepted events of one shard, in log order of one topic or, after a merge, in apply order."""

    customer: list[str]
    """n customer ids"""
    topic: NDArray[np.int8]
    """index into the pipeline's list of source topics"""
    offset: NDArray[np.int64]
    ts_ms: NDArray[np.int64]
    channel: NDArray[np.int8]
    """index into `meanings.CHANNELS`"""
    message_hash: NDArray[np.uint64]
    """XXH3-64 of the UTF-8 messageId"""
    counted: NDArray[np.bool_]
    """false for identify"""
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
    """what is shown: `subjects.PAGE` or `subjects.PRODUCT`, -1: nothing"""
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

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, index: NDArray[np.integer[Any] | np.bool_] | Sequence[int]) -> "EventColumns":
        """The events at `index`, in its order: int[m] positions, or bool[n] with true for those to keep."""
        positions = np.asarray(index)
        positions = np.flatnonzero(positions) if positions.dtype == np.bool_ else positions.astype(np.intp)
        customer = self.customer
        return _build([customer[i] for i in positions.tolist()], lambda name: getattr(self, name)[positions])


def concat(parts: Sequence[EventColumns]) -> EventColumns:
    """The events of all parts, in order. `parts` must not be empty."""
    return _build(
        [customer for part in parts for customer in part.customer],
        lambda name: np.concatenate([getattr(part, name) for part in parts]),
    )


def _build(customer: list[str], column: Callable[[str], NDArray[Any]]) -> EventColumns:
    return EventColumns(customer, **{name: column(name) for name in _ARRAYS})


_ARRAYS = tuple(field.name for field in fields(EventColumns) if field.name != "customer")
