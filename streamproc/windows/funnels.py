"""Funnels: how many of some steps, in their order and within a time, a customer has done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.windows.table import FUNNEL_DTYPE, Table

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FunnelPlan:
    """A funnel: its id, the names of its steps as in `EventColumns.name`, and how long all may take."""

    id: int
    names: tuple[int, ...]
    within_ms: int


def follow_funnels(funnels: Table, plans: Sequence[FunnelPlan], row: Ints, events: EventColumns) -> Table:
    """The progress after new events (apply order; `row`: int64[n], their customers), sorted by row and funnel.

    What is left of funnels that are none of `plans` is forgotten.
    """
    if len(funnels):
        current = np.zeros(len(funnels), np.bool_)
        for plan in plans:
            current |= funnels["funnel"] == plan.id
        if not current.all():
            funnels = funnels[current]
    name_of, is_step = events.name.copy(), np.zeros(len(row), np.bool_)
    for name in {name for plan in plans for name in plan.names}:
        is_step |= name_of == name
    stepping = np.flatnonzero(is_step)
    if not len(stepping):
        return funnels
    touched = np.isin(funnels["row"], row[stepping])
    progress = {
        (customer, funnel): (steps, started_ms, last_ms)
        for customer, funnel, steps, started_ms, last_ms in funnels[touched].tolist()
    }
    names, ts_ms = name_of[stepping].tolist(), events.ts_ms[stepping].tolist()
    for customer, step, at_ms in zip(row[stepping].tolist(), names, ts_ms, strict=True):
        for plan in plans:
            if step in plan.names:
                before = progress.get((customer, plan.id), (0, 0, 0))
                after = _step(plan, before, step, at_ms)
                if after is not None:
                    progress[customer, plan.id] = after
    entries = np.array([(*key, *value) for key, value in progress.items()], FUNNEL_DTYPE)
    merged = np.concatenate((funnels[~touched], entries))
    return merged.take(np.lexsort((merged["funnel"], merged["row"])))


def _step(
    plan: FunnelPlan, progress: tuple[int, int, int], name: int, at_ms: int
) -> tuple[int, int, int] | None:
    """The progress (steps done, when the first was, when the last was) after an event; None: as before."""
    steps, started_ms, last_ms = progress
    end_ms = started_ms + plan.within_ms
    if name == plan.names[0] and (steps == 0 or at_ms > end_ms):
        return 1, at_ms, at_ms
    if 0 < steps < len(plan.names) and name == plan.names[steps] and last_ms <= at_ms <= end_ms:
        return steps + 1, started_ms, at_ms
    return None
