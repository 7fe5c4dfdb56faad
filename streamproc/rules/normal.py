"""Rules in the one question that is asked of features: "is it at least k?"

Features are whole numbers, so every comparison comes down to `>=`: `f > k` is `f >= k + 1`; `<`, `<=` and `!=` are
negations; `f == k` is `f >= k and not f >= k + 1`. This holds in three values too: a feature that is not exact may be
greater than it looks, but never less.
"""

from functools import lru_cache

from streamproc.rules.expression import And, Comparison, Expr, Not, Or


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
    feature, unit, factor = comparison.feature, comparison.unit, comparison.factor
    passed: Expr
    if isinstance(comparison.threshold, str):
        other, times = comparison.threshold, comparison.times
        reached = Comparison(feature, ">=", other, unit, factor, times)
        passed = Not(Comparison(other, ">=", feature, unit, times, factor))
    else:
        bound = comparison.threshold if isinstance(comparison.threshold, int) else comparison.threshold.code
        reached = Comparison(feature, ">=", bound, unit)
        passed = Comparison(feature, ">=", bound + 1, unit)
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
