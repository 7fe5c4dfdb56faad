"""p and q against what they are by definition."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.discovery.figures import p_values, q_values


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_q_is_the_least_rate_at_which_the_procedure_finds_it(p: list[float]) -> None:
    """The procedure: reject the k least, with the greatest k whose p is at most k/m times the rate."""
    q = q_values(np.array(p))
    for rate in (*q.tolist(), 0.05, 0.1):
        k = max((k for k, own in enumerate(sorted(p), 1) if own * len(p) / k <= rate), default=0)
        wanted = sum(own <= sorted(p)[k - 1] for own in p) if k else 0
        assert (q <= rate).sum() == wanted


@pytest.mark.parametrize(("n", "having"), [(40, 18), (60, 20), (100, 41), (700, 200), (5, 0), (720, 20)])
def test_p_of_shares_is_that_of_the_exact_test(n: int, having: int) -> None:
    """By scipy, in both directions."""
    stats = pytest.importorskip("scipy.stats")
    outcome = np.zeros(1_000)
    outcome[:300] = 1.0
    for less, exact in (
        (False, stats.hypergeom.sf(having - 1, 1_000, 300, n)),
        (True, stats.hypergeom.cdf(having, 1_000, 300, n)),
    ):
        found = p_values(np.array([n]), np.array([float(having)]), outcome, less=less)[0]
        assert found == pytest.approx(exact, rel=1e-9, abs=1e-300)


def test_p_of_amounts_is_about_the_share_of_groups_that_are_as_good() -> None:
    outcome = np.array([0.0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 9, 12])
    sums = np.array([sum(own) for own in combinations(outcome.tolist(), 6)])
    for mine in (24.0, 30.0, 36.0):
        exact = (sums > mine).mean() + (sums == mine).mean() / 2
        assert p_values(np.array([6]), np.array([mine]), outcome)[0] == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("less", [False, True])
def test_p_of_skewed_amounts_is_not_too_small(less: bool) -> None:
    """Groups of 60 drawn by lot: one in a hundred has a p of at most 1 %, and one in a thousand of 0.1 %."""
    rng = np.random.default_rng(1)
    outcome = np.round(np.where(rng.random(1_500) < 0.3, rng.lognormal(4, 1, 1_500), 0))
    outcome = np.minimum(outcome, np.quantile(outcome, 0.99))  # as `capped` does
    sums = np.array([float(rng.choice(outcome, 60, replace=False).sum()) for _ in range(10_000)])
    p = p_values(np.full(len(sums), 60), sums, outcome, less=less)
    for rate in (0.05, 0.01, 0.001):
        assert (p <= rate).mean() <= rate * 1.2 + 0.0005


def test_everybody_is_no_surprise() -> None:
    assert p_values(np.array([10]), np.array([10.0]), np.ones(10)).tolist() == [1.0]
    assert p_values(np.array([3]), np.array([6.0]), np.array([1.0, 2.0, 3.0])).tolist() == [0.5]
