"""`streamproc members`: workers that the consumer group knows by name."""

import asyncio
import os
import sys

import click

from streamproc.settings import load_settings
from streamproc.transport.brokers import brokers_of
from streamproc.transport.membership import remove


@click.group("members")
def members_group() -> None:
    """Workers with a name in the group (STREAMPROC_INSTANCE; STREAMPROC_KAFKA and STREAMPROC_GROUP say which group)."""


@members_group.command("remove")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def remove_command(names: tuple[str, ...]) -> None:
    """Give the partitions of workers that will not come back to the others, now.

    Kafka keeps the partitions of a worker with a name until its session is over (STREAMPROC_SESSION_TIMEOUT_MS),
    since it may be under way again. A worker that still runs joins anew. Exits with 1 if the group has no member of
    one of the names.
    """
    settings = load_settings(os.environ)
    removed = asyncio.run(remove(brokers_of(settings), settings.group, list(names)))
    for name, was_there in removed.items():
        click.echo(f"{name}: {'removed' if was_there else f'not in group {settings.group}'}")
    sys.exit(0 if all(removed.values()) else 1)
