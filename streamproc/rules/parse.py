"""Text of a rule expression → checked tree, or the list of its mistakes.

Checked means: every feature exists, and every value has the unit of its feature and is a whole number of ms,
of things, or of millionths of the currency.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final, cast

from lark import Token, Tree

from streamproc.contracts.hashes import as_category, text_hash
from streamproc.features.registry import FEATURES, Feature, Unit
from streamproc.rules.expression import MIRRORED, Comparison, Expr, Not, Op, Text, all_of, any_of
from streamproc.rules.grammar import Mistake, parse_tree
from streamproc.rules.literals import (
    DURATION_UNITS_MS,
    LiteralError,
    is_currency,
    parse_duration,
    parse_money,
    parse_number,
)
from streamproc.rules.model import Cutoff
from streamproc.rules.nearest import did_you_mean
from streamproc.rules.operands import Operand
from streamproc.rules.operands import factor as factor_of
from streamproc.rules.operands import operand as operand_of

_UNIT_WORDS: Final[dict[Unit, str]] = {
    "duration": "a duration",
    "money": "money",
    "count": "a count",
    "percent": "a percentage",
    "text": "a text",
}
_LONG_UNITS: Final = ("second", "minute", "hour", "day", "week")


@dataclass(slots=True)
class Parsed:
    """What became of a text: its tree (None if it has mistakes), its mistakes, its comparisons' offsets."""

    expr: Expr | None = None
    mistakes: list[Mistake] = field(default_factory=list)
    offsets: dict[Comparison, int] = field(default_factory=dict)


def parse_expression(
    text: str,
    *,
    currency: str,
    features: Mapping[str, Feature] = FEATURES,
    cutoffs: Iterable[Cutoff] = (),
) -> Parsed:
    """The checked tree of `text`, in which money is in `currency`; all its mistakes if it has any.

    `features`, `cutoffs`: those that there are. (A text that does not follow the grammar has one mistake: the first.)
    """
    try:
        tree = parse_tree(text)
    except Mistake as mistake:
        return Parsed(mistakes=[mistake])
    checker = _Checker(currency, features, cutoffs)
    expr = checker.expression(tree)
    checker.parsed.expr = None if checker.parsed.mistakes else expr
    return checker.parsed


class _Checker:
    """Walks the syntax tree and makes the checked one. A comparison with a mistake is noted and left out."""

    def __init__(self, currency: str, features: Mapping[str, Feature], cutoffs: Iterable[Cutoff]) -> None:
        self.currency = currency
        self.features = features
        self.cutoffs = {
            place: (cutoff, value) for cutoff in cutoffs for place, value in cutoff.places.items()
        }
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
        operands = [operand_of(child) for child in tree.children if isinstance(child, Tree)]
        signs = [child for child in tree.children if isinstance(child, Token)]
        names = [side for side in operands if side.is_name]
        known = [self.features[side.token] for side in names if side.token in self.features]
        is_text = any(feature.unit == "text" for feature in known)
        unknown = [
            self._unknown(side, is_text)
            for side in names
            if side.token not in self.features and side.token not in self.cutoffs
        ]
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

    def _comparison(self, left: Operand, op: Op, right: Operand) -> Comparison:
        named = [side.is_name and side.token in self.features for side in (left, right)]
        if not any(named):
            message = f"`{left.text} {op} {right.text}` compares two values"
            raise Mistake(left.offset, message, "one side must be a feature")
        if all(named):
            return self._between_features(left, op, right)
        if not named[0]:
            left, op, right = right, MIRRORED[op], left
        feature = self.features[left.token]
        if left.factor is not None:
            raise Mistake(
                left.offset, "only a feature that is compared with another is multiplied", "leave it out"
            )
        if right.is_name:
            return self._against_cutoff(feature, op, right)
        try:
            threshold = self._text(feature, op, right) if right.is_text else self._value(feature, op, right)
        except LiteralError as error:
            raise Mistake(right.offset, error.message, error.hint) from None
        return Comparison(feature.name, op, threshold, self._unit(feature))

    def _against_cutoff(self, feature: Feature, op: Op, right: Operand) -> Comparison:
        cutoff, value = self.cutoffs[right.token]
        if right.factor is not None:
            raise Mistake(
                right.offset, "a cut-off is not multiplied", "leave the factor out, or write a value"
            )
        own = self.features[cutoff.feature]
        if own.unit != feature.unit:
            units = _UNIT_WORDS[feature.unit], _UNIT_WORDS[own.unit]
            message = f"`{feature.name}` is {units[0]}, but the cut-off `{cutoff.name}` is {units[1]}"
            raise Mistake(right.offset, message, f"it is one of `{own.name}`")
        if op in ("==", "!="):
            message = f"a cut-off is a border, which is not compared by `{op}`"
            raise Mistake(right.offset, message, "write `>=`, `>`, `<=` or `<`")
        return Comparison(feature.name, op, value, self._unit(feature), cutoff=str(right.token))

    def _between_features(self, left: Operand, op: Op, right: Operand) -> Comparison:
        first, second = self.features[left.token], self.features[right.token]
        if first is second:
            raise Mistake(right.offset, f"`{first.name}` is compared with itself")
        for operand, feature, other in ((left, first, second), (right, second, first)):
            if feature.kind == "age" and other.kind != "total":
                message = (
                    f"`{feature.name}` is an age, and ages are not compared with ages, windows or relations"
                )
                hint = f"compare it with a duration, for example `{feature.name} > 14d`, or with `usual_gap`"
                raise Mistake(operand.offset, message, hint)
            if feature.unit == "text":
                hint = f'compare it with a text, for example `{feature.name} == "shoes"`'
                raise Mistake(
                    operand.offset, f"`{feature.name}` is a text, which is compared with texts", hint
                )
        if first.unit != second.unit:
            units = _UNIT_WORDS[first.unit], _UNIT_WORDS[second.unit]
            message = f"`{first.name}` is {units[0]}, but `{second.name}` is {units[1]}"
            raise Mistake(right.offset, message, "compare features of the same unit")
        factor, times = factor_of(left), factor_of(right)
        return Comparison(first.name, op, second.name, self._unit(first), factor, times)

    def _text(self, feature: Feature, op: Op, operand: Operand) -> Text:
        if feature.unit != "text":
            raise self._unit_mismatch(feature, operand.text, "text")
        if op not in ("==", "!="):
            raise LiteralError(f"a text is not compared by `{op}`", "write `==` or `!=`")
        text = as_category(operand.token[1:-1]).decode()
        if not text:
            raise LiteralError("the text is empty", 'write a text such as `"shoes"`')
        return Text(text, text_hash(text))

    def _value(self, feature: Feature, op: Op, operand: Operand) -> int:
        """The literal in the unit of `feature`. Raises LiteralError; Mistake if its last word is wrong."""
        quantity, suffix = str(operand.token), operand.suffix
        if suffix is not None and not is_currency(suffix):
            raise self._bad_suffix(quantity, suffix)
        written = _written_unit(quantity, suffix)
        if written is not None and written != feature.unit:
            raise self._unit_mismatch(feature, operand.text, written)
        if feature.unit == "duration":
            return parse_duration(quantity)
        if feature.unit in ("count", "percent"):
            return _whole(feature, op, parse_number(quantity.removesuffix("%")))
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
            "percent": f"write `{text}%`" if bare else "write a percentage such as `50%`",
            "text": 'write a text in double quotes, such as `"shoes"`',
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
        return {"duration": "ms", "money": self.currency}.get(feature.unit, feature.unit)

    def _unknown(self, operand: Operand, is_text: bool) -> Mistake:
        name = str(operand.token)
        what = "feature or cut-off" if self.cutoffs else "feature"
        if is_text:
            hint = f'write texts in double quotes: `"{name}"`'
        elif name.partition(".")[0] in self.cutoffs:
            return Mistake(operand.offset, f"unknown place `{name}` of a cut-off", "write `.low` or `.high`")
        else:
            hint = (
                did_you_mean(name, [*self.features, *self.cutoffs])
                or "`streamproc features` lists the features"
            )
        return Mistake(operand.offset, f"unknown {what} `{name}`", hint)


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
    if quantity.endswith("%"):
        return "percent"
    if quantity.replace(".", "", 1).isdecimal():
        return "count"
    return "duration" if quantity[-1] in DURATION_UNITS_MS and quantity[:-1].isalnum() else None


def _whole(feature: Feature, op: Op, number: Decimal) -> int:
    if number == number.to_integral_value():
        return int(number)
    message = f"`{feature.name}` counts whole things, and `{number}` is not whole"
    if op in ("==", "!="):
        raise LiteralError(message, "write a whole number")
    if feature.unit == "percent":
        raise LiteralError(f"`{number}%` is not a whole percentage", "write a whole number and `%`")
    rising = op in (">", ">=")
    nearest = number.to_integral_value(ROUND_CEILING if rising else ROUND_FLOOR)
    raise LiteralError(message, f"write `{feature.name} {'>=' if rising else '<='} {nearest}`")
