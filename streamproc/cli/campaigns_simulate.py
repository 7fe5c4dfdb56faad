"""`streamproc campaigns simulate`: what campaigns would have done over a history."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import click
import orjson
from rich.console import Console

from streamproc.backtest.run import Trial
from streamproc.cli.campaigns_sheets import campaign_sheets, requests_json, step_sheets
from streamproc.cli.event_files import topic_option
from streamproc.cli.replaying import (
    data_option,
    files_argument,
    load_version,
    partitions_option,
    read_chronicles,
    replay,
    silence_option,
    split_rules,
    summary_of,
)
from streamproc.cli.sheet import print_sheets
from streamproc.clock import monotonic_s
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable_json
from streamproc.errors import StreamprocError
from streamproc.rules.model import Ruleset
from streamproc.transitions.definitions import Definitions


@click.command("simulate")
@files_argument
@data_option
@topic_option
@silence_option
@partitions_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the figures by day.")
def simulate_command(
    files: Sequence[Path], data: str | None, topic: str, silence: int, partitions: int, as_json: bool
) -> None:
    """Replay history through the campaigns of RULES, and show whom they would have asked, and whom not, and why.

    RULES and FILE are those of `streamproc backtest`, whose replay this is: in memory, nothing is published. All
    campaigns count as `mode: live`, so that one that is dry or paused can be tried before it is let go; `backtest`
    takes them as they are.

    \b
      streamproc campaigns simulate rules.yaml events.jsonl
      streamproc campaigns simulate rules.yaml events.jsonl --json | jq .campaigns
      streamproc campaigns simulate --data ecom

    Nobody of a history reacts to what was never sent, so what is shown as converted would have come back anyway. How
    many more come back because they are asked: `streamproc campaigns report`.

    Exit code 0: done, bad lines are told and left out; 2: there is nothing to replay, or a mistake in the call.
    """
    rules, events = split_rules(files, data)
    version = load_version(rules)
    ruleset = version.definitions.ruleset
    if not ruleset.campaigns:
        raise StreamprocError(
            f"{version.name} has no campaigns", fix="add some: docs/rules.md, section Campaigns"
        )
    version = version._replace(definitions=_all_live(version.definitions))
    began_s = monotonic_s()
    lines, chronicles = read_chronicles(events, data, topic, partitions, [version])
    findings = replay(Trial(chronicles, partitions, [version.definitions], silence), lines, events)
    (figures,) = findings.figures
    if as_json:
        found = {
            "rules": version.name,
            "events": figures.events - figures.refused,
            "until": to_iso(findings.until_ms),
            "partitions": partitions,
            "campaigns": [
                {
                    "key": campaign.key,
                    "version": campaign.version,
                    "mode": campaign.mode,
                    **requests_json(campaign, figures.requests(campaign.key)),
                }
                for campaign in ruleset.campaigns
            ],
        }
        click.echo(printable_json(orjson.dumps(found, option=orjson.OPT_INDENT_2)))
        return
    summary = [*summary_of(findings, monotonic_s() - began_s), *_notes(ruleset)]
    tables = chain(campaign_sheets([figures], [ruleset], [version.name]), step_sheets(figures, ruleset))
    print_sheets(Console(), summary, tables)


def _all_live(definitions: Definitions) -> Definitions:
    campaigns = tuple(replace(campaign, mode="live") for campaign in definitions.ruleset.campaigns)
    return replace(definitions, ruleset=replace(definitions.ruleset, campaigns=campaigns))


def _notes(ruleset: Ruleset) -> list[str]:
    others = [
        f"{campaign.key} ({campaign.mode})" for campaign in ruleset.campaigns if campaign.mode != "live"
    ]
    return [f"tried as if they were live: {', '.join(others)}"] if others else []
