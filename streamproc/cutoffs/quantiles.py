"""What a sample of states says of cut-offs: values, how far off they may be, and which stay as they are.

A cut-off moves only if a sample disagrees with it by more than the sample's own error: else everybody would be
evaluated anew after every sample, for nothing but chance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.cutoffs.states import States
from streamproc.features.registry import Feature
from streamproc.rules.cutoff_values import CutoffValue, CutoffValues, version_of
from streamproc.rules.expression import format_value
from streamproc.rules.model import Cutoff, rounding_step

#: Of fewer customers no quantile is taken: its rank could be off by a tenth.
CUSTOMERS_MIN: Final = 200
#: The rank error is exceeded in one sample of so many.
_ONE_IN: Final = 20

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finding:
    """One cut-off, as it is in force, and what a sample says of it.

    `customers`: how many count. `value`: what it is to be; None: it stays what it is. `reached`: which share of them is
    at that value or above. `rank_error`: how far the rank of the value may be off. `note`: why it stays, if it does.
    """

    cutoff: Cutoff
    customers: int
    value: int | None
    reached: float
    rank_error: float
    note: str = ""

    @property
    def new(self) -> int:
        """Its value from now on."""
        return self.cutoff.value if self.value is None or self.cutoff.override else self.value


def find(cutoffs: Iterable[Cutoff], features: Mapping[str, Feature], states: States) -> list[Finding]:
    """What the states say of every cut-off that is a quantile."""
    return [
        _find(cutoff, cutoff.quantile, np.sort(states.values(features[cutoff.feature])))
        for cutoff in cutoffs
        if cutoff.quantile is not None
    ]


def rank_error(customers: int) -> float:
    """How far the share of customers below any value is off in a sample of so many, in 19 of 20 samples at most.

    That is the inequality of Dvoretzky, Kiefer and Wolfowitz, with the constant of Massart.
    """
    return min(1.0, sqrt(log(2 * _ONE_IN) / (2 * customers))) if customers else 1.0


def quantile(ordered: Ints, percent: int) -> int:
    """The least value that so many percent of the values do not exceed. `ordered`: rising, at least one."""
    return int(ordered[-(-len(ordered) * percent // 100) - 1])


def in_file(
    findings: Iterable[Finding],
    before: CutoffValues,
    created: str,
    source: str,
    sampled: int,
    active_days: int,
) -> CutoffValues:
    """The values to be written. What cannot be told now stays as it is in the file before, if it is there."""
    values: dict[str, CutoffValue] = {}
    for found in findings:
        cutoff = found.cutoff
        assert cutoff.quantile is not None
        if found.value is not None:
            values[cutoff.name] = CutoffValue(
                feature=cutoff.feature,
                quantile=cutoff.quantile,
                value=format_value(found.value, cutoff.unit),
                customers=found.customers,
                rank_error=round(found.rank_error, 4),
            )
        elif cutoff.sampled is not None:
            values[cutoff.name] = before.cutoffs[cutoff.name]
    return CutoffValues(
        version=version_of(values),
        created=created,
        source=source,
        sampled=sampled,
        active_days=active_days,
        cutoffs=values,
    )


def _find(cutoff: Cutoff, percent: int, ordered: Ints) -> Finding:
    customers = len(ordered)
    error = rank_error(customers)
    if customers < CUSTOMERS_MIN:
        note = f"stays: {CUSTOMERS_MIN} customers are needed, and there are {customers:,}"
        return Finding(cutoff, customers, None, _reached(ordered, cutoff.value), error, note)
    value = _rounded(quantile(ordered, percent), cutoff.unit)
    if not value:
        note = f"stays: for {percent}% of the customers it is 0"
        return Finding(cutoff, customers, None, _reached(ordered, cutoff.value), error, note)
    sampled, note = cutoff.sampled, ""
    if sampled is not None and sampled != value and _distance(ordered, sampled, percent) <= error:
        value, note = sampled, "stays: it is right within the error"
    if cutoff.override:
        note = "stays: overridden by the rules"
    return Finding(cutoff, customers, value, _reached(ordered, value), error, note)


def _rounded(amount: int, unit: str) -> int:
    step = rounding_step(amount, unit)
    return (amount + step // 2) // step * step


def _distance(ordered: Ints, value: int, percent: int) -> float:
    """How far a value's rank is from what it should be, in shares of 1. Equal values have all ranks that they take."""
    below, up_to = (int(np.searchsorted(ordered, value, side)) for side in ("left", "right"))
    wanted = percent / 100
    return max(below / len(ordered) - wanted, wanted - up_to / len(ordered), 0.0)


def _reached(ordered: Ints, value: int) -> float:
    """The share at a value or above."""
    return 1 - int(np.searchsorted(ordered, value, "left")) / len(ordered) if len(ordered) else 0.0
