"""Conditions on one feature each, in the rule language, and of whom they are known to hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.discovery.thresholds import cuts
from streamproc.features.frame import Columns, Frame
from streamproc.features.registry import Feature, Kind
from streamproc.rules.expression import Comparison, Op, Text
from streamproc.rules.literals import MAX_DURATION_MS, MAX_NUMBER, MICROS
from streamproc.rules.parse import parse_expression

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A feature that is known of fewer is left out: a rule about it would be silent about most.
KNOWN_MIN: Final = 0.5
#: A condition that holds for fewer, or for all but so few, parts nobody from anybody.
SHARE_MIN: Final = 0.02
#: A condition that goes with the target so closely says the same in other words.
CORRELATION_MAX: Final = 0.9
#: Of a text feature, its most frequent values.
_TEXTS: Final = 5
_UNITS: Final = {"duration": "ms", "count": "count", "percent": "percent", "text": "text"}


@dataclass(frozen=True, slots=True)
class Conditions:
    """c conditions on n customers. holds: bool[c, n], true only where it is known to hold."""

    rules: tuple[Comparison, ...]
    holds: Bools

    def take(self, kept: Bools) -> "Conditions":
        """Those that are `kept` (bool[c])."""
        return Conditions(
            tuple(rule for rule, keep in zip(self.rules, kept, strict=True) if keep), self.holds[kept]
        )


def find_conditions(frame: Frame, features: Mapping[str, Feature], currency: str, train: Bools) -> Conditions:
    """Conditions on these features. `train`: bool[n], the only customers whose values decide where a feature is cut.

    Of conditions that hold for the very same customers the first is taken.
    """
    rules: list[Comparison] = []
    holds: list[Bools] = []
    seen: set[bytes] = set()
    for feature, values, exact in _columns(frame, list(features.values())):
        if exact[train].mean() < KNOWN_MIN:
            continue
        for rule, mine in _of_feature(frame, feature, values, exact, currency, train):
            share = mine[train].mean()
            packed = np.packbits(mine).tobytes()
            if SHARE_MIN <= share <= 1 - SHARE_MIN and packed not in seen:
                seen.add(packed)
                rules.append(rule)
                holds.append(mine)
    return Conditions(tuple(rules), np.array(holds, np.bool_).reshape(len(holds), frame.n))


def without_target(conditions: Conditions, outcome: Floats, train: Bools) -> Conditions:
    """Without the features that are nearly the target itself: one of whose conditions goes with it, or against it.

    `train`: bool[n], the customers that decide.
    """
    holds, outcome = conditions.holds[:, train], outcome[train]
    spread = outcome - outcome.mean()
    norm = float(np.sqrt((spread**2).sum()))
    share = holds.mean(axis=1)
    width = np.sqrt(np.maximum(share * (1 - share) * len(outcome), 1e-12))
    correlation = holds @ spread / (width * max(norm, 1e-12))
    close = {
        rule.feature
        for rule, own in zip(conditions.rules, correlation, strict=True)
        if abs(own) >= CORRELATION_MAX
    }
    return conditions.take(np.array([rule.feature not in close for rule in conditions.rules], np.bool_))


def _columns(frame: Frame, features: Sequence[Feature]) -> Iterator[tuple[Feature, Ints, Bools]]:
    """Each feature with its values and where they are exact, in the order of `features`."""
    found: dict[str, tuple[Ints, Bools]] = {}
    kinds: Mapping[Kind, Callable[[Sequence[Feature]], Columns]] = {
        "window": frame.windows,
        "age": frame.ages,
        "total": frame.totals,
        "relation": frame.relations,
    }
    for kind, columns_of in kinds.items():
        mine = [feature for feature in features if feature.kind == kind]
        if mine:
            columns = columns_of(mine)
            found |= {one.name: (columns.values[i], columns.exact[i]) for i, one in enumerate(mine)}
    for feature in features:
        yield feature, *found[feature.name]


def _of_feature(
    frame: Frame, feature: Feature, values: Ints, exact: Bools, currency: str, train: Bools
) -> Iterator[tuple[Comparison, Bools]]:
    if feature.unit == "text":
        yield from _of_text(frame, feature, values, exact, train)
        return
    unit = _UNITS.get(feature.unit, currency)
    most = {"duration": MAX_DURATION_MS, "money": MAX_NUMBER * MICROS}.get(feature.unit, MAX_NUMBER)
    for cut in cuts(values[train & exact], feature.unit):
        if not 0 < cut <= most:
            continue
        # What is not exact is at least its value: that it reaches the cut is known, that it does not is not.
        reaches, falls_short = values >= cut, exact & (values < cut)
        whole = feature.unit == "count" and cut == 1
        switch = whole and feature.whole == 1
        yield _comparison(feature, "==" if switch else ">=", cut, unit), reaches
        yield _comparison(feature, "==" if whole else "<", 0 if whole else cut, unit), falls_short


def _comparison(feature: Feature, op: Op, threshold: int | Text, unit: str) -> Comparison:
    return Comparison(feature.name, op, threshold, unit)


def _of_text(
    frame: Frame, feature: Feature, values: Ints, exact: Bools, train: Bools
) -> Iterator[tuple[Comparison, Bools]]:
    codes, counts = np.unique(values[train & exact], return_counts=True)
    for code in codes[np.argsort(-counts, kind="stable")][:_TEXTS].tolist():
        mine = exact & (values == code)
        text = frame.text(feature, int(np.flatnonzero(mine)[0]))
        if text is None:
            continue
        rule = _comparison(feature, "==", Text(text, code), "text")
        # What producers call a category may be a text that no rule can hold.
        if '"' not in text and text.isprintable() and _reads_back(rule, feature):
            yield rule, mine


def _reads_back(rule: Comparison, feature: Feature) -> bool:
    return parse_expression(str(rule), currency="USD", features={feature.name: feature}).expr == rule
