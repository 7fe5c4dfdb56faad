"""Warnings about caps: those that never matter, and those that stand in the way of a ladder."""

from collections.abc import Sequence
from typing import Final

from streamproc.rules.campaign import Campaign, Cap
from streamproc.rules.campaigns import CampaignEntry
from streamproc.rules.contact import ContactEntry
from streamproc.rules.document import Document
from streamproc.rules.fields import Fields
from streamproc.rules.literals import DURATION_UNITS_MS, format_duration

#: A calendar day on which clocks go back has one hour more.
_LONGEST_DAY_MS: Final = DURATION_UNITS_MS["d"] + DURATION_UNITS_MS["h"]

_Capped = tuple[Fields, Cap]


def lint_caps(document: Document, entries: Sequence[CampaignEntry], contact: ContactEntry) -> None:
    """Note the warnings about caps that have no errors."""
    capped = list(zip(contact.caps, contact.policy.caps, strict=True))
    used = {
        channel
        for entry in entries
        if entry.campaign is not None
        for step in entry.campaign.steps
        for channel in step.channels
    }
    for place, (fields, cap) in enumerate(capped):
        if used and cap.channel is not None and cap.channel not in used:
            message = f"this cap never matters: no campaign asks for anything by `{cap.channel}`"
            document.report_inside(fields.key_node("channel"), 0, message, "leave it out", "warning")
        elif (stricter := _stricter(capped, place)) is not None:
            message = f"this cap never matters: {_shown(document, stricter)} is reached before it"
            document.report_inside(
                fields.key_node("most"), 0, message, "leave it out, or make it stricter", "warning"
            )
    for entry in entries:
        if entry.campaign is not None and len(entry.campaign.steps) > 1:
            _lint_ladder(document, entry, entry.campaign, capped)


def _stricter(capped: Sequence[_Capped], place: int) -> _Capped | None:
    """Another cap that is always reached when the one at `place` is; of equal ones, one before it."""
    cap = capped[place][1]
    for other_place, other in enumerate(capped):
        is_covered = other_place != place and _covers(other[1], cap)
        if is_covered and (other_place < place or not _covers(cap, other[1])):
            return other
    return None


def _covers(other: Cap, cap: Cap) -> bool:
    if other.channel not in (None, cap.channel) or other.most > cap.most:
        return False
    if other.per_ms is None:
        return cap.per_ms is None
    return (cap.per_ms or _LONGEST_DAY_MS) <= other.per_ms


def _lint_ladder(
    document: Document, entry: CampaignEntry, campaign: Campaign, capped: Sequence[_Capped]
) -> None:
    """A step that a cap refuses whenever the steps before it were requested in time."""
    for place in range(1, len(campaign.steps)):
        for one in capped:
            if _refuses(one[1], campaign, place):
                message = (
                    f"step {place + 1} comes too soon after step {place}: {_shown(document, one)} refuses it"
                )
                hint = "write longer waits, or let the cap be less strict"
                document.report_inside(entry.fields.key_node("steps"), 0, message, hint, "warning")
                return


def _refuses(cap: Cap, campaign: Campaign, place: int) -> bool:
    """Whether enough steps come before the one at `place` in the cap's time. A day may end between them."""
    if cap.per_ms is None or not _counts(cap, campaign, place):
        return False
    contacts, waited_ms = 0, 0
    for before in range(place - 1, -1, -1):
        waited_ms += campaign.steps[before + 1].wait_ms
        contacts += waited_ms < cap.per_ms and _counts(cap, campaign, before)
    return contacts >= cap.most


def _counts(cap: Cap, campaign: Campaign, place: int) -> bool:
    """Whether the step counts for the cap, whichever of its channels is chosen."""
    return cap.channel is None or campaign.steps[place].channels == (cap.channel,)


def _shown(document: Document, capped: _Capped) -> str:
    fields, cap = capped
    per = "day" if cap.per_ms is None else format_duration(cap.per_ms)
    by = "" if cap.channel is None else f" by {cap.channel}"
    return f"the cap of {cap.most} per {per}{by} (line {document.line(fields.node)})"
