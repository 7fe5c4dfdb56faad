"""Campaigns as people read them."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from streamproc.cli.explained import word_lines
from streamproc.cli.facts import counted
from streamproc.rules.literals import format_duration

#: What a mode means for whoever looks at the campaign.
_MODES: Final = {
    "live": "runs",
    "dry": "dry: decides and counts, publishes nothing",
    "paused": "paused: asks for nothing, steps that are due wait",
}


def print_campaigns(console: Console, found: dict[str, Any]) -> None:
    """A block for each campaign, as `describe_campaign` describes it, and one for the contact policy."""
    if not found["campaigns"]:
        console.print("no campaigns", style="dim")
        return
    live = found["live"]
    for campaign in found["campaigns"]:
        _print_title(console, campaign)
        for label, lines in _rows(campaign):
            _print_row(console, label, lines)
        if live is not None:
            _print_row(console, "now", [_now(campaign, live)])
        console.print()
    console.print(Text("before every request", "bold"))
    for label, lines in _policy(found["contact"]):
        _print_row(console, label, lines)
    if live is not None and live["others"]:
        others = f"in force beside these, but not in this file: {', '.join(live['others'])}"
        console.print(Text(f"\n{others}", "yellow"))


def _print_title(console: Console, campaign: dict[str, Any]) -> None:
    rank = f"version {campaign['version']}, priority {campaign['priority']}, mode {campaign['mode']}"
    console.print(Text.assemble((campaign["key"], "bold"), f"  {campaign['name']}  ", (f"({rank})", "dim")))


def _print_row(console: Console, label: str, lines: Iterable[str]) -> None:
    for place, line in enumerate(lines):
        console.print(Text.assemble((f"  {'' if place else label:9}  ", "dim"), line))


def _rows(campaign: dict[str, Any]) -> Iterator[tuple[str, Iterable[str]]]:
    yield "when", word_lines(campaign["enters_if"])
    if campaign["when_in_words"] is not None:
        yield "and", word_lines(campaign["when_in_words"])
    yield "again", [campaign["reentry"]]
    for step in campaign["steps"]:
        yield f"step {step['step']}", [_step(step), _what(step)]
    if campaign["asks_while"] is not None:
        yield "while", [campaign["asks_while"]]
    yield (
        "expires",
        [f"after {format_duration(campaign['expires_after_ms'])}, if its hour does not come or nobody acts"],
    )
    yield "success", [campaign["success"] or "not measured"]
    if campaign["holdout"]:
        yield "control", [f"{100 * campaign['holdout']:g}% are not asked, for comparison"]
    if campaign["variants"]:
        whole = sum(campaign["variants"].values())
        shares = (f"{name} {weight} in {whole}" for name, weight in campaign["variants"].items())
        yield "variants", [", ".join(shares)]
    if campaign["budget"] is not None:
        yield "budget", [f"{counted(campaign['budget'], 'request')} a day (UTC)"]


def _step(step: dict[str, Any]) -> str:
    by = f"by {', else '.join(step['channels'])}"
    return f"{_when(step)}, {'where the customer last reacted, else ' if step['preferred'] else ''}{by}"


def _when(step: dict[str, Any]) -> str:
    waited = f"{format_duration(step['wait_ms'])} later" if step["wait_ms"] else "at once"
    match step["at"]:
        case None:
            return waited
        case "best_hour":
            hour = "in the customer's best hour"
        case at:
            hour = f"at {at} of the customer's day"
    return f"{waited}, {hour}" if step["wait_ms"] else hour


def _what(step: dict[str, Any]) -> str:
    return step["reason"] if step["offer"] is None else f"{step['reason']} (offer: {step['offer']})"


def _policy(contact: dict[str, Any]) -> Iterator[tuple[str, Iterable[str]]]:
    yield "consent", ["to the channel, and not on the suppression list"]
    if contact["quiet_hours"] is not None:
        zone = contact["time_zone"]
        yield "quiet", [f"{contact['quiet_hours']}, in the customer's time zone ({zone} if none is known)"]
    if contact["caps"]:
        yield "caps", ["; ".join(cap["in_words"] for cap in contact["caps"])]
    if contact["complaint_in_words"] is not None:
        first, *others = word_lines(contact["complaint_in_words"])
        yield "no offers", [f"while {first}", *others]
    if contact["holdout"]:
        yield "control", [f"{100 * contact['holdout']:g}% of all customers are asked by no campaign"]


def _now(campaign: dict[str, Any], live: dict[str, Any]) -> str:
    own = campaign["live"]
    if not live["shards"]:
        told = "no worker of this group has run yet"
    elif not own["in_force"]:
        told = "not in the rules that the workers run on, as far as they have said"
    else:
        told = _MODES[own["mode"]]
        if own["mode"] == "live" and live["held"]:
            since = min(live["held"].values())
            shards = f"{len(live['held'])} of {counted(live['shards'], 'shard')}"
            told = f"held by the breaker in {shards}, since {since}: streamproc campaigns release"
    if own["said"] is not None:
        told += f" (by streamproc campaigns {_COMMANDS[own['said']]}; the file says {campaign['mode']})"
    return told


_COMMANDS: Final = {"paused": "pause", "dry": "dry"}
