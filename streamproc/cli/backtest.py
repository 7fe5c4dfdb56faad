"""`streamproc backtest`: what rules would have done with a history."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click
import orjson
from rich.console import Console

from streamproc.backtest.chart import check_picture, check_pictures, save, sizes
from streamproc.backtest.run import Trial
from streamproc.cli.backtest_json import as_json as found_as_json
from streamproc.cli.backtest_page import write_page
from streamproc.cli.backtest_sheets import sheets
from streamproc.cli.event_files import topic_option
from streamproc.cli.replaying import (
    Version,
    data_option,
    files_argument,
    load_version,
    partitions_option,
    read_chronicles,
    replay,
    silence_option,
    split_rules,
    summary_of,
)
from streamproc.cli.rules_file import rules_path
from streamproc.cli.sheet import print_sheets
from streamproc.cli.whole_file import check_outputs
from streamproc.clock import monotonic_s
from streamproc.errors import StreamprocError

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT: Final = click.Path(path_type=Path, dir_okay=False)


@click.command("backtest")
@files_argument
@click.option("--against", type=_FILE, metavar="RULES2", help="Other rules: show who differs, and why.")
@data_option
@topic_option
@silence_option
@partitions_option
@click.option(
    "--report", type=_OUT, help="Write a page with pictures (HTML). Needs: pip install '.[science]'."
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
    rules, events = split_rules(files, data)
    outputs = {"--report": report, "--plot": plot, "--signals": signals}
    check_outputs(outputs, [*events, rules_path(rules), against])
    if report is not None:
        check_pictures()
    if plot is not None:
        check_picture(plot)
    versions = _versions(rules, against)
    began_s = monotonic_s()
    lines, chronicles = read_chronicles(events, data, topic, partitions, versions)
    with _signal_parts(signals, partitions) as open_part:
        definitions = [version.definitions for version in versions]
        trial = Trial(chronicles, partitions, definitions, silence, open_part)
        findings = replay(trial, lines, events)
    rulesets, names = (
        [version.definitions.ruleset for version in versions],
        [version.name for version in versions],
    )
    summary = summary_of(findings, monotonic_s() - began_s)
    if plot is not None:
        save(sizes(rulesets[0].segments, findings.figures[0].segments, findings.until_ms), plot)
    if report is not None:
        write_page(report, findings, rulesets, names, summary)
    if as_json:
        click.echo(orjson.dumps(found_as_json(findings, rulesets, names, partitions)))
    else:
        print_sheets(Console(), summary, sheets(findings, rulesets, names))


def _versions(rules: Path | None, against: Path | None) -> list[Version]:
    versions = [load_version(rules)]
    if against is not None:
        other = load_version(against)
        if other.name == versions[0].name:
            versions = [Version(str(rules), versions[0].definitions)]
            other = Version(str(against), other.definitions)
        versions.append(other)
    return versions


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
