"""States and labels as of past instants, against the definition; and what a replay must not depend on."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.sampling import ActivityLog, States, sample, states_at
from streamproc.churn.score import DAY_MS, ChurnColumns

HOUR_MS = 3_600_000
NAMES = tuple(ChurnColumns.__dataclass_fields__)

activities = st.lists(st.tuples(st.integers(0, 5), st.integers(100 * 24, 330 * 24)), min_size=1, max_size=60)
hours = st.integers(100 * 24, 340 * 24)


def log_of(pairs: list[tuple[int, int]], customers: int = 6) -> ActivityLog:
    """Of (customer, hour) pairs."""
    return ActivityLog.of(
        np.array([pair[0] for pair in pairs]), np.array([pair[1] * HOUR_MS for pair in pairs]), customers
    )


@given(activities, st.lists(hours, min_size=1, max_size=3, unique=True), st.integers(1, 30))
def test_sample_is_the_definition(
    pairs: list[tuple[int, int]], as_of_hours: list[int], horizon_days: int
) -> None:
    """For each instant, each customer active before it, in the order of the instants and of the codes."""
    wanted = []
    for now_ms in (hour * HOUR_MS for hour in as_of_hours):
        for code in range(6):
            times = sorted({hour * HOUR_MS for customer, hour in pairs if customer == code})
            past = [ts for ts in times if ts < now_ms]
            days = sorted({ts // DAY_MS for ts in past})
            if past:
                wanted.append(
                    (
                        code,
                        days[0],
                        days[-1],
                        len(days),
                        *(
                            round(math.fsum(math.exp((day - days[-1]) / tau) for day in days), 9)
                            for tau in (30, 90, 365)
                        ),
                        past[-1],
                        now_ms,
                        past[-1] >= now_ms - horizon_days * DAY_MS,
                        not any(now_ms <= ts < now_ms + horizon_days * DAY_MS for ts in times),
                    )
                )
    states = sample(log_of(pairs), [hour * HOUR_MS for hour in as_of_hours], horizon_days)
    columns = states.columns
    found = zip(
        states.customer.tolist(),
        columns.first_day.tolist(),
        columns.last_day.tolist(),
        columns.active_days.tolist(),
        np.round(columns.e30, 9).tolist(),
        np.round(columns.e90, 9).tolist(),
        np.round(columns.e365, 9).tolist(),
        columns.last_activity_ms.tolist(),
        states.now_ms.tolist(),
        states.near.tolist(),
        states.churned.tolist(),
        strict=True,
    )
    assert list(found) == wanted


def same(one: States, other: States) -> bool:
    """Bit for bit."""
    return (
        one.now_ms == other.now_ms
        and one.customer.tolist() == other.customer.tolist()
        and all(
            getattr(one.columns, name).tolist() == getattr(other.columns, name).tolist() for name in NAMES
        )
    )


@given(activities, st.lists(hours, min_size=1, max_size=4, unique=True), st.data())
def test_a_state_depends_on_nothing_but_what_was_before(
    pairs: list[tuple[int, int]], as_of_hours: list[int], data: st.DataObject
) -> None:
    """Not on what follows, on other instants, on the order of the activities, or on repeats."""
    instants = sorted(hour * HOUR_MS for hour in as_of_hours)
    all_at_once = list(states_at(log_of(pairs), instants))
    noisy = data.draw(st.permutations(pairs + data.draw(st.lists(st.sampled_from(pairs), max_size=20))))
    for states in all_at_once:
        before = [pair for pair in noisy if pair[1] * HOUR_MS < states.now_ms]
        (alone,) = states_at(log_of(before), [states.now_ms])
        assert same(states, alone)


def test_customers_can_be_left_out_by_code() -> None:
    """Codes stay what they were, so that a split of customers holds for all samples of the log."""
    log = ActivityLog.of_days(np.array([7, 7, 3, 9]), np.array([1, 1, 2, 3]))
    assert log.customer.tolist() == [1, 0, 2]
    assert log.ts_ms.tolist() == [day * DAY_MS + DAY_MS // 2 for day in (1, 2, 3)]
    kept = log.of_customers(np.array([True, False, True]))
    assert (kept.customer.tolist(), kept.customers) == ([0, 2], 3)
