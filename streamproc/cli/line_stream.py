"""The lines of a file or of a pipe, as they come."""

import asyncio
import io
import os
import stat
from collections.abc import AsyncIterator, Sequence
from typing import IO, Final, NamedTuple

from rich.progress import Progress

_READ_BYTES: Final = 4_194_304


class Line(NamedTuple):
    """A line of the file, without its end."""

    number: int
    text: bytes


async def lines_of(file: IO[bytes], progress: Progress) -> AsyncIterator[list[Line]]:
    """The lines that are not blank, in lists: as many as there are when we look."""
    number, rest = 0, b""
    while data := await _read(file):
        *whole, rest = (rest + data).split(b"\n")
        yield _numbered(whole, number)
        number += len(whole)
        progress.advance(progress.task_ids[0], len(data))
    yield _numbered([rest], number)


def _numbered(lines: Sequence[bytes], before: int) -> list[Line]:
    return [Line(number, line) for number, line in enumerate(lines, before + 1) if line.strip()]


async def _read(file: IO[bytes]) -> bytes:
    """What there is to read; empty at the end. While we wait for a pipe, Ctrl-C works and records go out."""
    if not _is_pipe(file):
        return file.read(_READ_BYTES)
    readable = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(file.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(file.fileno())
    return os.read(file.fileno(), _READ_BYTES)


def _is_pipe(file: IO[bytes]) -> bool:
    """Whether its end may be yet to come."""
    mode = _mode(file)
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or file.isatty()


def is_regular(file: IO[bytes]) -> bool:
    """Whether it can be read twice."""
    return stat.S_ISREG(_mode(file))


def _mode(file: IO[bytes]) -> int:
    try:
        return os.fstat(file.fileno()).st_mode
    except io.UnsupportedOperation:  # it is in memory
        return stat.S_IFREG


def regular_size(file: IO[bytes]) -> int | None:
    """In bytes; None for a pipe."""
    if not is_regular(file):
        return None
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
