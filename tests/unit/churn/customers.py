"""Random customers and models, and the score of one customer in plain Python (docs/churn.md)."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from streamproc.churn.model import P0, ChurnModel, Scorecard, Tau, TermMeans
from streamproc.churn.score import DAY_MS, ChurnColumns

MEANS = TermMeans(logit_p0=0.7, log_silence=3.4, log_days=0.7, log_e30=0.4, log_e90=0.7)


def model_of(
    p0: P0 | None = None,
    sc5: Scorecard | None = None,
    tau_days: Tau | None = None,
    horizon_days: int = 90,
) -> ChurnModel:
    """A model with the parameters that matter to a score."""
    return ChurnModel(
        version="test-1",
        horizon_days=horizon_days,
        tau_days=tau_days,
        p0=p0,
        sc5=sc5,
        means=MEANS,
        trained_on="nothing",
        created="2026-11-22",
    )


def columns_of(lives: Sequence[Sequence[int]], last_activity_ms: Sequence[int] | None = None) -> ChurnColumns:
    """The state of each customer from its active days; the last activity is at noon unless given."""
    days = [np.array(sorted(set(life))) for life in lives]
    last = np.array([life[-1] for life in days])
    noon = last * DAY_MS + DAY_MS // 2

    def decayed(tau_days: float) -> np.ndarray:
        return np.array([np.exp((life - life[-1]) / tau_days).sum() for life in days])

    return ChurnColumns(
        first_day=np.array([life[0] for life in days]),
        last_day=last,
        active_days=np.array([len(life) for life in days]),
        e30=decayed(30.0),
        e90=decayed(90.0),
        e365=decayed(365.0),
        last_activity_ms=noon if last_activity_ms is None else np.array(last_activity_ms),
    )


def naive_logit(model: ChurnModel, life: Sequence[int], rec: float) -> float:
    """The logit of a customer with these active days after `rec` days of silence, as the formulas say."""
    days = sorted(set(life))
    span, n = days[-1] - days[0], len(days)

    def decayed(tau_days: float) -> float:
        return math.fsum(math.exp((day - days[-1]) / tau_days) for day in days)

    logit_p0 = 0.0
    if model.p0 is not None:
        r, alpha, a, b = (getattr(model.p0, name) for name in ("r", "alpha", "a", "b"))
        x, age = float(n - 1), float(span)
        if model.tau_days is not None:
            first = math.exp(-span / model.tau_days)
            x, age = decayed(model.tau_days) - first, model.tau_days * (1 - first)
        odds = a / (b + x) * ((alpha + age + rec) / (alpha + age)) ** (r + x)
        nothing = ((alpha + age + rec) / (alpha + age + rec + model.horizon_days)) ** (r + x)
        p0 = 1 - (1 - nothing) / (1 + odds)
        logit_p0 = math.log(p0 / (1 - p0))
    w = model.sc5
    if w is None:
        return logit_p0
    return (
        w.w0
        + w.w1 * logit_p0
        + w.w2 * math.log(1 + rec)
        - w.w3 * math.log(n)
        - w.w4 * math.log(1 + decayed(30) * math.exp(-rec / 30))
        - w.w5 * math.log(1 + decayed(90) * math.exp(-rec / 90))
    )


p0s = st.builds(P0, r=st.floats(0.1, 3), alpha=st.floats(2, 100), a=st.floats(0.1, 3), b=st.floats(0.3, 5))
#: Every weight that may be 0 sometimes is; one of the rising terms always counts.
_weights = st.one_of(st.just(0.0), st.floats(0.05, 2))
scorecards = st.builds(
    Scorecard,
    w0=st.floats(-3, 3),
    w1=st.floats(0.05, 1.5),
    w2=_weights,
    w3=_weights,
    w4=_weights,
    w5=_weights,
)
recency_rules = st.builds(
    Scorecard,
    w0=st.floats(-4, 1),
    w1=st.just(0.0),
    w2=st.floats(0.1, 3),
    w3=_weights,
    w4=_weights,
    w5=_weights,
)
models = st.one_of(
    st.builds(
        model_of,
        p0=p0s,
        sc5=st.one_of(st.none(), scorecards),
        tau_days=st.sampled_from((None, 30, 90, 365)),
        horizon_days=st.sampled_from((7, 30, 90)),
    ),
    st.builds(model_of, sc5=recency_rules),
)
#: Active days of one customer.
lives = st.lists(st.integers(10_000, 10_600), min_size=1, max_size=40)
