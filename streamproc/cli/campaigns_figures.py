"""A report on campaigns as tables, and as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamproc.cli.tables import print_table
from streamproc.contracts.instants import to_iso
from streamproc.contracts.printable import printable
from streamproc.experiments.journeys import Journeys
from streamproc.experiments.proportions import Interval, Proportion, wilson
from streamproc.experiments.report import ALPHA, CampaignReport, Comparison
from streamproc.experiments.words import percent, points, verdict, warnings


def show(console: Console, found: Sequence[CampaignReport], since_ms: int | None = None) -> None:
    """A table for each campaign, what may be claimed, and what is wrong with the data. `since_ms`: of `found`."""
    for place, own in enumerate(found):
        if place:
            console.print()
        console.print(Text(printable(own.counts.campaign), "bold cyan"))
        print_table(console, _table(own))
        main, *variants = own.comparisons
        style = "bold green" if main.is_claim else "bold"
        console.print(Text(verdict(own, main), style))
        for each in variants:
            if each.is_claim:
                console.print(Text(printable(verdict(own, each)), "bold green"))
        for line in warnings(own):
            console.print(Text(f"warning: {printable(line)}", "yellow"))
        for line in _notes(own, since_ms):
            console.print(Text(printable(line), "dim"))


def _table(own: CampaignReport) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("arm")
    for column in ("customers", "over", "converted", "rate", "interval", "lift", "interval"):
        table.add_column(column, justify="right", no_wrap=True)
    main, *variants = own.comparisons
    arms = own.counts.arms.items()
    held = sum(counts.customers for arm, counts in arms if arm.holdout)
    asked = sum(counts.customers for arm, counts in arms if not arm.holdout)
    table.add_row("control", f"{held:,}", *_rate(main.control), "", "")
    table.add_row("asked", f"{asked:,}", *_rate(main.treated), *_lift(main))
    for each in variants:
        customers = sum(
            counts.customers for arm, counts in arms if arm.variant == each.variant and not arm.holdout
        )
        name = Text(f"  {printable(each.variant or '')}")
        table.add_row(name, f"{customers:,}", *_rate(each.treated), *_lift(each))
    return table


def _rate(own: Proportion) -> list[str]:
    interval = wilson(own, ALPHA)
    shown = f"{100 * interval.low:.1f}-{100 * interval.high:.1f}"
    return [f"{own.n:,}", f"{own.having:,}", *((percent(own.rate), shown) if own.n else ("", ""))]


def _lift(own: Comparison) -> list[str]:
    if not (own.treated.n and own.control.n):
        return ["", ""]
    return [points(own.lift), f"{points(own.interval.low)} to {points(own.interval.high)}"]


def _notes(own: CampaignReport, since_ms: int | None) -> Iterator[str]:
    main, *variants = own.comparisons
    if variants:
        yield (
            f"Intervals of variants are of {100 * (1 - variants[0].alpha):.4g}% each, so that all of them hold "
            f"together in {100 * (1 - main.alpha):g}% of reports (Bonferroni)."
        )
    if not own.checks and main.control.n:
        yield "The rules do not know this campaign, so nobody knows whether its arms are of their size (--rules)."
    arms = own.counts.arms.values()
    entries, requests = sum(each.entries for each in arms), sum(each.requests for each in arms)
    suppressed = ", ".join(f"{count:,} {name}" for name, count in own.suppressed.most_common())
    of_all = "" if since_ms is None else f" since {to_iso(since_ms)}; of all that was read:"
    yield f"{entries:,} entries asked or held out{of_all or ','} {requests:,} requests" + (
        f"; suppressed: {suppressed}" if suppressed else ""
    )


def as_json(journeys: Journeys, found: Sequence[CampaignReport]) -> dict[str, Any]:
    """Rates and lift are shares, 0 to 1."""
    return {
        "signals": journeys.signals,
        "left_out": journeys.left_out,
        "campaigns": [_campaign(own) for own in found],
    }


def _campaign(own: CampaignReport) -> dict[str, Any]:
    counts = own.counts
    return {
        "campaign": counts.campaign,
        "goal": counts.goal,
        "verdict": own.verdict,
        "sentence": verdict(own, own.comparisons[0]),
        "warnings": list(warnings(own)),
        "comparisons": [_comparison(own, each) for each in own.comparisons],
        "arms": [
            {
                "variant": arm.variant,
                "holdout": arm.holdout,
                "customers": each.customers,
                **_proportion(Proportion(each.converted, each.over)),
                "entries": each.entries,
                "entries_ended": each.ended,
                "requests": each.requests,
                "suppressed": dict(sorted(each.suppressed.items())),
            }
            for arm, each in counts.arms.items()
        ],
        "checks": [
            {
                "what": check.what,
                "expected": check.expected,
                "customers": check.counts,
                "p": check.p,
                "mismatch": check.is_one,
            }
            for check in own.checks
        ],
        "entries_cut": counts.cut,
        "entries_endless": counts.endless,
    }


def _comparison(found: CampaignReport, own: Comparison) -> dict[str, Any]:
    both = own.treated.n and own.control.n
    return {
        "variant": own.variant,
        "verdict": own.verdict,
        "claim": own.is_claim,
        "sentence": verdict(found, own),
        "treated": _proportion(own.treated),
        "control": _proportion(own.control),
        "lift": own.lift if both else None,
        "interval": _interval(own.interval) if both else None,
        "confidence": 1 - own.alpha,
        "relative_lift": own.relative_lift if both else None,
        "effect": found.effect,
        "needed": own.needed._asdict() if own.needed else None,
    }


def _proportion(own: Proportion) -> dict[str, Any]:
    interval = wilson(own, ALPHA)
    return {
        "over": own.n,
        "converted": own.having,
        "rate": own.rate if own.n else None,
        "interval": _interval(interval) if own.n else None,
    }


def _interval(own: Interval) -> list[float]:
    return [own.low, own.high]
