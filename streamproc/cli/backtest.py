"""`streamproc backtest`: what rules would have done with a history."""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from streamproc.app import load_definitions
from streamproc.backtest.chart import check_picture, draw
from streamproc.backtest.flows import Flow, Flows
from streamproc.backtest.replay import HistoricEvent, Replay
from streamproc.cli.rules_file import with_rules
from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CHANNELS
from streamproc.errors import StreamprocError
from streamproc.rules.literals import LiteralError, parse_duration, spell_duration
from streamproc.rules.model import Ruleset
from streamproc.settings import load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.ecom import load_ecom
from streamproc.transport.lines import CHANNEL_TOPICS, LineError, parse_line
from streamproc.windows.panes import DAY_MS

_DATA: Final = ("ecom", "cdnow", "cdnow-full")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_FILE_OR_STDIN = click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True)
#: Durations are shown with so many units.
_UNITS: Final = 2


class _Duration(click.ParamType):
    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_duration(value)
        except LiteralError as error:
            self.fail(f"{error.message}; {error.hint}", param, ctx)


@click.command("backtest")
@click.argument("files", nargs=-1, type=_FILE_OR_STDIN)
@click.option("--rules", type=_FILE, help="The rules file.  [default: STREAMPROC_RULES, else the playbook]")
@click.option("--data", type=click.Choice(_DATA), help="A published history instead of files.")
@click.option(
    "--topic", type=click.Choice(["auto", *CHANNELS]), default="auto", show_default=True,
    help="Where events without an envelope belong, as for `publish`; auto: every line is an envelope.",
)  # fmt: skip
@click.option(
    "--silence", type=_Duration(), default="14d", show_default=True,
    help="How long time goes on after the last event.",
)  # fmt: skip
@click.option(
    "--plot",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Draw the sizes over time: a PNG or SVG. Needs the extra: pip install 'streamproc[science]'.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the sizes by day.")
def backtest_command(
    files: Sequence[Path],
    rules: Path | None,
    data: str | None,
    topic: str,
    silence: int,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Replay history through the rules, in memory, and show what becomes of each segment.

    FILES hold one record a line, as `streamproc simulate` writes and `streamproc publish` reads them; those of one
    topic stand in about the order of their time. - is standard input. No server is needed, and nothing is published.

    \b
      streamproc simulate --out events.jsonl && streamproc backtest events.jsonl
      streamproc backtest --topic web examples/events.jsonl
      streamproc backtest --data ecom --rules rules.yaml
    """
    if bool(files) == bool(data):
        raise click.UsageError("give files, or a published history with --data")
    if plot is not None:
        check_picture(plot)
    settings = load_settings(with_rules(rules))
    definitions = load_definitions(settings)
    events = _published(data) if data else list(_lines(files, _topic(topic)))
    flows, replay = Flows(), Replay(definitions, wall_ms())
    console = Console(stderr=True)
    with Progress(console=console, disable=as_json or not console.is_terminal) as progress:
        asyncio.run(_collect(replay, flows, events, silence, progress))
    if not replay.time_ms:
        fix = "`streamproc validate FILE --channel web` says what is wrong with each"
        raise StreamprocError(
            f"none of the lines is an event that is accepted ({replay.events:,} read)", fix=fix
        )
    if plot is not None:
        draw(plot, definitions.ruleset.segments, flows.of, replay.time_ms)
    if as_json:
        click.echo(orjson.dumps(_as_json(flows, definitions.ruleset, replay)))
    else:
        _print(Console(), flows, definitions.ruleset, replay)


async def _collect(
    replay: Replay, flows: Flows, events: Sequence[HistoricEvent], silence_ms: int, progress: Progress
) -> None:
    bar = progress.add_task("replaying", total=len(events))
    async for signal in replay.signals(events, silence_ms):
        flows.add(signal)
        progress.update(bar, completed=replay.events)


def _published(name: str) -> Sequence[HistoricEvent]:
    if name == "ecom":
        events = load_ecom().events
    else:
        events = load_cdnow(os.environ, one_in=1 if name == "cdnow-full" else 10).events
    return [HistoricEvent(event.topic, event.value) for event in events]


def _topic(name: str) -> str | None:
    """Of events without an envelope; None: there are none."""
    return None if name == "auto" else CHANNEL_TOPICS[CHANNELS.index(name)]


def _lines(files: Sequence[Path], topic: str | None) -> Iterator[HistoricEvent]:
    """The records of the files, one after the other; their time is not looked at."""
    for path in files:
        with click.open_file(str(path), "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _record(path, number, line, topic)


def _record(path: Path, number: int, line: bytes, topic: str | None) -> HistoricEvent:
    try:
        parsed = parse_line(line, topic)
    except LineError as error:
        place = "<stdin>" if str(path) == "-" else path
        fix = "docs/events.md shows how a line looks"
        if topic is None:
            fix = (
                f"if the lines are events without an envelope, say where they belong: --topic web; else {fix}"
            )
        raise StreamprocError(f"{place}:{number}: {error}", fix=fix) from None
    return HistoricEvent(parsed.topic, parsed.value or b"")


def _print(console: Console, flows: Flows, ruleset: Ruleset, replay: Replay) -> None:
    console.print(f"{replay.events:,} events, until {to_iso(replay.time_ms)}", highlight=False)
    for count, what in (
        (replay.refused, "refused: `streamproc validate` says why"),
        (replay.repeats, "repeats of a messageId, not counted"),
        (
            replay.too_late,
            "more than 89 days older than what came before them, not counted: sort them by time",
        ),
    ):
        if count:
            console.print(f"{count:>{len(f'{replay.events:,}')},} {what}", highlight=False)
    table = Table(box=None, header_style="dim")
    table.add_column(
        "segment", no_wrap=True, min_width=max((len(segment.key) for segment in ruleset.segments), default=7)
    )
    for name in ("customers", "entries", "exits", "at most", "at the end", "median stay"):
        table.add_column(name, justify="right")
    for segment in ruleset.segments:
        flow = flows.of.get(segment.key, Flow())
        stay_ms = flow.median_stay_ms
        table.add_row(
            segment.key, f"{len(flow.members):,}", f"{flow.entries:,}", f"{flow.exits:,}", f"{flow.greatest:,}",
            f"{flow.size:,}", "" if stay_ms is None else spell_duration(stay_ms, _UNITS),
        )  # fmt: skip
    console.print(table)


def _as_json(flows: Flows, ruleset: Ruleset, replay: Replay) -> dict[str, Any]:
    found = [(segment, flows.of.get(segment.key, Flow())) for segment in ruleset.segments]
    return {
        "events": replay.events,
        "refused": replay.refused,
        "repeats": replay.repeats,
        "too_late": replay.too_late,
        "until": to_iso(replay.time_ms),
        "segments": [
            {
                "key": segment.key,
                "version": segment.version,
                "customers": len(flow.members),
                "entries": flow.entries,
                "exits": flow.exits,
                "at_most": flow.greatest,
                "at_the_end": flow.size,
                "median_stay_ms": flow.median_stay_ms,
                "sizes": {to_iso(day * DAY_MS)[:10]: size for day, size in flow.sizes.items()},
            }
            for segment, flow in found
        ],
    }
