"""`streamproc campaigns report`: what campaigns changed, against their control groups."""

import asyncio
import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from streamproc.cli.campaigns_figures import as_json as found_as_json
from streamproc.cli.campaigns_figures import show
from streamproc.cli.event_files import FILE_OR_STDIN, name_of, progress_bar, size_of
from streamproc.cli.failed import parse_since
from streamproc.cli.rules_file import rules_path
from streamproc.contracts.printable import printable, printable_json
from streamproc.contracts.signal_types import ACTION_TOPIC
from streamproc.errors import StreamprocError
from streamproc.experiments.design import designs
from streamproc.experiments.journeys import Journeys
from streamproc.experiments.lines import action_value
from streamproc.experiments.report import EFFECT, report
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings, load_settings
from streamproc.transport.brokers import brokers_of
from streamproc.transport.bulk import log_bounds, partition_counts, read_topic
from streamproc.transport.lines import numbered_lines

_LINES: Final = 10_000


@click.command("report")
@click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[FILE]...")
@click.option(
    "--live", is_flag=True, help="Instead of files: the topic actions.reactivation, as far as Kafka keeps it."
)
@click.option("--campaign", "key", metavar="KEY", help="Only this campaign.")
@click.option(
    "--since", metavar="TIME",
    help="Only customers first asked since then: 30d, 2026-01-31, 2026-01-31T12:00:00Z.",
)  # fmt: skip
@click.option(
    "--effect", type=click.FloatRange(0, 100, min_open=True), default=100 * EFFECT, show_default=True,
    help="The lift that is worth finding, in percentage points: with too few customers to find it, no claim.",
)  # fmt: skip
@click.option(
    "--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What share of customers should be in which arm.  [default: STREAMPROC_RULES, else the playbook]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def report_command(
    files: Sequence[Path],
    live: bool,
    key: str | None,
    since: str | None,
    effect: float,
    rules: Path | None,
    as_json: bool,
) -> None:
    """Show what campaigns changed: who came back of those asked, and of the control group that was not.

    FILE holds signals, one a line, as `streamproc backtest --signals` writes them, or their values alone; - is standard
    input. Lines of other topics are passed over.

    \b
      streamproc campaigns report --live
      streamproc campaigns report --live --campaign rescue --since 60d
      streamproc backtest rules.yaml events.jsonl --signals signals.jsonl
      streamproc campaigns report signals.jsonl

    Lift is the difference between the two rates, in percentage points, with a 95% interval. It is claimed only if
    there is a control group (`holdout` in the rules), if enough customers' windows are over, and if the interval leaves
    out 0; else the report says what is missing. docs/experiments.md tells how to read it, and what it does not claim.

    Exit code 0: done, whatever the figures say; 2: there are no signals, or a mistake in the call.
    """
    if bool(files) == live:
        raise click.UsageError("give files of signals, or --live")
    since_ms = parse_since(since) if since is not None else None
    ruleset = load_ruleset(rules_path(rules))
    wanted = designs(ruleset.campaigns, ruleset.contact)
    journeys = Journeys()
    with progress_bar() as progress:
        if live:
            asyncio.run(_read_topic(load_settings(os.environ), journeys, progress))
        else:
            _read_files(files, journeys, progress)
    if journeys.left_out:
        click.echo(f"left out, no signals of a campaign's entry: {journeys.left_out:,}", err=True)
    if not journeys.signals:
        raise _nothing(live, files)
    counts = journeys.counts(since_ms)
    if key is not None:
        counts = [own for own in counts if own.campaign == _known(key, [each.campaign for each in counts])]
    found = [report(own, wanted.get(own.campaign), effect / 100) for own in counts]
    if as_json:
        whole = found_as_json(journeys, found)
        click.echo(printable_json(orjson.dumps(whole, option=orjson.OPT_INDENT_2)))
    else:
        show(Console(highlight=False), found, since_ms)


def _read_files(files: Sequence[Path], journeys: Journeys, progress: Progress) -> None:
    for path in files:
        with click.open_file(str(path), "rb") as file:
            task = progress.add_task(f"reading {name_of(path)}", total=size_of(file))
            for lines, size in numbered_lines(file, _LINES):
                journeys.add(
                    value for number, line in lines if (value := _value(path, number, line)) is not None
                )
                progress.advance(task, size)
            progress.remove_task(task)


def _value(path: Path, number: int, line: bytes) -> bytes | None:
    try:
        return action_value(line)
    except ValueError as error:
        raise StreamprocError(
            f"{name_of(path)}:{number}: the line is no JSON object: {error}",
            fix="give files as `streamproc backtest --signals` writes them: one signal a line",
        ) from error


async def _read_topic(settings: Settings, journeys: Journeys, progress: Progress) -> None:
    """All that is in the topic when the reading begins."""
    brokers = brokers_of(settings)
    topic = settings.topic_prefix + ACTION_TOPIC
    partitions = (await partition_counts(brokers, settings.topic_prefix, [topic]))[topic]
    bounds = await log_bounds(brokers, [topic], partitions)
    task = progress.add_task(f"reading {topic}", total=sum(end - first for first, end in bounds.values()))
    async for records in read_topic(brokers, topic, partitions):
        journeys.add(record.value for record in records)
        progress.advance(task, len(records))


def _nothing(live: bool, files: Sequence[Path]) -> StreamprocError:
    if live:
        return StreamprocError(
            f"no campaign has decided anything that Kafka still keeps in {ACTION_TOPIC}",
            fix="see whether the rules have campaigns, and whether a worker runs: streamproc doctor",
        )
    names = ", ".join(map(name_of, files))
    return StreamprocError(
        f"{names}: there is no signal of a campaign",
        fix="make some: streamproc backtest rules.yaml events.jsonl --signals signals.jsonl",
    )


def _known(key: str, keys: Sequence[str]) -> str:
    if key in keys:
        return key
    near = get_close_matches(key, keys, 1)
    names = ", ".join(map(printable, near or keys))
    raise StreamprocError(
        f"there is no signal of a campaign {key!r}",
        fix=f"did you mean {names}?" if near else f"there are: {names}",
    )
