"""The truth of a rule for one customer, written down from the table in docs/semantics.md, section 6."""

from collections.abc import Callable
from operator import eq, ge, gt, le, lt, ne

from streamproc.rules.expression import MIRRORED, And, Comparison, Expr, Not, Op, Or, Text

FALSE, UNKNOWN, TRUE = 0, 1, 2

_HOLDS: dict[str, Callable[[int, int], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le, "==": eq, "!=": ne}
#: op: the truth where the value, which is at least this much, decides; and the test for that.
_AT_LEAST: dict[str, tuple[int, Callable[[int, int], bool]]] = {
    ">": (TRUE, gt),
    ">=": (TRUE, ge),
    "!=": (TRUE, gt),
    "<": (FALSE, ge),
    "<=": (FALSE, gt),
    "==": (FALSE, gt),
}

Lookup = Callable[[str], tuple[int, bool]]


def truth(expr: Expr, lookup: Lookup) -> int:
    """`lookup`: a feature's name → (value, exact)."""
    match expr:
        case Not(child):
            return TRUE - truth(child, lookup)
        case And(children):
            return min(truth(child, lookup) for child in children)
        case Or(children):
            return max(truth(child, lookup) for child in children)
        case Comparison(feature, op, threshold, _, factor, times):
            right: tuple[int, bool]
            match threshold:
                case str(other):
                    right = _multiplied(lookup(other), times)
                case Text(_, code):
                    right = code, True
                case amount:
                    right = amount, True
            return _compare(_multiplied(lookup(feature), factor), op, right)


def _multiplied(value: tuple[int, bool], factor: int) -> tuple[int, bool]:
    return value[0] * factor, value[1]


def _compare(left: tuple[int, bool], op: Op, right: tuple[int, bool]) -> int:
    if left[1] and right[1]:
        return TRUE if _HOLDS[op](left[0], right[0]) else FALSE
    if right[1]:
        decided, test = _AT_LEAST[op]
        return decided if test(left[0], right[0]) else UNKNOWN
    return _compare(right, MIRRORED[op], left) if left[1] else UNKNOWN
