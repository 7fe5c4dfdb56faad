"""Signals on their way to a file: they come customer by customer, and are to stand in the order of their partition."""

import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.transitions.publish import Signal


class SignalFile:
    """Keeps signals in a temporary file until all have come; a context. `origin` of a signal is its partition."""

    def __init__(self, open_part: Callable[[int], IO[bytes]]) -> None:
        """`open_part`: opens the file of a partition."""
        self._open_part = open_part
        self._numbers = array("q")  # of each signal: partition, instant, where its line ends
        self._customers: list[str] = []
        self._end = 0
        with _room():
            self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `__exit__` closes it

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, signals: Iterable[Signal]) -> None:
        """Those of one customer in their order. Raises StreamprocError where there is no room for them."""
        with _room():
            for signal in signals:
                self._end += self._file.write(as_line(signal))
                self._numbers.extend((signal.origin, signal.at_ms, self._end))
                self._customers.append(signal.customer)

    def write(self) -> None:
        """Write the part of every partition that has any: by instant, then by customer."""
        if not self._customers:
            return
        partition, at_ms, end = np.array(self._numbers, np.int64).reshape(-1, 3).T
        begin = np.append(0, end[:-1])
        order = np.lexsort((self._rank(), at_ms, partition))
        with _room():
            self._file.flush()
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as lines:
            for one in np.unique(partition).tolist():
                mine = order[partition[order] == one]
                with self._open_part(one) as part, _room():
                    places = zip(begin[mine].tolist(), end[mine].tolist(), strict=True)
                    part.writelines(lines[first:last] for first, last in places)

    def _rank(self) -> NDArray[np.int64]:
        """Of the customer of each signal, in the order of ids."""
        rank = {customer: place for place, customer in enumerate(sorted(set(self._customers)))}
        return np.array([rank[customer] for customer in self._customers], np.int64)


def as_line(signal: Signal) -> bytes:
    """A signal as a line of JSON: topic, key, headers and value of its record."""
    record = signal.record
    head = {
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "headers": {name: (value or b"").decode() for name, value in record.headers},
        "value": orjson.Fragment(record.value or b"null"),
    }
    return orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE)


@contextmanager
def _room() -> Iterator[None]:
    """Says where there is none."""
    try:
        yield
    except OSError as error:
        fix = "make room where temporary files are (TMPDIR)"
        raise StreamprocError(f"cannot keep the signals: {error.strerror or error}", fix=fix) from None
