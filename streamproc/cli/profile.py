"""`streamproc profile show ID`: one customer, and why."""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.api.history import read_history
from streamproc.api.profile import CustomerUnknown, describe_customer, find_customer
from streamproc.cli.facts import readable
from streamproc.cli.story import print_story
from streamproc.clock import wall_ms
from streamproc.contracts.printable import printable_json, printable_values
from streamproc.errors import StreamprocError
from streamproc.features.registry import Feature
from streamproc.loading import load_definitions
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore
from streamproc.transport.brokers import brokers_of

Features = Mapping[str, Feature]

#: How long history is read unasked.
_GLANCE_S: Final = 5


@click.group("profile")
def profile_group() -> None:
    """Look at single customers."""


@profile_group.command("show")
@click.argument("customer_id")
@click.option("--why", is_flag=True, help="Show the comparisons behind each segment, and all features.")
@click.option(
    "--history/--no-history", default=None,
    help="Tell of campaigns all that Kafka still keeps (past journeys, messages delivered and opened), however long "
    "it takes to read; or only what the state knows. By default, what can be read in five seconds or not at all.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(customer_id: str, why: bool, history: bool | None, as_json: bool) -> None:
    """Tell a customer's story: what happened, segments, churn risk and campaigns with their reasons, what comes next.

    \b
      streamproc profile show 42 --why
      streamproc profile show 42 --no-history
      streamproc profile show 42 --json | jq .segments

    The state, in Redis, knows where the customer stands in each campaign. What came of journeys that are over is in
    Kafka: of customers with campaigns one partition of each of three topics is read for it, as far back as they are
    kept.
    """
    settings = load_settings(os.environ)
    try:
        profile, features = asyncio.run(_read(settings, customer_id, history))
    except CustomerUnknown as error:
        shown = customer_id.encode(errors="replace").decode()
        if as_json:
            click.echo(printable_json(orjson.dumps({"customer_id": shown, "error": error.message})))
        else:
            click.echo(f"{error.message}\n  {error.fix}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(printable_json(orjson.dumps(profile, option=orjson.OPT_INDENT_2)))
    else:
        console = Console(highlight=False)
        print_story(console, profile, why=why)
        if why:
            console.print(_features_table(profile, features))


async def _read(
    settings: Settings, customer_id: str, with_history: bool | None
) -> tuple[dict[str, Any], Features]:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        stored = await find_customer(store, customer_id)
    finally:
        await store.aclose()
    time_ms = stored.head.time_ms or 0
    as_of_ms = time_ms if settings.clock == "event" else max(time_ms, wall_ms())
    definitions = load_definitions(settings)
    history = None
    if with_history:
        history = await _history(settings, customer_id)
    elif with_history is None and len(stored.table.journeys):
        history = await _history_at_a_glance(settings, customer_id)
    return describe_customer(stored, definitions, as_of_ms, history), definitions.ruleset.features


async def _history(settings: Settings, customer_id: str) -> list[dict[str, Any]]:
    return await read_history(brokers_of(settings), settings.topic_prefix, customer_id)


async def _history_at_a_glance(settings: Settings, customer_id: str) -> list[dict[str, Any]] | None:
    """None: it would take too long, or cannot be read; then it says so, and the state tells its part of the story."""
    try:
        async with asyncio.timeout(_GLANCE_S):
            return await _history(settings, customer_id)
    except TimeoutError:
        why = f"Kafka was not read to its end within {_GLANCE_S} s; --history takes its time"
    except StreamprocError as error:
        why = f"{error.message}\n  --history says more; --no-history does not ask Kafka"
    click.echo(f"past journeys are left out: {why}", err=True)
    return None


def _features_table(profile: dict[str, Any], features: Features) -> Table:
    table = Table("feature", "value", "meaning", box=None, header_style="dim")
    for name, value in printable_values(profile["features"]).items():
        if value:
            at_least = "≥ " if name in profile["incomplete"] else ""
            shown = at_least + readable(features[name], value)
            table.add_row(name, Text(shown), Text(features[name].meaning))
    return table
