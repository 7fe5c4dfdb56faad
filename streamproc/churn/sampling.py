"""Customer states and labels as of past days, taken from a log of active days: what models are fitted on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from streamproc.churn.model import TAUS_DAYS
from streamproc.churn.score import DAY_MS, ChurnColumns, Ints

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ActivityLog:
    """Distinct (customer, active day) pairs, in rising order."""

    customer: Ints  # codes 0 .. number of customers - 1
    day: Ints  # epoch days

    @classmethod
    def of(cls, customer: Ints, day: Ints) -> Self:
        """From pairs in any order and number: customers (any integers) become codes, repeats are dropped."""
        codes = np.unique(customer, return_inverse=True)[1].astype(np.int64)
        pairs = np.unique(np.column_stack((codes, day)), axis=0)
        return cls(pairs[:, 0].copy(), pairs[:, 1].copy())

    def of_customers(self, chosen: Bools) -> Self:
        """The log of the customers whose code is set in `chosen`; codes stay as they are."""
        kept = chosen[self.customer]
        return type(self)(self.customer[kept], self.day[kept])


@dataclass(frozen=True, slots=True)
class Sample:
    """States of customers at the ends of past days, and what became of them."""

    columns: ChurnColumns
    now_ms: Ints  # end of the as-of day
    near: Bools  # active within the horizon before now: those an alert can still help
    churned: Bools  # the label: no active day in the horizon after now
    customer: Ints

    def take(self, index: npt.NDArray[np.intp] | Bools) -> Self:
        """The rows of `index` (positions, or a mask), in that order."""
        return type(self)(
            self.columns.take(index),
            self.now_ms[index],
            self.near[index],
            self.churned[index],
            self.customer[index],
        )


def sample(log: ActivityLog, as_of_days: Sequence[int], horizon_days: int) -> Sample:
    """The states of all customers seen by the end of each as-of day, one row for each customer and day.

    The log has days, not times: activity is taken to be at noon, half a day before the end of its day. The
    log must cover the horizon after the last as-of day, or labels claim a silence that nobody observed.
    """
    parts = [_sample_of_day(log, day, horizon_days) for day in as_of_days]
    names = ChurnColumns.__dataclass_fields__
    return Sample(
        ChurnColumns(*(np.concatenate([getattr(part.columns, name) for part in parts]) for name in names)),
        np.concatenate([part.now_ms for part in parts]),
        np.concatenate([part.near for part in parts]),
        np.concatenate([part.churned for part in parts]),
        np.concatenate([part.customer for part in parts]),
    )


def _sample_of_day(log: ActivityLog, as_of_day: int, horizon_days: int) -> Sample:
    past = log.day <= as_of_day
    customer, day = log.customer[past], log.day[past]
    seen, start, row, count = np.unique(customer, return_index=True, return_inverse=True, return_counts=True)
    last_day = day[start + count - 1]
    age_days = (last_day[row] - day).astype(np.float64)
    decayed = [np.bincount(row, np.exp(age_days / -tau)).astype(np.float64) for tau in TAUS_DAYS]
    ahead = (log.day > as_of_day) & (log.day <= as_of_day + horizon_days)
    returned = log.customer[ahead]
    return Sample(
        ChurnColumns(
            first_day=day[start],
            last_day=last_day,
            active_days=count.astype(np.int64),
            e30=decayed[0],
            e90=decayed[1],
            e365=decayed[2],
            last_activity_ms=last_day * DAY_MS + DAY_MS // 2,
        ),
        np.full(len(seen), (as_of_day + 1) * DAY_MS),
        last_day > as_of_day - horizon_days,
        ~np.isin(seen, returned),
        seen,
    )
