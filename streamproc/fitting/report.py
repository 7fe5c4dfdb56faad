"""The figures of a trial: what a person should see before a model goes live."""

from typing import Final

import msgspec
import numpy as np

from streamproc.churn.quality import Bools, Quality, auc, measure
from streamproc.churn.score import DAY_MS, Floats
from streamproc.contracts.instants import to_iso
from streamproc.fitting.forms import Form
from streamproc.fitting.trial import Trial

#: The calibration table has groups of this width.
GROUPS: Final = 10


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """States whose risk lies in [from_, to): what the model said, and what came."""

    from_: float = msgspec.field(name="from")
    to: float
    states: int
    risk: float | None  # the mean; None: there are no states
    churned: float | None


class OfDate(msgspec.Struct, frozen=True, kw_only=True):
    """The states as of one date: whether the model drifts."""

    as_of: str
    states: int
    risk: float
    churned: float
    auc: float
    auc_near: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All figures are of customers held out: each scored by a model fitted on others."""

    version: str
    form: Form
    horizon_days: int
    tau_days: int | None
    notes: tuple[str, ...]  # why it is no richer form
    customers: int
    customers_looked_at: int  # where there are very many, so many of them
    states: int
    churned: float | None  # share of the states; None: no outcome is known
    quality: dict[Form, Quality]
    calibration: tuple[Group, ...]
    calibration_near: tuple[Group, ...]
    by_date: tuple[OfDate, ...]


def report(trial: Trial) -> Report:
    """The figures of a trial; without labels there are none."""
    model, states = trial.model, trial.states
    risk = trial.risks.get(trial.form)
    groups: tuple[Group, ...] = ()
    groups_near: tuple[Group, ...] = ()
    dates: tuple[OfDate, ...] = ()
    if risk is not None:
        groups = calibration(risk, states.churned)
        groups_near = calibration(risk[states.near], states.churned[states.near])
        dates = tuple(_of_date(trial, risk, int(now_ms)) for now_ms in np.unique(states.now_ms))
    return Report(
        version=model.version,
        form=trial.form,
        horizon_days=model.horizon_days,
        tau_days=model.tau_days,
        notes=trial.missing,
        customers=trial.amount.customers,
        customers_looked_at=len(np.unique(states.customer)),
        states=len(states),
        churned=float(states.churned.mean()) if risk is not None else None,
        quality={form: measure(own, states.churned, states.near) for form, own in trial.risks.items()},
        calibration=groups,
        calibration_near=groups_near,
        by_date=dates,
    )


def calibration(risk: Floats, churned: Bools) -> tuple[Group, ...]:
    """What became of the states, by their risk, in groups of equal width."""
    group = np.minimum((risk * GROUPS).astype(np.int64), GROUPS - 1)
    found = []
    for place in range(GROUPS):
        own = group == place
        some = bool(own.any())
        found.append(
            Group(
                from_=place / GROUPS,
                to=(place + 1) / GROUPS,
                states=int(own.sum()),
                risk=float(risk[own].mean()) if some else None,
                churned=float(churned[own].mean()) if some else None,
            )
        )
    return tuple(found)


def _of_date(trial: Trial, risk: Floats, now_ms: int) -> OfDate:
    states = trial.states
    own = states.now_ms == now_ms
    near = own & states.near
    return OfDate(
        as_of=to_iso(now_ms // DAY_MS * DAY_MS)[:10],
        states=int(own.sum()),
        risk=float(risk[own].mean()),
        churned=float(states.churned[own].mean()),
        auc=auc(risk[own], states.churned[own]),
        auc_near=auc(risk[near], states.churned[near]),
    )
