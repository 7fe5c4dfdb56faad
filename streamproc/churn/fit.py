"""Fit a churn model on a log of active days. Needs scipy, which is in the extra `science`.

P0 needs no labels: maximum likelihood on sampled states. The scorecard needs states a horizon older than
the log's end: a logistic regression, with its weights held at the signs that make risk rise with silence.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import betaln, digamma, expit, gammaln

from streamproc.churn.model import P0, TAUS_DAYS, ChurnModel, Scorecard, Tau, TermMeans
from streamproc.churn.quality import Bools, log_loss
from streamproc.churn.sampling import Sample
from streamproc.churn.score import DAY_MS, Floats, Terms, repeats, score
from streamproc.errors import StreamprocError

#: Chances to leave for good: after any purchase (modified BG/NBD), or after repeat purchases only (BG/NBD).
Dropout = Literal["after any", "after repeat"]

#: ln r, ln alpha, ln a, ln b are held inside these bounds, far outside anything sensible: where a history leaves a
#: parameter open (nobody ever stays away, say), its likelihood rises for ever.
_LOG_BOUNDS: Final = (-8.0, 12.0)
#: The search for P0 ends, or may end where rounding lets it go no further, with a slope as flat as this.
_P0_SLOPE: Final = 1e-6
_P0_SLOPE_MAX: Final = 1e-4
#: Where the search does not end, it is tried again with a slight pull towards its start.
_PULLS: Final = (0.0, 1e-5, 1e-3)

_ALL_WEIGHTS = ("w1", "w2", "w3", "w4", "w5")

#: The regression ends where the mean slope of the loss is as flat as this; it takes about ten rounds.
_SLOPE_MIN: Final = 1e-8
_ROUNDS_MAX: Final = 200
_STEP_MIN: Final = 1e-12

_NO_WEIGHTS: Final = Scorecard(w0=0.0, w1=0.0, w2=0.0, w3=0.0, w4=0.0, w5=0.0)


@dataclass(frozen=True, slots=True)
class Histories:
    """What the likelihood needs of n customers, in any one unit of time."""

    x: Floats  # repeat active days (or purchases)
    last: Floats  # age at the last of them
    age: Floats  # age at the end of observation


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """What a model file says about its own origin."""

    version: str
    trained_on: str
    created: str  # YYYY-MM-DD


def histories_of(states: Sample, tau_days: Tau | None) -> Histories:
    """Histories, in days, of sampled states, discounted with `tau_days` if given."""
    x, last = repeats(states.columns, tau_days)
    return Histories(x, last, last + (states.now_ms - states.columns.last_activity_ms) / DAY_MS)


def log_likelihood(p: P0, past: Histories, dropout: Dropout) -> tuple[Floats, Floats]:
    """Log likelihood of each history, float64[n], and its derivatives by r, alpha, a, b, float64[4, n].

    "after any": Batislam, Denizel, Filiztekin 2007. "after repeat": Fader, Hardie, Lee 2005, eq. 6, in which
    nobody leaves after the first purchase.
    """
    r, alpha, a, b = p.r, p.alpha, p.a, p.b
    shape = r + past.x
    chances = past.x + 1 if dropout == "after any" else past.x
    end, last = alpha + past.age, alpha + past.last
    stayed = gammaln(shape) - gammaln(r) + r * np.log(alpha) - shape * np.log(end)
    stayed += betaln(a, b + chances) - betaln(a, b)
    # D, the odds of having left at the last purchase; who had no chance to leave has none
    failures = b + np.maximum(chances, 1) - 1
    ln_growth = np.log(end / last)
    ln_odds = np.where(chances > 0, np.log(a / failures) + shape * ln_growth, -np.inf)
    left = expit(ln_odds)
    derivatives = (
        digamma(shape) - digamma(r) + np.log(alpha) - np.log(end) + left * ln_growth,
        r / alpha - shape / end + left * shape * (1 / end - 1 / last),
        digamma(a + b) - digamma(a + b + chances) + left / a,
        digamma(a + b) - digamma(a + b + chances) + digamma(b + chances) - digamma(b) - left / failures,
    )
    return stayed + np.logaddexp(0.0, ln_odds), np.stack(derivatives)


def fit_p0(past: Histories, dropout: Dropout = "after any") -> P0:
    """Maximum likelihood estimate of r, alpha, a, b; a customer should be in `past` once.

    Raises StreamprocError if the search does not converge.
    """

    start = np.log([0.5, max(float(np.mean(past.age)) / 10, 1e-3), 1.0, 2.0])
    for pull in _PULLS:
        found = _search(past, dropout, start, pull)
        if np.abs(found.jac).max() <= _P0_SLOPE_MAX:
            r, alpha, a, b = _rounded(np.exp(np.clip(found.x, *_LOG_BOUNDS)))
            return P0(r=r, alpha=alpha, a=a, b=b)
    raise _not_converged("P0", found.message)


def _search(past: Histories, dropout: Dropout, start: Floats, pull: float) -> OptimizeResult:
    """Logarithms of r, alpha, a, b of the greatest likelihood, less `pull` times their squared way from the start."""

    def loss(log_parameters: Floats) -> tuple[float, Floats]:
        held, way = np.clip(log_parameters, *_LOG_BOUNDS), log_parameters - start
        outside = log_parameters - held
        likelihood, derivatives = log_likelihood(_p0(held), past, dropout)
        slope = np.where(outside == 0, -derivatives.mean(axis=1) * np.exp(held), 2 * outside)
        lost = -float(likelihood.mean()) + float(np.sum(outside**2)) + pull * float(np.sum(way**2))
        return lost, slope + 2 * pull * way

    # Not L-BFGS-B: its linear algebra starts threads for four numbers, which takes longer than all the rest.
    with np.errstate(all="ignore"):  # a step of the search may go too far; it is taken back
        return minimize(loss, start, jac=True, method="BFGS", options={"gtol": _P0_SLOPE, "maxiter": 500})


def fit_scorecard(
    terms: Terms,
    churned: Bools,
    weights: Collection[str] = _ALL_WEIGHTS,
    *,
    importance: Floats | None = None,
    ridge: float = 0.0,
) -> Scorecard:
    """Logistic regression of `churned` on the terms; w0 is free, `weights` are >= 0, all others are 0.

    `weights=("w2",)` is the recency rule. importance: how much each state counts, float64[n]; all the same without.
    ridge: a penalty of ridge / 2 times the squares of all parameters, which few labels, or labels of one outcome only,
    need. Raises StreamprocError if the search does not converge.
    """
    design = np.column_stack(
        (
            np.ones_like(terms.logit_p0),
            terms.logit_p0,
            terms.log_silence,
            -terms.log_days,
            -terms.log_e30,
            -terms.log_e90,
        )
    )
    counts = np.ones(len(churned)) if importance is None else importance
    allowed = np.array([True, *(name in weights for name in _ALL_WEIGHTS)])
    found = _regression(design, churned, counts, ridge, allowed)
    w0, w1, w2, w3, w4, w5 = _rounded(found)
    return Scorecard(w0=w0, w1=w1, w2=w2, w3=w3, w4=w4, w5=w5)


def _regression(design: Floats, churned: Bools, counts: Floats, ridge: float, allowed: Bools) -> Floats:
    """The parameters of least loss: the first one free, others >= 0, and 0 where they are not allowed.

    Newton's method on those that no bound holds (two-metric projection: Bertsekas 1982). The loss is convex, and a
    dozen rounds are enough, where methods that do not know its curvature need hundreds: the terms are alike.
    """

    def loss(w: Floats) -> float:
        logit = design @ w
        lost = np.sum(counts * (np.logaddexp(0.0, logit) - churned * logit))
        return float(lost + ridge / 2 * np.sum(w**2))

    w = np.zeros(design.shape[1])
    now = loss(w)
    for _ in range(_ROUNDS_MAX):
        risk = expit(design @ w)
        slope = design.T @ (counts * (risk - churned)) + ridge * w
        held = ~allowed | ((w <= 0) & (slope > 0))
        held[0] = False
        if np.abs(slope[~held]).max() <= _SLOPE_MIN * counts.sum():
            return w
        curvature = (design * (counts * risk * (1 - risk))[:, None]).T @ design
        curvature += np.diag(np.full(len(w), ridge) + 1e-12 * np.trace(curvature))
        step = np.zeros(len(w))
        step[~held] = np.linalg.solve(curvature[np.ix_(~held, ~held)], slope[~held])
        size = 1.0
        while True:
            moved = w - size * step
            moved[1:] = np.maximum(moved[1:], 0.0)
            after = loss(moved)
            if after <= now - 1e-4 * float(slope @ (w - moved)):
                break
            size /= 2
            if not size > _STEP_MIN:
                raise _not_converged("the scorecard", "no step makes it better")
        w, now = moved, after
    raise _not_converged("the scorecard", f"not after {_ROUNDS_MAX} rounds")


def fit_model(states: Sample, horizon_days: int, labels: Labels, rng: np.random.Generator) -> ChurnModel:
    """Fit P0 (with the tau of least log loss), the scorecard and the means of the terms on labelled states.

    P0 sees one state of each customer, drawn by `rng`; everything else sees all states.
    """
    model = min(p0_models(states, horizon_days, labels, rng), key=lambda model: p0_log_loss(model, states))
    terms = score(model, states.columns, states.now_ms).terms
    fitted = msgspec.structs.replace(model, sc5=fit_scorecard(terms, states.churned))
    return with_means(fitted, states)


def with_means(model: ChurnModel, states: Sample) -> ChurnModel:
    """The model with the means of its terms among customers active within the horizon.

    Reasons compare with those an alert can still help, not with the long gone. Among all, if there are no others.
    """
    compared = states.near if states.near.any() else np.ones(len(states), np.bool_)
    terms = score(model, states.columns, states.now_ms).terms
    names = TermMeans.__struct_fields__
    means = _rounded(getattr(terms, name)[compared].mean() for name in names)
    return msgspec.structs.replace(model, means=TermMeans(**dict(zip(names, means, strict=True))))


def p0_models(
    states: Sample,
    horizon_days: int,
    labels: Labels,
    rng: np.random.Generator,
    customers_max: int | None = None,
) -> list[ChurnModel]:
    """P0 alone, fitted without forgetting and with each tau; needs no labels.

    On one state of each customer, or of so many of them.
    Those that do not converge are left out: a short tau may forget all that a slow shop has to tell. Raises
    StreamprocError if none does.
    """
    once = one_state_each(states, rng)
    once = once.take(np.arange(len(once))[:customers_max])
    found: list[ChurnModel] = []
    failure: StreamprocError | None = None
    for tau in (None, *TAUS_DAYS):
        try:
            found.append(_model(fit_p0(histories_of(once, tau)), None, tau, horizon_days, labels))
        except StreamprocError as error:
            failure = error
    if not found and failure is not None:
        raise failure
    return found


def recency_model(states: Sample, horizon_days: int, labels: Labels, **how: Any) -> ChurnModel:
    """Silence alone; `how` is passed on to `fit_scorecard`."""
    flat = _model(None, _NO_WEIGHTS, None, horizon_days, labels)
    terms = score(flat, states.columns, states.now_ms).terms
    return msgspec.structs.replace(flat, sc5=fit_scorecard(terms, states.churned, ("w2",), **how))


def _model(
    p0: P0 | None, sc5: Scorecard | None, tau: Tau | None, horizon_days: int, labels: Labels
) -> ChurnModel:
    return ChurnModel(
        version=labels.version,
        horizon_days=horizon_days,
        tau_days=tau,
        p0=p0,
        sc5=sc5,
        means=TermMeans(logit_p0=0.0, log_silence=0.0, log_days=0.0, log_e30=0.0, log_e90=0.0),
        trained_on=labels.trained_on,
        created=labels.created,
    )


def one_state_each(states: Sample, rng: np.random.Generator) -> Sample:
    """One state of each customer, drawn at random, in random order."""
    shuffled = rng.permutation(len(states.customer))
    _, first = np.unique(states.customer[shuffled], return_index=True)
    return states.take(shuffled[np.sort(first)])


def p0_log_loss(model: ChurnModel, states: Sample) -> float:
    """Log loss of P0 alone on labelled states."""
    alone = msgspec.structs.replace(model, sc5=None)
    return log_loss(score(alone, states.columns, states.now_ms).risk, states.churned)


def _p0(log_parameters: Floats) -> P0:
    r, alpha, a, b = (float(value) for value in np.exp(log_parameters))
    return P0(r=r, alpha=alpha, a=a, b=b)


def _rounded(values: Iterable[float]) -> list[float]:
    """Six significant digits: more than the data hold, and a file that can be read and compared."""
    return [float(f"{value:.6g}") for value in values]


def _not_converged(what: str, why: str) -> StreamprocError:
    return StreamprocError(
        f"fitting {what} did not converge: {why}",
        fix="fit on more customers, or check that the activity log has repeat days",
    )
