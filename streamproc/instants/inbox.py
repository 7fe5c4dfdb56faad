"""The inbox of a shard: decoded chunks of its source topics, handed on in apply order.

Under the event clock the topics' logs are merged by their running maximum of event time, ties by topic, then offset;
a topic that may still bring something earlier is waited for (docs/semantics.md, section 2). The live clock does not
wait: it takes what is there.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns, concat
from streamproc.contracts.decode import Decoded
from streamproc.contracts.failures import Failure
from streamproc.contracts.rows import pick
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
    raw: list[Any]  # the n records as they came
    failures: list[tuple[int, Failure, Any]]  # (topic, failure, record)
    next_offset: dict[int, int]  # by topic: where the next commit continues
    log_max_ms: dict[int, int]  # by topic: the log's running maximum up to there
    records: int  # all records passed, failed ones included


@dataclass(slots=True)
class _Part:
    """A chunk of a topic's log, or what is left of it: at least one record."""

    events: EventColumns
    records: Sequence[Any]
    places: NDArray[np.int64] | None  # of the events among the records; None: every record is one
    max_ms: Ints  # of every record: the running maximum of the log
    failures: list[tuple[int, Failure]]  # (place among the records, failure)
    next_offset: int

    def __len__(self) -> int:
        return len(self.records)

    def last_ms(self) -> int:
        return int(self.max_ms[-1])

    def event_max_ms(self) -> Ints:
        return self.max_ms if self.places is None else self.max_ms[self.places]

    def event_records(self) -> Sequence[Any]:
        return self.records if self.places is None else [self.records[i] for i in self.places.tolist()]

    def count(self, limit_ms: int, side: Literal["left", "right"]) -> int:
        """How many records lie before `limit_ms`, or, on the right side, not behind it."""
        return int(np.searchsorted(self.max_ms, limit_ms, side=side))

    def split(self, count: int) -> tuple["_Part", "_Part"]:
        """The first `count` records, at least one and not all, and the rest."""
        places = self.places
        events = count if places is None else int(np.searchsorted(places, count))
        first = _Part(
            self.events.part(0, events),
            self.records[:count],
            None if places is None else places[:events],
            self.max_ms[:count],
            [failed for failed in self.failures if failed[0] < count],
            int(self.records[count].offset),
        )
        rest = _Part(
            self.events.part(events, len(self.events)),
            self.records[count:],
            None if places is None else places[events:] - count,
            self.max_ms[count:],
            [(place - count, failure) for place, failure in self.failures if place >= count],
            self.next_offset,
        )
        return first, rest


@dataclass(slots=True)
class _Log:
    """The part of one topic's log that is not applied yet."""

    running_max_ms: int
    parts: deque[_Part] = field(default_factory=deque)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def count(self, limit_ms: int, side: Literal["left", "right"]) -> int:
        """As of a part."""
        count = 0
        for part in self.parts:
            within = part.last_ms() < limit_ms or (side == "right" and part.last_ms() == limit_ms)
            if not within:
                return count + part.count(limit_ms, side)
            count += len(part)
        return count

    def first_max_ms(self, count: int) -> list[Ints]:
        """The running maxima of the first `count` records, part by part."""
        found = []
        for part in self.parts:
            if count <= 0:
                break
            found.append(part.max_ms[:count])
            count -= len(part)
        return found

    def pop(self, count: int) -> list[_Part]:
        """Take the first `count` records out."""
        taken = []
        while count:
            part = self.parts.popleft()
            if len(part) > count:
                part, rest = part.split(count)
                self.parts.appendleft(rest)
            taken.append(part)
            count -= len(part)
        return taken


class Inbox:
    """Buffers the chunks of the topics of one shard. `topics`: how many; a topic's code is its place by name."""

    def __init__(self, topics: int, log_max_ms: Mapping[int, int]) -> None:
        self._logs: list[_Log] = [_Log(log_max_ms.get(topic, NO_TIME)) for topic in range(topics)]

    def __len__(self) -> int:
        """Records buffered."""
        return sum(map(len, self._logs))

    def buffered(self, topic: int) -> int:
        return len(self._logs[topic])

    def put(self, topic: int, records: Sequence[Any], decoded: Decoded, next_offset: int) -> None:
        """Append a decoded chunk of `topic`; `next_offset` is where its log continues after it."""
        log = self._logs[topic]
        if not records:
            if log.parts:
                log.parts[-1].next_offset = next_offset
            return
        events, places = decoded.columns, None
        if len(events) == len(records):
            max_ms = np.maximum.accumulate(events.ts_ms)
        else:
            places = decoded.index
            ts_ms = np.full(len(records), NO_TIME, np.int64)
            ts_ms[places] = events.ts_ms
            max_ms = np.maximum.accumulate(ts_ms)
        if max_ms[0] < log.running_max_ms:
            np.maximum(max_ms, log.running_max_ms, out=max_ms)
        failures = [(failure.position, failure) for failure in decoded.failures]
        log.parts.append(_Part(events, records, places, max_ms, failures, next_offset))
        log.running_max_ms = int(max_ms[-1])

    def last_ms(self, limit: int, waiting: Sequence[int]) -> int | None:
        """The running maximum of event time up to which `take` would go; None if it has nothing to take."""
        lasts = [
            int(self._logs[topic].first_max_ms(count)[-1][-1])
            for topic, count in enumerate(self._merge(limit, waiting, INF))
            if count
        ]
        return max(lasts, default=None)

    def take(self, limit: int, waiting: Sequence[int], up_to_ms: int = INF) -> Slice | None:
        """The next at most `limit` records in apply order; None if there are none yet.

        `waiting`: topics that may still bring records; nothing that those could precede is handed on. Nor is what
        lies beyond a running maximum of `up_to_ms`.
        """
        counts = self._merge(limit, waiting, up_to_ms)
        taken = {topic: self._logs[topic].pop(count) for topic, count in enumerate(counts) if count}
        if not taken:
            return None
        parts = [part for of_topic in taken.values() for part in of_topic]
        events = concat([part.events for part in parts])
        max_ms = _joined([part.event_max_ms() for part in parts])
        raw = [record for part in parts for record in part.event_records()]
        if len(taken) > 1:
            # Stable: the parts stand in the order of their topics, and those of each in that of its offsets.
            order = max_ms.argsort(kind="stable")
            events, max_ms, raw = events.take(order), max_ms[order], pick(raw, order)
        return Slice(
            events,
            max_ms,
            raw,
            [
                (topic, failure, part.records[place])
                for topic, of_topic in taken.items()
                for part in of_topic
                for place, failure in part.failures
            ],
            {topic: of_topic[-1].next_offset for topic, of_topic in taken.items()},
            {topic: of_topic[-1].last_ms() for topic, of_topic in taken.items()},
            sum(counts),
        )

    def _merge(self, limit: int, waiting: Sequence[int], up_to_ms: int) -> list[int]:
        """How many records of each log come first, at most `limit` in all."""
        bound = min(((self._logs[topic].running_max_ms, topic) for topic in waiting), default=None)
        ready = [_ready(log, topic, up_to_ms, bound) for topic, log in enumerate(self._logs)]
        if sum(ready) <= limit:
            return ready
        firsts = [min(count, limit) for count in ready]
        parts = [
            part for log, count in zip(self._logs, firsts, strict=True) for part in log.first_max_ms(count)
        ]
        # Stable: the logs stand in the order of their topics, and each in that of its offsets.
        first = _joined(parts).argsort(kind="stable")[:limit]
        owner = np.repeat(np.arange(len(firsts)), firsts)
        counts: list[int] = np.bincount(owner[first], minlength=len(self._logs)).tolist()
        return counts


def _ready(log: _Log, topic: int, up_to_ms: int, bound: tuple[int, int] | None) -> int:
    """How many records of a log may be handed on: up to `up_to_ms`, and before `bound`: (running maximum, topic)."""
    count = log.count(up_to_ms, "right")
    if bound is not None:
        count = min(count, log.count(bound[0], "right" if topic <= bound[1] else "left"))
    return count


def _joined(parts: Sequence[Ints]) -> Ints:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
