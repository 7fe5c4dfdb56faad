"""Warnings about cut-offs: a border without hysteresis, of another feature, or of nothing."""

from collections.abc import Iterator, Sequence

from streamproc.rules.expression import Comparison, comparisons
from streamproc.rules.fields import Fields
from streamproc.rules.model import Cutoff
from streamproc.rules.nearest import one_of
from streamproc.rules.segments import Rule, SegmentEntry


def lint_cutoffs(
    root: Fields, entries: Sequence[SegmentEntry], others: Sequence[Rule], cutoffs: Sequence[Cutoff]
) -> None:
    """Note the warnings about the cut-offs of rules that have no errors: of segments, and others."""
    if not cutoffs:
        return
    by_name = {cutoff.name: cutoff for cutoff in cutoffs}
    used: set[str] = set()
    rules = [rule for entry in entries for rule in (entry.enter, entry.exit) if rule is not None]
    for rule in (*rules, *others):
        for comparison in _with_cutoff(rule):
            cutoff = by_name[_name(comparison)]
            used.add(cutoff.name)
            if comparison.feature != cutoff.feature:
                message = (
                    f"the cut-off `{cutoff.name}` is one of `{cutoff.feature}`, not of `{comparison.feature}`"
                )
                _warn(root, rule, comparison, message, "make a cut-off of that feature")
    for entry in entries:
        _lint_hysteresis(root, entry, by_name)
    section = root.mapping("cutoffs", allowed=None)
    for name in by_name:
        if name in used:
            continue
        assert section is not None
        message = f"no rule uses the cut-off `{name}`"
        section.document.report_inside(section.key_node(name), 0, message, "leave it out", "warning")


def _lint_hysteresis(root: Fields, entry: SegmentEntry, cutoffs: dict[str, Cutoff]) -> None:
    """Who comes in at a border must go out at another place of it."""
    if entry.enter is None:
        return
    outs = {comparison.cutoff for comparison in _with_cutoff(entry.exit)}
    for comparison in {comparison.cutoff: comparison for comparison in _with_cutoff(entry.enter)}.values():
        places = cutoffs[_name(comparison)].places
        others = [place for place in places if place != comparison.cutoff]
        if not outs.intersection(others):
            message = f"`enter` is decided by `{comparison.cutoff}`, but `exit` not by {one_of(others)}"
            hint = f"without hysteresis customers flap: let `exit` say `{_way_out(comparison, places)}`"
            _warn(root, entry.enter, comparison, message, hint)


def _way_out(comparison: Comparison, places: dict[str, int]) -> str:
    """The exit that is meant, most probably."""
    name, rising = _name(comparison), comparison.op in (">", ">=")
    place = f"{name}.low" if rising else f"{name}.high"
    if place == comparison.cutoff:
        place = name
    assert place in places
    return f"{comparison.feature} {'<' if rising else '>'} {place}"


def _with_cutoff(rule: Rule | None) -> Iterator[Comparison]:
    if rule is None or rule.parsed.expr is None:
        return
    yield from (comparison for comparison in comparisons(rule.parsed.expr) if comparison.cutoff)


def _name(comparison: Comparison) -> str:
    return comparison.cutoff.partition(".")[0]


def _warn(root: Fields, rule: Rule, comparison: Comparison, message: str, hint: str) -> None:
    offset = rule.parsed.offsets[comparison]
    root.document.report_inside(rule.node, offset, message, hint, "warning")
