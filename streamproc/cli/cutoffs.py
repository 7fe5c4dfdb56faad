"""`streamproc cutoffs`: where the borders between levels are, out of a sample of customers' states."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.backtest.history import History
from streamproc.backtest.preview import Preview, preview
from streamproc.backtest.replay import Replay
from streamproc.churn.model import load_model
from streamproc.cli.event_files import (
    FILE_OR_STDIN,
    name_of,
    no_events,
    progress_bar,
    read_history,
    tell_refused,
    topic_option,
)
from streamproc.cli.facts import counted
from streamproc.cli.rules_file import with_rules
from streamproc.cli.tables import print_table
from streamproc.cli.whole_file import check_outputs, write_whole
from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.cutoffs.quantiles import CUSTOMERS_MIN, Finding, find, in_file
from streamproc.cutoffs.states import States, read_states
from streamproc.errors import StreamprocError
from streamproc.rules.cutoff_values import CutoffValues, encode_cutoffs, load_cutoffs
from streamproc.rules.expression import format_value
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Store
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.evaluate import TICK_MS

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT: Final = click.Path(path_type=Path, dir_okay=False)
#: So many files are named in what is written.
_NAMED: Final = 3


@click.command("cutoffs")
@click.argument("files", nargs=-1, type=FILE_OR_STDIN, metavar="[FILE]...")
@click.option("--live", is_flag=True, help="Instead of files: the states in STREAMPROC_REDIS.")
@click.option("--rules", type=_FILE, help="Rules file.  [default: STREAMPROC_RULES]")
@click.option("-o", "--out", type=_OUT, required=True, help="Where the values go: a JSON file.")
@click.option(
    "--sample", type=click.IntRange(CUSTOMERS_MIN), default=5_000, show_default=True,
    help="Look at so many customers.",
)  # fmt: skip
@click.option(
    "--active-days", type=click.IntRange(1, 3650), default=90, show_default=True,
    help="Count those who were active in so many days.",
)  # fmt: skip
@topic_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cutoffs_command(
    files: Sequence[Path],
    live: bool,
    rules: Path | None,
    out: Path,
    sample: int,
    active_days: int,
    topic: str,
    as_json: bool,
) -> None:
    """Set the cut-offs of the rules by a sample of customers: which number of sessions the busiest fifth reaches.

    With --live, the customers are those of the running group; only Redis is asked. Else FILE holds one event a line, as
    `publish` takes them, those of one topic in about the order of their time; the customers are looked at as they are
    at its end. - is standard input.

    \b
      streamproc cutoffs --live --rules rules.yaml -o cutoffs.json
      streamproc cutoffs events.jsonl --rules rules.yaml -o cutoffs.json
      STREAMPROC_CUTOFFS=cutoffs.json streamproc worker

    Run it now and then, every week for instance: a running worker takes up the new file within seconds and evaluates
    everybody anew; signals that follow say `cause: definition`, and no version needs to be raised. A cut-off that is
    right within the error of the sample stays. docs/cutoffs.md tells more.

    Exit code 0: done; where there are too few customers, the cut-offs in force stay, and it says so; 2: there is
    nobody to look at, or a mistake in the call or in the rules.
    """
    if bool(files) == live:
        raise click.UsageError("give files of events, or --live")
    settings = load_settings(with_rules(rules))
    check_outputs({"--out": out}, [*files, settings.rules_path])
    before = load_cutoffs(settings.cutoffs_path or out)
    definitions = _definitions(settings, before)
    cutoffs = definitions.ruleset.cutoffs
    if not any(cutoff.quantile is not None for cutoff in cutoffs):
        raise StreamprocError(
            f"{definitions.ruleset.path} has no cut-off with a `quantile`",
            fix="give a rules file with `cutoffs:`, as examples/rfm.yaml is (docs/cutoffs.md)",
        )
    found = _Sampling(settings, definitions, before, sample, active_days)
    if live:
        asyncio.run(found.of_group())
    else:
        asyncio.run(found.of_files(files, topic))
    assert found.values is not None
    if found.values.cutoffs:
        write_whole(out, encode_cutoffs(found.values))
    if as_json:
        click.echo(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2))
        return
    found.show(Console(highlight=False, soft_wrap=True))
    if not found.values.cutoffs:
        click.echo("nothing written: the fixed cut-offs stay in force")
        return
    click.echo(f"\nwritten: {out} ({found.values.version})")
    if settings.cutoffs_path != out:
        click.echo(f"put it live: STREAMPROC_CUTOFFS={out}")


class _Sampling:
    """The way from states to values, and what comes of it."""

    def __init__(
        self,
        settings: Settings,
        definitions: Definitions,
        before: CutoffValues,
        sample: int,
        active_days: int,
    ) -> None:
        self.settings, self.definitions, self.before = settings, definitions, before
        self.sample, self.active_days = sample, active_days
        self.states: States | None = None
        self.findings: list[Finding] = []
        self.values: CutoffValues | None = None
        self.change: Preview | None = None

    async def of_group(self) -> None:
        """From the states of a running group."""
        settings = self.settings
        store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
        try:
            await self._take(store, "live states", in_hash_order=True)
        finally:
            await store.aclose()

    async def of_files(self, files: Sequence[Path], topic: str) -> None:
        """From what files of events come to under the rules in force."""
        history = History.of(1)
        replay = Replay(self.definitions, wall_ms())
        with progress_bar() as progress:
            read_history(history, files, topic, progress)
            task = progress.add_task("replaying", total=history.lines.records)
            async for _ in replay.through(history.partitions[0]):
                progress.update(task, completed=replay.events)
        async for _ in replay.until((replay.time_ms // TICK_MS + 1) * TICK_MS):
            pass  # what happened last is evaluated when its tick is over
        tell_refused(history.lines, replay.refused, replay.first_refused)
        if not replay.time_ms:
            raise no_events(files)
        names = ", ".join(name_of(path) for path in files[:_NAMED])
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        await self._take(replay.store, names + more, in_hash_order=False)

    async def _take(self, store: Store, source: str, *, in_hash_order: bool) -> None:
        ruleset = self.definitions.ruleset
        states = await read_states(store, self.sample, self.active_days, in_hash_order=in_hash_order)
        self.states = states
        self.findings = find(ruleset.cutoffs, ruleset.features, states)
        created = to_iso(int(states.now_ms.max()))
        self.values = in_file(self.findings, self.before, created, source, len(states), self.active_days)
        with progress_bar() as progress:
            task = progress.add_task("evaluating", total=None)
            self.change = await preview(
                store,
                _definitions(self.settings, self.values),
                self.sample if in_hash_order else None,
                lambda done: progress.advance(task, done),
            )

    def show(self, console: Console) -> None:
        """Print old and new values, and who changes segments by that."""
        assert self.states is not None
        assert self.change is not None
        active = int(self.states.active.sum())
        console.print(
            f"{counted(len(self.states), 'customer')} looked at, {active:,} of them active in the last "
            f"{self.active_days} days"
        )
        print_table(console, _table(self.findings))
        for found in self.findings:
            if found.note:
                console.print(f"{found.cutoff.name} {found.note}", markup=False)
        change = self.change
        console.print(f"\n{change.moved:,} of {change.customers:,} customers change segments")
        for key, segment in change.segments.items():
            if segment.entering or segment.leaving:
                told = f"  {printable(key)}: {segment.entering:,} come in, {segment.leaving:,} go"
                console.print(Text(told), soft_wrap=True)

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        assert self.values is not None
        assert self.states is not None
        assert self.change is not None
        return {
            "version": self.values.version if self.values.cutoffs else None,
            "created": self.values.created,
            "customers": len(self.states),
            "active": int(self.states.active.sum()),
            "cutoffs": [_as_json(found) for found in self.findings],
            "evaluated": self.change.customers,
            "moved": self.change.moved,
            "segments": {
                key: {"entering": segment.entering, "leaving": segment.leaving}
                for key, segment in self.change.segments.items()
            },
        }


def _definitions(settings: Settings, values: CutoffValues) -> Definitions:
    return Definitions(load_ruleset(settings.rules_path, values), load_model(settings.model_path))


def _table(findings: Sequence[Finding]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("cut-off", "quantile"):
        table.add_column(column, no_wrap=True)
    for column in ("in force", "new", "at or above", "customers", "rank error"):
        table.add_column(column, justify="right", no_wrap=True)
    for found in findings:
        cutoff = found.cutoff
        source = "" if cutoff.source == "sampled" else f"{cutoff.source} "
        table.add_row(
            Text(cutoff.name),
            Text(f"{cutoff.quantile}% of {cutoff.feature}"),
            f"{source}{format_value(cutoff.value, cutoff.unit)}",
            Text(format_value(found.new, cutoff.unit), "bold" if found.new != cutoff.value else ""),
            f"{found.reached:.1%}",
            f"{found.customers:,}",
            f"±{found.rank_error:.1%}",
        )
    return table


def _as_json(found: Finding) -> dict[str, Any]:
    cutoff = found.cutoff
    return {
        "name": cutoff.name,
        "feature": cutoff.feature,
        "unit": cutoff.unit,
        "quantile": cutoff.quantile,
        "value_before": cutoff.value,
        "source_before": cutoff.source,
        "value": found.new,
        "at_or_above": round(found.reached, 4),
        "customers": found.customers,
        "rank_error": round(found.rank_error, 4),
        "note": found.note,
    }
