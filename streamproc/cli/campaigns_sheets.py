"""What campaigns would have done over a history, as tables and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, get_args

from streamproc.backtest.figures import Arm, Figures, Requests
from streamproc.cli.sheet import Sheet
from streamproc.contracts.instants import to_iso
from streamproc.contracts.signal_types import AbortType, JourneyOutcome
from streamproc.rules.campaign import Campaign
from streamproc.rules.model import Ruleset
from streamproc.windows.panes import DAY_MS

#: Whom the control group keeps out is not refused: the entry goes on.
_HOLDOUT: Final = "holdout"
_COLUMNS: Final = ("entries", "requested", "customers", "held out", "refused")


class _Row(NamedTuple):
    """A campaign by one version of the rules. labels: the first cells of its rows."""

    labels: tuple[str, ...]
    campaign: Campaign
    requests: Requests


def campaign_sheets(
    figures: Sequence[Figures], rulesets: Sequence[Ruleset], names: Sequence[str]
) -> Iterator[Sheet]:
    """What was asked for and what came of it; and what was refused, and why. Columns of nothing are left out."""
    rows = [
        _Row(
            (campaign.key, name) if len(rulesets) > 1 else (campaign.key,),
            campaign,
            own.requests(campaign.key),
        )
        for own, ruleset, name in zip(figures, rulesets, names, strict=True)
        for campaign in ruleset.campaigns
    ]
    if not rows:
        return
    rows.sort(key=lambda row: row.labels[0])
    labels = ("campaign", "by")[: len(rows[0].labels)]
    outcomes = [name for name in get_args(JourneyOutcome) if any(row.requests.ended[name] for row in rows)]
    yield Sheet(
        "Campaigns",
        (*labels, *_COLUMNS, *map(_words, outcomes), "waiting", "under way"),
        [(*row.labels, *_cells(row.requests, outcomes)) for row in rows],
        "entries: all, also those refused at once; waiting: not asked yet at the end; under way: asked, and not over",
        len(labels),
    )
    refusals = [
        name
        for name in get_args(AbortType)
        if name != _HOLDOUT and any(row.requests.suppressed[name] for row in rows)
    ]
    if refusals:
        yield Sheet(
            "Campaigns, refused at their gates",
            (*labels, *map(_words, refusals)),
            [(*row.labels, *(f"{row.requests.suppressed[name]:,}" for name in refusals)) for row in rows],
            _waited(rows),
            len(labels),
        )


def step_sheets(figures: Figures, ruleset: Ruleset) -> Iterator[Sheet]:
    """Requests by step and channel; by arm, if there are any; and the busiest day against the budget."""
    found = [(campaign, figures.requests(campaign.key)) for campaign in ruleset.campaigns]
    steps = [
        (campaign.key, str(step), channel, f"{count:,}")
        for campaign, own in found
        for (step, channel), count in sorted(own.by_step.items())
    ]
    if steps:
        yield Sheet("Requests by step", ("campaign", "step", "channel", "requested"), steps, texts=3)
    arms = [
        (campaign.key, *cells)
        for campaign, own in found
        if campaign.variants or any(arm.holdout for arm in own.asked)
        for cells in _arm_cells(campaign, own)
    ]
    if arms:
        note = (
            "entries that were asked, or would have been; nobody of a history reacts to what was never sent"
        )
        yield Sheet("Arms", ("campaign", "arm", "entries", "converted", "rate"), arms, note, 2)
    days = [
        (campaign.key, f"{most:,}", day, _budget(campaign), f"{own.suppressed['budget']:,}")
        for campaign, own in found
        for day, most in _busiest(own)
    ]
    if days:
        note = (
            "of a budget (UTC days), each partition has its share, and what the control group would have got is "
            "spent, too"
        )
        yield Sheet("The busiest day", ("campaign", "requests", "day", "budget", "refused by it"), days, note)


def requests_json(campaign: Campaign, requests: Requests) -> dict[str, Any]:
    """All figures of a campaign."""
    busiest = dict(_busiest(requests))
    return {
        "entries": requests.entries,
        "requested": requests.requested.total(),
        "suppressed": dict(sorted(requests.suppressed.items())),
        "expired_waiting_for": dict(sorted(requests.waited_for.items())),
        "customers": requests.customers,
        "ended": dict(sorted(requests.ended.items())),
        "waiting": requests.waiting,
        "under_way": requests.under_way,
        "requested_by_step": [
            {"step": step, "channel": channel, "requested": count}
            for (step, channel), count in sorted(requests.by_step.items())
        ],
        "arms": [
            {
                "variant": arm.variant,
                "holdout": arm.holdout,
                "entries": asked,
                "converted": requests.converted[arm],
            }
            for arm, asked in _arms(requests)
        ],
        "budget": campaign.budget,
        "busiest_day": next(iter(busiest), None),
        "most_a_day": next(iter(busiest.values()), 0),
        "requested_by_day": by_day(requests.requested),
    }


def by_day(counts: dict[int, int]) -> dict[str, int]:
    """By the days' dates (UTC)."""
    return {to_iso(day * DAY_MS)[:10]: counts[day] for day in sorted(counts)}


def _cells(requests: Requests, outcomes: Sequence[str]) -> Iterator[str]:
    held_out = requests.suppressed[_HOLDOUT]
    counts = (
        requests.entries, requests.requested.total(), requests.customers, held_out,
        requests.suppressed.total() - held_out, *(requests.ended[name] for name in outcomes), requests.waiting,
        requests.under_way,
    )  # fmt: skip
    return (f"{count:,}" for count in counts)


def _waited(rows: Sequence[_Row]) -> str:
    """What steps that expired had waited for."""
    waited: dict[str, int] = {}
    for row in rows:
        for name, count in row.requests.waited_for.items():
            waited[name] = waited.get(name, 0) + count
    told = ", ".join(f"{_words(name)} {count:,}" for name, count in sorted(waited.items()))
    return f"expired waiting for: {told}" if told else ""


def _busiest(requests: Requests) -> Iterator[tuple[str, int]]:
    """The day with the most requests, if there is any, and how many."""
    days = requests.spent or requests.requested
    if days:
        most = max(days.values())
        yield to_iso(min(day for day, count in days.items() if count == most) * DAY_MS)[:10], most


def _budget(campaign: Campaign) -> str:
    return "" if campaign.budget is None else f"{campaign.budget:,}"


def _arms(requests: Requests) -> list[tuple[Arm, int]]:
    """Those that are asked first, by variant."""
    return sorted(requests.asked.items(), key=lambda item: (item[0].holdout, item[0].variant or ""))


def _arm_cells(campaign: Campaign, requests: Requests) -> Iterator[tuple[str, ...]]:
    """Nothing of conversions where there is no goal: 0% would look like a failure."""
    for arm, asked in _arms(requests):
        group = "control" if arm.holdout else "asked"
        name = group if arm.variant is None else f"{arm.variant}, {group}"
        converted = requests.converted[arm]
        has_goal = campaign.goal != "none"
        yield name, f"{asked:,}", *((f"{converted:,}", f"{converted / asked:.1%}") if has_goal else ("", ""))


def _words(name: str) -> str:
    return name.replace("_", " ")
