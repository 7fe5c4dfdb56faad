"""`streamproc discover`: groups of customers that no segment names yet, as suggestions."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

import click
import orjson
from rich.console import Console
from rich.progress import Progress

from streamproc.backtest.history import History
from streamproc.cli.discover_figures import as_json as found_as_json
from streamproc.cli.discover_figures import show
from streamproc.cli.event_files import (
    FILE_OR_STDIN,
    name_of,
    progress_bar,
    read_history,
    tell_refused,
    topic_option,
)
from streamproc.cli.rules_file import with_rules
from streamproc.cli.score import AsOf, as_of
from streamproc.cli.whole_file import check_outputs
from streamproc.clock import wall_ms
from streamproc.contracts.printable import printable_json
from streamproc.discovery.document import MARK, as_document
from streamproc.discovery.history import as_of_default, check_as_of, decoded, study_of
from streamproc.discovery.living import study_of_living
from streamproc.discovery.study import CUSTOMERS_MAX, CUSTOMERS_MIN, Study, TargetName
from streamproc.discovery.suggest import suggest
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.rules.load import ruleset_text
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore
from streamproc.transitions.definitions import Definitions

_TARGETS: Final = get_args(TargetName)
#: So many files are named in the file of suggestions.
_NAMED: Final = 3


class _Date(click.ParamType):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> AsOf:
        if isinstance(value, AsOf):
            return value
        try:
            return as_of(value)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date: write it like 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)


@click.command("discover")
@click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[FILE]...")
@click.option(
    "--target", type=click.Choice(_TARGETS), default="churn", show_default=True, help="More of what?"
)
@click.option("--less", is_flag=True, help="Look for groups with less of it.")
@click.option(
    "--as-of", "date", type=_Date(), metavar="DATE",
    help="Customers as they were then.  [default: the last midnight before a whole horizon]",
)  # fmt: skip
@click.option(
    "--horizon-days", type=click.IntRange(1, 3650), default=30, show_default=True,
    help="What becomes of customers in so many days; only who was active in as many before is looked at.",
)  # fmt: skip
@click.option(
    "--live", is_flag=True, help="Instead of files: the states in STREAMPROC_REDIS, as they are now."
)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.yaml",
    help="Write the suggestions as a rules file of their own.",
)  # fmt: skip
@topic_option
@click.option(
    "--rules", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The rules in force: what they name is not suggested.  [default: STREAMPROC_RULES, else the playbook]",
)  # fmt: skip
@click.option(
    "--sample", type=click.IntRange(1, 200_000), default=CUSTOMERS_MAX, show_default=True,
    help="Look at so many customers.",
)  # fmt: skip
@click.option(
    "--customers-min", type=click.IntRange(200), default=CUSTOMERS_MIN, show_default=True,
    help="With fewer, refuse to look.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def discover_command(
    files: Sequence[Path],
    target: TargetName,
    less: bool,
    date: AsOf | None,
    horizon_days: int,
    live: bool,
    out: Path | None,
    topic: str,
    rules: Path | None,
    sample: int,
    customers_min: int,
    as_json: bool,
) -> None:
    """Look for overlooked segments: groups that leave, order or spend more than others, and that no rule names yet.

    FILE holds one event a line, as `publish` takes them; - is standard input. Customers are taken as the engine has
    them at a past date, and what they did in the days after it says who left (`--target churn`: no activity), who
    ordered (`order`), or how much was spent (`money`). All rules of one or two conditions are tried on half of the
    customers, and the best are tested on the other half. Up to ten that hold there are shown, in the rule language.

    \b
      streamproc discover events.jsonl
      streamproc discover events.jsonl --target order --less --as-of 2026-03-01
      streamproc discover events.jsonl --out found.yaml && streamproc backtest found.yaml events.jsonl

    Nothing is put in force: these are suggestions, for a person to judge. With --live there is no "after": groups of
    high present churn risk are looked for (`churn`), or of much spent in the last 90 days (`money`). A job for now and
    then: once a month or so. docs/discover.md tells how to read the figures.

    Exit code 0: done, also if nothing was found; 2: there are too few customers, or a mistake in the call.
    """
    _check_call(files, live=live, date=date, target=target)
    settings = load_settings(with_rules(rules))
    if out is not None:
        _check_out(out, files, settings)
    definitions = load_definitions(settings)
    with progress_bar() as progress:
        if live:
            study = asyncio.run(
                _study_of_living(settings, definitions, target, horizon_days, sample, progress)
            )
        else:
            study = _study_of_files(files, topic, definitions, target, date, horizon_days, sample, progress)
        study.check(customers_min)
        progress.add_task("looking for groups", total=None)
        found = suggest(study, definitions.ruleset, less=less)
    if out is not None:
        source = "live states" if live else _source(files)
        _write(out, as_document(found, ruleset_text(settings.rules_path), source))
    if as_json:
        click.echo(printable_json(orjson.dumps(found_as_json(found), option=orjson.OPT_INDENT_2)))
    else:
        show(Console(highlight=False, soft_wrap=True), found, out)


def _check_call(files: Sequence[Path], *, live: bool, date: AsOf | None, target: str) -> None:
    if bool(files) == live:
        raise click.UsageError("give files of events, or --live")
    if live and date is not None:
        raise click.UsageError("--as-of is for files: states are as they are now")
    if live and target == "order":
        raise click.UsageError("--live knows no orders to come: take --target churn or money, or give files")


def _study_of_files(
    files: Sequence[Path],
    topic: str,
    definitions: Definitions,
    target: TargetName,
    date: AsOf | None,
    horizon_days: int,
    sample: int,
    progress: Progress,
) -> Study:
    history = History.of(1)
    read_history(history, files, topic, progress)
    task = progress.add_task("decoding", total=history.lines.records)
    now_ms = wall_ms()
    events = decoded(history, definitions, now_ms, lambda done: progress.advance(task, done))
    progress.remove_task(task)
    tell_refused(history.lines, events.refused, events.first_refused)
    as_of_ms = as_of_default(events, horizon_days) if date is None else date.at_ms
    check_as_of(events, as_of_ms, horizon_days)
    task = progress.add_task("replaying", total=None)

    def advance(done: int, total: int) -> None:
        progress.update(task, advance=done, total=total)

    study = study_of(
        history, events, definitions,
        target=target, as_of_ms=as_of_ms, horizon_days=horizon_days, customers_max=sample,
        wall_now_ms=now_ms, advance=advance,
    )  # fmt: skip
    try:
        return asyncio.run(study)
    finally:
        progress.remove_task(task)


async def _study_of_living(
    settings: Settings,
    definitions: Definitions,
    target: TargetName,
    horizon_days: int,
    sample: int,
    progress: Progress,
) -> Study:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        task = progress.add_task("reading states", total=None)
        return await study_of_living(
            store, definitions,
            target=target, horizon_days=horizon_days, customers_max=sample,
            advance=lambda done: progress.advance(task, done),
        )  # fmt: skip
    finally:
        await store.aclose()


def _check_out(out: Path, files: Sequence[Path], settings: Settings) -> None:
    """Raises StreamprocError if the file cannot be written, or is somebody's rules."""
    check_outputs({"--out": out}, files)
    if out.exists() and not out.read_bytes().startswith(MARK.encode()):
        what = "the rules in force" if _is_in_force(out, settings) else "no file of suggestions"
        raise StreamprocError(
            f"{out} exists and is {what}", fix="name another file: suggestions are never put in force"
        )


def _is_in_force(out: Path, settings: Settings) -> bool:
    return settings.rules_path is not None and os.path.samefile(out, settings.rules_path)


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        fix = "make room, or name a file elsewhere"
        raise StreamprocError(f"cannot write {out}: {error.strerror or error}", fix=fix) from None


def _source(files: Sequence[Path]) -> str:
    names = ", ".join(name_of(path) if str(path) == "-" else path.name for path in files[:_NAMED])
    return names if len(files) <= _NAMED else f"{names} and {len(files) - _NAMED} more"
