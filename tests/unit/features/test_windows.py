"""Sums of panes at their limits."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES, Feature
from streamproc.windows.panes import (
    DAY_MS,
    INF,
    MINUTE_MS,
    NO_PANES,
    ORDERS,
    SERIES_COUNT,
    TIERS,
    Panes,
    make_panes,
    pane_key,
    pane_of,
    series_of,
    tier_of,
    union,
)
from streamproc.windows.table import CustomerTable, new_customers

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


CUSTOMERS = 3
NOW_MS = TODAY * DAY_MS + 7 * MINUTE_MS
WINDOW_FEATURES = [feature for feature in FEATURES.values() if feature.kind == "window"]
#: Panes as (customer, tier, series, age, count, value); some are of the future.
panes = st.lists(
    st.tuples(
        st.integers(0, CUSTOMERS - 1),
        st.integers(0, 2),
        st.one_of(st.integers(0, 3), st.integers(0, SERIES_COUNT - 1)),
        st.integers(-2, 95),
        st.integers(1, 3),
        st.integers(-5, 5),
    ),
    max_size=60,
)


def customers_of(entries: list[tuple[int, int, int, int, int, int]], days: list[int]) -> CustomerTable:
    """Customers with these panes, and with these active days (bits back from `last_day`)."""
    table = new_customers(["c"] * CUSTOMERS)
    row, tier, series, age, count, value = np.array(entries, np.int64).reshape(-1, 6).T
    now_ms = NOW_MS + row * DAY_MS
    pane = now_ms // np.array([one.width_ms for one in TIERS])[tier] - age
    table.panes = union(NO_PANES, [make_panes(row, pane_key(tier, series, pane), count, value)])
    table.head["last_day"] = TODAY + 1
    table.head["days_low"], table.head["days_high"] = (
        [day & 2**64 - 1 for day in days],
        [day >> 64 for day in days],
    )
    return table


def held(table: CustomerTable, feature: Feature, customer: int, now_ms: int) -> dict[int, int]:
    """What each pane that a window holds adds to it."""
    window = feature.window
    assert window is not None
    newest = now_ms // window.tier.width_ms
    inside = range(newest - window.panes + 1, newest + 1)
    if feature.measure == "active_days":
        one = table.head[customer]
        bits = int(one["days_low"]) | int(one["days_high"]) << 64
        return {
            day: 1 for age in range(128) if bits >> age & 1 and (day := int(one["last_day"]) - age) in inside
        }
    adds: dict[int, int] = {}
    mine: Panes = table.panes[table.panes["row"] == customer]
    for _, key, count, value in mine.tolist():
        pane = int(pane_of(key))
        if tier_of(key) == window.tier.code and series_of(key) in feature.series and pane in inside:
            adds[pane] = adds.get(pane, 0) + (value if feature.measure == "value" else count)
    return adds


@given(
    entries=panes,
    days=st.lists(st.integers(0, 2**128 - 1), min_size=CUSTOMERS, max_size=CUSTOMERS),
    features=st.lists(st.sampled_from(WINDOW_FEATURES), min_size=1, max_size=12, unique=True),
    data=st.data(),
)
def test_many_windows_at_once_are_the_sums_of_their_panes(
    entries: list[tuple[int, int, int, int, int, int]],
    days: list[int],
    features: list[Feature],
    data: st.DataObject,
) -> None:
    table = customers_of(entries, days)
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(features) - 1), st.integers(-1, 9)), max_size=12))
    now_ms = NOW_MS + np.arange(CUSTOMERS) * DAY_MS
    frame = Frame(table, now_ms)
    places, bounds = np.array(asked, np.int64).reshape(-1, 2).T
    columns = frame.windows(features, places, bounds)
    for customer, at_ms in enumerate(now_ms.tolist()):
        adds = [held(table, feature, customer, at_ms) for feature in features]
        gone_ms = [
            lambda pane, window=feature.window: (pane + window.panes) * window.tier.width_ms
            for feature in features
        ]
        assert columns.values[:, customer].tolist() == [sum(own.values()) for own in adds]
        changes = [gone(min(own)) if own else INF for own, gone in zip(adds, gone_ms, strict=True)]
        assert columns.changes_at_ms()[:, customer].tolist() == changes
        for falls_ms, (place, bound) in zip(columns.falls_ms[:, customer].tolist(), asked, strict=True):
            total, leaving = 0, INF
            if 0 < bound <= sum(adds[place].values()):
                for pane in sorted(adds[place], reverse=True):
                    total += adds[place][pane]
                    if total >= bound:
                        leaving = gone_ms[place](pane)
                        break
            assert falls_ms == leaving
        future = [
            int(pane_of(key)) * TIERS[tier_of(key)].width_ms
            for row, key, *_ in table.panes.tolist()
            if row == customer and pane_of(key) > at_ms // TIERS[tier_of(key)].width_ms
        ]
        assert frame.unfolds_at_ms()[customer] == min(future, default=INF)
        assert Frame(table, now_ms).unfolds_at_ms()[customer] == min(future, default=INF)
