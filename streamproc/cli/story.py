"""A customer's profile as a story: who, what happened, what is open, which segments and risk, what comes next."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.facts import because, sentence
from streamproc.cli.journeys import about, preface, sentences
from streamproc.cli.outlook import print_outlook
from streamproc.cli.times import Told, minute, relative, teller
from streamproc.contracts.printable import printable, printable_values
from streamproc.rules.literals import spell_duration

_WINDOWS: Final = ("24h", "7d", "30d", "90d")
_SUMS: Final = ("events", "active_days", "sessions", "orders", "money")
_CATEGORIES_SHOWN: Final = 5
_LABEL_WIDTH: Final = 12


def print_story(console: Console, profile: dict[str, Any], *, why: bool) -> None:
    """What `describe_customer` says; `why`: with the comparisons behind the segments, and what silence can flip."""
    profile = printable_values(profile)  # categories, ids and names are what events and rules say
    as_of = profile["as_of"]
    told = teller(as_of)
    title = (profile["customer_id"], "bold"), f"  as of {minute(as_of)} UTC"
    console.print(Text.assemble(*title), soft_wrap=True)
    _print_rows(console, "Who", _who(profile, told))
    _print_timeline(console, profile)
    _print_windows(console, profile)
    _print_rows(console, "Open", _open_things(profile, told))
    _print_rows(console, "Prefers", _preferences(profile))
    _print_segments(console, profile, told, why=why)
    _print_risk(console, profile, told)
    _print_campaigns(console, profile)
    print_outlook(console, profile, told, why=why)


def _print_rows(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    """Labels and texts; nothing, if there are none."""
    for place, (label, text) in enumerate(rows):
        if not place:
            _print_heading(console, title)
        console.print(Text.assemble(f"  {label:{_LABEL_WIDTH}}", text), soft_wrap=True)


def _print_heading(console: Console, title: str) -> None:
    console.print()
    console.print(Text(title, "bold cyan"))


def _who(profile: dict[str, Any], told: Told) -> Iterator[tuple[str, str]]:
    yield "first seen", told(profile["first_seen"])
    yield "last active", told(profile["last_activity"]) if profile["last_activity"] else "never"
    channels = [
        f"{channel} {relative(at, profile['as_of'])}" for channel, at in profile["channels"].items() if at
    ]
    yield "seen on", ", ".join(channels) or "no channel yet"
    consent = [f"{channel} {'yes' if given else 'no'}" for channel, given in profile["consent"].items()]
    yield "consent", ", ".join(consent) or "none"
    if profile["suppressed"]:
        yield "suppressed", "yes: campaigns ask for nothing"
    if profile["time_zone"]["told"]:
        yield "time zone", profile["time_zone"]["name"]


def _print_timeline(console: Console, profile: dict[str, Any]) -> None:
    _print_heading(console, "What happened")
    moments = profile["timeline"]
    ages = [relative(moment["at"], profile["as_of"]) for moment in moments]
    width = max(map(len, ages), default=0)
    for moment, age in zip(moments, ages, strict=True):
        style = "green" if moment["about"] in ("segment", "campaign") else ""
        line = (f"  {minute(moment['at'])}  ", "dim"), (f"{age:>{width}}  ", "dim"), (moment["what"], style)
        console.print(Text.assemble(*line), soft_wrap=True)


def _print_windows(console: Console, profile: dict[str, Any]) -> None:
    """Sums of the last days; those of which there may be more are `at least`."""
    table = Table("in the last", box=None, header_style="dim", pad_edge=False)
    for window in _WINDOWS:
        table.add_column(window, justify="right")
    for name in _SUMS:
        if name != "events" and not any(profile["features"].get(f"{name}_{window}") for window in _WINDOWS):
            continue
        label = f"{name} {profile['currency']}" if name == "money" else name.replace("_", " ")
        table.add_row(label, *(_sum(profile, f"{name}_{window}") for window in _WINDOWS))
    console.print()
    console.print(table)


def _sum(profile: dict[str, Any], name: str) -> str:
    value = profile["features"].get(name)
    if value is None:
        return "-"
    shown = f"{value:,.2f}" if name.startswith("money") else f"{value:,}"
    return f"≥ {shown}" if name in profile["incomplete"] else shown


def _open_things(profile: dict[str, Any], told: Told) -> Iterator[tuple[str, str]]:
    """The cart, a checkout, tickets and funnels, as far as there are any."""
    features = profile["features"]
    if items := features["cart_items"]:
        worth = (
            f" worth {features['cart_value']:,.2f} {profile['currency']}" if features["cart_value"] else ""
        )
        idle = spell_duration(features["cart_idle"], 2)
        yield "cart", f"{items:,} item{'' if items == 1 else 's'}{worth}, unchanged for {idle}"
    if features["checkout_idle"]:
        yield "checkout", f"begun, no order followed for {spell_duration(features['checkout_idle'], 2)}"
    if tickets := features["open_tickets"]:
        age = spell_duration(features["ticket_age"], 2)
        yield "tickets", f"{tickets} open{'' if tickets == 1 else ', the oldest'} for {age}"
    for funnel in profile["funnels"]:
        yield "funnel", _funnel(funnel, profile["as_of"], told)


def _funnel(funnel: dict[str, Any], as_of: str, told: Told) -> str:
    shown = f"{funnel['key']}: {funnel['steps_done']} of {len(funnel['steps'])} steps"
    if funnel["next_step"] is None:
        return f"{shown}, done"
    until = told(funnel["until"])
    return (
        f"{shown}; {funnel['next_step']} {'is' if funnel['until'] >= as_of else 'was'} awaited until {until}"
    )


def _preferences(profile: dict[str, Any]) -> Iterator[tuple[str, str]]:
    features, preferences = profile["features"], profile["preferences"]
    if channel := features["preferred_channel"]:
        share = features["app_share_30d"]
        yield "channel", channel if share is None else f"{channel} ({share}% on the app in 30d)"
    categories = [f"{printable(name)} {count:,}" for name, count in preferences["categories"].items()]
    if categories:
        yield "categories", ", ".join(categories[:_CATEGORIES_SHOWN])
    if (hour := features["best_hour"]) is not None:
        hours = preferences["hours"]
        count, total = hours[f"{hour:02}"], sum(hours.values())
        yield "hour", f"{hour:02}:00 UTC ({count:,} of {total:,} active events)"


def _print_segments(console: Console, profile: dict[str, Any], told: Told, *, why: bool) -> None:
    _print_heading(console, "Segments")
    rules = {rule["segment"]: rule for rule in profile["outlook"]["rules"]}
    if not profile["segments"]:
        console.print(Text("  in none", "dim"))
    for segment in profile["segments"]:
        line = ("  ● ", "green"), (segment["key"], "bold"), f" since {told(segment['entered_at'])}"
        version = f"  (rule version {segment['version']}, entry {segment['entry_seq']})"
        console.print(Text.assemble(*line, (version, "dim")), soft_wrap=True)
        rule = rules.get(segment["key"])
        reason = (
            _reason(segment, rule["holds"], profile["as_of"], rule["stays_at_least_until"]) if rule else ""
        )
        console.print(Text(f"      {reason or 'a segment of older rules'}"), soft_wrap=True)
        if rule:
            at = rule["can_change_at"]
            ends = (
                f"by its own rule, silence can end it from {told(at)} on"
                if at
                else "by its own rule, silence does not end it"
            )
            console.print(Text(f"      {ends}", "dim"), soft_wrap=True)
        if why:
            for item in segment["evidence"]:
                console.print(Text(f"      {sentence(item)}", "dim"), soft_wrap=True)


def _reason(segment: dict[str, Any], holds: bool | None, as_of: str, held_until: str | None) -> str:
    if holds is False:
        dwell = f" at {minute(held_until)}, not before" if held_until and held_until > as_of else " soon"
        return f"leaves{dwell}: {because(segment['evidence'])}"
    if segment["entry_evidence"]:
        return f"because {because(segment['entry_evidence'])}"
    return f"stays, because {because(segment['evidence'])}"


def _print_campaigns(console: Console, profile: dict[str, Any]) -> None:
    """Each with its story; nothing, if nothing has led into any."""
    if not profile["campaigns"]:
        return
    _print_heading(console, "Campaigns")
    for line in preface(profile):
        console.print(Text(f"  {line}", "dim"), soft_wrap=True)
    for campaign in profile["campaigns"]:
        title = ("  ● ", "green" if campaign["journey"] else "dim"), (campaign["key"], "bold")
        console.print(Text.assemble(*title, (f"  {about(campaign)}", "dim")), soft_wrap=True)
        for line in sentences(campaign, profile):
            console.print(Text(f"      {line}"), soft_wrap=True)


def _print_risk(console: Console, profile: dict[str, Any], told: Told) -> None:
    churn = profile["churn"]
    _print_heading(console, "Churn risk")
    if churn["risk"] is None:
        console.print(Text("  not enough history yet", "dim"))
    else:
        band = f"{churn['risk']:.0%} in {churn['horizon_days']} days: {churn['band'] or 'no band yet'}"
        console.print(Text.assemble("  ", (band, "bold"), (f"  (model {churn['model_version']})", "dim")))
    for reason in churn["reasons"]:
        amount = f"(+{reason['contribution']:.2f})"
        console.print(
            Text.assemble(f"  {reason['code']}: {reason['text']} ", (amount, "dim")), soft_wrap=True
        )
    if due := profile["outlook"]["churn_due_at"]:
        rises = "the band rises" if churn["band"] else "there is a first band"
        console.print(Text(f"  in silence {rises} on {told(due)}", "dim"), soft_wrap=True)
