"""Warnings: rules that can be followed, but hardly say what was meant."""

from collections.abc import Sequence

from streamproc.rules.document import Document
from streamproc.rules.expression import And, Comparison, Expr, Not, comparisons, format_value
from streamproc.rules.literals import format_duration
from streamproc.rules.nearest import one_of
from streamproc.rules.possible import Condition, Example, TooManyAlternativesError, find_example
from streamproc.rules.segments import Rule, SegmentEntry


def lint_segments(document: Document, entries: Sequence[SegmentEntry]) -> None:
    """Note the warnings about segments that have no errors."""
    for entry in entries:
        for rule, what in ((entry.enter, "enter"), (entry.exit, "leave")):
            if rule is not None:
                _lint_rule(document, rule, what)
        _lint_flapping(document, entry)
    _lint_groups(document, entries)


def _lint_rule(document: Document, rule: Rule, what: str) -> None:
    """Comparisons that are always or never so; a rule that nobody, or everybody, fulfils."""
    expr = rule.parsed.expr
    assert expr is not None
    found = False
    for comparison in dict.fromkeys(comparisons(expr)):
        always = _is_impossible(Condition(comparison, holds=False))
        if always or _is_impossible(Condition(comparison)):
            found = True
            message = f"`{comparison}` {'always holds' if always else 'never holds'}"
            _warn(document, rule, rule.parsed.offsets[comparison], message, "leave it out, or change the value")
    if found:
        return
    if _is_impossible(Condition(expr)):
        hint = "its conditions exclude each other"
        if _needs_history(expr):
            hint += "; or it asks for less history than its windows need"
        _warn(document, rule, 0, f"nobody can ever {what}", hint)
    elif _is_impossible(Condition(expr, holds=False)):
        _warn(document, rule, 0, f"this holds for everybody, so everybody will {what}", "")
