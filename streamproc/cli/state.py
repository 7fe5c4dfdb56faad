"""`streamproc state`: what an operator may do to stored state by hand."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.facts import counted
from streamproc.cli.tables import print_table
from streamproc.contracts.printable import printable, printable_json
from streamproc.errors import StreamprocError
from streamproc.loading import load_definitions
from streamproc.rebuild.compare import Comparison, Example, compare
from streamproc.rules.model import Ruleset
from streamproc.settings import load_settings
from streamproc.state.redis_store import RedisStore

#: Of those that differ, the most frequent.
_FEATURES_SHOWN: Final = 15
#: Where somebody is asked how many shards there are.
_SHARDS_ASKED: Final = 12
_partitions_option = click.option(
    "--partitions",
    type=click.IntRange(1),
    metavar="N",
    help="Partitions of the source topics.  [default: as many as the state says]",
)


@click.group("state")
def state_group() -> None:
    """Compare, mend or delete state. STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP say which."""


@state_group.command("reset-generation")
@_partitions_option
def reset_generation_command(partitions: int | None) -> None:
    """Let workers acquire shards again after the consumer group was deleted and made anew.

    Kafka then counts its generations from 1, and workers would be taken for stale ones. Stop all workers first.
    """
    found = asyncio.run(_for_each(partitions, lambda store, partition: store.reset_generation(partition)))
    click.echo(f"reset {sum(found)} of {len(found)} shards")


@state_group.command("wipe")
@_partitions_option
@click.option("--yes", is_flag=True, help="Do it. Without it nothing happens.")
def wipe_command(partitions: int | None, yes: bool) -> None:
    """Delete all customers of this prefix and group, with their timers and unsent signals.

    To make them anew from Kafka: streamproc rebuild --wipe, which deletes them, too.
    """
    if not yes:
        raise StreamprocError("nothing was deleted", fix="add --yes if you mean it")
    forgotten = asyncio.run(_for_each(partitions, lambda store, partition: store.wipe(partition)))
    click.echo(f"deleted {sum(forgotten):,} customers in {len(forgotten)} shards")


@state_group.command("compare")
@click.argument("blue", metavar="BLUE")
@click.argument("green", metavar="GREEN")
@click.option("--sample", type=click.IntRange(1), help="Look at so many customers of BLUE.  [default: all]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare_command(blue: str, green: str, sample: int | None, as_json: bool) -> None:
    """Show in what the customers of two groups on one Redis differ: segments, bands, features. Nothing is written.

    Before GREEN takes over from BLUE (streamproc rebuild --help). Both may be at work; what one of them has not read
    yet differs, of course. docs/backup.md names the reasons of other differences. Ends with 1 if anything differs.
    """
    settings = load_settings(os.environ)
    ruleset = load_definitions(settings).ruleset

    async def look() -> Comparison:
        stores = [
            RedisStore(settings.redis, prefix=settings.topic_prefix, group=group) for group in (blue, green)
        ]
        try:
            return await compare(stores[0], stores[1], ruleset, sample)
        finally:
            for store in stores:
                await store.aclose()

    found = asyncio.run(look())
    if as_json:
        click.echo(printable_json(orjson.dumps(_as_json(found), option=orjson.OPT_INDENT_2)))
    else:
        _print_comparison(found, ruleset, (blue, green))
    if found.alike < found.customers or found.only_blue or found.only_green:
        raise SystemExit(1)


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "customers": found.customers,
        "alike": found.alike,
        "unequal": found.unequal,
        "only_blue": found.only_blue,
        "only_green": found.only_green,
        "green_behind_records": found.behind,
        "apart_ms": found.apart_ms,
        "segments": dict(found.segments),
        "bands": found.bands,
        "features": dict(found.features),
        "examples": {name: [example._asdict() for example in some] for name, some in found.told.items()},
    }


def _print_comparison(found: Comparison, ruleset: Ruleset, groups: tuple[str, str]) -> None:
    console = Console(highlight=False)
    blue, green = map(printable, groups)
    console.print(
        Text(f"{counted(found.customers, 'customer')} in both; {found.alike:,} are alike in everything")
    )
    for group, count in ((blue, found.only_blue), (green, found.only_green)):
        if count:
            console.print(Text(f"{counted(count, 'customer')} in {group} only"))
    if found.behind:
        ahead, behind = (blue, green) if found.behind > 0 else (green, blue)
        console.print(
            Text(f"{behind} has still to read {abs(found.behind):,} records that {ahead} has applied")
        )
    if found.apart_ms:
        console.print(
            Text(
                f"their times differ by up to {found.apart_ms / 1000:,.0f} s: in between, some were due to change"
            )
        )
    if found.unequal:
        console.print(
            Text(
                f"{counted(found.unequal, 'customer')} differ in features that depend on no order: one has read more"
            )
        )
    rows = [("segment", key, count) for key, count in found.segments.most_common()]
    rows += [("churn", "band", found.bands)] if found.bands else []
    features = found.features.most_common()
    rows += [(_kind(ruleset, name), name, count) for name, count in features[:_FEATURES_SHOWN]]
    if not rows:
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("what", "name"):
        table.add_column(column, no_wrap=True)
    table.add_column("customers", justify="right", no_wrap=True)
    table.add_column(f"for example: {blue}, {green}", no_wrap=True)
    for kind, name, count in rows:
        table.add_row(*map(Text, (kind, printable(name), f"{count:,}", _example(found.told[name][0]))))
    print_table(console, table)
    if len(features) > _FEATURES_SHOWN:
        console.print(Text(f"and {len(features) - _FEATURES_SHOWN} more features: --json"))


def _kind(ruleset: Ruleset, name: str) -> str:
    return "feature" if ruleset.features[name].order_free else "feature, by order"


def _example(example: Example) -> str:
    return printable(f"{example.customer}: {example.blue}, {example.green}")


async def _for_each(partitions: int | None, work: Callable[[RedisStore, int], Awaitable[int]]) -> list[int]:
    settings = load_settings(os.environ)
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        shards = range(await _known_partitions(store) if partitions is None else partitions)
        return [int(await work(store, partition)) for partition in shards]
    finally:
        await store.aclose()


async def _known_partitions(store: RedisStore) -> int:
    """Of the topics that the state is of. Any shard knows, and those of low numbers are there first."""
    for partition in range(_SHARDS_ASKED):
        if (head := await store.read_head(partition)) is not None:
            return head.partitions
    raise StreamprocError(
        "there is no state of this prefix and group, or not of its first shards",
        fix="see STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP; or say --partitions N",
    )
