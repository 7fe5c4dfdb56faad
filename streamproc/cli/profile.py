"""`streamproc profile show ID`: one customer, and why."""

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streamproc.api.profile import CustomerUnknown, describe_customer, find_customer
from streamproc.app import load_definitions
from streamproc.clock import wall_ms
from streamproc.features.registry import Feature
from streamproc.rules.literals import spell_duration
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore

Features = Mapping[str, Feature]


@click.group("profile")
def profile_group() -> None:
    """Look at single customers."""


@profile_group.command("show")
@click.argument("customer_id")
@click.option("--why", is_flag=True, help="Show the comparisons behind each segment, and all features.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(customer_id: str, why: bool, as_json: bool) -> None:
    """Show a customer's segments, churn risk, features and what is due next.

    \b
      streamproc profile show 42 --why
      streamproc profile show 42 --json | jq .segments
    """
    settings = load_settings(os.environ)
    try:
        profile, features = asyncio.run(_read(settings, customer_id))
    except CustomerUnknown as error:
        shown = customer_id.encode(errors="replace").decode()
        if as_json:
            click.echo(orjson.dumps({"customer_id": shown, "error": error.message}))
        else:
            click.echo(f"{error.message}\n  {error.fix}", err=True)
        sys.exit(1)
    if as_json:
        click.echo(orjson.dumps(profile, option=orjson.OPT_INDENT_2))
    else:
        _print(Console(), profile, features if why else None)


async def _read(settings: Settings, customer_id: str) -> tuple[dict[str, Any], Features]:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        stored = await find_customer(store, customer_id)
    finally:
        await store.aclose()
    time_ms = stored.head.time_ms or 0
    as_of_ms = time_ms if settings.clock == "event" else max(time_ms, wall_ms())
    definitions = load_definitions(settings)
    return describe_customer(stored, definitions, as_of_ms), definitions.ruleset.features


def _print(console: Console, profile: dict[str, Any], features: Features | None) -> None:
    """`features`: all that there are, to tell why; None: only what is."""
    why = features is not None
    console.print(
        f"[bold]{escape(profile['customer_id'])}[/]  [dim]as of {profile['as_of']}[/]", highlight=False
    )
    console.print(
        f"first seen {profile['first_seen']}, last activity {profile['last_activity'] or 'never'}",
        highlight=False,
    )
    console.print()
    if not profile["segments"]:
        console.print("[dim]in no segment[/]")
    for segment in profile["segments"]:
        console.print(
            f"[green]●[/] [bold]{escape(segment['key'])}[/] since {segment['entered_at']}"
            f" [dim](rule version {segment['version']}, entry {segment['entry_seq']})[/]",
            highlight=False,
        )
        if why:
            if segment["evidence"]:
                console.print("    [dim]stays, because now[/]")
            for item in segment["evidence"]:
                console.print(f"    {escape(_sentence(item))}", highlight=False)
    churn = profile["churn"]
    console.print()
    if churn["risk"] is None:
        console.print("churn risk: [dim]not enough history yet[/]")
    else:
        console.print(
            f"churn risk [bold]{churn['risk']:.0%}[/] in {churn['horizon_days']} days: [bold]{churn['band']}[/]"
            f" [dim](model {escape(churn['model_version'])})[/]",
            highlight=False,
        )
        for reason in churn["reasons"]:
            console.print(
                f"    {reason['code']}: {escape(reason['text'])} [dim](+{reason['contribution']:.2f})[/]",
                highlight=False,
            )
    console.print(f"\nnext check: {profile['timers']['next_check_at'] or 'none needed'}", highlight=False)
    if features is not None:
        console.print(_features_table(profile, features))


def _features_table(profile: dict[str, Any], features: Features) -> Table:
    table = Table("feature", "value", "meaning", box=None, header_style="dim")
    for name, value in profile["features"].items():
        if value:
            at_least = "≥ " if name in profile["incomplete"] else ""
            table.add_row(name, at_least + _readable(features[name], value), features[name].meaning)
    return table


def _readable(feature: Feature, value: Any) -> str:
    match feature.unit:
        case "duration":
            return spell_duration(int(value))
        case "money":
            return f"{value:,.2f}"
        case "percent":
            return f"{value}%"
        case _:
            return f"{value:,}" if isinstance(value, int) else value


def _sentence(item: dict[str, Any]) -> str:
    """`recency 41 days > 30 days`: what was compared, and how it came out."""
    in_ms = item["unit"] == "ms"
    value = spell_duration(item["value"]) if in_ms and item["value"] is not None else item["value"]
    threshold = item["threshold"]
    if in_ms and isinstance(threshold, int):
        threshold = spell_duration(threshold)
    outcome = {True: "holds", False: "does not hold", None: "unknown: not enough history"}[item["holds"]]
    return f"{item['feature']} = {value} {item['op']} {threshold}: {outcome}"
