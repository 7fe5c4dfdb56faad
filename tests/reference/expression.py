"""The rule language: a tokenizer, a recursive descent parser and a three-valued evaluator.

An expression is a nested tuple: ("or" | "and", left, right), ("not", inner) or
("compare", left, op, right), where an operand is ("feature", name, factor), ("literal", number), the number in
the unit of what it is compared with (milliseconds, millionths of money, percent or a count), or ("literal",
text). The factor is 1 where there is none.
"""

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from tests.reference.texts import cut

FALSE, UNKNOWN, TRUE = 0, 1, 2

UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
WORDS = ("and", "or", "not")
OPERATORS = ("<", "<=", ">", ">=", "==", "!=")
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
TOKEN = re.compile(
    r"\s*(?:(?P<duration>(?:\d+[smhdw])+)(?!\w)"
    r"|(?P<percent>\d+)%"
    r"|(?P<number>\d+(?:\.\d+)?)(?:\s*(?P<currency>(?!AND)[A-Z]{3}))?(?!\w)"
    r'|"(?P<text>[^"]*)"'
    r"|(?P<name>[A-Za-z_]\w*)|(?P<symbol><=|>=|==|!=|<|>|\(|\)|\*))"
)
#: The features whose unit is money, besides those named money_….
MONEY = ("order_average", "cart_value")

Number = int | Decimal
Expression = tuple[Any, ...]
Literal = Number | str
#: A feature's name -> (value, exact).
Lookup = Callable[[str], tuple[int | str, bool]]


def parse(text: str) -> Expression:
    """The tree of an expression; ValueError if it is none."""
    return Parser(text).whole()


def parse_duration(written: str | int) -> int:
    """Milliseconds of a duration such as `14d` or `1d12h` (or 0)."""
    tokens = tokenize(str(written))
    if len(tokens) == 1 and tokens[0][0] == "duration":
        return int(tokens[0][1])
    if tokens == [("number", Decimal(0))]:
        return 0
    raise ValueError(f"not a duration: {written!r}")


def tokenize(text: str) -> list[Expression]:
    """("duration", ms), ("percent", n), ("number", n), ("money", millionths), ("text", text), ("name", name)
    or ("symbol", symbol) in turn.
    """
    tokens: list[Expression] = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"cannot read {text[at:]!r}")
        at = match.end()
        if match["duration"] is not None:
            parts = re.findall(r"(\d+)([smhdw])", match["duration"])
            tokens.append(("duration", sum(int(amount) * UNIT_MS[unit] for amount, unit in parts)))
        elif match["percent"] is not None:
            tokens.append(("percent", Decimal(match["percent"])))
        elif match["currency"] is not None:
            tokens.append(("money", Decimal(match["number"]) * 1_000_000))
        elif match["number"] is not None:
            tokens.append(("number", Decimal(match["number"])))
        elif match["text"] is not None:
            tokens.append(("text", cut(match["text"])))
        elif match["name"] is not None:
            word = match["name"]
            tokens.append(("name", word.lower() if word.lower() in WORDS else word))
        else:
            tokens.append(("symbol", match["symbol"]))
    return tokens


class Parser:
    """or < and < not < comparison; parentheses group."""

    def __init__(self, text: str) -> None:
        self.tokens = tokenize(text)
        self.at = 0

    def peek(self) -> Expression:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def accept(self, kind: str, value: str) -> bool:
        found = self.peek()[:2] == (kind, value)
        self.at += found
        return found

    def whole(self) -> Expression:
        tree = self.disjunction()
        if self.peek()[0] != "end":
            raise ValueError(f"unexpected {self.peek()[1]!r}")
        return tree

    def disjunction(self) -> Expression:
        tree = self.conjunction()
        while self.accept("name", "or"):
            tree = ("or", tree, self.conjunction())
        return tree

    def conjunction(self) -> Expression:
        tree = self.negation()
        while self.accept("name", "and"):
            tree = ("and", tree, self.negation())
        return tree

    def negation(self) -> Expression:
        if self.accept("name", "not"):
            return ("not", self.negation())
        if self.accept("symbol", "("):
            tree = self.disjunction()
            if not self.accept("symbol", ")"):
                raise ValueError("missing )")
            return tree
        return self.comparison()

    def comparison(self) -> Expression:
        left = self.operand()
        tree: Expression | None = None
        while tree is None or self.peek()[1] in OPERATORS:
            operator = self.peek()[1]
            if operator not in OPERATORS:
                raise ValueError(f"expected a comparison, found {operator!r}")
            self.at += 1
            right = self.operand()
            compared = ("compare", resolve(left, right), operator, resolve(right, left))
            tree = compared if tree is None else ("and", tree, compared)
            left = right
        return tree

    def operand(self) -> Expression:
        token = self.peek()
        self.at += 1
        if token[0] == "number" and self.accept("symbol", "*"):
            return self.multiple(token[1])
        if token[0] in ("duration", "percent", "number", "money", "text"):
            return token
        if token[0] == "name" and token[1] not in WORDS:
            return ("feature", token[1], 1)
        raise ValueError(f"expected a feature, a number or a text, found {token[1]!r}")

    def multiple(self, factor: Decimal) -> Expression:
        token = self.peek()
        self.at += 1
        if factor != int(factor) or factor < 1 or token[0] != "name" or token[1] in WORDS:
            raise ValueError(f"expected a whole number of times a feature, found {factor} * {token[1]!r}")
        return ("feature", token[1], int(factor))


def comparisons(tree: Expression) -> Iterator[Expression]:
    """Every ("compare", …) in the tree."""
    if tree[0] == "compare":
        yield tree
    else:
        for branch in tree[1:]:
            yield from comparisons(branch)


def resolve(operand: Expression, other: Expression) -> Expression:
    """The operand with a literal turned into the unit of `other`, the operand it is compared with."""
    if operand[0] == "feature":
        return operand
    unit, number = operand
    if unit == "text":
        return ("literal", number)
    if unit == "number" and other[0] == "feature" and (other[1].startswith("money_") or other[1] in MONEY):
        number *= 1_000_000
    return ("literal", int(number) if number == int(number) else number)


def truth(tree: Expression, lookup: Lookup) -> int:
    """FALSE, UNKNOWN or TRUE."""
    if tree[0] == "or":
        return max(truth(tree[1], lookup), truth(tree[2], lookup))
    if tree[0] == "and":
        return min(truth(tree[1], lookup), truth(tree[2], lookup))
    if tree[0] == "not":
        return TRUE - truth(tree[1], lookup)
    return compare(*operand_value(tree[1], lookup), tree[2], *operand_value(tree[3], lookup))


def compare(left: Literal, left_exact: bool, operator: str, right: Literal, right_exact: bool) -> int:
    """A comparison; a side that is not exact is only known to lie in [value, infinity)."""
    if left_exact and right_exact:
        return TRUE if holds(left, operator, right) else FALSE
    if isinstance(left, str) or isinstance(right, str):
        return UNKNOWN  # the other text has no value
    if right_exact:
        return at_least(left, operator, right)
    if left_exact:
        return at_least(right, MIRRORED[operator], left)
    return UNKNOWN


def operand_value(operand: Expression, lookup: Lookup) -> tuple[Literal, bool]:
    """(value, exact) of one side of a comparison; the multiple of "at least v" is "at least k times v"."""
    if operand[0] == "literal":
        return operand[1], True
    _, name, factor = operand
    value, exact = lookup(name)
    return (value if isinstance(value, str) else factor * value), exact


def holds(left: Any, operator: str, right: Any) -> bool:
    """The comparison of two known numbers, or of two texts."""
    if operator == "<":
        return left < right
    if operator == "<=":
        return left <= right
    if operator == ">":
        return left > right
    if operator == ">=":
        return left >= right
    return (left == right) == (operator == "==")


def at_least(value: Number, operator: str, bound: Number) -> int:
    """The comparison of a number known only to lie in [value, infinity) with `bound`."""
    if operator == ">":
        return TRUE if value > bound else UNKNOWN
    if operator == ">=":
        return TRUE if value >= bound else UNKNOWN
    if operator == "!=":
        return TRUE if value > bound else UNKNOWN
    if operator == "<":
        return FALSE if value >= bound else UNKNOWN
    if operator == "<=":
        return FALSE if value > bound else UNKNOWN
    return FALSE if value > bound else UNKNOWN
