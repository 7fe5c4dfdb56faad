"""`streamproc backtest`: what rules would have done with a history."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.backtest.chart import check_picture, check_pictures, save, sizes
from streamproc.backtest.chronicle import Chronicle
from streamproc.backtest.history import HistoricEvent, Lines
from streamproc.backtest.reading import ChronicleReader
from streamproc.backtest.run import Findings, Trial, run
from streamproc.cli.backtest_json import as_json as found_as_json
from streamproc.cli.backtest_page import write_page
from streamproc.cli.backtest_sheets import Sheet, sheets
from streamproc.cli.event_files import (
    FILE_OR_STDIN,
    no_events,
    progress_bar,
    read_history,
    tell_refused,
    topic_option,
)
from streamproc.cli.facts import counted
from streamproc.cli.rules_file import rules_path, with_rules
from streamproc.cli.tables import print_table
from streamproc.cli.whole_file import check_outputs
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.rules.literals import LiteralError, parse_duration
from streamproc.settings import load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.ecom import load_ecom
from streamproc.transitions.definitions import Definitions

_DATA: Final = ("ecom", "cdnow", "cdnow-full")
_RULES_SUFFIXES: Final = (".yaml", ".yml")
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT: Final = click.Path(path_type=Path, dir_okay=False)


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except LiteralError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


class _Version(NamedTuple):
    """Rules, and what they are called."""

    name: str
    definitions: Definitions


@click.command("backtest")
@click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[RULES] FILE...")
@click.option("--against", type=_FILE, metavar="RULES2", help="Other rules: show who differs, and why.")
@click.option("--data", type=click.Choice(_DATA), help="A published history instead of files.")
@topic_option
@click.option(
    "--silence", type=_Duration(), default="14d", show_default=True,
    help="How long time goes on after the last event.",
)  # fmt: skip
@click.option(
    "--partitions", type=click.IntRange(1, 10_000), default=12, show_default=True,
    help="Of the topics. Ids of signals name them; figures do not depend on it.",
)  # fmt: skip
@click.option(
    "--report", type=_OUT, help="Write a page with pictures (HTML). Needs: pip install 'streamproc[science]'."
)
@click.option("--plot", type=_OUT, help="Draw the sizes over time: a PNG or SVG. Needs the same extra.")
@click.option("--signals", type=_OUT, help="Write what would have been published (JSON lines).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the figures by day.")
def backtest_command(
    files: Sequence[Path],
    against: Path | None,
    data: str | None,
    topic: str,
    silence: int,
    partitions: int,
    report: Path | None,
    plot: Path | None,
    signals: Path | None,
    as_json: bool,
) -> None:
    """Replay history through RULES, in memory, and show what becomes of each segment.

    RULES is a rules file (.yaml); without it, that of STREAMPROC_RULES or the packaged playbook. FILE holds one
    event a line, as `streamproc publish` takes them; those of one topic stand in about the order of their time. - is
    standard input. The worker's own code decides; no server is needed, and nothing is published.

    \b
      streamproc backtest rules.yaml events.jsonl
      streamproc backtest rules.yaml events.jsonl --against rules-before.yaml --report report.html
      streamproc backtest --data ecom

    Exit code 0: done, bad lines are told and left out; 2: there is nothing to replay, or a mistake in the call.
    """
    rules, events = _split(files)
    if bool(events) == bool(data):
        raise click.UsageError("give files of events, or a published history with --data")
    outputs = {"--report": report, "--plot": plot, "--signals": signals}
    check_outputs(outputs, [*events, rules_path(rules), against])
    if report is not None:
        check_pictures()
    if plot is not None:
        check_picture(plot)
    versions = _versions(rules, against)
    began_s = monotonic_s()
    lines, chronicles = _read(events, data, topic, partitions, versions)
    with _signal_parts(signals, partitions) as open_part:
        definitions = [version.definitions for version in versions]
        findings = _replayed(Trial(chronicles, partitions, definitions, silence, open_part), lines.records)
    tell_refused(lines, findings.figures[0].refused, findings.first_refused)
    if not findings.until_ms:
        raise no_events(events)
    rulesets, names = (
        [version.definitions.ruleset for version in versions],
        [version.name for version in versions],
    )
    summary = _summary(findings, monotonic_s() - began_s)
    if plot is not None:
        save(sizes(rulesets[0].segments, findings.figures[0].segments, findings.until_ms), plot)
    if report is not None:
        write_page(report, findings, rulesets, names, summary)
    if as_json:
        click.echo(orjson.dumps(found_as_json(findings, rulesets, names, partitions)))
    else:
        _print(Console(), summary, sheets(findings, rulesets, names))


def _replayed(trial: Trial, records: int) -> Findings:
    progress = progress_bar()
    task = progress.add_task("replaying", total=records * len(trial.versions))

    def advance(events: int) -> None:
        progress.start()  # its thread begins when the processes have been forked
        progress.advance(task, events)

    try:
        return run(trial, advance)
    finally:
        progress.stop()


def _split(files: Sequence[Path]) -> tuple[Path | None, Sequence[Path]]:
    """The rules file, if the first one is one, and the files of events."""
    if files and files[0].suffix in _RULES_SUFFIXES:
        return files[0], files[1:]
    return None, files


def _versions(rules: Path | None, against: Path | None) -> list[_Version]:
    versions = [_version(rules)]
    if against is not None:
        other = _version(against)
        if other.name == versions[0].name:
            versions = [_Version(str(rules), versions[0].definitions)]
            other = _Version(str(against), other.definitions)
        versions.append(other)
    return versions


def _version(rules: Path | None) -> _Version:
    settings = load_settings(with_rules(rules))
    path = settings.rules_path
    return _Version("the playbook" if path is None else Path(path).name, load_definitions(settings))


def _read(
    files: Sequence[Path], data: str | None, topic: str, partitions: int, versions: Sequence[_Version]
) -> tuple[Lines, list[Chronicle]]:
    """The events, by each version of the rules."""
    meanings = [version.definitions.ruleset.meanings for version in versions]
    with ChronicleReader(partitions, meanings, wall_ms()) as reader:
        if data is not None:
            reader.put(_published(data), data)
        else:
            with progress_bar() as progress:
                read_history(reader, files, topic, progress)
        return reader.lines, reader.chronicles()


def _published(name: str) -> Iterator[HistoricEvent]:
    if name == "ecom":
        events = load_ecom().events
    else:
        events = load_cdnow(os.environ, one_in=1 if name == "cdnow-full" else 10).events
    return (HistoricEvent(event.topic, event.value) for event in events)


@contextmanager
def _signal_parts(path: Path | None, partitions: int) -> Iterator[Any]:
    """How processes open the parts of the file of signals, which are put together at the end; None: there is none."""
    if path is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="streamproc-backtest-") as folder:

        def open_part(partition: int) -> IO[bytes]:
            return (Path(folder) / str(partition)).open("wb")

        yield open_part
        try:
            with path.open("wb") as whole:
                for partition in range(partitions):
                    part = Path(folder) / str(partition)
                    if part.exists():
                        with part.open("rb") as file:
                            shutil.copyfileobj(file, whole)
        except OSError as error:
            fix = "make room, or name a file elsewhere"
            raise StreamprocError(f"cannot write {path}: {error.strerror or error}", fix=fix) from None


def _summary(findings: Findings, seconds: float) -> list[str]:
    figures = findings.figures[0]
    replayed = sum(each.events for each in findings.figures)
    lines = [
        f"{counted(figures.events - figures.refused, 'event')}, until {to_iso(findings.until_ms)}; "
        f"{counted(figures.signals, 'signal')} "
        f"({replayed / max(seconds, 1e-3):,.0f} events/s)"
    ]
    if figures.repeats:
        lines.append(f"{figures.repeats:,} repeats of a messageId, not counted")
    if figures.too_late:
        lines.append(
            f"{figures.too_late:,} more than 89 days older than what came before them, not counted: sort them by time"
        )
    return lines


def _print(console: Console, summary: Sequence[str], tables: Iterator[Sheet]) -> None:
    for line in summary:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    for sheet in tables:
        console.print()
        console.print(sheet.title, style="bold cyan", highlight=False, markup=False)
        if sheet.note:
            console.print(sheet.note, style="dim", highlight=False, markup=False, soft_wrap=True)
        if not sheet.columns:
            continue
        if sheet.texts == len(sheet.columns):
            _print_blocks(console, sheet)
        else:
            _print_table(console, sheet)


def _print_table(console: Console, sheet: Sheet) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for place, column in enumerate(sheet.columns):
        is_text = place < sheet.texts
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    for row in sheet.rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    print_table(console, table)


def _print_blocks(console: Console, sheet: Sheet) -> None:
    """A row that is text alone would be too wide for a table: its last two columns have lines of their own."""
    width = max(map(len, sheet.columns[-2:]))
    for row in sheet.rows:
        cells = list(map(printable, row))
        console.print(Text.assemble((cells[0], "bold"), "  ", "  ".join(cells[1:-2])), soft_wrap=True)
        for column, cell in zip(sheet.columns[-2:], cells[-2:], strict=True):
            console.print(Text.assemble((f"  {column:{width}}  ", "dim"), cell), soft_wrap=True)
