"""Rules over a frame of n customers: their truth in three values, its evidence, and when it can change.

Features are whole numbers, so every comparison comes down to one question, "is it at least k?" (`>=`):
`f > k` is `f >= k + 1`; `<`, `<=` and `!=` are negations; `f == k` is `f >= k and not f >= k + 1`.
This holds in three values too: a feature that is not exact may be greater than it looks, but never less.
So all of docs/semantics.md, section 6, follows from the truth of `>=` and from minimum, maximum and mirror,
and the next flip follows from that of `>=` in the same way.
"""

from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signals import Evidence
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.expression import And, Comparison, Expr, Not, Or
from streamproc.rules.literals import MICROS
from streamproc.windows.panes import INF

FALSE: Final = 0
UNKNOWN: Final = 1
TRUE: Final = 2

Truths = NDArray[np.int8]
Instants = NDArray[np.int64]

_HOLDS: Final = {FALSE: False, UNKNOWN: None, TRUE: True}


class Evaluation:
    """The truth of expressions over one frame. Rules that ask the same question share its answer.

    The arrays returned are kept and shared, and therefore read-only.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self._truths: dict[Expr, Truths] = {}
        self._flips_ms: dict[Expr, Instants] = {}
        self._shortfalls: dict[str, Truths] = {}
        self._known_at_ms: dict[str, Instants] = {}
        self._never = np.full(frame.n, INF, np.int64)

    def truth(self, expr: Expr) -> Truths:
        """int8[n]: FALSE, UNKNOWN or TRUE for each customer."""
        return self._truth(in_at_least(expr))

    def flips_at_ms(self, expr: Expr) -> Instants:
        """int64[n]: an instant after now up to which, in silence, the truth is what it is now; INF: for ever.

        At that instant the truth may be another, or not: it can be early, never late.
        """
        return self._flip_ms(in_at_least(expr))

    def evidence(self, expr: Expr, row: int) -> list[Evidence]:
        """The comparisons that decide the truth of `expr` for the customer at `row`, in the rule's order.

        All of them if all were needed (a true `and`, a false `or`), else those that sufficed; of an unknown
        expression, those that are unknown. One under a `not` stays as written, and `holds` says what it is.
        """
        deciding = dict.fromkeys(self._deciding(expr, row))
        return [self._as_evidence(comparison, row) for comparison in deciding]

    def _truth(self, expr: Expr) -> Truths:
        truth = self._truths.get(expr)
        if truth is None:
            truth = self._truths[expr] = self._find_truth(expr)
            truth.setflags(write=False)
        return truth

    def _flip_ms(self, expr: Expr) -> Instants:
        flip_ms = self._flips_ms.get(expr)
        if flip_ms is None:
            flip_ms = self._flips_ms[expr] = self._find_flip_ms(expr)
            flip_ms.setflags(write=False)
        return flip_ms

    def _find_truth(self, expr: Expr) -> Truths:
        truth: Truths
        match expr:
            case Comparison(feature, _, threshold):
                truth = self._at_least(feature, threshold)
            case Not(child):
                truth = TRUE - self._truth(child)
            case And(children):
                truth = np.minimum.reduce([self._truth(child) for child in children])
            case Or(children):
                truth = np.maximum.reduce([self._truth(child) for child in children])
        return truth

    def _find_flip_ms(self, expr: Expr) -> Instants:
        match expr:
            case Comparison(feature, _, threshold):
                if isinstance(threshold, int):
                    return self._crossing_ms(feature, threshold, self._truth(expr) == TRUE)
                return self._encounter_ms(feature, threshold)
            case Not(child):
                return self._flip_ms(child)
            case And(children):
                return self._flip_of_many_ms(children, decisive=FALSE)
            case Or(children):
                return self._flip_of_many_ms(children, decisive=TRUE)

    def _flip_of_many_ms(self, children: tuple[Expr, ...], *, decisive: Literal[0, 2]) -> Instants:
        """A decided whole stays while one decisive child does; an undecided one while all children do."""
        flips_ms = np.array([self._flip_ms(child) for child in children])
        decides = np.array([self._truth(child) for child in children]) == decisive
        first: Instants = np.minimum.reduce(flips_ms)
        last_decisive: Instants = np.maximum.reduce(flips_ms * decides)
        return np.where(last_decisive > 0, last_decisive, first)

    def _at_least(self, feature: str, threshold: int | str) -> Truths:
        """The truth of `feature >= threshold`."""
        value = self.frame.value(feature)
        if isinstance(threshold, int):
            reached = (value >= threshold).view(np.int8)
            truth: Truths = np.maximum(self._shortfall(feature), reached + reached)
            return truth
        beyond: Truths = TRUE - self._shortfall(threshold)  # the other may be greater still
        return np.where(value >= self.frame.value(threshold), beyond, self._shortfall(feature))

    def _crossing_ms(self, feature: str, bound: int, reached: NDArray[np.bool_]) -> Instants:
        """When `feature >= bound` changes, given where it is true."""
        kind = FEATURES[feature].kind
        if kind == "total":
            return self._never
        if kind == "age":
            # Saturating: an anchor of INF (the age does not run) stays INF. What an age reached, it keeps.
            at_ms = np.minimum(self.frame.anchor_ms(feature), INF - bound) + bound
            return np.where(reached, INF, at_ms)
        # A window only shrinks: it leaves the bound, or, below it, becomes known to be below.
        return np.where(reached, self.frame.falls_below_ms(feature, bound), self._known_ms(feature))

    def _encounter_ms(self, feature: str, other: str) -> Instants:
        """When `feature >= other` may change: with one of them; while both are vague, when one is known."""
        known_ms = change_ms = self._never
        for name in (feature, other):
            if FEATURES[name].kind == "window":
                known_ms = np.minimum(known_ms, self._known_ms(name))
                change_ms = np.minimum(change_ms, self.frame.changes_at_ms(name))
        both_vague = (self._shortfall(feature) & self._shortfall(other)).view(np.bool_)
        return np.where(both_vague, known_ms, np.minimum(known_ms, change_ms))

    def _shortfall(self, feature: str) -> Truths:
        """int8[n]: what `>=` is where the value falls short: FALSE, or UNKNOWN where it is not exact."""
        shortfall = self._shortfalls.get(feature)
        if shortfall is None:
            shortfall = self._shortfalls[feature] = (~self.frame.exact(feature)).view(np.int8)
        return shortfall

    def _known_ms(self, feature: str) -> Instants:
        known_ms = self._known_at_ms.get(feature)
        if known_ms is None:
            known_ms = self._known_at_ms[feature] = self.frame.known_at_ms(feature)
        return known_ms

    def _deciding(self, expr: Expr, row: int) -> list[Comparison]:
        match expr:
            case Comparison():
                return [expr]
            case Not(child):
                return self._deciding(child, row)
            case And(children) | Or(children):
                truth = self.truth(expr)[row]
                # A true `and` and a false `or` have only such children; elsewhere, the others decide nothing.
                alike = [child for child in children if self.truth(child)[row] == truth]
                return [comparison for child in alike for comparison in self._deciding(child, row)]

    def _as_evidence(self, comparison: Comparison, row: int) -> Evidence:
        feature, threshold, unit = comparison.feature, comparison.threshold, comparison.unit
        exact = self._is_exact(feature, row)
        shown: int | float | str
        if isinstance(threshold, int):
            shown = _in_unit(threshold, unit)
        else:
            relation = "=" if self._is_exact(threshold, row) else ">="
            shown = f"{threshold}{relation}{self._shown_value(threshold, row, unit)}"
            exact = exact and relation == "="
        return Evidence(
            feature=feature,
            value=self._shown_value(feature, row, unit),
            op=comparison.op,
            threshold=shown,
            unit=unit,
            holds=_HOLDS[int(self.truth(comparison)[row])],
            exact=exact,
        )

    def _shown_value(self, feature: str, row: int, unit: str) -> int | float:
        return _in_unit(int(self.frame.value(feature)[row]), unit)

    def _is_exact(self, feature: str, row: int) -> bool:
        return bool(self._shortfall(feature)[row] == FALSE)


@lru_cache(maxsize=4096)
def in_at_least(expr: Expr) -> Expr:
    """The same with no other comparison than `>=`."""
    match expr:
        case Comparison():
            return _comparison_in_at_least(expr)
        case Not(child):
            return _negated(in_at_least(child))
        case And(children):
            return And(tuple(in_at_least(child) for child in children))
        case Or(children):
            return Or(tuple(in_at_least(child) for child in children))


def _comparison_in_at_least(comparison: Comparison) -> Expr:
    feature, threshold, unit = comparison.feature, comparison.threshold, comparison.unit
    reached = Comparison(feature, ">=", threshold, unit)
    passed: Expr
    if isinstance(threshold, int):
        passed = Comparison(feature, ">=", threshold + 1, unit)
    else:
        passed = Not(Comparison(threshold, ">=", feature, unit))
    match comparison.op:
        case ">=":
            return reached
        case ">":
            return passed
        case "<":
            return Not(reached)
        case "<=":
            return _negated(passed)
        case "==":
            return And((reached, _negated(passed)))
        case "!=":
            return Not(And((reached, _negated(passed))))


def _negated(expr: Expr) -> Expr:
    return expr.child if isinstance(expr, Not) else Not(expr)


def _in_unit(amount: int, unit: str) -> int | float:
    """ms and counts as they are, millionths of money as currency units."""
    return amount if unit in ("ms", "count") else amount / MICROS
