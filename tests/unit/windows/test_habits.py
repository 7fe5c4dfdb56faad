"""Tallies, hours and categories: sums that do not depend on how events are cut into chunks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.meanings import TALLIES
from streamproc.windows.habits import (
    CATEGORIES_MAX,
    NEGATIVES,
    POSITIVES,
    count_categories,
    count_hours,
    count_tallies,
    tallies_of,
)
from streamproc.windows.panes import HOUR_MS
from streamproc.windows.table import CATEGORY_DTYPE, HOUR_DTYPE, TALLY_DTYPE
from tests.unit.events import events

SEARCHES = list(TALLIES).index("searches")
NAMES = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([b"%d" % n for n in range(11)])), max_size=50)


def test_an_event_counts_as_its_tally_and_as_its_valence() -> None:
    place, tally = tallies_of(events(["c"] * 3, [1, 2, 3], tally=[SEARCHES, -1, -1], valence=[-1, 1, 0]))
    assert sorted(zip(place.tolist(), tally.tolist(), strict=True)) == [
        (0, SEARCHES), (0, NEGATIVES), (1, POSITIVES),
    ]  # fmt: skip


def test_tallies_count_and_keep_the_latest_instant() -> None:
    first = count_tallies(
        np.empty(0, TALLY_DTYPE), np.array([1, 0, 1]), np.array([3, 3, 3]), np.array([5, 6, 4])
    )
    again = count_tallies(first, np.array([1, 1]), np.array([3, 2]), np.array([1, 9]))
    assert again.tolist() == [(0, 3, 1, 6), (1, 2, 1, 9), (1, 3, 3, 5)]


def test_hours_are_those_of_the_day_in_utc() -> None:
    ts_ms = np.array([0, HOUR_MS - 1, 25 * HOUR_MS, 23 * HOUR_MS])
    assert count_hours(np.empty(0, HOUR_DTYPE), np.zeros(4, np.int64), ts_ms).tolist() == [
        (0, 0, 2), (0, 1, 1), (0, 23, 1),
    ]  # fmt: skip


@given(seen=NAMES, cut=st.integers(0, 50))
def test_categories_are_those_of_space_saving_however_the_events_are_cut(
    seen: list[tuple[int, bytes]], cut: int
) -> None:
    counts: list[dict[bytes, int]] = [{}, {}]
    for customer, name in seen:
        known = counts[customer]
        inherited = 0
        if name not in known and len(known) == CATEGORIES_MAX:
            rarest = min((count, other) for other, count in known.items())[1]
            inherited = known.pop(rarest)
        known[name] = known.get(name, inherited) + 1
    table = np.empty(0, CATEGORY_DTYPE)
    for part in (seen[:cut], seen[cut:]):
        if part:
            row = np.array([customer for customer, _ in part], np.int64)
            table = count_categories(table, row, np.array([name for _, name in part], "S24"), 2)
    expected = [(row, *item) for row, known in enumerate(counts) for item in sorted(known.items())]
    assert table.tolist() == expected
