"""All events of a history, decoded: where each stands in the logs of a worker's partitions, and when it is evaluated.

The logs are those that there are once `streamproc publish` has sent the files.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.backtest.blocks import LISTED, Parcel, Refused
from streamproc.contracts.columns import EVENT_DTYPE, EventColumns, EventRows
from streamproc.contracts.rows import pick_rows
from streamproc.instants.advance import Plan, tick_plan
from streamproc.sources import SOURCES
from streamproc.transitions.evaluate import TICK_MS
from streamproc.transport.partitioner import partitions_of

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Lot:
    """The events of the customers of some partitions: customer by customer, and of each in the order of being applied.

    ids: the customers, who has most first; partition: of each. first: where the events of each begin, and where the
    last one's end. apply_ms, evaluate_ms: as in `Plan`.
    """

    ids: list[str]
    partition: Ints
    first: Ints
    events: EventColumns
    apply_ms: Ints
    evaluate_ms: Ints

    def course(self, begin: int, end: int, limit_ms: int) -> tuple[EventColumns, Plan]:
        """What the customers from one place up to another go through until an instant."""
        some = slice(*self.first[[begin, end]].tolist())
        row = np.repeat(np.arange(end - begin), np.diff(self.first[begin : end + 1]))
        plan = Plan(row, self.apply_ms[some], self.evaluate_ms[some], limit_ms, closed=False)
        return self.events.part(some.start, some.stop), plan

    def part(self, places: Ints) -> "Lot":
        """Some of the customers."""
        sizes = np.diff(self.first)[places]
        first = np.append(0, np.cumsum(sizes))
        some = np.repeat(self.first[places] - first[:-1], sizes) + np.arange(first[-1])
        ids = [self.ids[place] for place in places.tolist()]
        events = self.events.take(some)
        return Lot(ids, self.partition[places], first, events, self.apply_ms[some], self.evaluate_ms[some])


@dataclass(frozen=True, slots=True, eq=False)
class Chronicle:
    """The accepted events of a history under one version of the rules, in the order of their lines but for the topic.

    ids: the customers; partition: of each; customer: of each event, its place among them. Instead of offsets, rows have
    lines. strays: int64[s, 2], log and line of the events that were refused: a log is a topic of a partition. refused:
    how many these are; first_refused: some of them, and why.
    """

    ids: list[str]
    partition: Ints
    customer: Ints
    rows: EventRows
    strays: Ints
    first_refused: list[Refused]

    @property
    def refused(self) -> int:
        """Events that were not accepted."""
        return len(self.strays)

    @property
    def time_ms(self) -> int:
        """Where the clock stands behind them (epoch ms); 0: there are none."""
        return int(self.rows["ts_ms"].max(initial=0)) // TICK_MS * TICK_MS

    def sizes(self, partitions: int) -> Ints:
        """How many events each partition has."""
        return np.bincount(self.partition[self.customer], minlength=partitions)

    def lot(self, partitions: Sequence[int]) -> Lot:
        """The part of some partitions."""
        places = np.flatnonzero(np.isin(self.partition, partitions)[self.customer])
        log = self.partition[self.customer[places]] * len(SOURCES) + self.rows["topic"][places]
        order = np.argsort(log, kind="stable")
        places, log = places[order], log[order]
        max_ms, offset = self._along_logs(places, log)
        # The inbox merges the logs of a partition by their running maxima, and these by topic.
        partition = log // len(SOURCES)
        order = np.lexsort((max_ms, partition))
        places, partition, max_ms, offset = places[order], partition[order], max_ms[order], offset[order]
        apply_ms, evaluate_ms = np.empty(len(places), np.int64), np.empty(len(places), np.int64)
        for some in _runs(partition):
            plan = tick_plan(places[some], max_ms[some], 0)
            apply_ms[some], evaluate_ms[some] = plan.apply_ms, plan.evaluate_ms
        return self._by_customer(places, offset, apply_ms, evaluate_ms)

    def _along_logs(self, places: Ints, log: Ints) -> tuple[Ints, Ints]:
        """Of events, log by log: the running maximum of their instants, and their offsets."""
        ts_ms, line = self.rows["ts_ms"][places], self.rows["offset"][places]
        offset = np.empty(len(places), np.int64)
        stray_log, stray_line = self.strays.T
        for some in _runs(log):
            ts_ms[some] = np.maximum.accumulate(ts_ms[some])
            strays = np.sort(stray_line[stray_log == log[some.start]])
            offset[some] = np.arange(some.stop - some.start) + np.searchsorted(strays, line[some])
        return ts_ms, offset

    def _by_customer(self, places: Ints, offset: Ints, apply_ms: Ints, evaluate_ms: Ints) -> Lot:
        customer = self.customer[places]
        count = np.bincount(customer, minlength=len(self.ids))
        ranked = np.argsort(-count, kind="stable")[: np.count_nonzero(count)]
        rank = np.empty(len(self.ids), np.int64)
        rank[ranked] = np.arange(len(ranked))
        order = np.argsort(rank[customer], kind="stable")
        buffer: Any = pick_rows(self.rows, EVENT_DTYPE.itemsize, places[order])
        rows = np.frombuffer(buffer, EVENT_DTYPE)
        rows["offset"] = offset[order]
        ids = [self.ids[one] for one in ranked.tolist()]
        events = EventColumns([self.ids[one] for one in customer[order].tolist()], rows)
        first = np.append(0, np.cumsum(count[ranked]))
        return Lot(ids, self.partition[ranked], first, events, apply_ms[order], evaluate_ms[order])


@dataclass(slots=True)
class Chronicler:
    """Makes a chronicle of parcels, for so many partitions."""

    partitions: int
    _codes: dict[str, int] = field(default_factory=dict)
    # They grow where they are: joined at the end, they would be there twice.
    _customer: bytearray = field(default_factory=bytearray)
    _rows: bytearray = field(default_factory=bytearray)
    _stray_keys: list[bytes] = field(default_factory=list)
    _strays: "array[int]" = field(default_factory=lambda: array("q"))  # topic, line, topic, line ...
    _refused: list[Refused] = field(default_factory=list)

    def add(self, parcel: Parcel) -> None:
        """Put in what the next block holds."""
        codes = self._codes
        code_of = np.array([codes.setdefault(one, len(codes)) for one in parcel.ids], np.int64)
        self._customer += code_of[parcel.customer].data
        self._rows += parcel.rows.data
        self._refused = [*self._refused, *parcel.first_refused][:LISTED]
        for stray in parcel.strays:
            self._stray_keys.append(stray.key)
            self._strays.extend((stray.topic, stray.line))

    def end(self) -> Chronicle:
        """All of it. Nothing can be added then."""
        strays = np.array(self._strays, np.int64).reshape(-1, 2)
        strays[:, 0] += partitions_of(self._stray_keys, self.partitions) * len(SOURCES)
        return Chronicle(
            list(self._codes),
            partitions_of([one.encode() for one in self._codes], self.partitions),
            np.frombuffer(self._customer, np.int64),
            np.frombuffer(self._rows, EVENT_DTYPE),
            strays,
            self._refused,
        )


def _runs(column: Ints) -> Iterator[slice]:
    """From where to where a sorted column is the same."""
    ends = [*(np.flatnonzero(column[1:] != column[:-1]) + 1).tolist(), len(column)] if len(column) else []
    yield from map(slice, [0, *ends], ends)
