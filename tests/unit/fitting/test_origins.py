"""Rolling origins: inside the log, with whole horizons of outcomes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.sampling import ActivityLog
from streamproc.fitting.origins import origins_ms

DAY_MS = 86_400_000


def log_on(days: list[int]) -> ActivityLog:
    return ActivityLog.of_days(np.zeros(len(days), np.int64), np.array(days, np.int64))


@given(st.lists(st.integers(0, 800), max_size=80), st.integers(1, 120))
def test_every_outcome_is_known(days: list[int], horizon_days: int) -> None:
    found = origins_ms(log_on(days), horizon_days)
    assert found == sorted(set(found))
    assert len(found) <= 17
    for origin in found:
        assert origin % DAY_MS == 0
        assert min(days) < origin // DAY_MS <= max(days) + 1 - horizon_days


def test_a_log_of_days_gives_origins_up_to_a_horizon_before_its_end() -> None:
    """545 days, H = 90: from day 90 on, every 30 days back from the last one."""
    found = [ms // DAY_MS for ms in origins_ms(log_on(list(range(545))), 90)]
    assert found == list(range(95, 456, 30))


@pytest.mark.parametrize(("days", "count"), [(14, 0), (15, 1), (17, 1), (20, 1), (28, 2)])
def test_a_short_log_gives_few_or_none(days: int, count: int) -> None:
    assert len(origins_ms(log_on(list(range(days))), 14)) == count


def test_a_hole_is_no_churn() -> None:
    """A stray event long after the end of the log must not make everybody silent."""
    found = origins_ms(log_on([*range(200), 700]), 30)
    assert found
    assert max(found) <= 185 * DAY_MS


def test_strays_at_the_end_do_not_thin_the_rest_out() -> None:
    steady = log_on(list(range(365)))
    assert origins_ms(log_on([*range(365), 9_000]), 30) == origins_ms(steady, 30)
    assert origins_ms(steady, 30)[-1] == (365 - 30) * DAY_MS


def test_strays_at_the_front_do_not_begin_the_log() -> None:
    assert min(origins_ms(log_on([-5_000, *range(10_000, 10_365)]), 30)) > 10_000 * DAY_MS
