"""The score: golden values, the formulas, monotony, limits, and independence of the batch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.model import P0, ChurnModel, Scorecard
from streamproc.churn.score import DAY_MS, LOGIT_LIMIT, ChurnColumns, score
from tests.unit.churn.customers import columns_of, lives, model_of, models, naive_logit

PLAIN = model_of(
    p0=P0(r=0.5, alpha=10.0, a=1.0, b=2.0), sc5=Scorecard(w0=1.0, w1=0.5, w2=0.25, w3=0.5, w4=0.1, w5=0.2)
)
P0_ALONE = model_of(p0=P0(r=0.5, alpha=10.0, a=1.0, b=2.0))


def risk_after(model: ChurnModel, life: list[int], rec_days: float) -> float:
    columns = columns_of([life])
    now_ms = int(columns.last_activity_ms[0] + rec_days * DAY_MS)
    return float(score(model, columns, now_ms).risk[0])


def test_p0_of_a_customer_of_one_day_at_once() -> None:
    """x = 0, T = 0, rec = 0: D = 1/2, q = (10/100)^0.5 = 0.316228; P0 = 1 - 0.683772 / 1.5 = 0.544152."""
    assert risk_after(P0_ALONE, [10_000], 0) == pytest.approx(1 - (1 - math.sqrt(0.1)) / 1.5, abs=1e-14)
    assert risk_after(P0_ALONE, [10_000], 0) == pytest.approx(0.544152, abs=5e-7)


def test_p0_of_a_customer_of_two_days_after_30_days() -> None:
    """x = 1, T = 20, rec = 30: D = 1/3 * (60/30)^1.5 = 0.942809, q = (60/150)^1.5 = 0.252982.

    P0 = 1 - 0.747018 / 1.942809 = 0.615496.
    """
    odds, nothing = 2**1.5 / 3, 0.4**1.5
    assert risk_after(P0_ALONE, [10_000, 10_020], 30) == pytest.approx(
        1 - (1 - nothing) / (1 + odds), abs=1e-14
    )
    assert risk_after(P0_ALONE, [10_000, 10_020], 30) == pytest.approx(0.615496, abs=5e-7)


def test_scorecard_of_a_customer_of_two_days_after_30_days() -> None:
    """The same customer: logit P0 = ln(0.615496 / 0.384504) = 0.470454, e30 = 1 + e^(-2/3) = 1.513417,

    at now 1.513417 / e = 0.556755; e90 = 1 + e^(-2/9) = 1.800737, at now * e^(-1/3) = 1.290293. So logit =
    1 + 0.235227 + 0.25 ln 31 - 0.5 ln 2 - 0.1 ln 1.556755 - 0.2 ln 2.290293 = 1.537109.
    """
    logit = (
        1
        + 0.5 * math.log(0.615496 / 0.384504)
        + 0.25 * math.log(31)
        - 0.5 * math.log(2)
        - 0.1 * math.log(1.556755)
        - 0.2 * math.log(2.290293)
    )
    assert risk_after(PLAIN, [10_000, 10_020], 30) == pytest.approx(1 / (1 + math.exp(-logit)), abs=2e-6)


@given(models, st.lists(st.tuples(lives, st.integers(0, 400 * DAY_MS)), min_size=1, max_size=5))
def test_score_is_the_formula(model: ChurnModel, customers: list[tuple[list[int], int]]) -> None:
    """Where P0 is far enough from 0 and 1 for the textbook form to be accurate, both agree."""
    columns = columns_of([life for life, _ in customers])
    silence_ms = np.array([silence for _, silence in customers])
    scored = score(model, columns, columns.last_activity_ms + silence_ms)
    for row, (life, silence) in enumerate(customers):
        if abs(scored.terms.logit_p0[row]) < 12:
            assert scored.logit[row] == pytest.approx(naive_logit(model, life, silence / DAY_MS), abs=1e-8)


@given(models, lives, st.integers(0, 3650 * 86_400), st.integers(1, 3650 * 86_400))
def test_risk_never_falls_in_silence(model: ChurnModel, life: list[int], start_s: int, wait_s: int) -> None:
    """On the grid of seconds, on which it is evaluated."""
    columns = columns_of([life])
    at_ms = columns.last_activity_ms + np.array([start_s, start_s + wait_s]) * 1000
    first, second = (float(score(model, columns, ms).risk[0]) for ms in at_ms)
    assert first <= second


@given(models, st.integers(1, 4000), st.integers(1, 4000), st.integers(0, 20_000))
def test_risk_is_inside_0_and_1_and_finite_for_any_history(
    model: ChurnModel, days: int, stretch: int, silent_days: int
) -> None:
    """Thousands of active days, decades of silence: P0 is 0 or 1 to double precision, its logit is not."""
    span = max(days, stretch)
    columns = ChurnColumns(
        first_day=np.array([0]),
        last_day=np.array([span]),
        active_days=np.array([days]),
        e30=np.array([min(days, 30.0)]),
        e90=np.array([min(days, 90.0)]),
        e365=np.array([min(days, 365.0)]),
        last_activity_ms=np.array([span * DAY_MS]),
    )
    with np.errstate(all="raise", under="ignore"):
        scored = score(model, columns, (span + silent_days) * DAY_MS)
    assert 0 < scored.risk[0] < 1
    assert np.isfinite(scored.logit[0])
    assert abs(scored.terms.logit_p0[0]) <= LOGIT_LIMIT


@given(models, st.lists(lives, min_size=2, max_size=9), st.integers(0, 200 * DAY_MS))
def test_every_row_is_scored_as_if_alone(model: ChurnModel, batch: list[list[int]], silence_ms: int) -> None:
    """Bit for bit, or chunk sizes would change signals."""
    columns = columns_of(batch)
    together = score(model, columns, columns.last_activity_ms + silence_ms)
    for row in range(len(batch)):
        alone = score(model, columns.take(np.array([row])), columns.last_activity_ms[[row]] + silence_ms)
        assert alone.logit[0] == together.logit[row]
        assert alone.risk[0] == together.risk[row]


def test_the_clock_may_lag_behind_the_last_activity() -> None:
    """Silence is never negative."""
    columns = columns_of([[10_000, 10_020]])
    at = score(PLAIN, columns, columns.last_activity_ms)
    before = score(PLAIN, columns, columns.last_activity_ms - 5000)
    assert before.risk[0] == at.risk[0]


def test_rows_without_activity_do_not_disturb_the_batch() -> None:
    """An all-zero state has no meaningful score, but a finite one and no warning."""
    day, decayed = np.zeros(2, np.int64), np.zeros(2)
    empty = ChurnColumns(day, day, day, decayed, decayed, decayed, last_activity_ms=day)
    with np.errstate(all="raise", under="ignore"):
        assert np.isfinite(score(PLAIN, empty, 20_000 * DAY_MS).logit).all()


def test_discounting_forgets_an_old_history() -> None:
    """A hundred busy days two and a half years ago, and one today: with tau = 30, x = 1 and T = 30 are left.

    D = 1/3 and q = (40/130)^1.5 = 0.170677, so P0 = 1 - 0.829323 / (4/3) = 0.378008.
    """
    life = [*range(9_000, 9_100), 10_000]
    p0 = P0(r=0.5, alpha=10.0, a=1.0, b=2.0)
    fresh = risk_after(model_of(p0=p0, tau_days=30), life, 0)
    assert fresh == pytest.approx(1 - (1 - (4 / 13) ** 1.5) * 0.75, abs=1e-12)
    assert risk_after(model_of(p0=p0), life, 0) < 0.02
