"""`streamproc segments`: the rules file."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from streamproc.api.explain import describe_cutoff, describe_segment, explain_segment
from streamproc.cli.explained import print_explained, print_segments, tell_cutoff
from streamproc.cli.facts import counted
from streamproc.cli.problems import print_problems, print_verdict
from streamproc.cli.rules_file import cutoffs_in_force, rules_path
from streamproc.cli.segments_live import apply_command, preview_command
from streamproc.errors import StreamprocError
from streamproc.rules.load import PLAYBOOK, check_ruleset, load_ruleset
from streamproc.rules.model import Ruleset, Segment
from streamproc.rules.nearest import did_you_mean, one_of
from streamproc.rules.problems import Problem

_file = click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))


@click.group("segments")
def segments_group() -> None:
    """Segments and the rules that make them."""


segments_group.add_command(preview_command)
segments_group.add_command(apply_command)


@segments_group.command("lint")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def lint_command(file: Path | None, as_json: bool) -> None:
    """Check the rules in FILE (or in $STREAMPROC_RULES, or else the packaged playbook).

    Prints every problem with its place, the line, and what was probably meant. Warnings are about rules that
    work but hardly say what was meant. Exit code 0: the worker can use the file; 2: it cannot.
    """
    path = rules_path(file)
    ruleset, problems = check_ruleset(path, cutoffs_in_force())
    name = PLAYBOOK if path is None else str(path)
    if as_json:
        click.echo(json.dumps(_as_json(name, ruleset, problems), indent=2, ensure_ascii=False))
    else:
        console = Console(highlight=False, soft_wrap=True)
        print_problems(console, problems)
        for cutoff in ruleset.cutoffs if ruleset is not None else ():
            console.print(Text(f"cut-off {tell_cutoff(cutoff.name, describe_cutoff(cutoff))}", "dim"))
        size = None
        if ruleset is not None:
            segments = counted(len(ruleset.segments), "segment")
            size = f"{segments} and {counted(len(ruleset.campaigns), 'campaign')}"
        print_verdict(console, name, problems, size)
    if ruleset is None:
        sys.exit(2)


@segments_group.command("list")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(file: Path | None, as_json: bool) -> None:
    """List the segments of FILE (or of $STREAMPROC_RULES, or else of the packaged playbook)."""
    ruleset = load_ruleset(rules_path(file), cutoffs_in_force())
    described = [describe_segment(segment) for segment in ruleset.segments]
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
    else:
        print_segments(Console(highlight=False, soft_wrap=True), described)


@segments_group.command("explain")
@click.argument("key")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def explain_command(key: str, file: Path | None, as_json: bool) -> None:
    """Say in words who gets into the segment KEY, stays and leaves, and what silence does.

    Of FILE, or of $STREAMPROC_RULES, or else of the packaged playbook.

    \b
      streamproc segments explain dormant
    """
    ruleset = load_ruleset(rules_path(file), cutoffs_in_force())
    explained = explain_segment(_find(key, ruleset), ruleset)
    if as_json:
        click.echo(json.dumps(explained, indent=2, ensure_ascii=False))
    else:
        print_explained(Console(highlight=False, soft_wrap=True), explained)


def _find(key: str, ruleset: Ruleset) -> Segment:
    for segment in ruleset.segments:
        if segment.key == key:
            return segment
    keys = [segment.key for segment in ruleset.segments]
    known = (
        f"there are {one_of(keys)}" if keys else "there are none; `streamproc segments lint` checks the file"
    )
    fix = did_you_mean(key, keys) or known
    if str(ruleset.path) == PLAYBOOK:
        fix += "\nrules of your own: `streamproc segments explain KEY FILE`, or STREAMPROC_RULES=FILE"
    raise StreamprocError(f"{ruleset.path} has no segment {key!r}", fix=fix)


def _as_json(name: str, ruleset: Ruleset | None, problems: Sequence[Problem]) -> dict[str, object]:
    return {
        "file": name,
        "valid": ruleset is not None,
        "problems": msgspec.to_builtins(problems),
        "segments": [segment.key for segment in ruleset.segments] if ruleset else [],
        "campaigns": [campaign.key for campaign in ruleset.campaigns] if ruleset else [],
        "cutoffs": {cutoff.name: describe_cutoff(cutoff) for cutoff in ruleset.cutoffs} if ruleset else {},
        "fingerprint": ruleset.fingerprint if ruleset else None,
    }
