"""Customer states and labels as of past instants, out of a log of activities: what models are fitted and tried on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt

from streamproc.churn.score import DAY_MS, ChurnColumns, Ints
from streamproc.windows.fixed_row import mark_active_days
from streamproc.windows.panes import NEVER
from streamproc.windows.table import new_heads

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ActivityLog:
    """Activities in the order of their time, ties by customer, each once."""

    customer: Ints  # codes 0 .. customers - 1
    ts_ms: Ints
    customers: int

    @classmethod
    def of(cls, customer: Ints, ts_ms: Ints, customers: int) -> Self:
        """From pairs in any order and number."""
        order = np.lexsort((customer, ts_ms))
        customer, ts_ms = customer[order].astype(np.int64), ts_ms[order].astype(np.int64)
        fresh = np.ones(len(order), np.bool_)
        fresh[1:] = (customer[1:] != customer[:-1]) | (ts_ms[1:] != ts_ms[:-1])
        return cls(customer[fresh], ts_ms[fresh], customers)

    @classmethod
    def of_days(cls, customer: Ints, day: Ints) -> Self:
        """From active days of customers (any integers, which become codes), taken to be at noon."""
        names, codes = np.unique(customer, return_inverse=True)
        return cls.of(codes, day * DAY_MS + DAY_MS // 2, len(names))

    def of_customers(self, chosen: Bools) -> Self:
        """The log of the customers whose code is set in `chosen`; codes stay as they are."""
        kept = chosen[self.customer]
        return type(self)(self.customer[kept], self.ts_ms[kept], self.customers)

    def active(self, from_ms: int, until_ms: int) -> Ints:
        """The customers with an activity at or after `from_ms` and before `until_ms`, ascending."""
        first, end = np.searchsorted(self.ts_ms, (from_ms, until_ms)).tolist()
        return np.unique(self.customer[first:end])


@dataclass(frozen=True, slots=True)
class States:
    """The states, at one instant, of all customers who were active before it."""

    now_ms: int
    customer: Ints  # codes, ascending
    columns: ChurnColumns


def states_at(log: ActivityLog, instants_ms: Sequence[int]) -> Iterator[States]:
    """Replay the log through the engine's own update, and show the states at each of some rising instants.

    What happens at an instant or later is not in its states. A customer's state is the same, bit for bit, whatever
    other instants are asked for and however the log goes on.
    """
    heads, last_ms = new_heads(log.customers), np.full(log.customers, NEVER, np.int64)
    done = 0
    for now_ms in instants_ms:
        end = int(np.searchsorted(log.ts_ms, now_ms))
        customer, ts_ms = log.customer[done:end], log.ts_ms[done:end]
        mark_active_days(heads, customer, ts_ms)
        last_ms[customer] = ts_ms  # of several of one customer the last one stays, which is the latest
        done = end
        seen = np.flatnonzero(heads["active_days"])
        decayed = heads["decayed_days"][seen]
        columns = ChurnColumns(
            first_day=heads["first_day"][seen],
            last_day=heads["last_day"][seen],
            active_days=heads["active_days"][seen],
            e30=decayed[:, 0],
            e90=decayed[:, 1],
            e365=decayed[:, 2],
            last_activity_ms=last_ms[seen],
        )
        yield States(now_ms, seen.astype(np.int64), columns)


@dataclass(frozen=True, slots=True)
class Sample:
    """States of customers at past instants, and what became of them."""

    columns: ChurnColumns
    now_ms: Ints
    near: Bools  # active within the horizon before now: those an alert can still help
    churned: Bools  # the label: no activity in the horizon after now
    customer: Ints

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, index: npt.NDArray[np.intp] | Bools) -> Self:
        """The rows of `index` (positions, or a mask), in that order."""
        return type(self)(
            self.columns.take(index),
            self.now_ms[index],
            self.near[index],
            self.churned[index],
            self.customer[index],
        )


def sample(log: ActivityLog, instants_ms: Sequence[int], horizon_days: int) -> Sample:
    """The states of all customers active before each instant, and their labels: one row for each of both.

    The instants in the order given, and the customers of each in that of their codes.
    The log must cover the horizon after the last instant, or labels claim a silence that nobody observed.
    """
    horizon_ms = horizon_days * DAY_MS
    rising = sorted(set(instants_ms))
    found = {states.now_ms: _labelled(log, states, horizon_ms) for states in states_at(log, rising)}
    parts = [found[now_ms] for now_ms in instants_ms]
    return Sample(
        ChurnColumns(
            *(
                np.concatenate([getattr(part.columns, field.name) for part in parts])
                for field in fields(ChurnColumns)
            )
        ),
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("now_ms", "near", "churned", "customer")
        ),
    )


def _labelled(log: ActivityLog, states: States, horizon_ms: int) -> Sample:
    now_ms = states.now_ms
    return Sample(
        states.columns,
        np.full(len(states.customer), now_ms),
        states.columns.last_activity_ms >= now_ms - horizon_ms,
        ~np.isin(states.customer, log.active(now_ms, now_ms + horizon_ms)),
        states.customer,
    )
