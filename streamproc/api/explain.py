"""A segment explained: what gets a person in, keeps them in, lets them out; what history and silence do to that."""

from collections.abc import Iterator
from typing import Any

from streamproc.api.wording import Features, conditions, in_words, sentence, subject
from streamproc.features.registry import Feature
from streamproc.rules.expression import Comparison, Expr, format_value, with_cutoffs
from streamproc.rules.literals import format_duration
from streamproc.rules.model import Cutoff, Ruleset, Segment
from streamproc.rules.possible import is_always_exact
from streamproc.windows.panes import DAY_MS, HOUR_MS, Window

_UPWARDS = (">", ">=", "!=")
_DOWNWARDS = ("<", "<=", "!=", "==")


def describe_segment(segment: Segment) -> dict[str, Any]:
    """What the rules file says of a segment; `exit` None: not `enter`."""
    return {
        "key": segment.key,
        "name": segment.name,
        "description": segment.description,
        "version": segment.version,
        "group": segment.group,
        "priority": segment.priority if segment.group else None,
        "enter": with_cutoffs(segment.enter),
        "exit": None if segment.exit is None else with_cutoffs(segment.exit),
        "min_dwell_ms": segment.min_dwell_ms,
    }


def explain_segment(segment: Segment, ruleset: Ruleset) -> dict[str, Any]:
    """`describe_segment`, and what follows from it in words.

    `unknown`: the conditions that too little history leaves open. `in_silence`: those that can come true with no event;
    where there are none, nobody enters or leaves by silence alone.
    """
    features = ruleset.features
    leave, holds = _leave(segment)
    asked = [*conditions(segment.enter), *(conditions(leave) if segment.exit is not None else ())]
    return {
        **describe_segment(segment),
        "enters_if": in_words(segment.enter, features),
        "stays_while": in_words(leave, features, holds=not holds),
        "leaves_if": in_words(leave, features, holds=holds),
        "unknown": list(_unknown(asked, features)),
        "in_silence": {
            "enter": list(_silent_entries(segment, ruleset)),
            "leave": list(_silent_exits(segment, ruleset)),
        },
        "outranked_by": [rival.key for rival in _rivals(segment, ruleset)],
        "campaigns": [
            {"key": campaign.key, "name": campaign.name, "channel": step.channels[0], "reason": step.reason}
            for campaign in ruleset.campaigns
            for step in campaign.steps[:1]
            if campaign.trigger.kind == "enter" and campaign.trigger.target == segment.key
        ],
    }  # fmt: skip


def describe_cutoff(cutoff: Cutoff) -> dict[str, Any]:
    """What a cut-off is, and its value in force."""
    return {
        "feature": cutoff.feature,
        "quantile": cutoff.quantile,
        "hysteresis": cutoff.hysteresis,
        "value": format_value(cutoff.value, cutoff.unit),
        "source": cutoff.source,
    }


def _leave(segment: Segment) -> tuple[Expr, bool]:
    """A rule, and whether a customer leaves because it holds or because it does not."""
    return (segment.enter, False) if segment.exit is None else (segment.exit, True)


def _rivals(segment: Segment, ruleset: Ruleset) -> list[Segment]:
    """The members of the group that come first, the first one first."""
    rivals = [other for other in _others(segment, ruleset) if other.priority > segment.priority]
    return sorted(rivals, key=lambda other: -other.priority)


def _others(segment: Segment, ruleset: Ruleset) -> list[Segment]:
    """The other members of the group."""
    if segment.group is None:
        return []
    return [other for other in ruleset.segments if other.group == segment.group and other is not segment]


def _unknown(asked: list[Comparison], features: Features) -> Iterator[dict[str, Any]]:
    """`known_after_ms`: the history that makes it known for certain; None: history alone does not."""
    for comparison in dict.fromkeys(asked):
        mine = _features_of(comparison, features)
        vague = [feature for feature in mine if not is_always_exact(feature)]
        if not vague:
            continue
        windows_ms = [feature.window_ms for feature in vague if feature.window_ms]
        if vague[0].source == "trend":
            windows_ms.append(30 * DAY_MS)
        known_after_ms = max(windows_ms, default=None)
        yield {
            "condition": sentence(comparison, features),
            "until": _until(comparison, vague[0], known_after_ms, paired=len(mine) > 1),
            "known_after_ms": known_after_ms,
        }


def _until(comparison: Comparison, vague: Feature, known_after_ms: int | None, *, paired: bool) -> str:
    upwards = comparison.op in _UPWARDS
    if known_after_ms is not None:
        history = format_duration(known_after_ms)
        if paired or vague.kind == "relation":
            return f"may be unknown until there are {history} of history"
        sure, open_ = (
            ("that it holds", "that it does not") if upwards else ("that it does not", "that it holds")
        )
        return f"{sure} can be known at once, {open_} only after {history} of history"
    if paired:
        return "unknown as long as there is too little to tell"
    if vague.kind == "age":
        if upwards:
            return "as long as there was none, the time since the customer was first seen counts"
        return "unknown as long as there was none"
    return "unknown as long as there is nothing to tell"


def _silent_entries(segment: Segment, ruleset: Ruleset) -> Iterator[dict[str, str]]:
    """Who fits already may come in later: a rival is left, or what kept the customer elsewhere is over."""
    yield from silent_ways(segment.enter, ruleset.features)
    for other in _others(segment, ruleset):
        leave, holds = _leave(other)
        if other.priority > segment.priority and any(silent_ways(leave, ruleset.features, holds=holds)):
            yield {
                "condition": f"{other.key}, which comes first, is left",
                "when": "at once, for who fits here",
            }
        elif other.min_dwell_ms:
            dwell = format_duration(other.min_dwell_ms)
            when = f"{dwell} after coming in there, for who fits here"
            yield {"condition": f"{other.key} may be left", "when": when}


def _silent_exits(segment: Segment, ruleset: Ruleset) -> Iterator[dict[str, str]]:
    leave, holds = _leave(segment)
    yield from silent_ways(leave, ruleset.features, holds=holds)
    for rival in _rivals(segment, ruleset):
        if any(silent_ways(rival.enter, ruleset.features)):
            yield {"condition": f"{rival.key}, which comes first, is entered", "when": "at once"}
    if segment.min_dwell_ms:
        dwell = format_duration(segment.min_dwell_ms)
        yield {"condition": "what lets out came true too early", "when": f"{dwell} after coming in"}


def silent_ways(expr: Expr, features: Features, *, holds: bool = True) -> Iterator[dict[str, str]]:
    """The conditions of `expr` that can come true with no event, and how; where there are none, `expr` does not."""
    for comparison in dict.fromkeys(conditions(expr, holds=holds)):
        if when := _silent_way(comparison, features):
            yield {"condition": sentence(comparison, features), "when": when}


def _silent_way(comparison: Comparison, features: Features) -> str:
    """How it can come true with no event; empty: it cannot."""
    feature, threshold = features[comparison.feature], comparison.threshold
    if isinstance(threshold, str):
        return _silent_way_of_pair(comparison, feature, features[threshold])
    match feature.kind:
        case "age" if isinstance(threshold, int) and comparison.op not in ("<", "<="):
            since = subject(feature).removeprefix("time since ")
            return f"{format_value(threshold, comparison.unit)} after {since}"
        case "window" if feature.window and comparison.op in _DOWNWARDS:
            length = format_duration(feature.window.length_ms)
            return f"as {_panes(feature.window)} leave the window, or once there are {length} of history"
        case "relation":
            return "as days (UTC) leave its windows"
    return ""


def _silent_way_of_pair(comparison: Comparison, feature: Feature, other: Feature) -> str:
    kinds = {feature.kind, other.kind}
    if kinds & {"window", "relation"}:
        return "as days (UTC) leave the windows"
    grows = feature if feature.kind == "age" else other
    rises = comparison.op not in (("<", "<=") if grows is feature else (">", ">="))
    return f"as the {subject(grows)} grows" if "age" in kinds and rises else ""


def _panes(window: Window) -> str:
    return {DAY_MS: "days (UTC)", HOUR_MS: "hours"}.get(window.tier.width_ms, "5 minutes")


def _features_of(comparison: Comparison, features: Features) -> list[Feature]:
    named = [comparison.feature]
    if isinstance(comparison.threshold, str):
        named.append(comparison.threshold)
    return [features[name] for name in named]
