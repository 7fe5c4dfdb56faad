"""Sums of panes at their limits."""

import numpy as np

from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.windows.panes import DAY_MS, INF, NO_PANES, ORDERS, TIERS, make_panes, pane_key, union
from streamproc.windows.table import new_customers

TODAY = 20_000
MOST_MICROS = 10**16  # the greatest order


def test_great_sums_of_many_customers() -> None:
    """1,000 customers with three of the greatest orders each: sums and falls are exact for every one of them."""
    n = 1_000
    table = new_customers([str(i) for i in range(n)])
    table.head["first_seen_ms"] = (TODAY - 80) * DAY_MS
    row = np.repeat(np.arange(n), 3)
    day = np.tile(np.array([TODAY - 20, TODAY - 10, TODAY]), n)
    key = pane_key(TIERS[2].code, ORDERS, day)
    table.panes = union(
        NO_PANES, [make_panes(row, key, np.ones(3 * n, np.int64), np.full(3 * n, MOST_MICROS))]
    )
    columns = Frame(table, np.full(n, TODAY * DAY_MS)).windows(
        [FEATURES[name] for name in ("money_30d", "money_7d", "orders_30d")],
        np.array([0, 0, 2, 2]),
        np.array([3 * MOST_MICROS, MOST_MICROS + 1, 1, 4]),
    )
    assert columns.values.tolist() == [[3 * MOST_MICROS] * n, [MOST_MICROS] * n, [3] * n]
    assert columns.falls_ms[:, [0, n - 1]].tolist() == [
        [(TODAY + 10) * DAY_MS] * 2,
        [(TODAY + 20) * DAY_MS] * 2,
        [(TODAY + 30) * DAY_MS] * 2,
        [INF] * 2,
    ]


def test_who_was_never_seen_will_never_be_known() -> None:
    """No wrap-around: an instant in the past would be due at once, for ever."""
    columns = Frame(new_customers(["nobody"]), np.array([TODAY * DAY_MS])).windows(
        [FEATURES["events_1h"], FEATURES["events_90d"]]
    )
    assert columns.known_at_ms().tolist() == [[INF], [INF]]
    assert columns.changes_at_ms().tolist() == [[INF], [INF]]
