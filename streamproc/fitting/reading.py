"""Files of events to what a churn model sees of them: who was active when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.sampling import ActivityLog
from streamproc.contracts.columns import EventColumns
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import Meanings
from streamproc.transport.lines import EVENT_TOPICS, BadLine, LineError, numbered_lines, open_line
from streamproc.windows.dedup import HORIZON_MS

_CHUNK_LINES: Final = 2_000
#: More bad lines than these are counted, not listed.
_LISTED: Final = 20
_TICK_MS: Final = 1_000
_ORIGIN_OF: Final = {topic: code for code, topic in enumerate(EVENT_TOPICS)}

Ints = NDArray[np.int64]


class _Line(NamedTuple):
    """A line in the form of a Kafka record; the offset is the line's number."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What files of events say. A customer's code is its place among the sorted ids: the order of lines is nothing."""

    ids: list[str]
    log: ActivityLog
    first_seen_ms: Ints  # of each customer, by any event
    events: int  # accepted, repeats included
    repeats: int  # of a messageId within 24 hours, at another time: the first one counts
    refused: int
    bad_lines: list[BadLine]  # the first of them


@dataclass(slots=True)
class Reader:
    """Reads files one after the other. `topic`: of lines without an envelope. `wall_now_ms`: what is the future."""

    meanings: Meanings
    topic: str
    wall_now_ms: int
    refused: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    _codes: dict[str, int] = field(default_factory=dict)
    _parts: list[tuple[Ints, Ints, NDArray[np.uint64], NDArray[np.bool_]]] = field(default_factory=list)

    def read(self, file: IO[bytes], name: str, advance: Callable[[int], None]) -> None:
        """Take in the events of a file; `advance` is told the bytes that are done, now and then."""
        for lines, size in numbered_lines(file, _CHUNK_LINES):
            self._take(lines, name)
            advance(size)

    def reading(self) -> Reading:
        """What was read, without repeats and in the order of its time."""
        ids = sorted(self._codes)
        place = np.empty(len(ids), np.int64)
        place[[self._codes[customer] for customer in ids]] = np.arange(len(ids))
        nothing = (
            np.empty(0, np.int64),
            np.empty(0, np.int64),
            np.empty(0, np.uint64),
            np.empty(0, np.bool_),
        )
        code, ts_ms, message, active = (
            np.concatenate(c) for c in zip(*(self._parts or [nothing]), strict=True)
        )
        customer = place[code] if len(code) else code
        first_seen_ms = np.full(len(ids), np.iinfo(np.int64).max)
        np.minimum.at(first_seen_ms, customer, ts_ms)
        again = repeated(customer, message, ts_ms)
        counted = active & ~again
        return Reading(
            ids=ids,
            log=ActivityLog.of(customer[counted], ts_ms[counted], len(ids)),
            first_seen_ms=first_seen_ms,
            events=len(code),
            repeats=int(again.sum()),
            refused=self.refused,
            bad_lines=self.bad_lines,
        )

    def _take(self, lines: Sequence[tuple[int, bytes]], name: str) -> None:
        records, origins = [], []
        problems: list[BadLine] = []
        for number, text in lines:
            try:
                topic, value = open_line(text, self.topic)
            except LineError as error:
                problems.append(BadLine(name, number, "invalid_line", "$", str(error)))
                continue
            records.append(_Line(number, value))
            origins.append(_ORIGIN_OF[topic])
        decoded = decode_chunk(
            records, topic=0, origin=origins, meanings=self.meanings, wall_now_ms=self.wall_now_ms
        )
        for bad in decoded.failures:
            problems.append(BadLine(name, bad.offset, bad.reason, bad.field, bad.message))
        self._refuse(sorted(problems, key=lambda bad: bad.line))
        self._add(decoded.columns)

    def _refuse(self, problems: Sequence[BadLine]) -> None:
        self.refused += len(problems)
        self.bad_lines += problems[: max(0, _LISTED - len(self.bad_lines))]

    def _add(self, events: EventColumns) -> None:
        codes = self._codes
        code = [codes.setdefault(customer, len(codes)) for customer in events.customer]
        active = events.activity.astype(np.bool_)
        message = events.message_hash.astype(np.uint64)
        self._parts.append((np.array(code, np.int64), events.ts_ms.astype(np.int64), message, active))


def repeated(customer: Ints, message: NDArray[np.uint64], ts_ms: Ints) -> NDArray[np.bool_]:
    """Which events the engine would not count: their messageId was applied, at another time, less than 24 hours before.

    A repeat at the very time of its first changes nothing here, and is what that is.
    """
    order = np.lexsort((ts_ms, message, customer))
    at_ms, tick_ms = ts_ms[order], ts_ms[order] // _TICK_MS * _TICK_MS
    same = np.zeros(len(order), np.bool_)  # as the one before, but perhaps for its time
    same[1:] = (np.diff(customer[order]) == 0) & (message[order][1:] == message[order][:-1])
    again = np.zeros(len(order), np.bool_)
    begins = np.flatnonzero(~same)
    spread = np.maximum.reduceat(at_ms, begins) > at_ms[begins] if len(begins) else begins
    for group in np.flatnonzero(spread).tolist():
        end = begins[group + 1] if group + 1 < len(begins) else len(order)
        applied = int(begins[group])
        for place in range(applied + 1, int(end)):
            if at_ms[place] == at_ms[place - 1]:
                again[place] = again[place - 1]
            elif tick_ms[place] < tick_ms[applied] + HORIZON_MS:
                again[place] = True
            else:
                applied = place
    out = np.empty(len(order), np.bool_)
    out[order] = again
    return out
