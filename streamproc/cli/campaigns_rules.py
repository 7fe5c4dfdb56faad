"""`streamproc campaigns lint` and `list`: the campaigns of a rules file, and what a running group makes of them."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.text import Text

from streamproc.api.campaigns import Running, describe_campaign, describe_contact, look_at_running
from streamproc.cli.campaigns_words import print_campaigns
from streamproc.cli.facts import counted
from streamproc.cli.problems import print_problems, print_verdict
from streamproc.cli.rules_file import cutoffs_in_force, rules_path
from streamproc.contracts.instants import to_iso
from streamproc.rules.load import PLAYBOOK, campaign_problems, check_ruleset, load_ruleset
from streamproc.rules.model import Ruleset
from streamproc.settings import Settings, load_settings
from streamproc.state.redis_store import RedisStore

_rules = click.argument("rules", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.command("lint")
@_rules
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint_command(rules: Path | None, as_json: bool) -> None:
    """Check the campaigns and the contact policy in RULES (or in $STREAMPROC_RULES, or else the packaged playbook).

    As `streamproc segments lint` does it for the whole file. Warnings are found only once the file has no errors.
    Exit code 0: the worker can use the file; 2: it cannot.
    """
    path = rules_path(rules)
    ruleset, all_problems = check_ruleset(path, cutoffs_in_force())
    problems = campaign_problems(all_problems)
    elsewhere = len(all_problems) - len(problems)
    name = PLAYBOOK if path is None else str(path)
    if as_json:
        found = {
            "file": name,
            "valid": ruleset is not None,
            "problems": msgspec.to_builtins(problems),
            "problems_elsewhere": elsewhere,
            "campaigns": [campaign.key for campaign in ruleset.campaigns] if ruleset else [],
        }
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        print_problems(console, problems)
        if elsewhere:
            line = f"{counted(elsewhere, 'problem')} elsewhere in the file: streamproc segments lint"
            console.print(Text(line, "dim"))
        size = None if ruleset is None else counted(len(ruleset.campaigns), "campaign")
        print_verdict(console, name, problems, size)
    if ruleset is None:
        sys.exit(2)


@click.command("list")
@_rules
@click.option("--live", is_flag=True, help="Say, too, which of them run in the group that the settings name.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(rules: Path | None, live: bool, as_json: bool) -> None:
    """Say in words what the campaigns of RULES do, and what holds before every request.

    Of RULES, or of $STREAMPROC_RULES, or else of the packaged playbook. `--live` asks Redis (STREAMPROC_REDIS,
    STREAMPROC_TOPIC_PREFIX, STREAMPROC_GROUP) who is paused, dry or held by the breaker.
    """
    ruleset = load_ruleset(rules_path(rules), cutoffs_in_force())
    running = asyncio.run(_look(load_settings(os.environ))) if live else None
    found = _described(ruleset, running)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_campaigns(Console(highlight=False, soft_wrap=True), found)


async def _look(settings: Settings) -> Running:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group)
    try:
        return await look_at_running(store)
    finally:
        await store.aclose()


def _described(ruleset: Ruleset, running: Running | None) -> dict[str, Any]:
    campaigns = [describe_campaign(campaign, ruleset) for campaign in ruleset.campaigns]
    found: dict[str, Any] = {
        "campaigns": campaigns,
        "contact": describe_contact(ruleset.contact, ruleset),
        "live": None,
    }
    if running is not None:
        for described, campaign in zip(campaigns, ruleset.campaigns, strict=True):
            described["live"] = {
                "in_force": campaign.key in running.modes,
                "mode": running.mode(campaign.key, campaign.mode),
                "said": running.controls.modes.get(campaign.key),
            }
        found["live"] = {
            "shards": running.shards,
            "held": {str(shard): to_iso(since_ms) for shard, since_ms in running.held.items()},
            "others": sorted(running.modes.keys() - {campaign.key for campaign in ruleset.campaigns}),
        }
    return found
