"""`streamproc doctor`: what stands in the way, and what to do about it."""

import asyncio
import logging
import os
from itertools import groupby
from typing import Final

import click
import orjson
from rich.console import Console
from rich.markup import escape

from streamproc.api.checkup import CHECKS, Finding, in_order
from streamproc.cli.doctor_looks import look
from streamproc.settings import load_settings

_MARKS: Final = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "wrong": "[bold red]wrong  [/]"}
_AREAS: Final = {
    "settings": "Settings",
    "rules": "Rules, cut-offs, model",
    "kafka": "Kafka",
    "topics": "Topics",
    "records": "Newest records",
    "group": "Consumer group",
    "redis": "Redis",
    "state": "State",
    "clocks": "Clocks",
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of check, level, about, text, fix.")
@click.option("--checks", "only_names", is_flag=True, help="Only list what is looked at, by name.")
def doctor_command(as_json: bool, only_names: bool) -> None:
    """Look at everything that a worker needs, and say what is wrong and how to mend it.

    Settings, rules and model; Kafka (each broker, the addresses it tells, permissions, topics, the newest
    records and the partitioner of their producers, the consumer group); Redis (permissions, persistence,
    memory, replicas, latency); state against topics; clocks. It takes a few seconds, and changes nothing.

    \b
      streamproc doctor
      streamproc doctor --json | jq '.[] | select(.level != "ok")'

    Run it where the workers run, with their settings: whether a broker can be reached, and what a user may
    do, differs by place and user. Exit code 1 if something is wrong; warnings alone are 0. The names of checks
    stay as they are (docs/doctor.md); texts may change.
    """
    if only_names:
        click.echo("\n".join(f"{name:22}{what}" for name, what in CHECKS.items()))
        return
    settings = load_settings(os.environ)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would log is a finding
    findings = in_order(asyncio.run(look(settings, os.environ)))
    if as_json:
        click.echo(orjson.dumps([as_dict(finding) for finding in findings]))
    else:
        print_findings(Console(), findings)
    if any(finding.level == "wrong" for finding in findings):
        raise SystemExit(1)


def as_dict(finding: Finding) -> dict[str, str]:
    """A finding as scripts read it."""
    return {
        "check": finding.check,
        "level": finding.level,
        "about": finding.about,
        "text": finding.text,
        "fix": finding.fix,
    }


def print_findings(console: Console, findings: list[Finding]) -> None:
    """By area: one line each, and what to do under it; at the end, how many are not well."""
    for area, some in groupby(findings, lambda finding: finding.area):
        console.print(f"[bold]{_AREAS[area]}[/]", highlight=False)
        for finding in some:
            console.print(
                f"  {_MARKS[finding.level]} {escape(finding.about)}: {escape(finding.text)}",
                highlight=False,
                soft_wrap=True,
            )
            if finding.fix:
                console.print(
                    f"          [dim]fix:[/] {escape(finding.fix)}", highlight=False, soft_wrap=True
                )
    wrong = sum(finding.level == "wrong" for finding in findings)
    warnings = sum(finding.level == "warning" for finding in findings)
    well = len(findings) - wrong - warnings
    console.print(f"\n{wrong} wrong, {warnings} to look at, {well} in order", highlight=False)
