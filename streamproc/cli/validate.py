"""`streamproc validate`: check events in a file as the worker would, before anything is published."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from streamproc.cli.event_files import opened
from streamproc.cli.facts import counted
from streamproc.cli.rules_file import rules_path
from streamproc.clock import wall_ms
from streamproc.contracts.decode import Failure, decode_chunk
from streamproc.contracts.events import EVENT_BYTES_MAX
from streamproc.contracts.meanings import ORIGINS, Meanings
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.transport.lines import EVENT_TOPICS, LineError, parse_line

_CHUNK_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file in the form of a Kafka record; the offset is the line's number."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    accepted: int = 0
    unknown_names: int = 0
    currency_mismatches: int = 0
    unknown_zones: int = 0
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
            "unknown_zones": self.unknown_zones,
        }


@click.command("validate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--topic",
    "--channel",
    "channel",
    type=click.Choice(ORIGINS),
    default="web",
    show_default=True,
    help="Where events without an envelope belong, as for `publish`.",
)
@click.option(
    "--rules",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules file, for its event meanings.  [default: STREAMPROC_RULES, else the packaged playbook]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print JSON: one object per bad line, then the summary."
)
def validate_command(file: str, channel: str, rules: Path | None, as_json: bool) -> None:
    """Check the events in FILE (one JSON object per line; - is standard input) as the worker does.

    A line is an event, or an envelope as `publish` takes it: {"topic": "events.web", "value": {...}}. Prints
    every bad line with its number, reason, field and fix. Exit code 0: all events are good; 1: some are bad; 2:
    there is nothing to check.
    """
    meanings = load_ruleset(rules_path(rules)).meanings
    tally = Tally()
    name = "<stdin>" if file == "-" else file
    out = Console(highlight=False, soft_wrap=True)
    with opened(Path(file)) as stream, _progress(out) as progress:
        task = progress.add_task(name, total=_size(stream))
        for chunk in _chunks(stream):
            for failure in _check(chunk, ORIGINS.index(channel), meanings, tally):
                _print_failure(out, failure, name, as_json)
            progress.advance(task, sum(len(line.value or b"") + 1 for line in chunk))
    if not tally.accepted and not tally.reasons:
        raise StreamprocError(f"{name} holds no events", fix="give a file with one JSON object per line")
    _print_summary(out, tally, as_json)
    if tally.reasons:
        sys.exit(1)


def _check(chunk: list[Line], origin: int, meanings: Meanings, tally: Tally) -> list[Failure]:
    """The failures among some lines, in order; `tally` counts along."""
    events, origins = _opened(chunk, origin)
    decoded = decode_chunk(events, topic=0, origin=origins, meanings=meanings, wall_now_ms=wall_ms())
    tally.accepted += len(decoded.columns)
    tally.unknown_names += decoded.unknown_names
    tally.currency_mismatches += decoded.currency_mismatches
    tally.unknown_zones += decoded.unknown_zones
    tally.reasons.update(failure.reason.value for failure in decoded.failures)
    return decoded.failures


def _opened(chunk: list[Line], origin: int) -> tuple[list[Line], list[int]]:
    """What `streamproc publish` makes of the lines, for envelopes too; and the origin of each."""
    events, origins = [], []
    for line in chunk:
        topic, value = EVENT_TOPICS[origin], line.value
        # An envelope that names no topic of ours, or holds no base64, is checked as what it is then: no event.
        with suppress(LineError):
            topic, _, value = parse_line(line.value or b"", topic)
        events.append(Line(line.offset, value))
        origins.append(EVENT_TOPICS.index(topic))
    return events, origins


def _chunks(file: IO[bytes]) -> Iterator[list[Line]]:
    lines = _lines(file)
    while chunk := list(islice(lines, _CHUNK_LINES)):
        yield chunk


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


def _progress(out: Console) -> Progress:
    """A bar that leaves no trace: with the output if that is a terminal, else on standard error if it is."""
    console = out if out.is_terminal else Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=False,
    )


def _print_failure(out: Console, failure: Failure, name: str, as_json: bool) -> None:
    if as_json:
        told = {
            "line": failure.offset,
            "reason": failure.reason,
            "field": failure.field,
            "message": failure.message,
        }
        out.print(Text(printable_json(json.dumps(told, ensure_ascii=False).encode())))
    else:
        place, reason = (f"{name}:{failure.offset}", "bold"), (failure.reason.value, "red")
        out.print(
            Text.assemble(
                place, ": ", reason, f" at {printable(failure.field)}: {printable(failure.message)}"
            )
        )


def _print_summary(out: Console, tally: Tally, as_json: bool) -> None:
    if as_json:
        out.print(Text(json.dumps(tally.as_dict())))
        return
    out.print(f"{tally.accepted:,} good, {tally.reasons.total():,} bad")
    for reason, count in tally.reasons.most_common():
        out.print(f"  {count:>9,} {reason}")
    if tally.unknown_names:
        out.print(f"{tally.unknown_names:,} events have a name without a meaning")
    if tally.currency_mismatches:
        out.print(f"{tally.currency_mismatches:,} orders are in another currency; their money is not counted")
    if tally.unknown_zones:
        out.print(f"not known, and not read: {counted(tally.unknown_zones, 'time zone')}")
