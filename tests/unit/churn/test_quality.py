"""Figures of quality, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.quality import auc, brier, expected_calibration_error, log_loss, measure

rows = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: 0 < sum(positive for _, positive in rows) < len(rows)
)


@given(rows)
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    score = np.array([float(value) for value, _ in rows])
    positive = np.array([flag for _, flag in rows])
    above = [(p > n) + (p == n) / 2 for p in score[positive] for n in score[~positive]]
    assert auc(score, positive) == pytest.approx(sum(above) / len(above))


def test_brier_and_log_loss() -> None:
    risk, positive = np.array([0.2, 0.8]), np.array([False, False])
    assert brier(risk, positive) == pytest.approx((0.04 + 0.64) / 2)
    assert log_loss(risk, positive) == pytest.approx(-(np.log(0.8) + np.log(0.2)) / 2)


def test_calibration_error_is_the_mean_gap_of_equal_groups() -> None:
    """Two groups of five: risks .1 and .9, observed 1/5 and 3/5."""
    risk = np.repeat([0.1, 0.9], 5)
    positive = np.array([1, 0, 0, 0, 0, 1, 1, 1, 0, 0], bool)
    assert expected_calibration_error(risk, positive, bins=2) == pytest.approx((0.1 + 0.3) / 2)


def test_near_auc_looks_at_near_customers_only() -> None:
    risk = np.array([0.1, 0.9, 0.8, 0.2])
    churned = np.array([False, True, False, True])
    near = np.array([True, True, True, False])
    quality = measure(risk, churned, near)
    assert (quality.states, quality.churned) == (4, 0.5)
    assert (quality.auc_near, quality.auc) == (1.0, 0.75)


def test_of_one_outcome_there_is_no_order() -> None:
    assert np.isnan(auc(np.array([0.1, 0.9]), np.array([True, True])))
    assert np.isnan(auc(np.array([]), np.array([], bool)))
