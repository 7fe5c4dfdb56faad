"""Text of a rule expression → checked tree, or the list of its mistakes.

Checked means: every feature exists, and every value has the unit of its feature and is a whole number of ms,
of things, or of millionths of the currency.
"""

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, cast

from lark import Token, Tree

from streamproc.features.registry import FEATURES, Feature, Unit
from streamproc.rules.expression import MIRRORED, Comparison, Expr, Not, Op, all_of, any_of
from streamproc.rules.grammar import Mistake, parse_tree
from streamproc.rules.literals import (
    DURATION_UNITS_MS,
    LiteralError,
    is_currency,
    parse_duration,
    parse_money,
    parse_number,
)
from streamproc.rules.nearest import did_you_mean

_UNIT_WORDS: Final[dict[Unit, str]] = {"duration": "a duration", "money": "money", "count": "a count"}
_LONG_UNITS: Final = ("second", "minute", "hour", "day", "week")


@dataclass(slots=True)
class Parsed:
    """What became of a text: its tree (None if it has mistakes), its mistakes, its comparisons' offsets."""

    expr: Expr | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    offsets: dict[Comparison, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Operand:
    """One side of a comparison: a name, or a quantity with perhaps a word after it (`100 USD`)."""

    token: Token
    suffix: Token | None

    @property
    def offset(self) -> int:
        return self.token.start_pos or 0

    @property
    def text(self) -> str:
        return f"{self.token} {self.suffix}" if self.suffix else str(self.token)

    @property
    def is_name(self) -> bool:
        return self.token.type == "NAME"


def parse_expression(text: str, *, currency: str) -> Parsed:
    """The checked tree of `text`, in which money is in `currency`; all its mistakes if it has any.

    (A text that does not follow the grammar has one mistake: the first.)
    """
    try:
        tree = parse_tree(text)
    except Mistake as mistake:
        return Parsed(mistakes=[mistake])
    checker = _Checker(currency)
    expr = checker.expression(tree)
    checker.parsed.expr = None if checker.parsed.mistakes else expr
    return checker.parsed


class _Checker:
    """Walks the syntax tree and makes the checked one. A comparison with a mistake is noted and left out."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.parsed = Parsed()

    def expression(self, tree: Tree[Token]) -> Expr | None:
        """The checked tree; None if any part of it has a mistake."""
        if tree.data == "comparison":
            return self._chain(tree)
        parts = [self.expression(child) for child in tree.children if isinstance(child, Tree)]
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        if tree.data == "negation":
            nots = len(tree.children) - 1
            return Not(whole[0]) if nots % 2 else whole[0]
        return all_of(whole) if tree.data == "conjunction" else any_of(whole)

    def _chain(self, tree: Tree[Token]) -> Expr | None:
        """`a < b`, or a range `a < b < c`, which is `a < b and b < c`."""
        operands = [_operand(child) for child in tree.children if isinstance(child, Tree)]
        signs = [child for child in tree.children if isinstance(child, Token)]
        unknown = [_unknown(side) for side in operands if side.is_name and side.token not in FEATURES]
        if unknown:
            self.parsed.mistakes += unknown
            return None
        parts: list[Expr] = []
        try:
            _check_range(signs)
            for left, sign, right in zip(operands, signs, operands[1:], strict=False):
                part = self._comparison(left, cast(Op, str(sign)), right)
                self.parsed.offsets.setdefault(part, left.offset)
                parts.append(part)
        except Mistake as mistake:
            self.parsed.mistakes.append(mistake)
            return None
        return all_of(parts)

    def _comparison(self, left: _Operand, op: Op, right: _Operand) -> Comparison:
        if not left.is_name and not right.is_name:
            message = f"`{left.text} {op} {right.text}` compares two values"
            raise Mistake(left.offset, message, "one side must be a feature")
        if left.is_name and right.is_name:
            return self._between_features(left, op, right)
        if not left.is_name:
            left, op, right = right, MIRRORED[op], left
        feature = FEATURES[left.token]
        try:
            threshold = self._value(feature, op, right)
        except LiteralError as error:
            raise Mistake(right.offset, error.message, error.hint) from None
        return Comparison(feature.name, op, threshold, self._unit(feature))

    def _between_features(self, left: _Operand, op: Op, right: _Operand) -> Comparison:
        first, second = FEATURES[left.token], FEATURES[right.token]
        for operand, feature in ((left, first), (right, second)):
            if feature.kind == "age":
                message = f"`{feature.name}` is an age, and ages are not compared with other features"
                hint = f"compare it with a duration, for example `{feature.name} > 14d`"
                raise Mistake(operand.offset, message, hint)
        if first is second:
            raise Mistake(right.offset, f"`{first.name}` is compared with itself")
        if first.unit != second.unit:
            units = _UNIT_WORDS[first.unit], _UNIT_WORDS[second.unit]
            message = f"`{first.name}` is {units[0]}, but `{second.name}` is {units[1]}"
            raise Mistake(right.offset, message, "compare features of the same unit")
        return Comparison(first.name, op, second.name, self._unit(first))

    def _value(self, feature: Feature, op: Op, operand: _Operand) -> int:
        """The literal in the unit of `feature`. Raises LiteralError; Mistake if its last word is wrong."""
        quantity, suffix = str(operand.token), operand.suffix
        if suffix is not None and not is_currency(suffix):
            raise self._bad_suffix(quantity, suffix)
        written = _written_unit(quantity, suffix)
        if written is not None and written != feature.unit:
            raise self._unit_mismatch(feature, operand.text, written)
        if feature.unit == "duration":
            return parse_duration(quantity)
        if feature.unit == "count":
            return _whole(feature, op, parse_number(quantity))
        if suffix is not None and suffix != self.currency:
            hint = f"write {self.currency}, or set `currency: {suffix}` at the top of the file"
            raise LiteralError(f"`{operand.text}`: money in this file is in {self.currency}", hint)
        return parse_money(quantity)

    def _unit_mismatch(self, feature: Feature, text: str, written: Unit) -> LiteralError:
        bare = written == "count"
        hints: dict[Unit, str] = {
            "duration": f"add a unit: `{text}d`, `{text}h`" if bare else "write a duration such as `14d`",
            "money": f"write `{text if bare else '100'} {self.currency}`",
            "count": "write a plain number such as `3`",
        }
        found = "a plain number" if bare else _UNIT_WORDS[written]
        message = f"`{feature.name}` is {_UNIT_WORDS[feature.unit]}, but `{text}` is {found}"
        return LiteralError(message, hints[feature.unit])

    def _bad_suffix(self, quantity: str, suffix: Token) -> Mistake:
        offset = suffix.start_pos or 0
        if suffix.upper() == self.currency:
            return Mistake(offset, f"`{suffix}` is not a currency code", f"write `{self.currency}`")
        if suffix in DURATION_UNITS_MS or suffix.removesuffix("s") in _LONG_UNITS:
            hint = f"write `{quantity}{suffix[0]}`, without a space"
            return Mistake(offset, f"`{quantity} {suffix}` is not a duration", hint)
        return Mistake(offset, f"`and`, `or` or the end was expected here, not `{suffix}`")

    def _unit(self, feature: Feature) -> str:
        return {"duration": "ms", "count": "count", "money": self.currency}[feature.unit]


def _operand(tree: Tree[Token]) -> _Operand:
    tokens = [child for child in tree.children if isinstance(child, Token)]
    return _Operand(tokens[0], tokens[1] if len(tokens) > 1 else None)


def _unknown(operand: _Operand) -> Mistake:
    hint = did_you_mean(operand.token, FEATURES) or "docs/rules.md lists the features"
    return Mistake(operand.offset, f"unknown feature `{operand.token}`", hint)


def _check_range(signs: list[Token]) -> None:
    for sign in signs[1:]:
        if sign[0] not in "<>" or sign[0] != signs[0][0]:
            message = f"a range cannot go on with `{sign}` after `{signs[0]}`"
            hint = "a range looks like `5 <= events_30d < 20`; join other comparisons with `and`"
            raise Mistake(sign.start_pos or 0, message, hint)


def _written_unit(quantity: str, suffix: str | None) -> Unit | None:
    """The unit that a literal shows by its form; None if it has none of the forms."""
    if suffix is not None:
        return "money"
    if quantity.replace(".", "", 1).isdecimal():
        return "count"
    return "duration" if quantity[-1] in DURATION_UNITS_MS and quantity[:-1].isalnum() else None


def _whole(feature: Feature, op: Op, number: Decimal) -> int:
    if number == number.to_integral_value():
        return int(number)
    message = f"`{feature.name}` counts whole things, and `{number}` is not whole"
    if op in ("==", "!="):
        raise LiteralError(message, "write a whole number")
    rising = op in (">", ">=")
    nearest = number.to_integral_value(ROUND_CEILING if rising else ROUND_FLOOR)
    raise LiteralError(message, f"write `{feature.name} {'>=' if rising else '<='} {nearest}`")
