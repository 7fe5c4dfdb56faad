"""`streamproc publish`: events from a file or a pipe to Kafka."""

import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Final, NamedTuple

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from streamproc.cli.event_files import check_text
from streamproc.cli.line_stream import Line, is_regular, lines_of, regular_size
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.meanings import ORIGINS, Meanings
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings, load_settings
from streamproc.transport.brokers import brokers_of
from streamproc.transport.bulk import NotTaken, open_bulk_producer, partition_counts
from streamproc.transport.lines import EVENT_TOPICS, LineError, ParsedLine, parse_line
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics
from streamproc.windows.apply import LATENESS_PANES, in_time

#: With a rate, records go out in parts of a tenth of a second.
_PARTS_PER_S: Final = 10
#: More bad lines than these are counted, not listed.
_LISTED: Final = 20


class Problem(NamedTuple):
    """A line that is not published, and why."""

    line: int
    reason: str
    field: str
    message: str


class _Checked(NamedTuple):
    """A line in the form of a Kafka record; the offset is the line's number."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(slots=True)
class Tally:
    """What has become of the lines so far."""

    published: int = 0
    refused: int = 0
    seconds: float = 0.0
    problems: list[Problem] = field(default_factory=list)  # the first of them

    def refuse(self, problems: Sequence[Problem]) -> None:
        """Count bad lines and keep the first ones."""
        self.refused += len(problems)
        self.problems += problems[: max(0, _LISTED - len(self.problems))]

    @property
    def per_second(self) -> int:
        return round(self.published / self.seconds) if self.seconds else 0


@click.command("publish")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--topic",
    type=click.Choice(["auto", *ORIGINS]),
    default="auto",
    show_default=True,
    help="Where events without an envelope go; auto: every line is an envelope.",
)
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="At most so many events a second.")
@click.option(
    "--validate/--no-validate",
    default=True,
    show_default=True,
    help="Check the events first; else everything is sent as it is, to see what fails.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def publish_command(file: IO[bytes], topic: str, rate: float | None, validate: bool, as_json: bool) -> None:
    """Publish the events in FILE (one JSON object per line; - is standard input).

    A line is an event, or an envelope {"topic": "events.web", "key": "u-1", "value": {...}}. The Kafka key is
    the customer's id unless the envelope has its own. A file with a bad line is not published at all; from a
    pipe, bad lines are left out.

    \b
      streamproc publish --topic web events.jsonl
      generate-events | streamproc publish --rate 500 -

    Exit code 0: everything is published; 1: there were bad lines; 2: nothing could be done.
    """
    settings = load_settings(os.environ)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would log is in the error
    topic_of_events = None if topic == "auto" else EVENT_TOPICS[ORIGINS.index(topic)]
    meanings = load_ruleset(settings.rules_path).meanings if validate else None
    tally, reader = Tally(), Reader(topic_of_events, meanings)
    try:
        asyncio.run(_run(settings, file, reader, rate, tally))
    except NotTaken as error:
        again = "Then publish it again from the beginning: a messageId repeated within 24 hours counts once"
        raise StreamprocError(error.message, fix=f"{error.fix}. {again}") from error
    except KeyboardInterrupt:
        click.echo(f"interrupted: at least the first {tally.published:,} events are published", err=True)
        raise
    _report(tally, file.name, as_json)
    if settings.clock == "live" and reader.too_old and tally.published:
        click.echo(_too_old(reader.too_old, tally.published), err=True)
    if tally.refused:
        sys.exit(1)
    if not tally.published:
        raise StreamprocError(f"{file.name} holds no events", fix="give a file with one JSON object per line")


@dataclass(slots=True)
class Reader:
    """Makes records of lines. topic: of lines without an envelope. meanings: None checks no events.

    too_old: how many of the events that it has checked are older than the longest window.
    """

    topic: str | None
    meanings: Meanings | None
    too_old: int = 0

    def read(self, lines: Sequence[Line]) -> tuple[list[ParsedLine], list[Problem]]:
        """The records of the good lines, and what is wrong with the others, both in their order."""
        problems: dict[int, Problem] = {}
        records: dict[int, ParsedLine] = {}
        for number, text in lines:
            try:
                records[number] = parse_line(text, self.topic)
            except LineError as error:
                problems[number] = Problem(number, "invalid_line", "$", str(error))
        if self.meanings is not None:
            for problem in self._check(records, self.meanings):
                problems[problem.line] = problem
                del records[problem.line]
        return list(records.values()), [problems[number] for number in sorted(problems)]

    def _check(self, records: Mapping[int, ParsedLine], meanings: Meanings) -> list[Problem]:
        """What the worker would refuse. `records` by line."""
        problems, now_ms = [], wall_ms()
        for code, topic in enumerate(EVENT_TOPICS):
            checked = [
                _Checked(n, record.key, record.value)
                for n, record in records.items()
                if record.topic == topic
            ]
            decoded = decode_chunk(checked, topic=0, origin=code, meanings=meanings, wall_now_ms=now_ms)
            self.too_old += int((~in_time(decoded.columns.ts_ms, now_ms)).sum())
            for failure in decoded.failures:
                problems.append(Problem(failure.offset, failure.reason, failure.field, failure.message))
        return problems


async def _run(settings: Settings, file: IO[bytes], reader: Reader, rate: float | None, tally: Tally) -> None:
    if is_regular(file):
        check_text(file, file.name)
    if reader.meanings is not None and is_regular(file):
        with _progress(file, "checking") as progress:
            async for lines in lines_of(file, progress):
                tally.refuse(reader.read(lines)[1])
        file.seek(0)
        reader.too_old = 0  # they are read again
    if not tally.refused:
        await _publish(settings, file, reader, rate, tally)


async def _publish(
    settings: Settings, file: IO[bytes], reader: Reader, rate: float | None, tally: Tally
) -> None:
    brokers, prefix = brokers_of(settings), settings.topic_prefix
    counts = await partition_counts(brokers, prefix, Topics(prefix).events)
    begin_s = monotonic_s()
    with _progress(file, "publishing") as progress:
        async with open_bulk_producer(brokers, counts) as producer:
            async for lines in lines_of(file, progress):
                records, problems = reader.read(lines)
                tally.refuse(problems)
                for part in _parts(records, rate):
                    part_begin_s = monotonic_s()
                    await producer.send([Outgoing(prefix + topic, key, value) for topic, key, value in part])
                    tally.published += len(part)
                    tally.seconds = monotonic_s() - begin_s
                    progress.update(progress.task_ids[0], events=tally.published, per_second=tally.per_second)
                    if rate is not None:
                        await asyncio.sleep(max(0.0, part_begin_s + len(part) / rate - monotonic_s()))
    tally.seconds = monotonic_s() - begin_s


def _parts(records: list[ParsedLine], rate: float | None) -> list[list[ParsedLine]]:
    """All at once, or what is to be sent in a tenth of a second."""
    size = len(records) if rate is None else int(rate / _PARTS_PER_S)
    return [records[start : start + max(1, size)] for start in range(0, len(records), max(1, size))]


def _progress(file: IO[bytes], verb: str) -> Progress:
    """A bar on the terminal that leaves no trace; nothing where standard error is no terminal."""
    console = Console(stderr=True)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]:,} events, {task.fields[per_second]:,}/s"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    progress.add_task(f"{verb} {file.name}", total=regular_size(file), events=0, per_second=0)
    return progress


def _too_old(count: int, published: int) -> str:
    return (
        f"warning: {count:,} of {published:,} events are older than the longest window, {LATENESS_PANES} days: a "
        "worker under the live clock counts them in streamproc_events_too_late_total and does not apply them; history "
        "is for one under the event clock (STREAMPROC_CLOCK=event, README), or for streamproc rebuild"
    )


def _report(tally: Tally, name: str, as_json: bool) -> None:
    if as_json:
        told = {
            "published": tally.published,
            "refused": tally.refused,
            "seconds": round(tally.seconds, 3),
            "events_per_second": tally.per_second,
            "problems": [problem._asdict() for problem in tally.problems],
        }
        click.echo(printable_json(orjson.dumps(told, option=orjson.OPT_INDENT_2)))
        return
    for line, reason, where, message in tally.problems:
        place = click.style(f"{name}:{line}", bold=True)
        click.echo(
            f"{place}: {click.style(reason, fg='red')} at {printable(where)}: {printable(message)}", err=True
        )
    if tally.refused > len(tally.problems):
        click.echo(f"... and {tally.refused - len(tally.problems):,} more", err=True)
    if tally.refused and not tally.published:
        lines = "1 bad line" if tally.refused == 1 else f"{tally.refused:,} bad lines"
        click.echo(f"nothing published: {lines}")
        return
    refused = f", {tally.refused:,} refused" if tally.refused else ""
    click.echo(f"{tally.published:,} published in {tally.seconds:.1f} s ({tally.per_second:,}/s){refused}")
