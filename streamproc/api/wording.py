"""Rules in plain words: what a comparison says of a person, and an expression as a tree of such sentences."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.features.registry import Feature
from streamproc.rules.expression import (
    NEGATED,
    And,
    Comparison,
    Expr,
    Not,
    Op,
    Or,
    Text,
    named_value,
)

#: A sentence; or `{"all": [...]}`, `{"any": [...]}` of such.
Words = str | dict[str, Any]
Features = Mapping[str, Feature]

_OPERATORS: Final[Mapping[Op, str]] = {
    ">": "more than ",
    ">=": "at least ",
    "<": "less than ",
    "<=": "at most ",
    "==": "",
    "!=": "not ",
}
_TESTS: Final[Mapping[Op, Callable[[int, int], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
#: By source, where the meaning of a feature is no subject of a sentence.
_SUBJECTS: Final = {
    "pause_ms": "the silence before the latest session",
    "cart_micros": "the value of what is in the cart",
    "preferred_channel": "the channel of most events of the last 90d",
}


def in_words(expr: Expr, features: Features, *, holds: bool = True) -> Words:
    """What must be so for `expr` to hold, or, with `holds` False, not to hold."""
    match expr:
        case Comparison():
            return sentence(expr if holds else _negated(expr), features)
        case Not(child):
            return in_words(child, features, holds=not holds)
        case And(children) | Or(children):
            joint = "all" if isinstance(expr, And) == holds else "any"
            told = (in_words(child, features, holds=holds) for child in children)
            return {joint: [part for words in told for part in _parts(words, joint)]}


def conditions(expr: Expr, *, holds: bool = True) -> Iterator[Comparison]:
    """The comparisons behind `in_words`, in its order: if none of them comes true, `expr` does not."""
    match expr:
        case Comparison():
            yield expr if holds else _negated(expr)
        case Not(child):
            yield from conditions(child, holds=not holds)
        case And(children) | Or(children):
            for child in children:
                yield from conditions(child, holds=holds)


def sentence(comparison: Comparison, features: Features) -> str:
    """`time since the last activity is more than 30d`"""
    feature = features[comparison.feature]
    if feature.source == "consent" and (told := _consent(comparison, feature)):
        return told
    what = _times(subject(feature), comparison.factor) if comparison.factor > 1 else subject(feature)
    match comparison.threshold:
        case str(other):
            value = _times(subject(features[other]), comparison.times)
        case Text() as text:
            value = str(text)
        case int():
            value = named_value(comparison)
    comma = "," if "," in what else ""
    verb = "are" if feature.unit == "percent" else "is"
    return f"{what}{comma} {verb} {_OPERATORS[comparison.op]}{value}"


def subject(feature: Feature) -> str:
    """A feature's meaning as the subject of a sentence: `number of orders in the last 90d`."""
    if feature.source in _SUBJECTS:
        return _SUBJECTS[feature.source]
    if feature.source == "consent":
        return f"consent to {_consent_channel(feature)} (1 or 0)"
    meaning = feature.meaning.partition(";")[0]
    if feature.measure == "value" and feature.unit == "duration":
        meaning = meaning.partition(":")[0]
    return f"number of {meaning}" if feature.unit == "count" and not meaning.startswith("the ") else meaning


def _parts(words: Words, joint: str) -> list[Words]:
    """What is joined alike already is not nested."""
    return words[joint] if isinstance(words, dict) and joint in words else [words]


def _negated(comparison: Comparison) -> Comparison:
    return replace(comparison, op=NEGATED[comparison.op])


def _times(what: str, factor: int) -> str:
    the = what if what.startswith("the ") else f"the {what}"
    return the if factor == 1 else f"{factor} times {the}"


def _consent(comparison: Comparison, feature: Feature) -> str:
    """Consent is 1 or 0; empty: the comparison does not ask which."""
    if not isinstance(comparison.threshold, int) or comparison.factor > 1:
        return ""
    given, not_given = (_TESTS[comparison.op](value, comparison.threshold) for value in (1, 0))
    if given == not_given:
        return ""
    return f"there is {'' if given else 'no '}consent to {_consent_channel(feature)}"


def _consent_channel(feature: Feature) -> str:
    return CONSENT_CHANNELS[feature.code]
