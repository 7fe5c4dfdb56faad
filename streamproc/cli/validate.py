"""`streamproc validate`: check events in a file as the worker would, before anything is published."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from streamproc.clock import wall_ms
from streamproc.contracts.decode import Failure, decode_chunk
from streamproc.contracts.events import EVENT_BYTES_MAX
from streamproc.contracts.meanings import CHANNELS, Meanings
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset

_CHUNK_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file in the form of a Kafka record; the offset is the line's number."""

    offset: int
    value: bytes
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    accepted: int = 0
    unknown_names: int = 0
    currency_mismatches: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The summary, for --json."""
        failed = self.reasons.total()
        return {
            "events": self.accepted + failed,
            "accepted": self.accepted,
            "failed": failed,
            "reasons": dict(self.reasons.most_common()),
            "unknown_names": self.unknown_names,
            "currency_mismatches": self.currency_mismatches,
        }


@click.command("validate")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--channel", type=click.Choice(CHANNELS), default="web", show_default=True, help="The topic's channel."
)
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="STREAMPROC_RULES",
    help="Rules file, for its event meanings.  [default: STREAMPROC_RULES, else the packaged playbook]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one object per bad line, then the summary."
)
def validate_command(file: IO[bytes], channel: str, rules: Path | None, as_json: bool) -> None:
    """Check the events in FILE (one JSON object per line; - is standard input) as the worker does.

    Prints every bad line with its number, reason, field and fix. Exit code 0: all events are good; 1: some
    are bad; 2: there is nothing to check.
    """
    meanings = load_ruleset(rules).meanings
    tally = Tally()
    for failure in _check(file, CHANNELS.index(channel), meanings, tally):
        _print_failure(failure, file.name, as_json)
    if not tally.accepted and not tally.reasons:
        raise StreamprocError(f"{file.name} holds no events", fix="give a file with one JSON object per line")
    _print_summary(tally, as_json)
    if tally.reasons:
        sys.exit(1)


def _check(file: IO[bytes], channel: int, meanings: Meanings, tally: Tally) -> Iterator[Failure]:
    """The failures of the file's lines, in order; `tally` counts along."""
    lines = _lines(file)
    with _progress() as progress:
        task = progress.add_task(file.name, total=_size(file))
        while chunk := list(islice(lines, _CHUNK_LINES)):
            decoded = decode_chunk(chunk, topic=0, channel=channel, meanings=meanings, wall_now_ms=wall_ms())
            tally.accepted += len(decoded.columns)
            tally.unknown_names += decoded.unknown_names
            tally.currency_mismatches += decoded.currency_mismatches
            tally.reasons.update(failure.reason.value for failure in decoded.failures)
            yield from decoded.failures
            progress.advance(task, sum(len(line.value) + 1 for line in chunk))


def _lines(file: IO[bytes]) -> Iterator[Line]:
    """The lines that are not blank. Of a line that is too large, only enough to see that it is."""
    number = 0
    while value := file.readline(EVENT_BYTES_MAX + 2):
        number += 1
        rest = value
        while not rest.endswith(b"\n") and rest:
            rest = file.readline(EVENT_BYTES_MAX)
        value = value.removesuffix(b"\n").removesuffix(b"\r")
        if value.strip():
            yield Line(number, value)


def _size(file: IO[bytes]) -> int | None:
    """Bytes in the file; None for a pipe."""
    try:
        return os.fstat(file.fileno()).st_size or None
    except OSError:
        return None


def _progress() -> Progress:
    """A bar on the terminal that leaves no trace; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    )


def _print_failure(failure: Failure, name: str, as_json: bool) -> None:
    if as_json:
        line = {
            "line": failure.offset,
            "reason": failure.reason,
            "field": failure.field,
            "message": failure.message,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        place = click.style(f"{name}:{failure.offset}", bold=True)
        click.echo(f"{place}: {click.style(failure.reason, fg='red')} at {failure.field}: {failure.message}")


def _print_summary(tally: Tally, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(tally.as_dict()))
        return
    failed = tally.reasons.total()
    click.echo(f"{tally.accepted:,} good, {failed:,} bad")
    for reason, count in tally.reasons.most_common():
        click.echo(f"  {count:>9,} {reason}")
    if tally.unknown_names:
        click.echo(f"{tally.unknown_names:,} events have a name without a meaning")
    if tally.currency_mismatches:
        click.echo(
            f"{tally.currency_mismatches:,} orders are in another currency; their money is not counted"
        )
