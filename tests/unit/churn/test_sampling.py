"""States and labels as of past days, against the definition."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.sampling import ActivityLog, sample
from streamproc.churn.score import DAY_MS

pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(100, 160)), min_size=1, max_size=60)


@given(pairs, st.lists(st.integers(100, 165), min_size=1, max_size=3), st.integers(1, 30))
def test_sample_is_the_definition(
    pairs: list[tuple[int, int]], as_of_days: list[int], horizon_days: int
) -> None:
    """For each as-of day, each customer seen by then, in the order of the codes."""
    log = ActivityLog.of(np.array([pair[0] for pair in pairs]), np.array([pair[1] for pair in pairs]))
    names = sorted({customer for customer, _ in pairs})
    wanted = []
    for as_of in as_of_days:
        for code, name in enumerate(names):
            days = sorted({day for customer, day in pairs if customer == name})
            past = [day for day in days if day <= as_of]
            if past:
                wanted.append(
                    (
                        code,
                        past[0],
                        past[-1],
                        len(past),
                        round(math.fsum(math.exp((day - past[-1]) / 30) for day in past), 9),
                        (past[-1] + 0.5) * DAY_MS,
                        (as_of + 1) * DAY_MS,
                        past[-1] > as_of - horizon_days,
                        not any(as_of < day <= as_of + horizon_days for day in days),
                    )
                )
    states = sample(log, as_of_days, horizon_days)
    columns = states.columns
    assert (
        list(
            zip(
                states.customer.tolist(),
                columns.first_day.tolist(),
                columns.last_day.tolist(),
                columns.active_days.tolist(),
                np.round(columns.e30, 9).tolist(),
                columns.last_activity_ms.tolist(),
                states.now_ms.tolist(),
                states.near.tolist(),
                states.churned.tolist(),
                strict=True,
            )
        )
        == wanted
    )


def test_customers_can_be_left_out_by_code() -> None:
    """Codes stay what they were, so that a split of customers holds for all samples of the log."""
    log = ActivityLog.of(np.array([7, 7, 3, 9]), np.array([1, 1, 2, 3]))
    assert log.customer.tolist() == [0, 1, 2]
    kept = log.of_customers(np.array([True, False, True]))
    assert (kept.customer.tolist(), kept.day.tolist()) == ([0, 2], [2, 3])
