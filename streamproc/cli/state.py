"""`streamproc state`: what an operator may do to stored state by hand."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import click

from streamproc.errors import StreamprocError
from streamproc.settings import load_settings
from streamproc.state.redis_store import RedisStore

_partitions_option = click.option(
    "--partitions",
    type=click.IntRange(1),
    required=True,
    metavar="N",
    help="Partitions of the source topics.",
)


@click.group("state")
def state_group() -> None:
    """Mend or delete stored state (STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP say which)."""


@state_group.command("reset-generation")
@_partitions_option
def reset_generation_command(partitions: int) -> None:
    """Let workers acquire shards again after the consumer group was deleted and made anew.

    Kafka then counts its generations from 1, and workers would be taken for stale ones. Stop all workers first.
    """
    found = asyncio.run(_for_each(partitions, lambda store, partition: store.reset_generation(partition)))
    click.echo(f"reset {sum(found)} of {partitions} shards")


@state_group.command("wipe")
@_partitions_option
@click.option("--yes", is_flag=True, help="Do it. Without it nothing happens.")
def wipe_command(partitions: int, yes: bool) -> None:
    """Delete all customers of this prefix and group, with their timers and unsent signals.

    To rebuild them from Kafka afterwards, delete the consumer group too, or choose a new STREAMPROC_GROUP.
    """
    if not yes:
        raise StreamprocError("nothing was deleted", fix="add --yes if you mean it")
    forgotten = asyncio.run(_for_each(partitions, lambda store, partition: store.wipe(partition)))
    click.echo(f"deleted {sum(forgotten):,} customers in {partitions} shards")


async def _for_each(partitions: int, work: Callable[[RedisStore, int], Awaitable[int]]) -> list[int]:
    settings = load_settings(os.environ)
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        return [int(await work(store, partition)) for partition in range(partitions)]
    finally:
        await store.aclose()
