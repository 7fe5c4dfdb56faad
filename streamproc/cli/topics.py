"""`streamproc topics`: create the topics, and see what the broker says about them."""

import asyncio
import os

import click
import orjson
from rich.console import Console
from rich.table import Table

from streamproc.settings import load_settings
from streamproc.transport.brokers import brokers_of
from streamproc.transport.topics import Creation, TopicInfo, Topics, create_topics, describe

_DAY_MS = 86_400_000


@click.group("topics")
def topics_group() -> None:
    """Create and list the topics (STREAMPROC_TOPIC_PREFIX goes before their names)."""


@topics_group.command("create")
@click.option(
    "--partitions",
    type=click.IntRange(min=1),
    default=12,
    show_default=True,
    help="Of every topic; more partitions let more workers share the work. Changed later, all state must be rebuilt.",
)
@click.option(
    "--replication", type=click.IntRange(min=1), default=1, show_default=True, help="Copies; 3 in production."
)
@click.option(
    "--retention-ms",
    type=click.IntRange(min=-1),
    help="Of the event topics, -1: for ever.  [default: the broker's]",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def create_command(partitions: int, replication: int, retention_ms: int | None, as_json: bool) -> None:
    """Create the topics that are missing; those that exist must have the same number of partitions."""
    settings = load_settings(os.environ)
    creation = asyncio.run(
        create_topics(
            brokers_of(settings),
            settings.topic_prefix,
            partitions,
            replication,
            source_retention_ms=retention_ms,
        )
    )
    if as_json:
        click.echo(orjson.dumps({"created": creation.created, "existing": creation.existing}))
    else:
        _print_creation(Console(), creation, partitions)


@topics_group.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(as_json: bool) -> None:
    """List the topics: partitions, copies and retention. Exit code 1 if one is missing."""
    settings = load_settings(os.environ)
    found = asyncio.run(describe(brokers_of(settings), settings.topic_prefix))
    if as_json:
        click.echo(orjson.dumps([_as_dict(name, info) for name, info in found.items()]))
    else:
        print_topics(Console(), found, Topics(settings.topic_prefix))
    if None in found.values():
        raise SystemExit(1)


def _as_dict(name: str, info: TopicInfo | None) -> dict[str, object]:
    if info is None:
        return {"topic": name, "exists": False}
    return {
        "topic": name,
        "exists": True,
        "partitions": info.partitions,
        "replication": info.replication,
        "config": dict(info.config),
    }


def _print_creation(console: Console, creation: Creation, partitions: int) -> None:
    for name in creation.created:
        console.print(f"[green]created[/]  {name}", highlight=False)
    for name in creation.existing:
        console.print(f"[dim]existing[/] {name}", highlight=False)
    if creation.created:
        console.print(f"[dim]{partitions} partitions each[/]", highlight=False)


def print_topics(console: Console, found: dict[str, TopicInfo | None], topics: Topics) -> None:
    """One line for each topic; None: it is missing."""
    table = Table("topic", "what for", box=None, header_style="dim", pad_edge=False)
    table.add_column("partitions", justify="right")
    table.add_column("copies", justify="right")
    table.add_column("kept for", justify="right")
    for name, info in found.items():
        if info is None:
            table.add_row(name, _purpose(name, topics), "[red]missing[/]", "", "")
        else:
            kept = _retention(info.config.get("retention.ms"))
            table.add_row(name, _purpose(name, topics), str(info.partitions), str(info.replication), kept)
    console.print(table)
    if None in found.values():
        console.print("\n[bold green]fix:[/] streamproc topics create --partitions N")


def _purpose(name: str, topics: Topics) -> str:
    if name in topics.channels:
        return "events in"
    if name == topics.outcomes:
        return "outcomes in"
    if name == topics.rekey:
        return "internal"
    if name == topics.failed:
        return "refused events"
    return "signals out"


def _retention(retention_ms: str | None) -> str:
    if retention_ms is None:
        return "not said"
    if int(retention_ms) < 0:
        return "ever"
    days = int(retention_ms) / _DAY_MS
    return f"{days:.0f} d" if days >= 1 else f"{days * 24:.1f} h"
