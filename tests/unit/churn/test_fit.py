"""Fitting: the likelihood against its definition and the literature, and models out of simulated lives."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.integrate import dblquad

from streamproc.churn.fit import (
    Dropout,
    Histories,
    Labels,
    fit_model,
    fit_p0,
    fit_scorecard,
    log_likelihood,
    recency_model,
)
from streamproc.churn.model import P0, ChurnModel, Scorecard
from streamproc.churn.quality import auc
from streamproc.churn.sampling import ActivityLog, Sample, sample
from streamproc.churn.score import DAY_MS, Terms, risk_of, score
from streamproc.errors import StreamprocError
from tests.unit.churn.customers import columns_of, model_of

CUSTOM = P0(r=1.3, alpha=8.0, a=0.9, b=2.1)
LABELS = Labels(version="t-1", trained_on="simulated lives", created="2026-11-22")


def integral(p: P0, x: int, last: float, age: float, dropout: Dropout) -> float:
    """The likelihood of one history over all customers: rate Gamma(r, alpha), dropout Beta(a, b)."""
    chances = x + 1 if dropout == "after any" else x

    def of_one(rate: float, leave: float) -> float:
        density = (
            p.alpha**p.r * rate ** (p.r - 1) * math.exp(-p.alpha * rate) / math.gamma(p.r)
            * leave ** (p.a - 1) * (1 - leave) ** (p.b - 1)
            * math.gamma(p.a + p.b) / math.gamma(p.a) / math.gamma(p.b)
        )  # fmt: skip
        stayed = (1 - leave) ** chances * math.exp(-rate * age)
        left = leave * (1 - leave) ** (chances - 1) * math.exp(-rate * last) if chances else 0.0
        return float(density * rate**x * (stayed + left))

    return float(dblquad(of_one, 0, 1, 0, 6, epsabs=1e-10, epsrel=1e-8)[0])


@pytest.mark.parametrize("dropout", ["after any", "after repeat"])
@pytest.mark.parametrize(("x", "last", "age"), [(0, 0.0, 12.0), (1, 5.0, 12.0), (4, 11.0, 30.0)])
def test_likelihood_is_the_integral_over_all_customers(
    dropout: Dropout, x: int, last: float, age: float
) -> None:
    past = Histories(np.array([float(x)]), np.array([last]), np.array([age]))
    value, _ = log_likelihood(CUSTOM, past, dropout)
    assert math.exp(value[0]) == pytest.approx(integral(CUSTOM, x, last, age, dropout), rel=1e-5)


@pytest.mark.parametrize(("days", "rec"), [([100], 12), ([100, 103, 110], 20)])
def test_p0_is_the_share_of_those_histories_that_stay_empty_for_another_horizon(
    days: list[int], rec: int
) -> None:
    """P0 = likelihood of the history and then nothing until now + H / likelihood of it until now."""
    horizon, x, last = 30, len(days) - 1, float(days[-1] - days[0])
    columns = columns_of([days])
    now_ms = int(columns.last_activity_ms[0]) + rec * 86_400_000
    risk = score(model_of(p0=CUSTOM, horizon_days=horizon), columns, now_ms).risk[0]
    empty = integral(CUSTOM, x, last, last + rec + horizon, "after any")
    assert risk == pytest.approx(empty / integral(CUSTOM, x, last, last + rec, "after any"), rel=1e-5)


@pytest.mark.parametrize("dropout", ["after any", "after repeat"])
def test_derivatives_are_those_of_the_likelihood(dropout: Dropout) -> None:
    past = Histories(np.array([0.0, 1.0, 4.0]), np.array([0.0, 5.0, 11.0]), np.array([12.0, 12.0, 30.0]))
    _, derivatives = log_likelihood(CUSTOM, past, dropout)
    values = np.array([CUSTOM.r, CUSTOM.alpha, CUSTOM.a, CUSTOM.b])
    for row, step in enumerate(np.eye(4) * 1e-6):
        up, down = (
            log_likelihood(P0(r=v[0], alpha=v[1], a=v[2], b=v[3]), past, dropout)[0]
            for v in (values + step, values - step)
        )
        assert derivatives[row] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_the_bg_nbd_of_the_literature_comes_out() -> None:
    """Fader, Hardie, Lee 2005, table 2, on the 1/10 sample of CDNOW, in weeks."""
    rows = np.loadtxt(Path(__file__).parent / "cdnow_sample.csv", delimiter=",", skiprows=2)
    each = np.repeat(rows[:, :3], rows[:, 3].astype(int), axis=0)
    assert len(each) == 2357
    found = fit_p0(Histories(each[:, 0], each[:, 1], each[:, 2]), dropout="after repeat")
    assert (found.r, found.alpha, found.a, found.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=1e-3)


def simulated(customers: int, days: int, seed: int) -> ActivityLog:
    """Lives under the modified BG/NBD of CUSTOM, all customers first seen within the first quarter."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(CUSTOM.r, 1 / CUSTOM.alpha, customers)
    leave = rng.beta(CUSTOM.a, CUSTOM.b, customers)
    at = rng.uniform(0, days / 4, customers)
    alive = np.ones(customers, bool)
    seen: list[tuple[int, int]] = []
    while alive.any():
        seen += [(int(customer), int(at[customer])) for customer in np.flatnonzero(alive)]
        alive &= rng.random(customers) >= leave
        at += rng.exponential(1 / rate)
        alive &= at < days
    return ActivityLog.of_days(np.array([row[0] for row in seen]), np.array([row[1] for row in seen]))


@pytest.fixture(scope="module")
def states() -> Sample:
    return sample(simulated(4000, 400, seed=3), [day * DAY_MS for day in range(341, 41, -60)], 60)


@pytest.fixture(scope="module")
def model(states: Sample) -> ChurnModel:
    return fit_model(states, 60, LABELS, np.random.default_rng(1))


def test_a_fitted_model_ranks_and_is_calibrated_on_other_customers(model: ChurnModel) -> None:
    other = sample(simulated(4000, 400, seed=4), [321 * DAY_MS], 60)
    risk = score(model, other.columns, other.now_ms).risk
    recency = (other.now_ms - other.columns.last_activity_ms).astype(float)
    near = other.near
    assert auc(risk[near], other.churned[near]) > auc(recency[near], other.churned[near]) + 0.02
    assert risk.mean() == pytest.approx(other.churned.mean(), abs=0.02)


def test_a_fitted_model_keeps_its_labels_and_signs(model: ChurnModel, states: Sample) -> None:
    assert (model.version, model.trained_on, model.horizon_days) == ("t-1", "simulated lives", 60)
    assert model.sc5 is not None
    assert min(model.sc5.w1, model.sc5.w2, model.sc5.w3, model.sc5.w4, model.sc5.w5) >= 0
    near = score(model, states.columns, states.now_ms).terms.log_days[states.near]
    assert model.means.log_days == pytest.approx(near.mean(), rel=1e-5)


def test_the_fit_is_reproducible(model: ChurnModel, states: Sample) -> None:
    assert fit_model(states, 60, LABELS, np.random.default_rng(1)) == model


def test_rates_that_do_not_drift_need_no_forgetting(model: ChurnModel) -> None:
    assert model.tau_days is None


def test_a_history_that_leaves_parameters_open_is_fitted_all_the_same() -> None:
    """Nearly everybody is active nearly every day, so that the chance to leave could be anything small."""
    rng = np.random.default_rng(10)
    n = 300
    last = rng.integers(20, 60, n).astype(float)
    past = Histories(np.round(last * rng.beta(20, 2, n)), last, last + rng.integers(0, 3, n))
    found = fit_p0(past)
    assert found.a / (found.a + found.b) < 0.1


def random_terms(rng: np.random.Generator, n: int) -> Terms:
    return Terms(*(rng.normal(size=n) for _ in range(5)))


def test_scorecard_finds_weights_and_refuses_wrong_signs() -> None:
    """Labels drawn with weights 1, 0.5, 0.8, -0.7 (a sign that is not allowed), 0.3."""
    rng = np.random.default_rng(5)
    t = random_terms(rng, 40_000)
    logit = 0.4 + t.logit_p0 + 0.5 * t.log_silence - 0.8 * t.log_days + 0.7 * t.log_e30 - 0.3 * t.log_e90
    found = fit_scorecard(t, rng.random(len(logit)) < risk_of(logit))
    assert found.w4 == 0
    # the term that had to go left noise behind, which shrinks the others a little
    assert (found.w1, found.w2, found.w3, found.w5) == pytest.approx((1, 0.5, 0.8, 0.3), rel=0.15)


def test_the_recency_rule_uses_silence_only() -> None:
    rng = np.random.default_rng(6)
    t = random_terms(rng, 20_000)
    found = fit_scorecard(t, rng.random(20_000) < risk_of(-0.5 + t.log_silence), weights=("w2",))
    assert (found.w1, found.w3, found.w4, found.w5) == (0, 0, 0, 0)
    assert (found.w0, found.w2) == pytest.approx((-0.5, 1.0), abs=0.08)


@pytest.mark.parametrize("weights", [("w2",), ("w1",), ("w1", "w2", "w3", "w4", "w5")])
def test_no_step_from_a_scorecard_makes_it_better(weights: tuple[str, ...]) -> None:
    """The loss of a regression, with importance and ridge, is least at what is found: it is convex."""
    rng = np.random.default_rng(7)
    t, importance = random_terms(rng, 3_000), rng.uniform(0.2, 1, 3_000)
    churned = rng.random(3_000) < risk_of(0.5 * t.log_silence - t.log_e30 + t.log_e90)
    found = fit_scorecard(t, churned, weights, importance=importance, ridge=1.0)

    def loss(w: Scorecard) -> float:
        logit = w.w0 + w.w1 * t.logit_p0 + w.w2 * t.log_silence - w.w3 * t.log_days
        logit = logit - w.w4 * t.log_e30 - w.w5 * t.log_e90
        lost = importance * (np.logaddexp(0, logit) - churned * logit)
        return float(lost.sum() + sum(value**2 for value in msgspec.structs.astuple(w)) / 2)

    for name in ("w0", *weights):
        for step in (-1e-3, 1e-3):
            value = getattr(found, name) + step
            if name == "w0" or value >= 0:
                assert loss(msgspec.structs.replace(found, **{name: value})) > loss(found)


def test_labels_of_one_outcome_only_need_a_ridge() -> None:
    t = random_terms(np.random.default_rng(8), 200)
    found = fit_scorecard(t, np.ones(200, np.bool_), ("w2",), ridge=1.0)
    assert 2 < found.w0 < 8


def test_recency_alone_is_a_model() -> None:
    states = sample(simulated(300, 400, seed=9), [200 * DAY_MS], 60)
    found = recency_model(states, 60, LABELS, ridge=1.0)
    assert found.p0 is None
    silence = states.now_ms - states.columns.last_activity_ms
    risk = score(found, states.columns, states.now_ms).risk
    assert auc(risk, states.churned) == auc(silence.astype(float), states.churned)


def test_a_search_that_fails_is_an_error_for_the_user() -> None:
    past = Histories(np.array([np.nan]), np.array([1.0]), np.array([2.0]))
    with pytest.raises(StreamprocError, match="did not converge"):
        fit_p0(past)
