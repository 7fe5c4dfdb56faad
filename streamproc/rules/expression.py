"""The tree of a rule expression, and its text.

`rules.parse` makes only checked trees: every feature exists, every threshold has the unit of its feature.
Trees are keys: what was found for one is kept and shared. So each node keeps its hash.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from streamproc.rules.literals import format_duration, format_money

Op = Literal[">", ">=", "<", "<=", "==", "!="]

#: The same comparison read from right to left: `14d < recency` is `recency > 14d`.
MIRRORED: Final[dict[Op, Op]] = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
#: The comparison that holds exactly when this one does not.
NEGATED: Final[dict[Op, Op]] = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A feature against a value, or against another feature (`threshold` is then its name).

    A literal threshold is a whole number of ms, things, or millionths of the currency.
    `unit`: "ms", "count" or a currency code.
    """

    feature: str
    op: Op
    threshold: int | str
    unit: str
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.feature, self.op, self.threshold, self.unit)))

    def __hash__(self) -> int:
        return self._hash

    def __str__(self) -> str:
        threshold = self.threshold
        shown = threshold if isinstance(threshold, str) else format_value(threshold, self.unit)
        return f"{self.feature} {self.op} {shown}"


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


def format_value(amount: int, unit: str) -> str:
    """A whole number of ms, things or millionths of a currency, as it is written in rules."""
    if unit == "ms":
        return format_duration(amount)
    return str(amount) if unit == "count" else f"{format_money(amount)} {unit}"


def _enclosed(expr: Expr) -> str:
    return f"({expr})" if isinstance(expr, And | Or) else str(expr)
