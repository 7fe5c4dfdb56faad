"""A report in sentences: the claim, or why there is none, and what is wrong with the data."""

from collections.abc import Iterator
from typing import Final

from streamproc.experiments.proportions import Sizes
from streamproc.experiments.report import ENDLESS_MAX, CampaignReport, Comparison, Mismatch, Verdict

#: What they did who converted, by goal.
_DID: Final = {"activity": "came back", "order": "ordered"}
_MISMATCHED: Final = "the arms are not as they should be"
_NOTHING: Final[dict[Verdict, str]] = {
    "windows_open": "Not enough data: there is an arm in which the window of nobody is over yet.",
    "arms_mismatch": f"No claim: {_MISMATCHED}.",
    "no_holdout": "No claim: nobody was held out to compare with. `holdout: 10%` in the campaign makes a control "
    "group.",
    "no_goal": "No claim: with `goal: none` nothing counts as a success.",
}


def verdict(found: CampaignReport, own: Comparison) -> str:
    """Of one comparison of a report, with the figures that decide."""
    if own.is_claim:
        return _claim(found, own)
    if own.verdict == "unclear":
        low, high = map(points, own.interval)
        return f"No claim: the lift may be anything from {low} to {high} points."
    if own.verdict == "not_enough_data" and own.needed is not None:
        return _not_enough(found, own, own.needed)
    return _NOTHING[own.verdict]


def warnings(found: CampaignReport) -> Iterator[str]:
    """What is to be known before figures are believed."""
    for check in found.checks:
        if check.is_one:
            yield _mismatch(check)
    counts = found.counts
    ended = sum(own.ended for own in counts.arms.values())
    if counts.endless > ENDLESS_MAX * (ended + counts.endless):
        yield (
            f"entries without an end, though their window is over: {counts.endless:,}. Rates are too high: was "
            "everything read, is the campaign still in the rules, are workers behind?"
        )
    if counts.cut:
        yield f"entries left out, for they began before the first signal that was read: {counts.cut:,}"


def points(share: float) -> str:
    """A difference of rates, with its sign, such as +5.0."""
    return f"{100 * share:+.1f}"


def percent(share: float) -> str:
    """Such as 25.0%."""
    return f"{100 * share:.1f}%"


def _claim(found: CampaignReport, own: Comparison) -> str:
    did = _DID.get(found.counts.goal or "", "converted")
    who = "those asked" if own.variant is None else f"variant {own.variant}"
    more = "more" if own.lift > 0 else "fewer"
    low, high = map(points, own.interval)
    confidence = f"{100 * (1 - own.alpha):.3g}%"
    return (
        f"{percent(own.treated.rate)} of {who} {did} in time, {percent(own.control.rate)} of the control group: "
        f"{abs(100 * own.lift):.1f} points {more} ({confidence} interval {low} to {high})."
    )


def _not_enough(found: CampaignReport, own: Comparison, needed: Sizes) -> str:
    return (
        f"Not enough data: a lift of {100 * found.effect:g} points takes {needed.control:,} customers of the control "
        f"group and {needed.treated:,} others whose window is over; there are {own.control.n:,} and "
        f"{own.treated.n:,}."
    )


def _mismatch(check: Mismatch) -> str:
    total = sum(check.counts.values()) or 1
    parts = ", ".join(
        f"{name} {percent(count / total)} of customers instead of {percent(check.expected[name])}"
        for name, count in check.counts.items()
    )
    return f"{_MISMATCHED}: {parts}. That is no chance; if the rules' shares were changed, look at customers since then"
