"""`streamproc fit`: a churn model for your own history, and how good it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec
from rich.console import Console
from rich.progress import Progress

from streamproc.backtest.chart import check_picture
from streamproc.churn.model import ChurnModel, encode_model
from streamproc.cli.event_files import (
    FILE_OR_STDIN,
    progress_bar,
    read_events,
    rules_option,
    topic_option,
)
from streamproc.cli.fit_figures import show
from streamproc.cli.rules_file import rules_path
from streamproc.cli.whole_file import check_outputs, write_whole
from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.errors import StreamprocError
from streamproc.fitting.living import BACK_DAYS_MAX, Living, past, present, read_living
from streamproc.settings import load_settings
from streamproc.state.redis_store import RedisStore

if TYPE_CHECKING:  # they need scipy
    from streamproc.churn.fit import Labels
    from streamproc.fitting.trial import Trial

_OUT: Final = click.Path(path_type=Path, dir_okay=False)
#: So many files are named in the model.
_NAMED: Final = 3


@click.command("fit")
@click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[FILE]...")
@click.option("-o", "--out", type=_OUT, required=True, help="Where the model goes: a JSON file.")
@click.option(
    "--horizon-days", type=click.IntRange(1, 3650), default=90, show_default=True,
    help="H: the risk is the probability of no activity in the next H days.",
)  # fmt: skip
@topic_option
@rules_option
@click.option(
    "--version", "version", help="What signals call the model.  [default: made of horizon and parameters]"
)
@click.option(
    "--plot", type=_OUT, help="Where the reliability plot goes: PNG or SVG.  [default: beside the model]"
)
@click.option("--live", is_flag=True, help="Instead of files: the states in STREAMPROC_REDIS.")
@click.option(
    "--sample", type=click.IntRange(min=1), default=20_000, show_default=True,
    help="With --live: look at so many customers.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def fit_command(
    files: Sequence[Path],
    out: Path,
    horizon_days: int,
    topic: str,
    rules: Path | None,
    version: str | None,
    plot: Path | None,
    live: bool,
    sample: int,
    as_json: bool,
) -> None:
    """Fit the churn model on your own history, and say how good it is on customers it has not seen.

    FILE holds one event a line, as `publish` takes them, in any order; - is standard input. The history should be much
    longer than the horizon: customers are looked at on several dates, and what became of each within H days is the
    label. Choose H as the silence after which you call a customer lost: 14 for a daily app, 90 for a shop.

    \b
      streamproc fit events.jsonl -o model.json
      streamproc fit --horizon-days 30 2025.jsonl 2026.jsonl -o model.json
      STREAMPROC_MODEL=model.json streamproc worker

    With --live the states of a running group are the history. They know the last weeks of everybody day by day, so
    outcomes are known for H up to 63 days, and P0 is fitted without them beyond; files tell more.

    A running worker takes up a new model.json within a second, and evaluates everybody anew. Where the history is too
    small for the scorecard, P0 or a rule of recency is fitted instead; the output says so. docs/churn.md tells how to
    read the figures. Needs the extra: pip install '.[science]'.

    Exit code 0: the model is written, bad lines are told and left out; 2: there is too little to fit on, or a mistake
    in the call.
    """
    if bool(files) == live:
        raise click.UsageError("give files of events, or --live")
    plot = plot if plot is not None else out.with_suffix(".png")
    try:
        from streamproc.fitting.chart import draw  # noqa: PLC0415 (an extra)
        from streamproc.fitting.report import report  # noqa: PLC0415
        from streamproc.fitting.trial import described  # noqa: PLC0415
    except ImportError as error:
        fix = "install it: `pip install '.[science]'`"
        raise StreamprocError(f"`fit` needs {error.name}", fix=fix) from None
    check_picture(plot)
    check_outputs({"--out": out, "--plot": plot}, [*files, rules_path(rules)])
    with progress_bar() as progress:
        if live:
            trial, source = _of_states(horizon_days, sample, progress), "live states"
        else:
            trial, source = _of_files(files, topic, rules, horizon_days, progress), _source(files)
    trial = described(trial, version, source)
    write_model(out, trial.model)
    if trial.risks:
        draw(plot, trial)
    figures = report(trial)
    if as_json:
        click.echo(msgspec.json.encode(figures))
        return
    show(Console(highlight=False, soft_wrap=True), figures)
    click.echo(f"\nwritten: {out}" + (f", {plot}" if trial.risks else ""))
    click.echo(f"put it live: STREAMPROC_MODEL={out}")


def _of_files(
    files: Sequence[Path], topic: str, rules: Path | None, horizon_days: int, progress: Progress
) -> Trial:
    from streamproc.fitting.trial import try_history  # noqa: PLC0415 (an extra)

    reading = read_events(files, topic, rules, progress)
    if not len(reading.log.ts_ms):
        raise StreamprocError(
            f"none of the {reading.events:,} events counts as activity, so there is no silence to learn from",
            fix="say in the rules file which events do (`activity: true`), or give events of web or app",
        )
    return try_history(reading.log, reading.ids, horizon_days, _labels(), _advance(progress))


def _of_states(horizon_days: int, customers_max: int, progress: Progress) -> Trial:
    from streamproc.fitting.trial import Amount, try_states, without_outcomes  # noqa: PLC0415 (an extra)

    living = asyncio.run(_living(customers_max))
    amount = Amount(len(living.ids), living.repeaters)
    states, unknown = past(living, horizon_days)
    if unknown:
        left_out = "1 state is" if unknown == 1 else f"{unknown:,} states are"
        click.echo(f"{left_out} left out: the latest activity by then is not known", err=True)
    if states is None or not len(states):
        why = (
            f"a state knows {BACK_DAYS_MAX} days well, which says nothing of what becomes of customers in "
            f"{horizon_days} days (files of events do)"
            if states is None
            else f"nobody was active {horizon_days} days ago"
        )
        return without_outcomes(present(living, horizon_days), amount, why, horizon_days, _labels())
    return try_states(states, living.ids, amount, horizon_days, _labels(), _advance(progress))


async def _living(customers_max: int) -> Living:
    settings = load_settings(os.environ)
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        return await read_living(store, customers_max)
    finally:
        await store.aclose()


def _labels() -> Labels:
    from streamproc.churn.fit import Labels  # noqa: PLC0415 (an extra)

    return Labels(version="unnamed", trained_on="unnamed", created=to_iso(wall_ms())[:10])


def _advance(progress: Progress) -> Callable[[float], None]:
    task = progress.add_task("fitting", total=1.0)
    return lambda done: progress.update(task, completed=done)


def _source(files: Sequence[Path]) -> str:
    """What the model file calls its events."""
    names = ", ".join("standard input" if str(path) == "-" else path.name for path in files[:_NAMED])
    return names if len(files) <= _NAMED else f"{names} and {len(files) - _NAMED} more"


def write_model(path: Path, model: ChurnModel) -> None:
    """Put the model in place in one step."""
    write_whole(path, encode_model(model))
