"""Commands that replay a history: their options, what they read, and how they go through it."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from streamproc.backtest.chronicle import Chronicle
from streamproc.backtest.history import HistoricEvent, Lines
from streamproc.backtest.reading import ChronicleReader
from streamproc.backtest.run import Findings, Trial, run
from streamproc.cli.event_files import FILE_OR_STDIN, no_events, progress_bar, read_history, tell_refused
from streamproc.cli.facts import counted
from streamproc.cli.rules_file import with_rules
from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.loading import load_definitions
from streamproc.rules.literals import LiteralError, parse_duration
from streamproc.settings import load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.ecom import load_ecom
from streamproc.transitions.definitions import Definitions

_DATA: Final = ("ecom", "cdnow", "cdnow-full")
_RULES_SUFFIXES: Final = (".yaml", ".yml")


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except LiteralError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


files_argument = click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[RULES] FILE...")
data_option = click.option("--data", type=click.Choice(_DATA), help="A published history instead of files.")
silence_option = click.option(
    "--silence", type=_Duration(), default="14d", show_default=True,
    help="How long time goes on after the last event.",
)  # fmt: skip
partitions_option = click.option(
    "--partitions", type=click.IntRange(1, 10_000), default=12, show_default=True,
    help="Of the topics. Ids of signals name them, and each has its share of a budget; nothing else depends on it.",
)  # fmt: skip


class Version(NamedTuple):
    """Rules, and what they are called."""

    name: str
    definitions: Definitions


def split_rules(files: Sequence[Path], data: str | None) -> tuple[Path | None, Sequence[Path]]:
    """The rules file, if the first one is one, and the files of events. Raises UsageError without a history."""
    has_rules = bool(files) and files[0].suffix in _RULES_SUFFIXES
    rules, events = (files[0], files[1:]) if has_rules else (None, files)
    if bool(events) == bool(data):
        raise click.UsageError("give files of events, or a published history with --data")
    return rules, events


def load_version(rules: Path | None) -> Version:
    """Rules, cut-offs and model; None: the rules that the settings name. Raises StreamprocError."""
    settings = load_settings(with_rules(rules))
    path = settings.rules_path
    return Version("the playbook" if path is None else Path(path).name, load_definitions(settings))


def read_chronicles(
    files: Sequence[Path], data: str | None, topic: str, partitions: int, versions: Sequence[Version]
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


def replay(trial: Trial, lines: Lines, files: Sequence[Path]) -> Findings:
    """What comes of it. Bad lines are told on standard error. Raises StreamprocError if no line is an event."""
    progress = progress_bar()
    task = progress.add_task("replaying", total=lines.records * len(trial.versions))

    def advance(events: int) -> None:
        progress.start()  # its thread begins when the processes have been forked
        progress.advance(task, events)

    try:
        findings = run(trial, advance)
    finally:
        progress.stop()
    tell_refused(lines, findings.figures[0].refused, findings.first_refused)
    if not findings.until_ms:
        raise no_events(files)
    return findings


def summary_of(findings: Findings, seconds: float) -> list[str]:
    """What was replayed, in lines."""
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


def _published(name: str) -> Iterator[HistoricEvent]:
    if name == "ecom":
        events = load_ecom().events
    else:
        events = load_cdnow(os.environ, one_in=1 if name == "cdnow-full" else 10).events
    return (HistoricEvent(event.topic, event.value) for event in events)
