"""The tree of a rule expression, and its text.

`rules.parse` makes only checked trees: every feature exists, every threshold has the unit of its feature, and every
cut-off is the value that it has at present, with its name for people.
Trees are keys: what was found for one is kept and shared. So each node keeps its hash.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from streamproc.rules.literals import format_duration, format_money

Op = Literal[">", ">=", "<", "<=", "==", "!="]

#: The same comparison read from right to left: `14d < recency` is `recency > 14d`.
MIRRORED: Final[dict[Op, Op]] = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
#: The comparison that holds exactly when this one does not.
NEGATED: Final[dict[Op, Op]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a feature is compared with, and the number that stands for it in columns."""

    text: str
    code: int

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Comparison:
    """A feature against a value, or against another feature (`threshold` is then its name).

    A literal threshold is a whole number of ms, things, percent, or millionths of the currency, or a Text.
    `unit`: "ms", "count", "percent", "text" or a currency code.
    `factor` and `times`: what the feature and the other one are multiplied by.
    `cutoff`: as which cut-off the literal is written (`heavy_use.low`); empty: as itself. No answer depends on it.
    """

    feature: str
    op: Op
    threshold: int | str | Text
    unit: str
    factor: int = 1
    times: int = 1
    cutoff: str = field(default="", compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = (self.feature, self.op, self.threshold, self.unit, self.factor, self.times)
        object.__setattr__(self, "_hash", hash(own))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        match self.threshold:
            case str(other):
                shown = multiplied(other, self.times)
            case Text() as text:
                shown = str(text)
            case int(amount):
                shown = format_value(amount, self.unit)
        return f"{multiplied(self.feature, self.factor)} {self.op} {shown}"


@dataclass(frozen=True, slots=True)
class Not:
    """True where `child` is false."""

    child: "Expr"
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(("not", self.child)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return f"not {_enclosed(self.child)}"


@dataclass(frozen=True, slots=True)
class And:
    """True where all children are; false where one is false."""

    children: "tuple[Expr, ...]"
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(("and", self.children)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return " and ".join(_enclosed(child) for child in self.children)


@dataclass(frozen=True, slots=True)
class Or:
    """True where one child is; false where all are false."""

    children: "tuple[Expr, ...]"
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(("or", self.children)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        return " or ".join(_enclosed(child) for child in self.children)


Expr = Comparison | And | Or | Not


def all_of(parts: list[Expr]) -> Expr:
    """The conjunction of one or more parts, flat."""
    flat = [leaf for part in parts for leaf in (part.children if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: list[Expr]) -> Expr:
    """The disjunction of one or more parts, flat."""
    flat = [leaf for part in parts for leaf in (part.children if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def comparisons(expr: Expr) -> Iterator[Comparison]:
    """Every comparison of the tree, from left to right."""
    match expr:
        case Comparison():
            yield expr
        case Not(child):
            yield from comparisons(child)
        case And(children) | Or(children):
            for child in children:
                yield from comparisons(child)


def as_written(expr: Expr) -> str:
    """The text of an expression with the names of cut-offs: the same whatever their values are."""
    return str(_in_place_of_values(expr, lambda comparison: comparison.cutoff))


def with_cutoffs(expr: Expr) -> str:
    """The text of an expression with the names and the values of cut-offs: `sessions_30d >= heavy_use (12)`."""
    return str(_in_place_of_values(expr, named_value))


def named_value(comparison: Comparison) -> str:
    """The literal of a comparison: `12`; as a cut-off: `heavy_use (12)`."""
    assert isinstance(comparison.threshold, int)
    value = format_value(comparison.threshold, comparison.unit)
    return f"{comparison.cutoff} ({value})" if comparison.cutoff else value


def _in_place_of_values(expr: Expr, word: Callable[[Comparison], str]) -> Expr:
    """With a word in place of the value of each cut-off; a tree to be shown, not to be evaluated."""
    match expr:
        case Comparison():
            return replace(expr, threshold=word(expr)) if expr.cutoff else expr
        case Not(child):
            return Not(_in_place_of_values(child, word))
        case And(children):
            return And(tuple(_in_place_of_values(child, word) for child in children))
        case Or(children):
            return Or(tuple(_in_place_of_values(child, word) for child in children))


def format_value(amount: int, unit: str) -> str:
    """A whole number of ms, things, percent or millionths of a currency, as it is written in rules."""
    if unit == "ms":
        return format_duration(amount)
    if unit == "percent":
        return f"{amount}%"
    return str(amount) if unit == "count" else f"{format_money(amount)} {unit}"


def multiplied(feature: str, factor: int) -> str:
    """`3 * usual_gap`"""
    return feature if factor == 1 else f"{factor} * {feature}"


def _enclosed(expr: Expr) -> str:
    return f"({expr})" if isinstance(expr, And | Or) else str(expr)
