"""Which form of the churn model a history is enough for, and how well each does on customers it was not fitted on.

Needs scipy, which is in the extra `science`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import msgspec
import numpy as np
from xxhash import xxh32_intdigest

from streamproc.churn.fit import Labels, fit_scorecard, p0_models, recency_model, with_means
from streamproc.churn.model import ChurnModel, encode_model
from streamproc.churn.quality import Bools
from streamproc.churn.sampling import ActivityLog, Sample, sample
from streamproc.churn.score import DAY_MS, Floats, score
from streamproc.contracts.instants import to_iso
from streamproc.errors import StreamprocError
from streamproc.fitting.forms import FORM_NAMES, FORMS, Form
from streamproc.fitting.origins import origins_ms

#: With fewer customers nothing is fitted.
CUSTOMERS_MIN: Final = 20
#: With fewer customers the scorecard is not tried.
SCORECARD_CUSTOMERS_MIN: Final = 1_000
#: Of each outcome, the scorecard wants so many customers: ten for each of its weights.
SCORECARD_OUTCOMES_MIN: Final = 60
#: P0 wants so many customers with a second active day.
P0_REPEATERS_MIN: Final = 20
#: An alert can help only those active within the horizon: all others count half. (Not nothing: a risk for
#: those long silent has to come from somewhere.)
_FAR_IMPORTANCE: Final = 0.5
#: As strong as a few states: keeps weights finite where labels leave them open.
_RIDGE: Final = 1.0
_FOLDS: Final = 5
_SEED: Final = 1
#: Of more states than these, only some customers' are looked at.
_STATES_MAX: Final = 250_000

#: P0 is fitted on so many customers: with 3,000 it is already within .004 of what all would give.
_P0_CUSTOMERS_MAX: Final = 5_000
#: On how many states the tau is chosen.
_TAU_STATES_MAX: Final = 30_000

_WEIGHTS: Final[Mapping[Form, Sequence[str]]] = {"p0": ("w1",), "sc5": ("w1", "w2", "w3", "w4", "w5")}


class Amount(NamedTuple):
    """How much there is to fit on."""

    customers: int
    repeaters: int  # customers with more than one active day


@dataclass(frozen=True, slots=True)
class Trial:
    """What was fitted, and what the same way of fitting said about customers it had not seen.

    risks: by form, the risk of each of `states`, from a model fitted without that customer; empty without labels.
    missing: why richer forms than the chosen one were not tried or not taken.
    """

    form: Form
    model: ChurnModel
    amount: Amount
    states: Sample
    risks: dict[Form, Floats]
    missing: tuple[str, ...]


def try_history(
    log: ActivityLog,
    ids: Sequence[str],
    horizon_days: int,
    labels: Labels,
    advance: Callable[[float], None] = lambda done: None,
) -> Trial:
    """Fit what the log is enough for, and choose by the log loss on customers held out.

    `ids`: of the customers, by code. `advance` is told now and then which share is done. The same log gives the same
    result. Raises StreamprocError if the log is not enough for anything.
    """
    amount = Amount(len(np.unique(log.customer)), _repeaters(log))
    origins = origins_ms(log, horizon_days)
    if not origins:
        span_days = int(log.ts_ms[-1] - log.ts_ms[0]) // DAY_MS + 1 if len(log.ts_ms) else 0
        end_ms = (int(log.ts_ms[-1]) // DAY_MS + 1) * DAY_MS if len(log.ts_ms) else 0
        days = "1 day" if span_days == 1 else f"{span_days:,} days"
        why = f"the history has {days}: too short to see what became of anybody in {horizon_days} days"
        return without_outcomes(sample(log, [end_ms], horizon_days), amount, why, horizon_days, labels)
    states = sample(_thinned(log, ids, len(origins)), origins, horizon_days)
    return try_states(states, ids, amount, horizon_days, labels, advance)


def try_states(
    states: Sample,
    ids: Sequence[str],
    amount: Amount,
    horizon_days: int,
    labels: Labels,
    advance: Callable[[float], None] = lambda done: None,
) -> Trial:
    """As `try_history`, of states with their outcomes; `amount`: of the history that they are from."""
    if amount.customers < CUSTOMERS_MIN:
        raise StreamprocError(
            f"{amount.customers} {'customer is' if amount.customers == 1 else 'customers are'} too few to learn from: "
            f"{CUSTOMERS_MIN} are the least",
            fix="give the events of more customers; until then the packaged model serves",
        )
    hashes = np.array([xxh32_intdigest(customer.encode()) for customer in ids], np.int64)
    fold = hashes[states.customer] % _FOLDS
    forms, missing = _enough_for(amount, states, horizon_days)
    risks = {form: np.empty(len(states)) for form in forms}
    for number in range(_FOLDS):
        held_out = fold == number
        models = _fit_forms(states.take(~held_out), forms, horizon_days, labels)
        told = states.take(held_out)
        for form in forms:
            risks[form][held_out] = score(models[form], told.columns, told.now_ms).risk
        advance((number + 1) / (_FOLDS + 1))
    loss = {form: _loss(risk, states) for form, risk in risks.items()}
    form = min(forms, key=lambda form: loss[form])
    if form != forms[-1]:
        missing += tuple(
            f"{FORM_NAMES[form]} does no worse on customers held out: log loss {loss[form]:.4f}, "
            f"{FORM_NAMES[other]} {loss[other]:.4f}"
            for other in forms[FORMS.index(form) + 1 :]
        )
    model = _fit_forms(states, forms, horizon_days, labels)[form]
    return Trial(form, with_means(model, states), amount, states, risks, missing)


def described(trial: Trial, version: str | None, source: str) -> Trial:
    """The trial with a model that tells where it comes from.

    version: None makes one of the horizon and of what else is in the model, which differs where that does.
    """
    states = trial.states
    days = [to_iso(int(ms))[:10] for ms in np.unique(states.now_ms)[[0, -1]]]
    trained_on = (
        f"{source}: {len(states)} states of {len(np.unique(states.customer))} customers as of "
        f"{len(np.unique(states.now_ms))} dates, {days[0]} to {days[1]}"
    )
    model = msgspec.structs.replace(trial.model, trained_on=trained_on)
    if version is None:
        undated = msgspec.structs.replace(model, created="2000-01-01")
        version = f"fit-{model.horizon_days}d-{xxh32_intdigest(encode_model(undated)):08x}"
    return replace(trial, model=msgspec.structs.replace(model, version=version))


def without_outcomes(states: Sample, amount: Amount, why: str, horizon_days: int, labels: Labels) -> Trial:
    """P0 alone, without forgetting: it needs no outcomes. `why` there are none.

    Raises StreamprocError if there is not even enough for that.
    """
    if amount.repeaters < P0_REPEATERS_MIN:
        raise StreamprocError(
            f"{why}, and of the {P0_REPEATERS_MIN} customers with two active days that P0 needs there are "
            f"{amount.repeaters}",
            fix="give a longer history, or a shorter --horizon-days; until then the packaged model serves",
        )
    model = p0_models(states, horizon_days, labels, np.random.default_rng(_SEED), _P0_CUSTOMERS_MAX)[0]
    return Trial("p0", with_means(model, states), amount, states, {}, (why,))


def _enough_for(
    amount: Amount, states: Sample, horizon_days: int
) -> tuple[tuple[Form, ...], tuple[str, ...]]:
    """The forms to try, the richest last, and why no richer ones are."""
    outcomes = min(len(np.unique(states.customer[states.churned == churned])) for churned in (False, True))
    if amount.repeaters < P0_REPEATERS_MIN:
        return FORMS[:1], (
            f"P0 needs {P0_REPEATERS_MIN} customers who were active on two days or more, {amount.repeaters} were",
        )
    if amount.customers < SCORECARD_CUSTOMERS_MIN:
        return FORMS[:2], (
            f"the scorecard needs {SCORECARD_CUSTOMERS_MIN:,} customers, there are {amount.customers:,}",
        )
    if outcomes < SCORECARD_OUTCOMES_MIN:
        return FORMS[:2], (
            f"the scorecard needs {SCORECARD_OUTCOMES_MIN} customers who stayed away for {horizon_days} days and as "
            f"many who did not; of one kind there are {outcomes}",
        )
    return FORMS, ()


def _repeaters(log: ActivityLog) -> int:
    """How many customers were active on more than one day."""
    pairs = np.unique(np.column_stack((log.customer, log.ts_ms // DAY_MS)), axis=0)
    return int((np.bincount(pairs[:, 0]) > 1).sum()) if len(pairs) else 0


def _thinned(log: ActivityLog, ids: Sequence[str], instants: int) -> ActivityLog:
    """The log of as many customers as there is room for, chosen by the hash of their id."""
    share = _STATES_MAX / max(len(np.unique(log.customer)) * instants, 1)
    if share >= 1:
        return log
    chosen = [xxh32_intdigest(customer.encode(), seed=_SEED) < share * 2**32 for customer in ids]
    return log.of_customers(np.array(chosen))


def _fit_forms(
    states: Sample, forms: Sequence[Form], horizon_days: int, labels: Labels
) -> dict[Form, ChurnModel]:
    """Each form, fitted on the states; P0 with the tau that suits it best. Where P0 fails, recency stands in."""
    importance = np.where(states.near, 1.0, _FAR_IMPORTANCE)
    recency = recency_model(states, horizon_days, labels, importance=importance, ridge=_RIDGE)
    found: dict[Form, ChurnModel] = dict.fromkeys(forms, recency)
    if forms == FORMS[:1]:
        return found
    try:
        by_tau = p0_models(states, horizon_days, labels, np.random.default_rng(_SEED), _P0_CUSTOMERS_MAX)
    except StreamprocError:
        return found
    few = states.take(np.arange(0, len(states), -(-len(states) // _TAU_STATES_MAX)))
    for form in forms[1:]:
        tried = [_with_scorecard(model, form, few) for model in by_tau]
        loss = [_loss(score(model, few.columns, few.now_ms).risk, few) for model in tried]
        found[form] = _with_scorecard(by_tau[int(np.argmin(loss))], form, states)
    return found


def _with_scorecard(model: ChurnModel, form: Form, states: Sample) -> ChurnModel:
    terms = score(model, states.columns, states.now_ms).terms
    importance = np.where(states.near, 1.0, _FAR_IMPORTANCE)
    fitted = fit_scorecard(terms, states.churned, _WEIGHTS[form], importance=importance, ridge=_RIDGE)
    return msgspec.structs.replace(model, sc5=fitted)


def _loss(risk: Floats, states: Sample) -> float:
    """Log loss, with the importance that fitting gives the states."""
    near: Bools = states.near
    weight = np.where(near, 1.0, _FAR_IMPORTANCE)
    lost = np.where(states.churned, np.log(risk), np.log1p(-risk))
    return float(-np.average(lost, weights=weight))
