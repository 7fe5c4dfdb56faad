"""`streamproc config show`: what is in force, and where it comes from."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click
import orjson
from rich.console import Console
from rich.text import Text

from streamproc.api.configuration import ShownSetting, describe_definitions, shown_settings
from streamproc.cli.explained import tell_cutoff
from streamproc.settings import load_settings, misspelt


@click.group("config")
def config_group() -> None:
    """Settings, rules and churn model as a worker with this environment would use them."""


@config_group.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_command(as_json: bool) -> None:
    """Show every setting: its variable, its value and where that comes from; rules, cut-offs and model in force.

    Secrets are not shown. Exit code 2 if a worker could not start with what is set.
    """
    settings = shown_settings(os.environ)
    definitions = describe_definitions(load_settings(os.environ))
    unread = misspelt(os.environ)
    if as_json:
        told = {"settings": [asdict(item) for item in settings], "not_read": unread, **definitions}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        print_config(Console(highlight=False), settings, definitions)
    for variable, meant in unread.items():
        click.echo(f"{variable} is not read; did you mean {meant}?", err=True)
    if any("error" in definitions[part] for part in ("rules", "cutoffs", "model")):
        sys.exit(2)


def print_config(console: Console, settings: Sequence[ShownSetting], definitions: dict[str, Any]) -> None:
    """A line for each setting, where those that are set stand out; then rules and model."""
    rows = [(item.variable, str(item.value), item.file or item.source) for item in settings]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for item, row in zip(settings, rows, strict=True):
        style = "dim" if item.source == "default" else "bold"
        variable, value, source = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        line = Text.assemble((variable, style), f"  {value}  ", (source.rstrip(), style))
        console.print(line, soft_wrap=True)
    console.print()
    rules, model = definitions["rules"], definitions["model"]
    _print_part(console, "rules", rules, rules["path"] or "the packaged playbook", _rules_told(rules))
    cutoffs = definitions["cutoffs"]
    if "error" in cutoffs or cutoffs.get("values"):
        _print_part(
            console,
            "cutoffs",
            cutoffs,
            cutoffs["path"] or "no file",
            cutoffs.get("version") or "the fixed ones",
        )
        for name, cutoff in cutoffs.get("values", {}).items():
            console.print(Text(f"  {tell_cutoff(name, cutoff)}"), soft_wrap=True)
    _print_part(console, "model", model, model["path"] or "the packaged one", f"{model.get('version')}")
    if definitions["fingerprint"]:
        console.print(Text(f"both   fingerprint {definitions['fingerprint']}", "dim"))


def _rules_told(rules: dict[str, Any]) -> str:
    if "error" in rules:
        return ""
    counts = ", ".join(
        f"{rules[f'{what}s']} {what}{'' if rules[f'{what}s'] == 1 else 's'}"
        for what in ("segment", "campaign", "funnel")
    )
    return f"fingerprint {rules['fingerprint']}, {counts}, money in {rules['currency']}"


def _print_part(console: Console, name: str, part: dict[str, Any], path: str, told: str) -> None:
    if "error" not in part:
        console.print(Text(f"{name}  {path}: {told}"), soft_wrap=True)
        return
    console.print(Text.assemble((f"{name}  ", ""), ("wrong: ", "bold red"), part["error"]), soft_wrap=True)
    console.print(Text(f"  fix: {part['fix']}"), soft_wrap=True)
