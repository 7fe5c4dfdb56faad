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

from streamproc.contracts.columns import EventColumns, concat
from streamproc.contracts.decode import Decoded
from streamproc.contracts.failures import Failure
from streamproc.windows.panes import INF

#: The running maximum of a log before its first accepted event.
NO_TIME: Final = -1

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Slice:
    """What is applied in one commit, in apply order.

    `max_ms`: int64[n events], running maximum of event time of each event's log, which orders the slice.
    """

    events: EventColumns
    max_ms: Ints
    raw: NDArray[np.object_]  # the n records as they came
    failures: list[tuple[int, Failure, Any]]  # (topic, failure, record)
    next_offset: dict[int, int]  # by topic: where the next commit continues
    log_max_ms: dict[int, int]  # by topic: the log's running maximum up to there
    records: int  # all records passed, failed ones included


@dataclass(slots=True)
class _Log:
    """The part of one topic's log that is not applied yet."""

    events: EventColumns | None
    raw: NDArray[np.object_]
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
        self._logs: list[_Log] = [_empty_log(log_max_ms.get(topic, NO_TIME)) for topic in range(topics)]

    def __len__(self) -> int:
        """Records buffered."""
        return sum(len(log) for log in self._logs)

    def buffered(self, topic: int) -> int:
        return len(self._logs[topic])

    def put(self, topic: int, records: Sequence[Any], decoded: Decoded, next_offset: int) -> None:
        """Append a decoded chunk of `topic`; `next_offset` is where its log continues after it."""
        log = self._logs[topic]
        is_event = np.zeros(len(records), np.bool_)
        is_event[decoded.index] = True
        ts_ms = np.full(len(records) + 1, log.running_max_ms, np.int64)
        ts_ms[1:][decoded.index] = decoded.columns.ts_ms
        max_ms = np.maximum.accumulate(ts_ms)
        raw = np.empty(len(decoded.index), np.object_)
        raw[:] = [records[place] for place in decoded.index]
        failures = [
            (len(log) + failure.position, failure, records[failure.position]) for failure in decoded.failures
        ]
        offset = np.fromiter((record.offset for record in records), np.int64, len(records))
        self._logs[topic] = _Log(
            decoded.columns if log.events is None else concat([log.events, decoded.columns]),
            np.concatenate((log.raw, raw)),
            np.concatenate((log.offset, offset)),
            np.concatenate((log.max_ms, max_ms[1:])),
            np.concatenate((log.is_event, is_event)),
            log.failures + failures,
            next_offset,
            int(max_ms[-1]),
        )

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
        parts, max_ms, raw, failures = [], [], [], []
        next_offset, log_max_ms = {}, {}
        for topic, count in enumerate(counts):
            log = self._logs[topic]
            if count == 0:
                continue
            events = int(log.is_event[:count].sum())
            if log.events is not None:
                parts.append(log.events.take(np.arange(events)))
                max_ms.append(log.max_ms[:count][log.is_event[:count]])
                raw.append(log.raw[:events])
            failures += [(topic, failure, record) for place, failure, record in log.failures if place < count]
            whole = count == len(log)
            next_offset[topic] = log.next_offset if whole else int(log.offset[count])
            log_max_ms[topic] = int(log.max_ms[count - 1])
            self._logs[topic] = _rest(log, count, events)
        merged = concat(parts)
        merged_max = np.concatenate([np.empty(0, np.int64), *max_ms])
        order = np.lexsort((merged.offset, merged.topic, merged_max))
        return Slice(
            merged.take(order),
            merged_max[order],
            np.concatenate([np.empty(0, np.object_), *raw])[order],
            failures,
            next_offset,
            log_max_ms,
            sum(counts),
        )

    def _merge(self, limit: int, waiting: Sequence[int], up_to_ms: int) -> list[int]:
        """How many records of each log come first, at most `limit` in all."""
        if len(self) == 0:
            return [0] * len(self._logs)
        bound = min(((self._logs[topic].running_max_ms, topic) for topic in waiting), default=None)
        keys, owners = [], []
        for topic, log in enumerate(self._logs):
            ready = int(np.searchsorted(log.max_ms, up_to_ms, side="right"))
            if bound is not None:
                side: Literal["left", "right"] = "right" if topic <= bound[1] else "left"
                ready = min(ready, int(np.searchsorted(log.max_ms, bound[0], side=side)))
            ready = min(ready, limit)
            keys.append(log.max_ms[:ready])
            owners.append(np.full(ready, topic, np.int64))
        key, owner = np.concatenate(keys), np.concatenate(owners)
        first = np.lexsort((owner, key))[:limit]  # stable: offsets of one log stay in order
        counts: list[int] = np.bincount(owner[first], minlength=len(self._logs)).tolist()
        return counts


def _empty_log(running_max_ms: int) -> _Log:
    nothing = np.empty(0, np.int64)
    return _Log(
        None, np.empty(0, np.object_), nothing, nothing, np.empty(0, np.bool_), [], -1, running_max_ms
    )


def _rest(log: _Log, count: int, events: int) -> _Log:
    """What stays in the log after its first `count` records, `events` of them accepted, were taken."""
    kept = None
    if log.events is not None and count < len(log):
        kept = log.events.take(np.arange(events, int(log.is_event.sum())))
    return _Log(
        kept,
        log.raw[events:],
        log.offset[count:],
        log.max_ms[count:],
        log.is_event[count:],
        [(place - count, failure, record) for place, failure, record in log.failures if place >= count],
        log.next_offset,
        log.running_max_ms,
    )
