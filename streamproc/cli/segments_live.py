"""`streamproc segments preview` and `apply`: rules on the customers that a running group knows."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.backtest.preview import Preview, SegmentPreview, count_customers, preview
from streamproc.cli.event_files import progress_bar
from streamproc.cli.facts import because, counted
from streamproc.cli.rules_file import with_rules
from streamproc.cli.tables import print_table
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.in_force import mark_of, swept_mark_of
from streamproc.loading import load_definitions
from streamproc.rules.cutoff_values import load_cutoffs
from streamproc.rules.load import check_text, load_ruleset
from streamproc.rules.model import Ruleset
from streamproc.rules.problems import RulesError
from streamproc.rules.raise_versions import raise_versions
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Store
from streamproc.transitions.definitions import Definitions

_RULES: Final = click.argument("rules", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_LOOK_S: Final = 0.5
#: Workers look at the rules file every second, and may be busy.
_NOTICED_WITHIN_S: Final = 30.0


@click.command("preview")
@_RULES
@click.option("--sample", type=click.IntRange(1), help="Look at so many customers.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def preview_command(rules: Path, sample: int | None, as_json: bool) -> None:
    """Show what RULES would change for the customers of the running group. Nothing is written.

    Every customer's state is evaluated under RULES, as `apply` would do it: who would come into each segment, who
    would leave it, and why. Needs only Redis (STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX, STREAMPROC_GROUP).

    \b
      streamproc segments preview rules-new.yaml
    """
    settings = load_settings(with_rules(rules))
    found = asyncio.run(_preview(settings, load_definitions(settings), sample))
    if as_json:
        click.echo(printable_json(orjson.dumps(_as_json(found), option=orjson.OPT_INDENT_2)))
    else:
        print_preview(Console(highlight=False), found)


@click.command("apply")
@_RULES
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until everybody is evaluated.")
def apply_command(rules: Path, yes: bool, wait: bool) -> None:
    """Put RULES in force: write them over the rules file of the workers (STREAMPROC_RULES).

    Versions of what was changed are raised where RULES does not do so itself. Before that, what would change is
    shown, as by `preview`. Workers load the file within seconds and evaluate everybody in the background, at most
    STREAMPROC_SWEEP_PER_S customers a second each; signals that follow say `cause: definition`, and no campaign
    acts on them. The rules before are kept beside, as FILE.before.

    \b
      STREAMPROC_RULES=rules.yaml streamproc segments apply rules-new.yaml
    """
    settings = load_settings(os.environ)
    live = settings.rules_path
    if live is None:
        raise StreamprocError(
            "the workers run on the packaged playbook, which cannot be changed",
            fix="give them a rules file of their own: STREAMPROC_RULES=rules.yaml",
        )
    old = load_ruleset(live, load_cutoffs(settings.cutoffs_path))
    text, raised = _raised(rules, old)
    with tempfile.TemporaryDirectory(prefix="streamproc-apply-") as folder:
        path = Path(folder) / live.name
        path.write_text(text)
        definitions = load_definitions(load_settings(with_rules(path)))
    if text == live.read_text("utf-8-sig"):
        click.echo("these rules are in force already")
        return
    console = Console(highlight=False)
    print_preview(console, asyncio.run(_preview(settings, definitions, None)))
    for line in raised:
        console.print(Text(f"raised: {line}"))
    if not yes:
        click.confirm(f"write this to {live}?", abort=True)
    _write(live, text)
    click.echo(f"written: {live} (before: {_before(live)})")
    if not wait:
        return
    try:
        asyncio.run(_wait(settings, definitions))
    except KeyboardInterrupt:
        click.echo("interrupted: the rules are written, and workers go on evaluating everybody", err=True)
        raise


def print_preview(console: Console, found: Preview) -> None:
    """Counts of every segment that changes, and why some customers do."""
    alike = f"; {found.same:,} were last evaluated under these rules" if found.same else ""
    console.print(
        Text(
            f"{counted(found.customers, 'customer')} looked at; something changes for {found.changed:,}{alike}"
        )
    )
    changing = {key: each for key, each in found.segments.items() if each.entering or each.leaving}
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("segment", no_wrap=True)
    for column in ("version", "inside now", "come in", "go", "inside then"):
        table.add_column(column, justify="right", no_wrap=True)
    for key, each in changing.items():
        then = each.inside + each.entering - each.leaving
        row = (
            printable(key),
            _versions(each),
            *(f"{n:,}" for n in (each.inside, each.entering, each.leaving, then)),
        )
        table.add_row(*map(Text, row))
    if changing:
        print_table(console, table)
    for key, each in changing.items():
        for change in each.told if each.version is not None else ():
            why = because(change.evidence) or "another segment of its group takes its place"
            verb = "comes in" if change.entered else "goes"
            console.print(
                Text.assemble(
                    (printable(key), "bold"), f"  {printable(change.customer)} {verb}: {printable(why)}"
                ),
                soft_wrap=True,
            )
    if found.bands:
        bands = ", ".join(f"{count:,} to {band}" for band, count in found.bands.most_common())
        console.print(Text(f"churn bands: {bands}"))
    for verb, keys in (("comes", found.campaigns_new), ("goes", found.campaigns_gone)):
        for key in keys:
            console.print(Text.assemble("campaign ", (printable(key), "bold"), f" {verb}"))
    if unchanged := len(found.segments) - len(changing):
        stay = "1 segment stays as it is" if unchanged == 1 else f"{unchanged} segments stay as they are"
        console.print(Text(stay, "dim"))


def _versions(each: SegmentPreview) -> str:
    before = "new" if each.live_version is None else str(each.live_version)
    after = "gone" if each.version is None else str(each.version)
    return after if before == after else f"{before} → {after}"


def _as_json(found: Preview) -> dict[str, Any]:
    return {
        "customers": found.customers,
        "changed": found.changed,
        "segments": [
            {
                "key": key,
                "version": each.version,
                "live_version": each.live_version,
                "inside": each.inside,
                "entering": each.entering,
                "leaving": each.leaving,
                "examples": [
                    {"customer_id": one.customer, "enters": one.entered, "evidence": one.evidence}
                    for one in each.told
                ],
            }
            for key, each in found.segments.items()
        ],
        "bands": dict(found.bands),
        "campaigns_triggered": dict(found.triggered),
        "campaigns_new": found.campaigns_new,
        "campaigns_gone": found.campaigns_gone,
    }


async def _preview(settings: Settings, definitions: Definitions, sample: int | None) -> Preview:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        with progress_bar() as progress:
            customers = await count_customers(store)
            task = progress.add_task("evaluating", total=min(sample or customers, customers))
            return await preview(store, definitions, sample, lambda done: progress.advance(task, done))
    finally:
        await store.aclose()


def _raised(rules: Path, old: Ruleset) -> tuple[str, list[str]]:
    """The text to be written, and what was raised in it. Raises RulesError if it cannot be used."""
    new = load_ruleset(rules)
    text, raised = raise_versions(rules.read_text("utf-8-sig"), old, new)
    ruleset, problems = check_text(text, str(rules))
    if ruleset is None:
        raise RulesError(problems)
    return text, raised


def _before(live: Path) -> Path:
    return live.with_name(f"{live.name}.before")


def _write(live: Path, text: str) -> None:
    """In one step: a worker that looks meanwhile sees the one or the other. A link stays, what it leads to changes."""
    place = live.resolve()
    try:
        shutil.copyfile(live, _before(live))
        part = place.with_name(f".{place.name}.new")
        part.write_text(text)
        shutil.copymode(live, part)
        part.replace(place)
    except OSError as error:
        raise StreamprocError(
            f"cannot write {live}: {error.strerror or error}",
            fix="run this where the rules file is, as somebody who may write to its directory",
        ) from None


async def _wait(settings: Settings, definitions: Definitions) -> None:
    """Until all shards have evaluated everybody under these rules."""
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        with progress_bar() as progress:
            task = progress.add_task("evaluating everybody, by shard", total=None)
            waited_s = 0.0
            while True:
                done, shards, noticed = await _swept(store, definitions)
                progress.update(task, total=shards, completed=done)
                if done == shards:
                    break
                if not noticed and waited_s >= _NOTICED_WITHIN_S:
                    raise StreamprocError(
                        f"no worker has loaded the rules within {_NOTICED_WITHIN_S:.0f} s",
                        fix="do workers of this group run, on this very file? their logs say what they refuse",
                    )
                await asyncio.sleep(_LOOK_S)
                waited_s += _LOOK_S
        click.echo(f"in force: everybody in {shards} shards is evaluated")
    finally:
        await store.aclose()


async def _swept(store: Store, definitions: Definitions) -> tuple[int, int, bool]:
    """How many shards are done, of how many; and whether any worker has the rules."""
    first = await store.read_head(0)
    heads = [await store.read_head(partition) for partition in range(first.partitions if first else 0)]
    known = [head for head in heads if head is not None]
    mark, swept = mark_of(definitions), swept_mark_of(definitions)
    informed = [head for head in known if head.extra.get("in_force") == mark]
    return sum(head.extra.get("swept") == swept for head in informed), len(known), bool(informed)
