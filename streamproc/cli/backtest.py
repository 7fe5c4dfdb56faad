"""`streamproc backtest`: what rules would have done with a history."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.progress import track
from rich.table import Table

from streamproc.app import load_definitions
from streamproc.backtest.chart import check_picture, draw
from streamproc.backtest.flows import Flow, Flows
from streamproc.backtest.replay import HistoricEvent, Replay
from streamproc.cli.rules_file import with_rules
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CHANNELS
from streamproc.errors import StreamprocError
from streamproc.rules.literals import LiteralError, parse_duration, spell_duration
from streamproc.rules.model import Ruleset
from streamproc.settings import load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.ecom import load_ecom
from streamproc.simulate.history import HistoryEvent
from streamproc.transport.lines import CHANNEL_TOPICS, LineError, parse_line

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

    FILES hold one record a line, as `streamproc simulate` writes and `streamproc publish` reads them, in about the
    order of their time; - is standard input. No server is needed, and nothing is published.

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
    events: Iterable[HistoricEvent] = _published(data) if data else _lines(files, _topic(topic))
    flows, replay = Flows(), Replay(definitions)
    console = Console(stderr=True)
    shown = track(events, "replaying", console=console, disable=as_json or not console.is_terminal)
    asyncio.run(_collect(replay, flows, shown, silence))
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


async def _collect(replay: Replay, flows: Flows, events: Iterable[HistoricEvent], silence_ms: int) -> None:
    async for signal in replay.signals(events, silence_ms):
        flows.add(signal)


def _published(name: str) -> Sequence[HistoryEvent]:
    if name == "ecom":
        return load_ecom().events
    return load_cdnow(os.environ, one_in=1 if name == "cdnow-full" else 10).events


def _topic(name: str) -> str | None:
    """Of events without an envelope; None: there are none."""
    return None if name == "auto" else CHANNEL_TOPICS[CHANNELS.index(name)]


def _lines(files: Sequence[Path], topic: str | None) -> Iterator[HistoryEvent]:
    """The records of the files, one after the other; their time is not looked at."""
    for path in files:
        with click.open_file(str(path), "rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _record(path, number, line, topic)


def _record(path: Path, number: int, line: bytes, topic: str | None) -> HistoryEvent:
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
    return HistoryEvent(0, parsed.topic, "", parsed.value or b"")


def _print(console: Console, flows: Flows, ruleset: Ruleset, replay: Replay) -> None:
    refused = f", {replay.refused:,} of them refused" if replay.refused else ""
    console.print(f"{replay.events:,} events{refused}, until {to_iso(replay.time_ms)}", highlight=False)
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
                "sizes": {to_iso(day * 86_400_000)[:10]: size for day, size in flow.sizes.items()},
            }
            for segment, flow in found
        ],
    }
