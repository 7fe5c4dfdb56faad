"""The pane table is a sum by (customer, tier, series, pane)."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.panes import (
    NO_PANES,
    TIERS,
    Tier,
    make_panes,
    pane_key,
    pane_of,
    prune,
    series_of,
    tier_of,
    union,
)

rows = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 4), st.integers(0, 5), st.integers(0, 9))
)


def table_of(entries: list[tuple[int, int, int, int, int]]) -> np.ndarray:
    parts = [
        make_panes(
            np.array([row]), pane_key(tier, series, np.array([pane])), np.array([1]), np.array([value])
        )
        for row, tier, series, pane, value in entries
    ]
    return np.concatenate([*parts, make_panes(*(np.empty(0, np.int64),) * 4)])


@given(left=rows, right=rows)
def test_union_sums_equal_panes_and_sorts(left: list, right: list) -> None:
    merged = union(union(NO_PANES, [table_of(left)]), [table_of(right)])
    counts: Counter[tuple[int, ...]] = Counter()
    values: Counter[tuple[int, ...]] = Counter()
    for *place, value in left + right:
        counts[tuple(place)] += 1
        values[tuple(place)] += value
    keys = zip(
        merged["row"].tolist(),
        tier_of(merged["key"]).tolist(),
        series_of(merged["key"]).tolist(),
        pane_of(merged["key"]).tolist(),
        strict=True,
    )
    found = list(keys)
    assert found == sorted(counts)
    assert dict(zip(found, merged["count"].tolist(), strict=True)) == counts
    assert dict(zip(found, merged["value"].tolist(), strict=True)) == {key: values[key] for key in counts}


def test_prune_drops_what_no_window_can_hold_any_more() -> None:
    for tier in TIERS:
        panes = make_panes(
            np.zeros(2, np.int64),
            pane_key(tier.code, 0, np.array([100, 101])),
            np.ones(2, np.int64),
            np.ones(2, np.int64),
        )
        now_ms = np.array([(100 + tier.kept) * tier.width_ms])
        assert pane_of(prune(panes.copy(), now_ms)["key"]).tolist() == [101]
        assert len(prune(panes.copy(), now_ms - 1)) == 2


@given(
    entries=rows,
    now_panes=st.lists(st.integers(0, 100), min_size=4, max_size=4),
    tier=st.sampled_from(TIERS),
)
def test_prune_keeps_exactly_what_a_window_may_still_hold(
    entries: list, now_panes: list[int], tier: Tier
) -> None:
    panes = union(NO_PANES, [table_of(entries)])
    now_ms = np.array(now_panes) * tier.width_ms
    expected = [
        pane
        for pane in panes.tolist()
        if pane_of(pane[1])
        > now_ms[pane[0]] // TIERS[tier_of(pane[1])].width_ms - TIERS[tier_of(pane[1])].kept
    ]
    assert prune(panes, now_ms).tolist() == expected
