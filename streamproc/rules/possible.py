"""Can conditions hold together? An example of a customer for whom they do, or that there is none.

An expression is opened up into alternatives, each a list of comparisons that must all be so, and an
alternative into one range of values per feature. What features have to do with each other (seven days lie
inside thirty, a long silence means no recent activity) narrows the ranges. Where it says that there is no
example, there is none; an example may still be impossible for a reason that is not known here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import permutations, product
from math import prod
from typing import Final

from streamproc.contracts.meanings import TALLIES
from streamproc.features.registry import FEATURES, Feature
from streamproc.rules.expression import NEGATED, And, Comparison, Expr, Not, Or, Text
from streamproc.windows.panes import DAY_MS

#: Expressions that open up into more alternatives than this are not looked into.
MAX_ALTERNATIVES: Final = 512
#: Nor are those in which more pairs of comparisons would have to be related: each pair takes time, and a worker
#: that reloads its rules waits for it.
MAX_PAIRS: Final = 50_000

_UNBOUNDED: Final = 2**62
#: What counts a part of what another counts, in the same window.
_PARTS: Final = {
    "events": ("web_events", "app_events", "support_events", "orders", "sessions", "active_days", *TALLIES),
    "duration": ("web_duration", "app_duration", "support_duration"),
}
#: What a silence keeps empty, and whether there is something in it without that silence.
_SILENCED: Final = {
    "recency": {"active_days": True, "sessions": False},
    "web_recency": {"web_events": True},
    "app_recency": {"app_events": True},
    "support_recency": {"support_events": True},
    "order_recency": {"orders": True},
    **{f"{tally}_recency": {tally: True} for tally in TALLIES},
}
#: Ages that run only while there is something.
_NEEDS: Final = {"cart_idle": "cart_items", "cart_age": "cart_items", "ticket_age": "open_tickets"}
#: Sources of ages that are always exact, and of totals that may have no value.
_EXACT_AGES: Final = ("first_seen", "cart_change", "cart_start", "checkout", "open_ticket", "funnel")
_VAGUE_TOTALS: Final = ("order_average", "usual_gap", "best_hour", "favorite_category", "survey")

Example = dict[str, int]


class TooManyAlternativesError(Exception):
    """The conditions are too involved to be looked into."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`expr` holds (or does not, with `holds` False). With `known` False, that is at least not excluded."""

    expr: Expr
    holds: bool = True
    known: bool = True


@dataclass(slots=True)
class _Range:
    low: int = 0
    high: int = _UNBOUNDED
    holes: set[int] = field(default_factory=set)

    def narrow(self, low: int = 0, high: int = _UNBOUNDED) -> bool:
        """Whether this changed anything."""
        before = (self.low, self.high)
        self.low, self.high = max(self.low, low), min(self.high, high)
        while self.low in self.holes:
            self.low += 1
        return before != (self.low, self.high)


_Term = tuple[Condition, ...]
_Ranges = dict[str, _Range]


def find_example(
    conditions: Sequence[Condition], features: Mapping[str, Feature] = FEATURES
) -> Example | None:
    """The least values, by feature, that fulfil all conditions; None if no customer can.

    A comparison of two features is taken as fulfilled. `features`: those that there are. Raises
    TooManyAlternativesError.
    """
    terms = _all_of([_alternatives(condition) for condition in conditions])
    if sum(len(term) ** 2 for term in terms) > MAX_PAIRS:
        raise TooManyAlternativesError
    for term in terms:
        ranges = _solve(term, features)
        if all(found.low <= found.high for found in ranges.values()):
            return {name: found.low for name, found in ranges.items()}
    return None


def _alternatives(condition: Condition) -> list[_Term]:
    """The condition as a choice between lists of comparisons that hold."""
    expr, holds = condition.expr, condition.holds
    match expr:
        case Comparison():
            so = expr if holds else replace(expr, op=NEGATED[expr.op])
            return [(Condition(so, known=condition.known),)]
        case Not(child):
            return _alternatives(replace(condition, expr=child, holds=not holds))
        case And(children) | Or(children):
            options = [_alternatives(replace(condition, expr=child)) for child in children]
            if isinstance(expr, And) == holds:
                return _all_of(options)
            return [term for terms in options for term in terms]


def _all_of(options: Sequence[Sequence[_Term]]) -> list[_Term]:
    if prod(map(len, options)) > MAX_ALTERNATIVES:
        raise TooManyAlternativesError
    return [tuple(part for term in choice for part in term) for choice in product(*options)]


def _solve(term: _Term, features: Mapping[str, Feature]) -> _Ranges:
    """The ranges of the features in which all comparisons of `term` hold; empty ones if they cannot."""
    ranges: _Ranges = {}
    for condition in term:
        assert isinstance(condition.expr, Comparison)
        _narrow(ranges, condition.expr, condition.known, features)
    while any(
        _relate(ranges, features[first], features[second]) for first, second in permutations(ranges, 2)
    ):
        pass  # until nothing changes
    return ranges


def _narrow(ranges: _Ranges, comparison: Comparison, known: bool, features: Mapping[str, Feature]) -> None:
    """Take a comparison with a value into its feature's range, and what knowing it takes into tenure's."""
    feature, threshold = features[comparison.feature], comparison.threshold
    if isinstance(threshold, str):
        return
    if isinstance(threshold, Text):
        threshold = threshold.code
    if not known and comparison.op not in ("<", "<=") and not is_always_exact(feature):
        return  # "at least" leaves it open
    found = ranges.setdefault(feature.name, _Range(high=_greatest(feature)))
    match comparison.op:
        case ">":
            found.narrow(low=threshold + 1)
        case ">=":
            found.narrow(low=threshold)
        case "<":
            found.narrow(high=threshold - 1)
        case "<=":
            found.narrow(high=threshold)
        case "==":
            found.narrow(threshold, threshold)
        case "!=":
            found.holes.add(threshold)
            found.narrow()
    if feature.window and known and comparison.op in ("<", "<=", "=="):
        history_ms = feature.window.length_ms - feature.window.tier.width_ms
        ranges.setdefault("tenure", _Range()).narrow(low=history_ms)


def _relate(ranges: _Ranges, first: Feature, second: Feature) -> bool:
    """Narrow two ranges by what their features have to do with each other. Whether this changed anything."""
    one, other = ranges[first.name], ranges[second.name]
    if _is_at_most(first, second):
        raised, lowered = other.narrow(low=one.low), one.narrow(high=other.high)
        return raised or lowered
    window = second.window
    if window and (filled := _SILENCED.get(first.name, {}).get(_base(second))) is not None:
        if one.low >= window.length_ms:
            return other.narrow(high=0)
        if filled and one.high <= window.length_ms - window.tier.width_ms:
            return other.narrow(low=1)
    if _NEEDS.get(first.name) == second.name and one.low > 0:
        return other.narrow(low=1)
    return False


@lru_cache(maxsize=4096)
def _is_at_most(first: Feature, second: Feature) -> bool:
    """Whether no customer's `first` is greater than the `second`."""
    if second.name == "tenure":
        return first.kind == "age"
    base, whole = _base(first), _base(second)
    lengths = [feature.window_ms or _UNBOUNDED for feature in (first, second)]
    return (base == whole or base in _PARTS.get(whole, ())) and lengths[0] <= lengths[1] and base != "money"


def _base(feature: Feature) -> str:
    """What is counted, without the window: `web_events` of `web_events_7d`."""
    if feature.window:
        return feature.name.removesuffix(f"_{feature.window.name}")
    return feature.name.removesuffix("_total")


def _greatest(feature: Feature) -> int:
    if feature.kind in ("total", "relation") and feature.whole:
        return feature.whole
    is_days = feature.window and _base(feature) == "active_days"
    return feature.window.length_ms // DAY_MS if feature.window and is_days else _UNBOUNDED


def is_always_exact(feature: Feature) -> bool:
    """Whether its value is the truth from the first event on."""
    if feature.kind == "age":
        return feature.source in _EXACT_AGES
    return feature.kind == "total" and feature.source not in _VAGUE_TOTALS
