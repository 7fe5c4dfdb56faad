"""`streamproc score`: what the churn model would have said of each customer at past dates."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import orjson

from streamproc.churn.model import ChurnModel, load_model
from streamproc.cli.event_files import (
    FILE_OR_STDIN,
    progress_bar,
    read_events,
    rules_option,
    topic_option,
)
from streamproc.cli.facts import counted
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.fitting.reading import Reading
from streamproc.fitting.scoring import Risks, for_horizon, risks_at
from streamproc.settings import load_settings
from streamproc.windows.panes import DAY_MS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_AS_OF: Final = "--as-of"
_LINES: Final = 10_000
#: Dates later than this after the last activity are probably not meant.
_QUIET_MS: Final = 7 * DAY_MS
_DIGITS: Final = 9
_VARIABLES: Final = ("STREAMPROC_MODEL", "STREAMPROC_MODEL_FILE")


class AsOf(NamedTuple):
    """A date as it was given, and the instant it stands for."""

    text: str
    at_ms: int


def as_of(text: str) -> AsOf:
    """A date (its first moment) or a time, UTC unless it says otherwise. Raises ValueError."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    since = instant - _EPOCH
    return AsOf(text, since.days * 86_400_000 + since.seconds * 1_000 + since.microseconds // 1_000)


class _Found(NamedTuple):
    """How many were scored as of a date."""

    as_of: str
    at_ms: int
    customers: int
    never_active: int


class _Dates(click.ParamType):
    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[AsOf]:
        if not isinstance(value, str):
            return list(value)
        try:
            return [as_of(text.strip()) for text in value.split(",")]
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date: write it like 2026-01-31 or 2026-01-31T12:00:00Z", param, ctx)


class _ScoreCommand(click.Command):
    """Takes several dates after one --as-of."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spread: list[str] = []
        open_ = False  # the dates of an --as-of may go on
        for place, argument in enumerate(args):
            if open_ and place and args[place - 1] != _AS_OF and _is_date(argument):
                spread += [_AS_OF, argument]
                continue
            spread.append(argument)
            open_ = argument == _AS_OF or (open_ and args[place - 1] == _AS_OF)
        return super().parse_args(ctx, spread)


def _is_date(text: str) -> bool:
    try:
        as_of(text)
    except (ValueError, OverflowError):
        return False
    return True


@click.command("score", cls=_ScoreCommand)
@click.argument("files", nargs=-1, required=True, type=FILE_OR_STDIN, metavar="FILE...")
@click.option(
    _AS_OF, "dates", type=_Dates(), multiple=True, required=True, metavar="DATE...",
    help="A date (its first moment) or a time, UTC unless it says otherwise; as many as you like.",
)  # fmt: skip
@click.option(
    "--model", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file that `streamproc fit` wrote.  [default: STREAMPROC_MODEL, else the packaged one]",
)  # fmt: skip
@click.option(
    "--horizon-days", type=click.IntRange(1, 3650), help="Another horizon than the model's own: P0 alone."
)
@topic_option
@rules_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON alone, no summary on standard error.")
def score_command(
    files: Sequence[Path],
    dates: Sequence[Sequence[AsOf]],
    model: Path | None,
    horizon_days: int | None,
    topic: str,
    rules: Path | None,
    as_json: bool,
) -> None:
    """Replay events and print the churn risk of each customer at each date, as the engine would have known it then.

    FILE holds one event a line, as `publish` takes them, in any order; - is standard input. Prints one JSON
    object a line, {"customer_id": ..., "as_of": ..., "risk": ...}, for every customer seen before the date. Nothing
    that happens at the date or later is looked at. The risk is the probability of no activity in the model's horizon.

    \b
      streamproc score events.jsonl --as-of 2026-01-31
      streamproc score events.jsonl --as-of 2026-01-01 2026-02-01 --model model.json > risks.jsonl

    With --horizon-days other than the model's own, P0 of the model is used without its scorecard: P0 is a formula of
    the horizon, the scorecard's weights hold for one only. A model without P0 is refused then.

    Exit code 0: done, bad lines are told and left out; 2: there is nothing to score, or a mistake in the call.
    """
    used = _model(model, horizon_days)
    asked: dict[int, list[str]] = {}
    for date in sorted((date for given in dates for date in given), key=lambda date: date.at_ms):
        asked.setdefault(date.at_ms, []).append(date.text)
    with progress_bar() as progress:
        reading = read_events(files, topic, rules, progress)
    found = []
    for risks in risks_at(reading, used, list(asked)):
        for text in dict.fromkeys(asked[risks.now_ms]):
            _print(text, risks, reading.ids)
            found.append(_Found(text, risks.now_ms, len(risks.customer), risks.never_active))
    if not as_json:
        _summarize(found, reading, used)


def _model(path: Path | None, horizon_days: int | None) -> ChurnModel:
    found = load_model(path if path is not None else _model_of_settings())
    if horizon_days is None or horizon_days == found.horizon_days:
        return found
    converted = for_horizon(found, horizon_days)
    click.echo(
        f"model {found.version} was fitted for {found.horizon_days} days: for {horizon_days} its P0 is used alone; "
        f"better: streamproc fit --horizon-days {horizon_days}",
        err=True,
    )
    return converted


def _model_of_settings() -> Path | None:
    """No other setting is read, so a mistake there is none here."""
    return load_settings({name: os.environ[name] for name in _VARIABLES if name in os.environ}).model_path


def _print(text: str, risks: Risks, ids: Sequence[str]) -> None:
    out = click.get_binary_stream("stdout")
    rows = list(zip(risks.customer.tolist(), risks.risk.round(_DIGITS).tolist(), strict=True))
    for first in range(0, len(rows), _LINES):
        lines = [
            orjson.dumps(
                {"customer_id": ids[code], "as_of": text, "risk": risk}, option=orjson.OPT_APPEND_NEWLINE
            )
            for code, risk in rows[first : first + _LINES]
        ]
        out.write(b"".join(lines))
    out.flush()


def _summarize(found: Sequence[_Found], reading: Reading, model: ChurnModel) -> None:
    customers, horizon = len(reading.ids), model.horizon_days
    of_customers = f"{counted(reading.events, 'event')} of {counted(customers, 'customer')}"
    click.echo(f"{of_customers}; model {model.version}, {counted(horizon, 'day')}", err=True)
    last_ms = int(reading.log.ts_ms.max()) if len(reading.log.ts_ms) else None
    for date in found:
        never = f", {date.never_active:,} of them never active" if date.never_active else ""
        note = "" if date.customers else ": no event is before it"
        if last_ms is not None and date.at_ms > last_ms + _QUIET_MS:
            note = f"; the last activity is of {to_iso(last_ms)[:10]}: all is silence since"
        told = f"{printable(date.as_of)}: {counted(date.customers, 'customer')}"
        click.echo(told + never + note, err=True)
