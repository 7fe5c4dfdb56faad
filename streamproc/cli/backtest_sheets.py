"""What a backtest found as tables of text: for the terminal and for the page."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from streamproc.backtest.compare import Difference, Side
from streamproc.backtest.figures import Figures, Flow
from streamproc.backtest.run import Findings
from streamproc.cli.campaigns_sheets import campaign_sheets
from streamproc.cli.facts import because, counted
from streamproc.cli.sheet import Sheet
from streamproc.cli.times import minute
from streamproc.contracts.instants import to_iso
from streamproc.contracts.signal_types import BANDS
from streamproc.rules.literals import spell_duration
from streamproc.rules.model import Ruleset, Segment
from streamproc.windows.panes import DAY_MS

#: Durations are shown with so many units.
_UNITS: Final = 2
#: Pairs of segments that are shown, and the least share of their time that they have in common.
_PAIRS: Final = 12
_SHARE_LEAST: Final = 0.01


def sheets(findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str]) -> Iterator[Sheet]:
    """All tables that have anything to say. rulesets, names: of the versions."""
    figures = findings.figures[0]
    if rulesets[0].segments:
        yield _segments(figures, rulesets[0])
    else:
        yield Sheet("Segments", (), (), f"{names[0]} has none")
    if len(rulesets) > 1:
        yield _changes(findings, rulesets, names)
        yield from _reasons(findings, rulesets, names)
    yield from _overlaps(figures)
    if figures.bands:
        yield _bands(figures)
    yield from campaign_sheets(findings.figures, rulesets, names)


def _segments(figures: Figures, ruleset: Ruleset) -> Sheet:
    rows = []
    for segment in ruleset.segments:
        flow = figures.segment(segment.key)
        rows.append(
            (
                segment.key, f"{flow.customers:,}", _total(flow.entries), _total(flow.exits), f"{flow.at_most:,}",
                f"{flow.at_the_end:,}", _stay(flow), f"{flow.flaps:,}",
            )
        )  # fmt: skip
    columns = ("segment", "customers", "entries", "exits", "at most", "at the end", "median stay", "flaps")
    return Sheet("Segments", columns, rows, "flaps: entries less than a day after leaving")


def _changes(findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str]) -> Sheet:
    before, after = findings.figures[1], findings.figures[0]
    rows = []
    for segment in _both(rulesets):
        old, new = before.segment(segment.key), after.segment(segment.key)
        differences = findings.differences.get(segment.key)
        if differences is None:
            continue
        only_new, only_old = differences.only
        rows.append(
            (
                segment.key, _step(old.customers, new.customers), _step(old.at_the_end, new.at_the_end),
                _step(round(old.inside_ms / DAY_MS), round(new.inside_ms / DAY_MS)),
                f"{differences.customers:,}", f"{only_old:,}", f"{only_new:,}",
            )
        )  # fmt: skip
    columns = (
        "segment", "customers", "at the end", "customer days", "differ", f"only by {names[1]}",
        f"only by {names[0]}",
    )  # fmt: skip
    note = f"from {names[1]} to {names[0]}; differ: customers who are inside at other times"
    if unchanged := len(_both(rulesets)) - len(rows):
        note += (
            f"; {counted(unchanged, 'segment')} {'is' if unchanged == 1 else 'are'} the same for everybody"
        )
    return Sheet("Against the other rules", columns if rows else (), rows, note)


def _reasons(findings: Findings, rulesets: Sequence[Ruleset], names: Sequence[str]) -> Iterator[Sheet]:
    rows = [
        (segment.key, *_reason(difference, names))
        for segment in _both(rulesets)
        if segment.key in findings.differences
        for difference in findings.differences[segment.key].told
    ]
    if rows:
        columns = ("segment", "customer", "from", f"by {names[0]}", f"by {names[1]}")
        yield Sheet(
            "Who differs, and why",
            columns,
            rows,
            "the first instant at which they do; a few of each segment",
            5,
        )


def _reason(difference: Difference, names: Sequence[str]) -> tuple[str, str, str, str]:
    divergence = difference.divergence
    one, other = (_said(side) for side in difference.sides)
    return divergence.customer, minute(to_iso(divergence.at_ms)), one, other


def _said(side: Side) -> str:
    why = because(msgspec.to_builtins(side.evidence))
    return f"{'inside' if side.inside else 'outside'}: " + "; ".join(filter(None, (side.note, why)))


def _overlaps(figures: Figures) -> Iterator[Sheet]:
    pairs = sorted(figures.overlaps(), key=lambda pair: -pair[3])
    rows = [
        (one, other, f"{both_ms / DAY_MS:,.0f}", f"{share:.0%}")
        for one, other, both_ms, share in pairs[:_PAIRS]
        if share >= _SHARE_LEAST
    ]
    if rows:
        note = "customer days in both, and what part that is of those in either"
        yield Sheet("Overlap", ("segment", "and", "days in both", "share"), rows, note, 2)


def _bands(figures: Figures) -> Sheet:
    rows = [
        (
            band,
            f"{flow.customers:,}",
            _total(flow.entries),
            f"{flow.at_the_end:,}",
            _stay(flow),
            f"{flow.flaps:,}",
        )
        for band in BANDS
        if (flow := figures.bands.get(band)) is not None
    ]
    return Sheet("Churn bands", ("band", "customers", "entries", "at the end", "median stay", "flaps"), rows)


def _both(rulesets: Sequence[Ruleset]) -> list[Segment]:
    """The segments of all versions, by key; those of the first one first."""
    found: Mapping[str, Segment] = {
        segment.key: segment for ruleset in reversed(rulesets) for segment in ruleset.segments
    }
    first = [segment.key for segment in rulesets[0].segments]
    return [found[key] for key in dict.fromkeys([*first, *found])]


def _total(days: Mapping[int, int]) -> str:
    return f"{sum(days.values()):,}"


def _step(before: int, after: int) -> str:
    return f"{after:,}" if before == after else f"{before:,} → {after:,}"


def _stay(flow: Flow) -> str:
    stay_ms = flow.median_stay_ms
    return "" if stay_ms is None else spell_duration(stay_ms, _UNITS)
