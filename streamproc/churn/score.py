"""The churn score: logit and risk of a batch of customers, each at its own instant.

P0 is the probability of no activity in the next H days under the modified BG/NBD model, in which a customer
may leave after any active day, the first included: Batislam, Denizel, Filiztekin (2007), "Empirical
validation and comparison of models for customer base analysis", Int. J. of Research in Marketing 24(3),
after Fader, Hardie, Lee (2005), "Counting your customers the easy way", Marketing Science 24(2).
docs/churn.md derives the form used here.
"""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Self

import numpy as np
import numpy.typing as npt

from streamproc.churn.model import ChurnModel
from streamproc.churn.silence import scores

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY_MS = 86_400_000

#: logit(P0), and the logit before it becomes a risk, are held inside +-35: exp(-35) = 6e-16, so the risk
#: stays strictly inside (0, 1) in double precision.
LOGIT_LIMIT = 35.0


@dataclass(frozen=True, slots=True)
class ChurnColumns:
    """What the score needs of n customers; a row without activity (active_days 0) has no meaningful score."""

    first_day: Ints  # epoch day of the first activity
    last_day: Ints  # epoch day of the last activity
    active_days: Ints  # distinct active days
    e30: Floats  # sum over active days d of exp(-(last_day - d) / 30), likewise e90, e365
    e90: Floats
    e365: Floats
    last_activity_ms: Ints

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Self:
        """The rows of `index` (positions, or a mask), in that order."""
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class History:
    """The part of the score that silence does not change, computed once per customer.

    `numbers`: float64[6, n], which are shape: r + x; age: alpha + age at the last activity, in days; ln(a / (b + x)),
    the log odds of having left at the very moment of the last activity; ln(n); e30 and e90 as of the last activity.
    """

    numbers: Floats
    last_activity_ms: Ints


@dataclass(frozen=True, slots=True)
class Terms:
    """The five terms of the scorecard, float64[n] each, before they are weighted."""

    logit_p0: Floats  # all 0 if the model has no P0
    log_silence: Floats  # ln(1 + days of silence)
    log_days: Floats  # ln(n)
    log_e30: Floats  # ln(1 + e30 at now)
    log_e90: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """Scores of n customers: risk = 1 / (1 + exp(-logit)), with the logit held inside +-LOGIT_LIMIT."""

    logit: Floats  # before it is held inside the limits: the one that reasons add up to
    risk: Floats  # strictly between 0 and 1
    terms: Terms
    past: History


def score(model: ChurnModel, columns: ChurnColumns, now_ms: Ints | int) -> Score:
    """Score n customers at `now_ms` (one instant, or int64[n]).

    Never falls while a customer is silent. Each row depends on its own inputs only, bit for bit, so that
    batches of any size agree.
    """
    past = history(model, columns)
    n = len(past.last_activity_ms)
    instants = np.ascontiguousarray(now_ms, np.int64) if np.ndim(now_ms) else np.full(n, now_ms, np.int64)
    terms, logit, risk = np.empty((4, n)), np.empty(n), np.empty(n)
    scores(past.numbers, past.last_activity_ms, instants, parameters(model), terms, logit, risk)
    logit_p0, log_silence, log_e30, log_e90 = terms
    log_days: Floats = past.numbers[3]
    return Score(logit, risk, Terms(logit_p0, log_silence, log_days, log_e30, log_e90), past)


def history(model: ChurnModel, columns: ChurnColumns) -> History:
    """Reduce n customers' states to what the score needs of them."""
    x, age_days = repeats(columns, model.tau_days)
    p0 = model.p0
    shape, age, ln_odds = (
        (x, age_days, x) if p0 is None else (p0.r + x, p0.alpha + age_days, np.log(p0.a / (p0.b + x)))
    )
    log_days = np.log(np.maximum(columns.active_days, 1))
    numbers = np.array((shape, age, ln_odds, log_days, columns.e30, columns.e90), np.float64)
    return History(numbers, np.ascontiguousarray(columns.last_activity_ms))


@lru_cache(maxsize=64)
def parameters(model: ChurnModel) -> Floats:
    """A model as `churn.silence` takes it."""
    w = model.weights
    weights = (w.w0, w.w1, w.w2, w.w3, w.w4, w.w5)
    numbers = np.array((model.p0 is not None, model.horizon_days, *weights), np.float64)
    numbers.setflags(write=False)
    return numbers


def repeats(columns: ChurnColumns, tau_days: int | None) -> tuple[Floats, Floats]:
    """Repeat active days x and age at the last activity in days, discounted with `tau_days` if given."""
    span = np.maximum(columns.last_day - columns.first_day, 0).astype(np.float64)
    if tau_days is None:
        return np.maximum(columns.active_days - 1, 0).astype(np.float64), span
    e_tau: Floats = getattr(columns, f"e{tau_days}")
    weight_of_first = np.exp(span / -tau_days)
    # e_tau contains the first day's weight; rounding may leave a customer of one day just below 0
    return np.maximum(e_tau - weight_of_first, 0.0), tau_days * (1.0 - weight_of_first)


def risk_of(logit: Floats) -> Floats:
    """The probability of a logit, strictly inside (0, 1)."""
    risk: Floats = 1.0 / (1.0 + np.exp(-np.clip(logit, -LOGIT_LIMIT, LOGIT_LIMIT)))
    return risk
