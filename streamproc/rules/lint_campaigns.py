"""Warnings about campaigns and the contact policy: what can be followed, but hardly says what was meant."""

from collections.abc import Mapping, Sequence
from typing import Final

from streamproc.features.registry import Feature
from streamproc.rules.campaign import BEST_HOUR, Campaign, Cap, ContactPolicy, QuietHours
from streamproc.rules.campaigns import CampaignEntry
from streamproc.rules.contact import ContactEntry
from streamproc.rules.document import Document
from streamproc.rules.expression import Expr, Not
from streamproc.rules.lint import is_impossible, lint_rule
from streamproc.rules.lint_caps import lint_caps
from streamproc.rules.literals import (
    DURATION_UNITS_MS,
    HOURS_A_DAY,
    MINUTES_AN_HOUR,
    format_duration,
    format_minute,
)
from streamproc.rules.possible import Condition
from streamproc.rules.segments import SegmentEntry

Features = Mapping[str, Feature]

_DAY_MS: Final = DURATION_UNITS_MS["d"]
#: With so many is a campaign compared, or a file of thousands would take minutes.
_RIVALS_MAX: Final = 20
_MINUTES_A_DAY: Final = HOURS_A_DAY * MINUTES_AN_HOUR


def lint_campaigns(
    document: Document,
    entries: Sequence[CampaignEntry],
    segments: Sequence[SegmentEntry],
    contact: ContactEntry,
    features: Features,
) -> None:
    """Note the warnings about campaigns that have no errors."""
    rules = {entry.key: entry for entry in segments}
    for entry in entries:
        if entry.campaign is not None:
            _lint_expressions(document, entry, rules, features)
            _lint_offers(document, entry, contact.policy, features)
            _lint_hours(document, entry, contact.policy.quiet_hours)
            _lint_unlimited(document, entry, contact.policy)
    _lint_rivals(document, entries, features)
    if contact.complaint is not None:
        said = (
            "nobody ever waits for an answer",
            "everybody always waits for an answer: no offer is ever made",
        )
        lint_rule(document, contact.complaint, features, said)
    lint_caps(document, entries, contact)


def _lint_expressions(
    document: Document, entry: CampaignEntry, segments: Mapping[str | None, SegmentEntry], features: Features
) -> None:
    """What nobody can fulfil: a trigger, a predicate, or both together."""
    rule = entry.trigger.rule if entry.trigger else None
    noted = len(document.problems)
    if rule is not None:
        said = (
            "nobody can ever enter the campaign",
            "everybody will enter the campaign when first seen",
        )
        lint_rule(document, rule, features, said)
    if entry.when is not None:
        said = ("nobody can ever enter the campaign", "it holds for everybody who enters the campaign")
        lint_rule(document, entry.when, features, said)
    so = _at_entry(entry, segments)
    if len(document.problems) > noted or so is None or entry.when is None:
        return
    when = entry.when.parsed.expr
    if when is not None and is_impossible(features, Condition(so), Condition(when)):
        message = f"nobody can ever enter the campaign: `when` excludes `{_text(entry)}`"
        document.report_inside(entry.when.node, 0, message, "change `when`, or leave it out", "warning")


def _at_entry(entry: CampaignEntry, segments: Mapping[str | None, SegmentEntry]) -> Expr | None:
    """What holds for whoever triggers the campaign; None: that is not known.

    Into a segment of a group one may also come because another let go, and out of one with `min_dwell` when `exit` is
    long over.
    """
    if entry.watch is not None:
        return entry.watch.enter
    assert entry.campaign is not None
    trigger = entry.campaign.trigger
    segment = segments[trigger.target].segment if trigger.kind in ("enter", "exit") else None
    if segment is None or segment.group is not None:
        return None
    if trigger.kind == "enter":
        return segment.enter
    if segment.min_dwell_ms:
        return None
    return Not(segment.enter) if segment.exit is None else segment.exit


def _lint_offers(document: Document, entry: CampaignEntry, policy: ContactPolicy, features: Features) -> None:
    """Offers to those who wait for an answer, which nobody gets."""
    if entry.watch is None or policy.complaint is None or entry.campaign is None:
        return
    if not any(step.offer for step in entry.campaign.steps):
        return
    content = Condition(policy.complaint, holds=False, known=False)
    if not is_impossible(features, Condition(entry.watch.enter), content):
        return
    message = f"no offer is ever made: whoever triggers this waits for an answer (`{policy.complaint}`)"
    _warn_at(
        document,
        entry,
        "on",
        message,
        "leave the `offer` out; `complaint:` under `contact:` says who gets none",
    )


def _lint_hours(document: Document, entry: CampaignEntry, quiet: QuietHours | None) -> None:
    """Steps whose hour may come too late, or lies in quiet hours."""
    campaign = entry.campaign
    assert campaign is not None
    hours = [
        (number, step.at_minute)
        for number, step in enumerate(campaign.steps, 1)
        if step.at_minute is not None
    ]
    if hours and campaign.expires_after_ms < _DAY_MS:
        expires_after = format_duration(campaign.expires_after_ms)
        message = f"step {hours[0][0]} waits for its hour, but only {expires_after}: it may expire before"
        _warn_at(document, entry, "expires_after", message, "write at least `1d`, or leave `at` out")
    for number, minute in hours:
        if minute != BEST_HOUR and quiet is not None and _is_always_quiet(minute, quiet):
            message = (
                f"step {number} is never asked for: from {format_minute(minute)} on it is quiet for an hour"
            )
            _warn_at(document, entry, "at", message, "choose an `at` outside of the quiet hours")


def _is_always_quiet(minute: int, quiet: QuietHours) -> bool:
    """Whether all 60 minutes from there on are."""
    length = (quiet.to_minute - quiet.from_minute) % _MINUTES_A_DAY
    return (minute - quiet.from_minute) % _MINUTES_A_DAY + MINUTES_AN_HOUR <= length


def _lint_unlimited(document: Document, entry: CampaignEntry, policy: ContactPolicy) -> None:
    """Nothing at all limits how often one customer is asked."""
    campaign = entry.campaign
    assert campaign is not None
    if campaign.again_ms == 0 and campaign.goal == "none" and not _are_all_capped(campaign, policy.caps):
        message = "nothing limits how often a customer is asked: `each time`, with no goal and no cap"
        _warn_at(document, entry, "reentry", message, "write `after 1d`, or `caps:` under `contact:`")


def _are_all_capped(campaign: Campaign, caps: Sequence[Cap]) -> bool:
    capped = {cap.channel for cap in caps}
    return None in capped or all(capped.issuperset(step.channels) for step in campaign.steps)


def _lint_rivals(document: Document, entries: Sequence[CampaignEntry], features: Features) -> None:
    """Campaigns that wait for the same thing, and of which neither comes first by its priority."""
    rivals: dict[object, list[Campaign]] = {}
    for entry in entries:
        campaign = entry.campaign
        if campaign is None or campaign.mode == "dry":
            continue
        earlier = rivals.setdefault((campaign.priority, _waits_for(entry)), [])
        for other in earlier[-_RIVALS_MAX:]:
            if not _exclude_each_other(campaign, other, features):
                message = (
                    f"`{other.key}` (line {other.line}) waits for the same thing with the same priority:"
                    " it always comes first"
                )
                hint = "give one a greater `priority`, or let their `when` exclude each other"
                _warn_at(document, entry, "on", message, hint)
                break
        earlier.append(campaign)


def _exclude_each_other(campaign: Campaign, other: Campaign, features: Features) -> bool:
    if campaign.when is None or other.when is None:
        return False
    return is_impossible(features, Condition(campaign.when), Condition(other.when))


def _waits_for(entry: CampaignEntry) -> tuple[str, str]:
    assert entry.campaign is not None
    trigger = entry.campaign.trigger
    return trigger.kind, trigger.target if entry.watch is None else str(entry.watch.enter)


def _text(entry: CampaignEntry) -> str:
    assert entry.campaign is not None
    return entry.campaign.trigger.text


def _warn_at(document: Document, entry: CampaignEntry, key: str, message: str, hint: str) -> None:
    """At a key of the campaign; of a step in a list: at the list."""
    node = entry.fields.key_node(key if key in entry.fields else "steps")
    document.report_inside(node, 0, message, hint, "warning")
