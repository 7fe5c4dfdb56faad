"""What a churn model would have said at past instants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.churn.model import ChurnModel
from streamproc.churn.sampling import States, states_at
from streamproc.churn.score import DAY_MS, ChurnColumns, Ints, score
from streamproc.errors import StreamprocError
from streamproc.fitting.reading import Reading


@dataclass(frozen=True, slots=True)
class Risks:
    """The risks, at one instant, of all customers seen before it."""

    now_ms: int
    customer: Ints  # codes, ascending
    risk: NDArray[np.float64]
    never_active: int  # so many of them were seen, but not active


def risks_at(reading: Reading, model: ChurnModel, instants_ms: Sequence[int]) -> Iterator[Risks]:
    """Replay the events and score everybody at each of some rising instants, by what happened before it.

    Who was seen (by a support contact, say) but never active is scored as if first seen had been the one activity:
    the silence is that of the feature `recency`.
    """
    for states in states_at(reading.log, instants_ms):
        seen = np.flatnonzero(reading.first_seen_ms < states.now_ms)
        others = np.setdiff1d(seen, states.customer, assume_unique=True)
        columns = _joined(states, reading.first_seen_ms[others])
        customer = np.concatenate((states.customer, others))
        order = np.argsort(customer)
        risk = score(model, columns, states.now_ms).risk
        yield Risks(states.now_ms, customer[order], risk[order], len(others))


def _joined(states: States, first_seen_ms: Ints) -> ChurnColumns:
    """The states, and those of customers who were active once."""
    day, once = first_seen_ms // DAY_MS, np.ones(len(first_seen_ms))
    single = ChurnColumns(
        first_day=day, last_day=day, active_days=once.astype(np.int64), e30=once, e90=once, e365=once,
        last_activity_ms=first_seen_ms,
    )  # fmt: skip
    names = [field.name for field in fields(ChurnColumns)]
    return ChurnColumns(
        *(np.concatenate((getattr(states.columns, name), getattr(single, name))) for name in names)
    )


def for_horizon(model: ChurnModel, horizon_days: int) -> ChurnModel:
    """The model for another horizon than its own.

    P0 is a formula of the horizon, so its parameters hold for every one; the weights of the scorecard are fitted on
    what became of customers within one, and are left out. Raises StreamprocError for a model without P0.
    """
    if horizon_days == model.horizon_days:
        return model
    if model.p0 is None:
        raise StreamprocError(
            f"model {model.version} knows {model.horizon_days} days only: it is a rule of recency",
            fix=f"fit one for this horizon: streamproc fit --horizon-days {horizon_days} FILE -o model.json",
        )
    return msgspec.structs.replace(model, horizon_days=horizon_days, sc5=None)
