"""What a customer saw in the latest session: different things, up to 32 of each kind."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.table import VIEW_DTYPE, Table
from streamproc.windows.views import VIEWS_MAX, follow_views

PAGE, PRODUCT = 0, 1
NOTHING = np.empty(0, VIEW_DTYPE)


def follow(views: Table, *seen: tuple[int, int, int], restarted: tuple[int, ...] = ()) -> Table:
    row, view, shown = (
        (np.array(column, np.int64) for column in zip(*seen, strict=True)) if seen else [[]] * 3
    )
    return follow_views(
        views, np.isin(np.arange(2), restarted), np.asarray(row, np.int64),
        np.asarray(view, np.int8), np.asarray(shown, np.uint32),
    )  # fmt: skip


def test_equal_things_count_once_pages_and_products_apart() -> None:
    views = follow(NOTHING, (0, PAGE, 5), (0, PRODUCT, 5), (0, PAGE, 5), (1, PAGE, 5))
    assert sorted(views.tolist()) == [(0, PAGE, 5), (0, PRODUCT, 5), (1, PAGE, 5)]


def test_a_new_session_forgets_what_the_earlier_one_saw() -> None:
    views = follow(NOTHING, (0, PAGE, 5), (1, PAGE, 6))
    assert follow(views, (0, PAGE, 7), restarted=(0,)).tolist() == [(0, PAGE, 7), (1, PAGE, 6)]
    assert follow(views, restarted=(0,)).tolist() == [(1, PAGE, 6)]


def test_the_first_32_of_each_kind_are_kept() -> None:
    seen = [(0, PAGE, 1_000 - number) for number in range(VIEWS_MAX + 5)]
    views = follow(NOTHING, *seen, (0, PRODUCT, 1))
    assert sorted(views.tolist()) == sorted([*seen[:VIEWS_MAX], (0, PRODUCT, 1)])
    assert follow(views, (0, PAGE, 7)).tolist() == views.tolist()


@given(
    steps=st.lists(
        st.tuples(
            st.sets(st.integers(0, 1)),
            st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 40)), max_size=60),
        ),
        max_size=4,
    )
)
def test_views_are_those_of_one_list_each(steps: list[tuple[set[int], list[tuple[int, int, int]]]]) -> None:
    views = NOTHING
    known: dict[tuple[int, int], list[int]] = {
        (row, view): [] for row in range(2) for view in (PAGE, PRODUCT)
    }
    for restarted, seen in steps:
        views = follow(views, *seen, restarted=tuple(restarted))
        for (row, _), mine in known.items():
            if row in restarted:
                mine.clear()
        for row, view, shown in seen:
            mine = known[row, view]
            if shown not in mine and len(mine) < VIEWS_MAX:
                mine.append(shown)
        assert views.tolist() == [(*key, shown) for key, mine in known.items() for shown in mine]
