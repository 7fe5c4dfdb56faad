"""Invented customers as states, whose features are independent of each other."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.meanings import TALLIES
from streamproc.discovery.study import Study, Target
from streamproc.windows.table import TALLY_DTYPE, CustomerTable, new_customers

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def customers(n: int, seed: int) -> CustomerTable:
    """First seen in the last year, here in the last 30 days, with orders and all tallies."""
    rng = np.random.default_rng(seed)
    table = new_customers([f"c{place:06d}" for place in range(n)])
    head = table.head
    head["first_seen_ms"] = NOW_MS - rng.integers(40 * DAY_MS, 365 * DAY_MS, n)
    head["last_activity_ms"] = NOW_MS - rng.integers(0, 30 * DAY_MS, n)
    head["last_day"] = head["last_activity_ms"] // DAY_MS
    head["first_day"] = head["first_seen_ms"] // DAY_MS
    head["active_days"] = rng.integers(2, 60, n)
    head["events"] = rng.integers(10, 500, n)
    head["orders"] = rng.poisson(2.0, n)
    head["money_micros"] = head["orders"] * rng.integers(5, 200, n) * 1_000_000
    head["cart_items"] = rng.poisson(0.5, n)
    counts = rng.poisson(rng.gamma(1.0, 3.0, len(TALLIES)), (n, len(TALLIES)))
    row, tally = np.nonzero(counts)
    table.tallies = np.zeros(len(row), TALLY_DTYPE)
    table.tallies["row"], table.tallies["tally"] = row, tally
    table.tallies["count"] = counts[row, tally]
    table.tallies["last_ms"] = NOW_MS - rng.integers(0, 40 * DAY_MS, len(row))
    return table


def study_of(
    table: CustomerTable, outcome: Floats, segments: Mapping[str, Bools] | None = None, scale: int = 1
) -> Study:
    """These customers, and what became of them."""
    target = Target("churn", "have no activity in the next 30 days", is_share=scale == 1, scale=scale)
    return Study(table, np.full(len(table), NOW_MS), target, outcome, segments or {}, 30)


def by_lot(share: NDArray[np.float64] | float, n: int, seed: int) -> Floats:
    """Who has the outcome, each by a probability of its own."""
    return (np.random.default_rng(seed + 10_000).random(n) < share).astype(np.float64)
