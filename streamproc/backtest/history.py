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
class Lines:
    """What is known of the lines of files, which are counted through all of them.

    read: all of them; records: those that are one; refused: those that cannot be; bad_lines: the first of these.
    """

    read: int = 0
    records: int = 0
    refused: int = 0
    bad_lines: list[BadLine] = field(default_factory=list)
    _files: list[tuple[int, str]] = field(default_factory=list)

    def begin(self, name: str) -> int:
        """What comes is of this file. Returns the number of its first line."""
        self._files.append((self.read, name))
        return self.read + 1

    def place(self, line: int) -> Place:
        """The file of a line, and its number there."""
        at = bisect_right(self._files, line - 1, key=lambda file: file[0]) - 1
        begin, name = self._files[at]
        return Place(name, line - begin)

    def refuse(self, line: int, message: str) -> None:
        """Note a line that cannot be a record, and why."""
        self.refused += 1
        if len(self.bad_lines) < _LISTED:
            file, number = self.place(line)
            self.bad_lines.append(BadLine(file, number, "invalid_line", "$", message))


@dataclass(slots=True)
class History:
    """The logs of all partitions. Lines that cannot be records are in none; `lines` has the first of them."""

    partitions: list[Logs]
    lines: Lines = field(default_factory=Lines)

    @classmethod
    def of(cls, partitions: int) -> "History":
        """An empty one."""
        return cls([{} for _ in range(partitions)])

    def read(self, file: IO[bytes], name: str, topic: str, advance: Callable[[int], None]) -> None:
        """Append the records of a file. `topic`: of lines without an envelope; `advance` is told the bytes done."""
        first = self.lines.begin(name)
        for lines, size in numbered_lines(file, _CHUNK_LINES):
            events, numbers = [], []
            for number, text in lines:
                line = first + number - 1
                try:
                    topic_of_line, value = open_line(text, topic)
                except LineError as error:
                    self.lines.refuse(line, str(error))
                    continue
                events.append(HistoricEvent(topic_of_line, value or b""))
                numbers.append(line)
            self._append(events, numbers)
            self.lines.read = first + lines[-1][0] - 1 if lines else self.lines.read
            advance(size)

    def put(self, events: Iterable[HistoricEvent], name: str) -> None:
        """Append events that stand in no file, as lines of `name`."""
        line = self.lines.begin(name)
        rest = iter(events)
        while some := list(islice(rest, _CHUNK_LINES)):
            self._append(some, range(line, line + len(some)))
            line += len(some)
        self.lines.read = line - 1

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
        self.lines.records += len(events)
