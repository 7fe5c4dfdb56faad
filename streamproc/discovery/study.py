"""What is looked at: customers as they were at an instant, what became of them, and the segments they were in."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import xxhash
from numpy.typing import NDArray

from streamproc.errors import StreamprocError
from streamproc.features.registry import Feature
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

TargetName = Literal["churn", "order", "money"]
#: More customers would find no other groups, only more slowly.
CUSTOMERS_MAX: Final = 20_000
#: With fewer, halves of them say nothing of groups of a few percent.
CUSTOMERS_MIN: Final = 2_000
#: So many must have the outcome, and so many not.
OUTCOMES_MIN: Final = 100

_SAMPLE_SEED: Final = 1
_HALF_SEED: Final = 2


def _any(_: Feature) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Target:
    """What there is more or less of. words: what a customer of it does, after "who"; is_share: it is 0 or 1, or a
    probability; else an amount of money. scale: an outcome of so much is 1, or a unit of the currency. suits:
    whether a feature may be in a condition: none that the target is made of.
    """

    name: TargetName
    words: str
    is_share: bool
    scale: int = 1
    suits: Callable[[Feature], bool] = _any


@dataclass(frozen=True, slots=True)
class Study:
    """n customers, in the order of their ids. now_ms: int64[n]; outcome: float64[n], of the target; segments: by key,
    who was inside (bool[n]). horizon_days: of the outcome, and of the activity that made them part of it.
    """

    table: CustomerTable
    now_ms: Ints
    target: Target
    outcome: Floats
    segments: Mapping[str, Bools]
    horizon_days: int

    def train(self) -> Bools:
        """bool[n]: the half of the customers among whom groups are looked for."""
        return np.array(
            [xxhash.xxh32_intdigest(own.encode(), _HALF_SEED) % 2 == 0 for own in self.table.ids], np.bool_
        )

    def check(self, customers_min: int) -> None:
        """Raises StreamprocError if there is too little to find anything."""
        n = len(self.table)
        if n < customers_min:
            raise StreamprocError(
                f"{n:,} customers with activity in the last {self.horizon_days} days are too few: under "
                f"{customers_min:,}, halves of them say nothing of groups of a few percent",
                fix="give a longer history or a longer --horizon-days; look all the same: --customers-min N",
            )
        having = int((self.outcome > 0).sum())
        fewer = min(having, n - having) if set(np.unique(self.outcome).tolist()) <= {0.0, 1.0} else having
        if fewer < OUTCOMES_MIN:
            raise StreamprocError(
                f"of {n:,} customers there are {having:,} who {self.target.words}: at least {OUTCOMES_MIN} must, "
                f"and {OUTCOMES_MIN} must not",
                fix="take another --horizon-days or --target, or more history",
            )


def sampled(ids: Collection[str], customers_max: int) -> set[str]:
    """At most so many of them, by a hash of the id: the same of the same, whatever their order."""
    if len(ids) <= customers_max:
        return set(ids)
    ranks = sorted((xxhash.xxh64_intdigest(own.encode(), _SAMPLE_SEED), own) for own in ids)
    return {own for _, own in ranks[:customers_max]}


def inside(table: CustomerTable, names: Mapping[int, str]) -> dict[str, Bools]:
    """Who is in which segment. `names`: keys by id; other segments are left out."""
    members = table.members[table.members["entered_ms"] != NEVER]
    found = {}
    for id_, key in names.items():
        rows = members["row"][members["segment"] == id_]
        if len(rows):
            found[key] = np.zeros(len(table), np.bool_)
            found[key][rows] = True
    return found


def capped(amounts: Ints, per_unit: int) -> Floats:
    """Amounts in whole hundredths of a unit, those above the 99th percentile as if they were that: one large order
    makes no group. Whole, so that their sums are the same on every machine.
    """
    whole = amounts // (per_unit // 100)
    most = np.quantile(whole, 0.99, method="inverted_cdf") if len(whole) else 0
    return np.minimum(whole, most).astype(np.float64)
