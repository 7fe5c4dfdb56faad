"""The sides of a comparison, as they are written."""

from dataclasses import dataclass
from typing import Final

from lark import Token, Tree

from streamproc.rules.grammar import Mistake

#: A greater factor is a mistake, and products must fit 64 bits.
_FACTOR_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Operand:
    """One side of a comparison: a name, perhaps with a factor; a text; or a quantity with perhaps a word after it
    (`100 USD`).
    """

    token: Token
    suffix: Token | None = None
    factor: Token | None = None

    @property
    def offset(self) -> int:
        return (self.factor or self.token).start_pos or 0

    @property
    def text(self) -> str:
        if self.factor is not None:
            return f"{self.factor} * {self.token}"
        return f"{self.token} {self.suffix}" if self.suffix else str(self.token)

    @property
    def is_name(self) -> bool:
        return self.token.type == "NAME"

    @property
    def is_text(self) -> bool:
        return self.token.type == "TEXT"


def operand(tree: Tree[Token]) -> Operand:
    """An operand of the syntax tree."""
    tokens = [child for child in tree.children if isinstance(child, Token)]
    match [token.type for token in tokens]:
        case ["QUANTITY", "TIMES", "NAME"]:
            return Operand(tokens[2], factor=tokens[0])
        case ["QUANTITY", "NAME"]:
            return Operand(tokens[0], suffix=tokens[1])
        case _:
            return Operand(tokens[0])


def factor(side: Operand) -> int:
    """What a name is multiplied by. Raises Mistake."""
    if side.factor is None:
        return 1
    text = str(side.factor)
    if not text.isdecimal() or not 1 <= int(text) <= _FACTOR_MAX:
        message = f"`{text}` is not a factor"
        raise Mistake(side.offset, message, f"write a whole number from 1 to {_FACTOR_MAX:,}")
    return int(text)
