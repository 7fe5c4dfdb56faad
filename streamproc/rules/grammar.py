"""The grammar of rule expressions, and what to tell somebody whose expression does not follow it."""

from functools import cache
from typing import Final

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

# A quantity takes in all letters and dots that follow its first digit, so that `14dd` or `1.2.3` is one wrong
# value and not two values side by side. A name may have a part behind a dot: that of a cut-off, `heavy_use.low`.
GRAMMAR: Final = r"""
    ?start: disjunction
    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: negation (_AND negation)*
    ?negation: NOT+ primary -> negation
             | primary
    ?primary: _OPEN disjunction _CLOSE
            | comparison
    comparison: operand (OP operand)+
    operand: NAME | TEXT | QUANTITY NAME? | QUANTITY TIMES NAME

    _AND.2: /and\b/i
    _OR.2: /or\b/i
    NOT.2: /not\b/i
    _OPEN: "("
    _CLOSE: ")"
    OP: />=|<=|==|!=|>|</
    NAME: /(?!(?:and|or|not)\b)[a-z_][a-z0-9_]*(\.[a-z][a-z0-9_]*)?/i
    QUANTITY: /[0-9][0-9A-Za-z_.]*%?/
    TIMES: "*"
    TEXT: /"[^"]*"/

    %ignore /\s+/
"""

#: Deeper parentheses are refused: nobody reads them, and the tree is walked recursively.
MAX_NESTING: Final = 20
#: Longer expressions are refused unread. All features together in one `or` are a third of it.
MAX_CHARACTERS: Final = 4_000

_OPERATORS: Final = "`>`, `>=`, `<`, `<=`, `==` or `!=`"

#: What people write from other languages, and how it is written here. The longest first.
_FOREIGN: Final = {
    "=>": "write `>=`",
    "=<": "write `<=`",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`",
    "=": "write `==`",
    "&": "write `and`",
    "|": "write `or`",
    "!": "write `not`",
    "-": "values are never negative, and there is no arithmetic",
    "+": "there is no arithmetic in rules",
    "*": "a feature may be multiplied by a whole number before it, for example `recency > 3 * usual_gap`",
    "/": "there is no arithmetic in rules",
    "%": "write a percentage without a space, for example `trend < 50%`",
    ",": "write numbers without separators, for example `1000`",
    ".": "write a digit before the point, for example `0.5`",
    "$": "write money with its currency code, for example `100 USD`",
    "€": "write money with its currency code, for example `100 EUR`",
    "£": "write money with its currency code, for example `100 GBP`",
    "'": "texts are written in double quotes, features and values without",
    '"': "a text ends with the same sign",
    "[": "only round parentheses group",
    "{": "only round parentheses group",
}


class Mistake(ValueError):
    """One thing wrong with an expression. `offset` counts characters from the start of its text."""

    def __init__(self, offset: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


def parse_tree(text: str) -> Tree[Token]:
    """The concrete syntax tree of an expression. Raises Mistake."""
    if not text.strip():
        raise Mistake(0, "the expression is empty", "write a comparison such as `recency > 14d`")
    if len(text) > MAX_CHARACTERS:
        message = f"the expression has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise Mistake(0, message, "split the rule into several segments")
    _check_nesting(text)
    try:
        return _parser().parse(text)
    except UnexpectedCharacters as error:
        raise _foreign(text, error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        raise _misplaced(text, error) from None


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", propagate_positions=True)


def _check_nesting(text: str) -> None:
    depth = 0
    for offset, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth > MAX_NESTING:
            message = f"parentheses are nested more than {MAX_NESTING} deep"
            raise Mistake(offset, message, "split the rule into several segments")


def _foreign(text: str, offset: int) -> Mistake:
    for sign, hint in _FOREIGN.items():
        if text.startswith(sign, offset):
            return Mistake(offset, f"`{sign}` is not part of the rule language", hint)
    return Mistake(offset, f"`{text[offset]}` is not part of the rule language")


def _misplaced(text: str, error: UnexpectedToken) -> Mistake:
    wanted = _wanted(error.accepts)
    if error.token.type == "$END":
        return Mistake(len(text.rstrip()), f"the expression ends too early: {wanted} is missing")
    offset = error.token.start_pos or 0
    word = str(error.token)
    if word in "<>" and text[offset - 1 : offset + 1] in _FOREIGN:  # `=>` and `<>`, cut in two by the lexer
        return _foreign(text, offset - 1)
    hint = _FOREIGN.get(word, "") if word == "*" else ""
    if word == ")":
        hint = "there is no `(` that it closes" if text.count(")") > text.count("(") else ""
    elif word.lower() == "between":
        hint = "write a range as `5 <= events_30d < 20`"
    return Mistake(offset, f"{wanted} was expected here, not `{word}`", hint)


def _wanted(accepted: set[str]) -> str:
    if "NOT" in accepted:
        return "a comparison"
    if "QUANTITY" in accepted:
        return "a feature or a value"
    if accepted == {"NAME"}:
        return "a feature"
    if accepted == {"OP"}:
        return f"a comparison ({_OPERATORS})"
    return "`and`, `or` or `)`" if "_CLOSE" in accepted else "`and`, `or` or the end"
