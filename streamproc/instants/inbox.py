"""The inbox of a shard: decoded chunks of its source topics, handed on in apply order.

Under the event clock the topics' logs are merged by their running maximum of event time, ties by topic, then offset;
a topic that may still bring something earlier is waited for (docs/semantics.md, section 2). The live clock does not
wait: it takes what is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EVENT_DTYPE, EventColumns, concat
from streamproc.contracts.decode import Decoded
from streamproc.contracts.failures import Failure
from streamproc.windows.panes import INF

#: The running maximum of a log before its first accepted event.
NO_TIME: Final = -1

Ints = NDArray[np.int64]

_NO_EVENTS: Final = EventColumns([], np.empty(0, EVENT_DTYPE))
_NOTHING: Final = np.empty(0, np.int64)
_NO_FLAGS: Final = np.empty(0, np.bool_)


@dataclass(slots=True)
class Slice:
    """What is applied in one commit, in apply order.

    `max_ms`: int64[n events], running maximum of event time of each event's log, which orders the slice.
    """

    events: EventColumns
    max_ms: Ints
    raw: list[Any]  # the n records as they came
    failures: list[tuple[int, Failure, Any]]  # (topic, failure, record)
    next_offset: dict[int, int]  # by topic: where the next commit continues
    log_max_ms: dict[int, int]  # by topic: the log's running maximum up to there
    records: int  # all records passed, failed ones included


@dataclass(slots=True)
class _Log:
    """The part of one topic's log that is not applied yet."""

    events: EventColumns
    raw: list[Any]  # the records of the events
    offset: Ints  # of every record, accepted or not
    max_ms: Ints
    is_event: NDArray[np.bool_]
    failures: list[tuple[int, Failure, Any]]  # (place among the records, failure, record)
    next_offset: int
    running_max_ms: int

    def __len__(self) -> int:
        return len(self.offset)


class Inbox:
    """Buffers the chunks of the topics of one shard. `topics`: how many; a topic's code is its place by name."""

    def __init__(self, topics: int, log_max_ms: Mapping[int, int]) -> None:
        self._logs: list[_Log] = [_empty_log(-1, log_max_ms.get(topic, NO_TIME)) for topic in range(topics)]

    def __len__(self) -> int:
        """Records buffered."""
        return sum(len(log) for log in self._logs)

    def buffered(self, topic: int) -> int:
        return len(self._logs[topic])

    def put(self, topic: int, records: Sequence[Any], decoded: Decoded, next_offset: int) -> None:
        """Append a decoded chunk of `topic`; `next_offset` is where its log continues after it."""
        log = self._logs[topic]
        if not records:
            log.next_offset = next_offset
            return
        ts_ms = np.full(len(records), log.running_max_ms, np.int64)
        ts_ms[decoded.index] = np.maximum(decoded.columns.ts_ms, log.running_max_ms)
        max_ms = np.maximum.accumulate(ts_ms)
        is_event = np.zeros(len(records), np.bool_)
        is_event[decoded.index] = True
        added = _Log(
            decoded.columns,
            [records[place] for place in decoded.index.tolist()],
            np.fromiter([record.offset for record in records], np.int64, len(records)),
            max_ms,
            is_event,
            [(failure.position, failure, records[failure.position]) for failure in decoded.failures],
            next_offset,
            int(max_ms[-1]),
        )
        self._logs[topic] = _joined(log, added) if len(log) else added

    def last_ms(self, limit: int, waiting: Sequence[int]) -> int | None:
        """The running maximum of event time up to which `take` would go; None if it has nothing to take."""
        counts = self._merge(limit, waiting, INF)
        lasts = [int(self._logs[topic].max_ms[count - 1]) for topic, count in enumerate(counts) if count]
        return max(lasts, default=None)

    def take(self, limit: int, waiting: Sequence[int], up_to_ms: int = INF) -> Slice | None:
        """The next at most `limit` records in apply order; None if there are none yet.

        `waiting`: topics that may still bring records; nothing that those could precede is handed on. Nor is what
        lies beyond a running maximum of `up_to_ms`.
        """
        counts = self._merge(limit, waiting, up_to_ms)
        if not any(counts):
            return None
        parts: dict[int, _Log] = {}
        for topic, count in enumerate(counts):
            if count:
                parts[topic], self._logs[topic] = _split(self._logs[topic], count)
        events = concat([part.events for part in parts.values()])
        max_ms = np.concatenate([part.max_ms[part.is_event] for part in parts.values()])
        raw = [record for part in parts.values() for record in part.raw]
        if len(parts) > 1:
            # Stable: the parts stand in the order of their topics, and each in that of its offsets.
            order = np.argsort(max_ms, kind="stable")
            events, max_ms, raw = events.take(order), max_ms[order], [raw[i] for i in order.tolist()]
        return Slice(
            events,
            max_ms,
            raw,
            [
                (topic, failure, record)
                for topic, part in parts.items()
                for _, failure, record in part.failures
            ],
            {topic: part.next_offset for topic, part in parts.items()},
            {topic: part.running_max_ms for topic, part in parts.items()},
            sum(counts),
        )

    def _merge(self, limit: int, waiting: Sequence[int], up_to_ms: int) -> list[int]:
        """How many records of each log come first, at most `limit` in all."""
        bound = min(((self._logs[topic].running_max_ms, topic) for topic in waiting), default=None)
        ready = [_ready(log, topic, up_to_ms, bound) for topic, log in enumerate(self._logs)]
        if sum(ready) <= limit:
            return ready
        firsts = [min(count, limit) for count in ready]
        key = np.concatenate([log.max_ms[:count] for log, count in zip(self._logs, firsts, strict=True)])
        owner = np.repeat(np.arange(len(firsts)), firsts)
        first = np.lexsort((owner, key))[:limit]  # stable: offsets of one log stay in order
        counts: list[int] = np.bincount(owner[first], minlength=len(self._logs)).tolist()
        return counts


def _ready(log: _Log, topic: int, up_to_ms: int, bound: tuple[int, int] | None) -> int:
    """How many records of a log may be handed on: up to `up_to_ms`, and before `bound`: (running maximum, topic)."""
    count = len(log)
    if log.running_max_ms > up_to_ms:
        count = int(np.searchsorted(log.max_ms, up_to_ms, side="right"))
    if bound is not None:
        side: Literal["left", "right"] = "right" if topic <= bound[1] else "left"
        count = min(count, int(np.searchsorted(log.max_ms, bound[0], side=side)))
    return count


def _empty_log(next_offset: int, running_max_ms: int) -> _Log:
    return _Log(_NO_EVENTS, [], _NOTHING, _NOTHING, _NO_FLAGS, [], next_offset, running_max_ms)


def _joined(log: _Log, added: _Log) -> _Log:
    """A log and what follows it."""
    return _Log(
        concat([log.events, added.events]),
        log.raw + added.raw,
        np.concatenate((log.offset, added.offset)),
        np.concatenate((log.max_ms, added.max_ms)),
        np.concatenate((log.is_event, added.is_event)),
        log.failures + [(len(log) + place, failure, record) for place, failure, record in added.failures],
        added.next_offset,
        added.running_max_ms,
    )


def _split(log: _Log, count: int) -> tuple[_Log, _Log]:
    """The first `count` records of a log, at least one, and what stays in it."""
    if count == len(log):
        return log, _empty_log(log.next_offset, log.running_max_ms)
    events = int(np.count_nonzero(log.is_event[:count]))
    taken = _Log(
        log.events.take(np.arange(events)),
        log.raw[:events],
        log.offset[:count],
        log.max_ms[:count],
        log.is_event[:count],
        [failed for failed in log.failures if failed[0] < count],
        int(log.offset[count]),
        int(log.max_ms[count - 1]),
    )
    rest = _Log(
        log.events.take(np.arange(events, len(log.events))),
        log.raw[events:],
        log.offset[count:],
        log.max_ms[count:],
        log.is_event[count:],
        [(place - count, failure, record) for place, failure, record in log.failures if place >= count],
        log.next_offset,
        log.running_max_ms,
    )
    return taken, rest
