"""One customer's history as far as the state remembers it: what happened when, what is open, what is preferred.

All of it JSON values: instants as ISO 8601, durations in ms.
"""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from streamproc.actions.arms import is_held_out
from streamproc.api.instants import iso_or_none
from streamproc.contracts.events import SURVEYS
from streamproc.contracts.instants import to_iso
from streamproc.contracts.meanings import CHANNELS, CONSENT_CHANNELS, TALLIES
from streamproc.contracts.time_zones import zone_names
from streamproc.rules.campaign import WATCH_PREFIX
from streamproc.rules.model import Funnel, Ruleset
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable
from streamproc.windows.words import CONSENT, SUPPRESSED, SURVEY, TICKET, TIME_ZONE

_SURVEYS: Final = tuple(SURVEYS)
_TALLIES: Final = tuple(TALLIES)
#: These go over what others count.
_SUMMARIES: Final = ("negatives", "positives")

_Moment = tuple[int, str, str]


def describe_channels(table: CustomerTable) -> dict[str, str | None]:
    """When the last event of each channel was."""
    return {
        channel: iso_or_none(int(table.head["last_ms"][0, code])) for code, channel in enumerate(CHANNELS)
    }


def describe_timeline(table: CustomerTable, definitions: Definitions) -> list[dict[str, str]]:
    """What is remembered with its instant, the oldest first: `at`, `about`, `what`."""
    moments = [
        *_of_head(table),
        *_of_words(table),
        *_of_tallies(table),
        *_of_rules(table, definitions),
        *_of_campaigns(table, definitions.ruleset),
        *_of_funnels(table, definitions.ruleset),
    ]
    return [
        {"at": to_iso(at_ms), "about": about, "what": what}
        for at_ms, about, what in sorted(moments, key=lambda moment: moment[0])
        if at_ms not in (NEVER, INF)
    ]


def describe_funnels(table: CustomerTable, ruleset: Ruleset) -> list[dict[str, Any]]:
    """How far the customer came in the funnels of the rules file that were begun."""
    progress = {int(row["funnel"]): row for row in table.funnels}
    return [
        {
            "key": funnel.key,
            "steps_done": _done(funnel, row),
            "steps": list(funnel.steps),
            "next_step": _next_step(funnel, _done(funnel, row)),
            "started_at": to_iso(int(row["started_ms"])),
            "last_at": to_iso(int(row["last_ms"])),
            "until": to_iso(int(row["started_ms"]) + funnel.within_ms),
        }
        for funnel in ruleset.funnels
        if (row := progress.get(funnel.id)) is not None
    ]


def describe_preferences(table: CustomerTable) -> dict[str, dict[str, int]]:
    """How much activity there was by category and by hour of the day (UTC), the most first."""
    categories = ((row["name"].decode(), int(row["count"])) for row in table.categories)
    hours = ((f"{int(row['hour']):02}", int(row["count"])) for row in table.hours)
    return {"categories": _most_first(categories), "hours": _most_first(hours)}


def describe_tallies(table: CustomerTable) -> dict[str, dict[str, Any]]:
    """What events counted as, how often, and when last."""
    return {
        _TALLIES[row["tally"]]: {"count": int(row["count"]), "last_at": to_iso(int(row["last_ms"]))}
        for row in table.tallies
    }


def _of_head(table: CustomerTable) -> Iterator[_Moment]:
    head = table.head[0]
    yield int(head["first_seen_ms"]), "customer", "first seen"
    sessions, orders = int(head["sessions"]), int(head["orders"])
    if sessions > 1:
        yield int(head["session_ms"]), "session", f"the last of {sessions} sessions began"
    if orders:
        yield (
            int(head["last_order_ms"]),
            "order",
            "an order" if orders == 1 else f"the last of {orders} orders",
        )
    if head["cart_items"]:
        yield int(head["cart_since_ms"]), "cart", "the first thing came into the cart"
    yield int(head["last_activity_ms"]), "activity", "last activity"


def _of_words(table: CustomerTable) -> Iterator[_Moment]:
    zones = zone_names()
    for word in table.words:
        at_ms, key, value = int(word["ts_ms"]), int(word["key"]), int(word["value"])
        match int(word["about"]):
            case about if about == CONSENT:
                said = "given" if value else "withdrawn"
                yield at_ms, "consent", f"consent to {CONSENT_CHANNELS[key]} {said}"
            case about if about == SURVEY:
                survey = _SURVEYS[key]
                yield at_ms, "survey", f"answered {survey.upper()} with {value} of {SURVEYS[survey][-1]}"
            case about if about == TICKET:
                yield at_ms, "ticket", f"a ticket was {'opened' if value else 'closed'}"
            case about if about == SUPPRESSED:
                yield at_ms, "suppression", f"{'put on' if value else 'taken from'} the suppression list"
            case about if about == TIME_ZONE and value in zones:
                yield at_ms, "time zone", f"time zone {zones[value]}"


def _of_tallies(table: CustomerTable) -> Iterator[_Moment]:
    for row in table.tallies:
        tally, count = _TALLIES[row["tally"]], int(row["count"])
        if tally not in _SUMMARIES:
            yield int(row["last_ms"]), "tally", f"{TALLIES[tally]} ({_nth(count)})"


def _of_rules(table: CustomerTable, definitions: Definitions) -> Iterator[_Moment]:
    """Entries into segments that were not left yet."""
    ruleset = definitions.ruleset
    keys = {segment.id: segment.key for segment in (*ruleset.segments, *ruleset.watches)}
    older = {identity: key for identity, (key, _) in definitions.retired.items()}
    for row in table.members:
        identity, seq = int(row["segment"]), int(row["entry_seq"])
        key = keys.get(identity) or older.get(identity, f"{identity:08x}")
        if not key.startswith(WATCH_PREFIX):
            again = f", for the {_ordinal(seq)} time" if seq > 1 else ""
            yield int(row["entered_ms"]), "segment", f"entered {key}{again}"


def _of_campaigns(table: CustomerTable, ruleset: Ruleset) -> Iterator[_Moment]:
    """Journeys that are open, and the last request of each campaign."""
    campaigns = {campaign.id: campaign for campaign in ruleset.campaigns}
    for row in table.journeys:
        identity = int(row["campaign"])
        campaign = campaigns.get(identity)
        key = f"{identity:08x}" if campaign is None else campaign.key
        yield int(row["entered_ms"]), "campaign", f"entered {key}"
        held_out = campaign is not None and is_held_out(campaign, ruleset.contact, table.ids[0])
        asked = "would have requested" if held_out else "requested"
        yield int(row["requested_ms"]), "campaign", f"{asked} {key}"


def _of_funnels(table: CustomerTable, ruleset: Ruleset) -> Iterator[_Moment]:
    funnels = {funnel.id: funnel for funnel in ruleset.funnels}
    for row in table.funnels:
        if (funnel := funnels.get(int(row["funnel"]))) is not None:
            done = _done(funnel, row)
            told = f"{funnel.key}: {funnel.steps[done - 1]} (step {done} of {len(funnel.steps)})"
            yield int(row["last_ms"]), "funnel", told


def _done(funnel: Funnel, row: np.void) -> int:
    """No more steps than the funnel has now: it may have lost some without a later version."""
    return min(int(row["steps"]), len(funnel.steps))


def _next_step(funnel: Funnel, done: int) -> str | None:
    return funnel.steps[done] if done < len(funnel.steps) else None


def _most_first(counts: Iterator[tuple[str, int]]) -> dict[str, int]:
    return dict(sorted(counts, key=lambda item: (-item[1], item[0])))


def _nth(count: int) -> str:
    return "once" if count == 1 else f"the last of {count:,}"


def _ordinal(number: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    end = "th" if number % 100 in (11, 12, 13) else ends.get(number % 10, "th")
    return f"{number}{end}"
