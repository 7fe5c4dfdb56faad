"""Files of events → the logs of a worker's partitions, as they are once `streamproc publish` has sent the files."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO, Final, NamedTuple

from streamproc.transport.lines import BadLine, LineError, customer_key, numbered_lines, open_line
from streamproc.transport.partitioner import partitions_of

_CHUNK_LINES: Final = 5_000
#: More bad lines than these are counted, not listed.
_LISTED: Final = 20


class HistoricEvent(NamedTuple):
    """An event of a history: its topic, without a prefix, and its JSON."""

    topic: str
    value: bytes


@dataclass(slots=True)
class Log:
    """The records of one partition of a topic, in order. A record's offset is its place. `lines`: where each stands."""

    values: list[bytes] = field(default_factory=list)
    lines: "array[int]" = field(default_factory=lambda: array("q"))


#: The logs of one partition by topic, without prefix.
Logs = dict[str, Log]


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int


@dataclass(slots=True)
class History:
    """The logs of all partitions. Lines that cannot be records are in none; `bad_lines` has the first of them."""

    partitions: list[Logs]
    records: int = 0
    refused: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    _files: list[tuple[int, str]] = field(default_factory=list)
    _lines: int = 0

    @classmethod
    def of(cls, partitions: int) -> "History":
        """An empty one."""
        return cls([{} for _ in range(partitions)])

    def read(self, file: IO[bytes], name: str, topic: str, advance: Callable[[int], None]) -> None:
        """Append the records of a file. `topic`: of lines without an envelope; `advance` is told the bytes done."""
        self._files.append((self._lines, name))
        begin = self._lines
        for lines, size in numbered_lines(file, _CHUNK_LINES):
            events, numbers = [], []
            for number, text in lines:
                try:
                    topic_of_line, value = open_line(text, topic)
                except LineError as error:
                    self._refuse(BadLine(name, number, "invalid_line", "$", str(error)))
                    continue
                events.append(HistoricEvent(topic_of_line, value or b""))
                numbers.append(begin + number)
            self._append(events, numbers)
            self._lines = begin + lines[-1][0] if lines else self._lines
            advance(size)

    def put(self, events: Iterable[HistoricEvent], name: str) -> None:
        """Append events that stand in no file, as lines of `name`."""
        self._files.append((self._lines, name))
        rest = iter(events)
        while some := list(islice(rest, _CHUNK_LINES)):
            self._append(some, range(self._lines + 1, self._lines + len(some) + 1))
            self._lines += len(some)

    def place(self, line: int) -> Place:
        """File and number of a line, as a log has it."""
        at = bisect_right(self._files, line - 1, key=lambda file: file[0]) - 1
        begin, name = self._files[at]
        return Place(name, line - begin)

    def _append(self, events: Sequence[HistoricEvent], lines: Sequence[int]) -> None:
        # Where no customer can be read, the engine refuses the event wherever it is.
        keys = [customer_key(event.value) or b"" for event in events]
        for event, line, partition in zip(
            events, lines, partitions_of(keys, len(self.partitions)).tolist(), strict=True
        ):
            logs = self.partitions[partition]
            log = logs.get(event.topic)
            if log is None:
                log = logs[event.topic] = Log()
            log.values.append(event.value)
            log.lines.append(line)
        self.records += len(events)

    def _refuse(self, bad: BadLine) -> None:
        self.refused += 1
        if len(self.bad_lines) < _LISTED:
            self.bad_lines.append(bad)
