"""Warnings: rules that can be followed, but hardly say what was meant."""

from collections.abc import Mapping, Sequence

from yaml.nodes import ScalarNode

from streamproc.features.registry import Feature
from streamproc.rules.document import Document
from streamproc.rules.expression import Comparison, Expr, Text, comparisons, format_value
from streamproc.rules.literals import format_duration
from streamproc.rules.nearest import did_you_mean, one_of
from streamproc.rules.possible import Condition, Example, TooManyAlternativesError, find_example
from streamproc.rules.segments import Rule, SegmentEntry

Features = Mapping[str, Feature]


def lint_segments(document: Document, entries: Sequence[SegmentEntry], features: Features) -> None:
    """Note the warnings about segments that have no errors."""
    for entry in entries:
        for rule, what in ((entry.enter, "enter"), (entry.exit, "leave")):
            if rule is not None:
                everybody = f"everybody will {what} at once"
                lint_rule(document, rule, features, (f"nobody can ever {what}", everybody))
        _lint_flapping(document, entry, features)
    _lint_groups(document, entries, features)


def lint_rule(document: Document, rule: Rule, features: Features, said: tuple[str, str]) -> None:
    """Comparisons that are always or never so; a rule that nobody, or everybody, fulfils.

    said: what to say about such a rule.
    """
    nobody, everybody = said
    expr = rule.parsed.expr
    assert expr is not None
    found = False
    for comparison in dict.fromkeys(comparisons(expr)):
        among = features[comparison.feature].among
        if among and isinstance(comparison.threshold, Text) and comparison.threshold.text not in among:
            found = True
            message = f"`{comparison.feature}` is never {comparison.threshold}"
            _warn(document, rule, rule.parsed.offsets[comparison], message, f"it is {one_of(among)}")
            continue
        always = is_impossible(features, Condition(comparison, holds=False))
        if always or is_impossible(features, Condition(comparison)):
            found = True
            message = f"`{comparison}` {'always' if always else 'never'} holds"
            hint = "leave it out, or change the value"
            _warn(document, rule, rule.parsed.offsets[comparison], message, hint)
    if found:
        return
    if is_impossible(features, Condition(expr)):
        hint = "its conditions exclude each other"
        if any(comparison.feature == "tenure" for comparison in comparisons(expr)):
            hint += "; and `<` in a window is only known after that much history"
        _warn(document, rule, 0, nobody, hint)
    elif is_impossible(features, Condition(expr, holds=False)):
        _warn(document, rule, 0, everybody, "its conditions leave nobody out")


def _lint_flapping(document: Document, entry: SegmentEntry, features: Features) -> None:
    """`enter` and `exit` that hold at once: the customer goes in and out again and again."""
    segment, rule = entry.segment, entry.exit
    if segment is None or segment.exit is None or rule is None:
        return
    if _compares_features(segment.enter, segment.exit):
        return
    example = _example(features, Condition(segment.enter), Condition(segment.exit))
    if example is None:
        return
    often = format_duration(segment.min_dwell_ms) if segment.min_dwell_ms else "second"
    shown = _describe(example, segment.enter, segment.exit)
    message = f"`enter` and `exit` both hold with {shown}: such a customer goes in and out every {often}"
    _warn(document, rule, 0, message, "let `exit` be false wherever `enter` is true")


def _lint_groups(document: Document, entries: Sequence[SegmentEntry], features: Features) -> None:
    """Members that another member always outranks, and groups of one."""
    groups: dict[str, list[SegmentEntry]] = {}
    for entry in entries:
        if entry.group is not None:
            groups.setdefault(entry.group, []).append(entry)
    for group, members in groups.items():
        if len(members) == 1 and members[0].enter is not None:
            hint = did_you_mean(group, [other for other in groups if other != group])
            node = members[0].fields.values["group"]
            assert isinstance(node, ScalarNode)
            document.report_inside(node, 0, f"group `{group}` has only one member", hint, "warning")
        for entry in members:
            _lint_rank(document, entry, [other for other in members if _outranks(other, entry)], features)


def _lint_rank(
    document: Document, entry: SegmentEntry, higher: Sequence[SegmentEntry], features: Features
) -> None:
    segments = [other.segment for other in higher if other.segment is not None]
    if entry.segment is None or entry.enter is None or not segments:
        return
    enter = Condition(entry.segment.enter)
    if is_impossible(features, enter):
        return
    if is_impossible(
        features, enter, *(Condition(other.enter, holds=False, known=False) for other in segments)
    ):
        names = one_of(other.key for other in segments)
        message = f"nobody can ever enter: whoever fits, fits {names} too, which has the greater priority"
        _warn(document, entry.enter, 0, message, "check the priorities")


def _outranks(other: SegmentEntry, entry: SegmentEntry) -> bool:
    return (other.priority or 0) > (entry.priority or 0)


def is_impossible(features: Features, *conditions: Condition) -> bool:
    """Whether no customer can fulfil all conditions, as far as can be seen."""
    try:
        return find_example(conditions, features) is None
    except TooManyAlternativesError:
        return False


def _example(features: Features, *conditions: Condition) -> Example | None:
    try:
        return find_example(conditions, features)
    except TooManyAlternativesError:
        return None


def _compares_features(*exprs: Expr) -> bool:
    return any(isinstance(comparison.threshold, str) for expr in exprs for comparison in comparisons(expr))


def _describe(example: Example, *exprs: Expr) -> str:
    """The example in the words of rules: the features that the expressions name."""
    named = {comparison.feature: comparison for expr in exprs for comparison in comparisons(expr)}
    return ", ".join(_describe_value(named[name], example[name]) for name in named if name in example)


def _describe_value(comparison: Comparison, amount: int) -> str:
    name, unit = comparison.feature, comparison.unit
    if isinstance(comparison.threshold, Text):
        relation = "=" if amount == comparison.threshold.code else "other than"
        return f"{name} {relation} {comparison.threshold}"
    if unit == "ms" and amount % 1_000:
        return f"{name} just over {format_duration(amount)}"
    return f"{name} = {format_value(amount, unit)}"


def _warn(document: Document, rule: Rule, offset: int, message: str, hint: str) -> None:
    document.report_inside(rule.node, offset, message, hint, "warning")
