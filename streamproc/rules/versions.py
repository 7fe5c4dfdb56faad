"""When are two rules files the same rules? Fingerprints, and edits that forgot to raise a version.

What is said to people (name, description, reason) and how an expression is written (spaces, comments) are not
part of a definition; nor is what is turned up and down from day to day: mode and budget of a campaign.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import xxhash

from streamproc.errors import StreamprocError
from streamproc.rules.campaign import Campaign
from streamproc.rules.expression import Expr, Not, as_written, comparisons
from streamproc.rules.model import BandPolicy, Funnel, Ruleset, Segment
from streamproc.rules.problems import Problem, RulesError


def fingerprint(
    segments: Sequence[Segment],
    churn: BandPolicy,
    funnels: Sequence[Funnel] = (),
    watches: Sequence[Segment] = (),
) -> int:
    """A 32-bit hash of all that decides about memberships and bands.

    That is segments and funnels with versions, churn bands, and the hidden segments of campaigns; those without
    versions, which are the campaigns', and nobody is told. When it changes, every customer is due for an evaluation
    with cause `definition`. So it leaves out what no membership or band depends on: all else of campaigns, the
    contact policy, the order in the file, and what events mean (that only matters to events yet to come).
    """
    by_key = sorted(segments, key=lambda segment: segment.key)
    lines = [f"{segment.key} {segment.version} {_definition(segment)}" for segment in by_key]
    lines.append(f"churn {churn.thresholds} {churn.hysteresis} {churn.min_history_ms}")
    lines += sorted(
        f"funnel {funnel.key} {funnel.version} {(funnel.steps, funnel.within_ms)}" for funnel in funnels
    )
    lines += sorted(f"{watch.key} {watch.enter}" for watch in watches)
    return xxhash.xxh32_intdigest("\n".join(lines).encode())


def check_change(old: Ruleset, new: Ruleset) -> None:
    """Raises StreamprocError if a running worker is not to go on with `new`."""
    if unversioned := changed_without_version(old, new):
        raise RulesError(unversioned, fix="raise `version` in each of these definitions")
    if old.cutoffs_version is not None and new.cutoffs_version is None:
        # Gone for a moment, perhaps: that must not re-evaluate everybody, twice.
        raise StreamprocError(
            "the file of cut-offs is gone",
            fix="put it back; to have the fixed ones, say `override: true` in the rules, or start the worker anew",
        )


def changed_without_version(old: Ruleset, new: Ruleset) -> list[Problem]:
    """What `new` defines otherwise than `old` without a later version: its segments, campaigns and funnels.

    A cut-off is part of a definition by what it is a quantile of, not by the value that it has today.
    """
    problems = []
    for kind, item, before, version in changed_items(old, new):
        if item.version == before:
            message = f"{kind} `{item.key}` was changed, but its version is still {item.version}"
        else:
            message = f"the version of {kind} `{item.key}` fell from {before} to {item.version}"
        problems.append(Problem(new.path, item.line, 1, message, f"set `version: {version}`"))
    return problems


def changed_items(old: Ruleset, new: Ruleset) -> Iterator[tuple[str, Segment | Campaign | Funnel, int, int]]:
    """The segments, campaigns and funnels of `new` that need a later version.

    As (kind, item, version before, version that it needs): the next one, or that of before if nothing else differs.
    """
    for kind, before, after in (
        ("segment", old.segments, new.segments),
        ("campaign", old.campaigns, new.campaigns),
        ("funnel", old.funnels, new.funnels),
    ):
        known = {item.key: item for item in before}
        for item in after:
            earlier = known.get(item.key)
            if earlier is None or item.version > earlier.version:
                continue
            is_other = _meaning(item, new) != _meaning(earlier, old)
            if is_other or item.version < earlier.version:
                yield kind, item, earlier.version, earlier.version + is_other


def _meaning(item: Segment | Campaign | Funnel, ruleset: Ruleset) -> tuple[object, ...]:
    """The definition with cut-offs by their names, and what those mean."""
    rules: tuple[Expr, ...]
    rest: tuple[object, ...]
    match item:
        case Funnel():
            return (item.steps, item.within_ms)
        case Segment():
            place = (item.group, item.priority) if item.group is not None else None
            rules, rest = _rules(item), (item.min_dwell_ms, place)
        case Campaign():
            rules, rest = _questions(item, ruleset), _campaign(item)
    return (*map(as_written, rules), *rest, *_borders(rules, ruleset))


def _borders(rules: Sequence[Expr], ruleset: Ruleset) -> list[tuple[object, ...]]:
    """What the cut-offs mean that these expressions name."""
    used = {comparison.cutoff.partition(".")[0] for rule in rules for comparison in comparisons(rule)}
    return sorted(
        (cutoff.name, cutoff.feature, str(cutoff.quantile), cutoff.hysteresis)
        for cutoff in ruleset.cutoffs
        if cutoff.name in used
    )


def _definition(segment: Segment) -> tuple[object, ...]:
    """All that decides about a segment, with cut-offs by their values."""
    place = (segment.group, segment.priority) if segment.group is not None else None
    enter, leave = map(str, _rules(segment))
    return (enter, leave, segment.min_dwell_ms, place)


def _campaign(campaign: Campaign) -> tuple[object, ...]:
    """All that decides about a campaign but its expressions. A trigger's words do not, nor do the reasons of steps."""
    trigger = replace(campaign.trigger, text="")
    steps = tuple(replace(step, reason="") for step in campaign.steps)
    waits = (campaign.again_ms, campaign.attribution_ms, campaign.expires_after_ms)
    arms = (campaign.holdout, campaign.variants)
    return (campaign.when is None, trigger, steps, campaign.goal, campaign.priority, waits, arms)


def _questions(campaign: Campaign, ruleset: Ruleset) -> tuple[Expr, ...]:
    """What a campaign waits for, and asks at entry."""
    watch = ruleset.watches_by_key.get(campaign.trigger.target)
    asked = (None if watch is None else watch.enter, campaign.when)
    return tuple(expr for expr in asked if expr is not None)


def _rules(segment: Segment) -> tuple[Expr, Expr]:
    """Who comes in, and who goes out."""
    return segment.enter, Not(segment.enter) if segment.exit is None else segment.exit
