"""Files of events for commands that look at history: read with a progress bar, bad lines told."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from streamproc.backtest.blocks import Refused
from streamproc.backtest.history import History, Lines
from streamproc.backtest.reading import ChronicleReader
from streamproc.cli.rules_file import rules_path
from streamproc.clock import wall_ms
from streamproc.contracts.meanings import ORIGINS
from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError
from streamproc.fitting.reading import Reader, Reading
from streamproc.rules.load import load_ruleset
from streamproc.transport.lines import EVENT_TOPICS, BadLine

FILE_OR_STDIN: Final = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)

_GZIP: Final = b"\x1f\x8b"

#: Bad lines that are listed; more are counted.
_LISTED: Final = 20

#: Options of commands that read events.
topic_option = click.option(
    "--topic", type=click.Choice(ORIGINS), default="web", show_default=True,
    help="Where lines without an envelope belong, as for `publish`.",
)  # fmt: skip
rules_option = click.option(
    "--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rules file, for what counts as activity.  [default: STREAMPROC_RULES, else the playbook]",
)  # fmt: skip


def progress_bar() -> Progress:
    """A bar that leaves no trace, on standard error; nothing where that is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def read_events(files: Sequence[Path], topic: str, rules: Path | None, progress: Progress) -> Reading:
    """The events of all files; their order does not matter. Bad lines are told on standard error, and left out.

    Raises StreamprocError if no line is an event.
    """
    meanings = load_ruleset(rules_path(rules)).meanings
    reader = Reader(meanings, EVENT_TOPICS[ORIGINS.index(topic)], wall_ms())
    for path in files:
        name = name_of(path)
        with opened(path) as file:
            task = progress.add_task(f"reading {name}", total=size_of(file))
            reader.read(file, name, lambda size, task=task: progress.advance(task, size))  # type: ignore[misc]
            progress.remove_task(task)
    reading = reader.reading()
    tell_bad_lines(reading.bad_lines, reading.refused, reading.events)
    if not reading.events:
        raise no_events(files)
    return reading


def no_events(files: Sequence[Path]) -> StreamprocError:
    """What to raise if no line of the files is an event that is accepted."""
    fix = "give files with one JSON event per line; `streamproc validate FILE` says what is wrong with each"
    return StreamprocError(f"{', '.join(map(name_of, files))}: no line is an event that is accepted", fix=fix)


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file, or standard input. Raises StreamprocError if that is closed, or if it is compressed."""
    if str(path) == "-" and sys.stdin is None:
        raise StreamprocError("standard input is closed", fix="give a file, or a pipe")
    with click.open_file(str(path), "rb") as file:
        check_text(file, name_of(path))
        yield file


def check_text(file: IO[bytes], name: str) -> None:
    """Raises StreamprocError if the file is compressed: each of its lines would be told as a bad one."""
    peek = getattr(file, "peek", None)  # what is in memory has none
    if peek is not None and peek(len(_GZIP)).startswith(_GZIP):
        raise StreamprocError(f"{name} is compressed", fix="unpack it: gzip -dc FILE | streamproc ... -")


def read_history(
    history: History | ChronicleReader, files: Sequence[Path], topic: str, progress: Progress
) -> None:
    """Append the lines of all files, one after the other. `topic`: of lines without an envelope."""
    for path in files:
        with opened(path) as file:
            task = progress.add_task(f"reading {name_of(path)}", total=size_of(file))
            history.read(
                file,
                name_of(path),
                EVENT_TOPICS[ORIGINS.index(topic)],
                lambda size, task=task: progress.advance(task, size),  # type: ignore[misc]
            )
            progress.remove_task(task)


def tell_refused(lines: Lines, refused: int, first_refused: Iterable[Refused]) -> None:
    """Say on standard error which lines are no records, and which events the engine refused (so many)."""
    listed = [*lines.bad_lines]
    for line, failure in first_refused:
        file, number = lines.place(line)
        listed.append(BadLine(file, number, failure.reason, failure.field, failure.message))
    listed.sort(key=lambda bad: (bad.file, bad.line))
    tell_bad_lines(listed[:_LISTED], lines.refused + refused, lines.records - refused)


def tell_bad_lines(listed: Sequence[BadLine], refused: int, events: int) -> None:
    """Say on standard error which lines were left out: those `listed`, of so many; and how many events were read."""
    for bad in listed:
        place = click.style(f"{printable(bad.file)}:{bad.line}", bold=True)
        reason = click.style(bad.reason, fg="red")
        click.echo(f"{place}: {reason} at {printable(bad.field)}: {printable(bad.message)}", err=True)
    if refused > len(listed):
        click.echo(f"... and {refused - len(listed):,} more", err=True)
    if refused:
        lines = "1 bad line" if refused == 1 else f"{refused:,} bad lines"
        click.echo(f"{lines} left out, {events:,} events read", err=True)


def name_of(path: Path) -> str:
    """A file as messages name it."""
    return "<stdin>" if str(path) == "-" else str(path)


def size_of(file: IO[bytes]) -> int | None:
    """Bytes in the file; None for a pipe."""
    try:
        return os.fstat(file.fileno()).st_size or None
    except OSError:
        return None
