"""Intervals, sizes and chi-squared, against published figures, scipy, and counting everything that can happen."""

import math

import numpy as np
import pytest
from scipy import stats

from streamproc.experiments.proportions import (
    Proportion,
    chance_of,
    chi_squared_tail,
    needed,
    newcombe,
    quantile,
    wilson,
)


def test_the_quantile() -> None:
    """z of 95 %."""
    assert quantile(0.05) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize(
    ("having", "n"), [(0, 10), (10, 10), (81, 263), (15, 148), (0, 20), (1, 29), (500, 900)]
)
@pytest.mark.parametrize("alpha", [0.05, 0.01])
def test_wilsons_interval(having: int, n: int, alpha: float) -> None:
    """Against scipy."""
    expected = stats.binomtest(having, n).proportion_ci(1 - alpha, method="wilson")
    assert wilson(Proportion(having, n), alpha) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_of_nobody_nothing_is_known() -> None:
    assert wilson(Proportion(0, 0), 0.05) == (0, 1)
    assert Proportion(0, 0).rate == 0


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombes_interval(first: tuple[int, int], second: tuple[int, int], low: float, high: float) -> None:
    """The examples of his paper, table II, method 10."""
    found = newcombe(Proportion(*first), Proportion(*second), 0.05)
    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("control", "treated", "control_n", "treated_n"),
    [(0.2, 0.25, 120, 400), (0.2, 0.2, 150, 150), (0.05, 0.1, 100, 300), (0.6, 0.65, 200, 200)],
)
def test_newcombes_interval_holds_the_truth_as_often_as_it_says(
    control: float, treated: float, control_n: int, treated_n: int
) -> None:
    """Over all that can happen, by its probability; no luck."""
    own = [wilson(Proportion(k, treated_n), 0.05) for k in range(treated_n + 1)]
    other = [wilson(Proportion(k, control_n), 0.05) for k in range(control_n + 1)]
    p1, p2 = np.arange(treated_n + 1) / treated_n, np.arange(control_n + 1) / control_n
    l1, u1 = np.array(own).T
    l2, u2 = np.array(other).T
    lift = p1[:, None] - p2
    low = lift - np.hypot((p1 - l1)[:, None], u2 - p2)
    high = lift + np.hypot((u1 - p1)[:, None], p2 - l2)
    found = newcombe(Proportion(40, treated_n), Proportion(30, control_n), 0.05)
    assert found == pytest.approx((low[40, 30], high[40, 30]))
    chances = np.outer(
        stats.binom.pmf(range(treated_n + 1), treated_n, treated),
        stats.binom.pmf(range(control_n + 1), control_n, control),
    )
    covered = chances[(low <= treated - control) & (treated - control <= high)].sum()
    assert 0.94 <= covered <= 0.965


@pytest.mark.parametrize(
    ("rate", "effect", "ratio", "control", "treated"),
    [
        (0.2, 0.05, 1, 1094, 1094),
        (0.1, 0.05, 1, 686, 686),
        (0.2, 0.05, 9, 622, 5594),
        (0.5, 0.1, 2, 290, 579),
    ],
)
def test_needed_sizes(rate: float, effect: float, ratio: float, control: int, treated: int) -> None:
    """The first two are in every table; the others by hand."""
    assert needed(rate, effect, ratio, 0.05, 0.8) == (control, treated)


def test_needed_sizes_have_their_power() -> None:
    """The interval leaves out 0 in about 80 % of cases."""
    sizes = needed(0.2, 0.05, 3, 0.05, 0.8)
    rng = np.random.default_rng(1)
    treated = rng.binomial(sizes.treated, 0.25, 2_000)
    control = rng.binomial(sizes.control, 0.2, 2_000)
    found = sum(
        newcombe(Proportion(int(a), sizes.treated), Proportion(int(b), sizes.control), 0.05).low > 0
        for a, b in zip(treated, control, strict=True)
    )
    assert 0.77 <= found / 2_000 <= 0.84


def test_needed_sizes_near_the_ends() -> None:
    """Nobody, everybody: an effect has room on one side at least."""
    assert needed(0, 0.05, 1, 0.05, 0.8).control == pytest.approx(152, abs=2)
    assert needed(1, 0.05, 1, 0.05, 0.8) == needed(0, 0.05, 1, 0.05, 0.8)


@pytest.mark.parametrize("degrees", range(1, 11))
@pytest.mark.parametrize("x", [0.0, 0.01, 1.0, 3.84, 10.83, 40.0, 900.0])
def test_the_tail_of_chi_squared(degrees: int, x: float) -> None:
    """Against scipy."""
    assert chi_squared_tail(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-300)


def test_shares_as_chance_makes_them() -> None:
    """Against scipy, and where there is nothing to ask."""
    expected = stats.chisquare([90, 110, 200], [100, 100, 200]).pvalue
    assert chance_of([90, 110, 200], [0.25, 0.25, 0.5]) == pytest.approx(expected)
    assert chance_of([3, 40], [0.1, 0.9]) is None
    assert chance_of([0, 40], [0, 1]) is None
    assert chance_of([1, 40], [0, 1]) == 0
    assert math.isclose(chance_of([100, 900], [0.1, 0.9]) or 0, 1)
