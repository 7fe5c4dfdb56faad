"""Compiled loops over memberships against what they are said to find."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.transitions.members import held
from streamproc.windows.panes import NEVER, as_numbers
from streamproc.windows.table import MEMBER_DTYPE

CUSTOMERS, SEGMENTS = 3, 4
INSTANTS = st.integers(0, 20)
FLAGS = st.lists(st.booleans(), min_size=CUSTOMERS, max_size=CUSTOMERS)
GRIDS = st.lists(FLAGS, min_size=SEGMENTS, max_size=SEGMENTS).map(np.array)


@given(
    st.dictionaries(
        st.tuples(st.integers(0, CUSTOMERS - 1), st.integers(0, SEGMENTS - 1)), st.just(NEVER) | INSTANTS
    ),
    st.lists(INSTANTS, min_size=CUSTOMERS, max_size=CUSTOMERS),
    st.lists(INSTANTS, min_size=SEGMENTS, max_size=SEGMENTS),
    GRIDS,
    GRIDS,
    FLAGS,
)
def test_a_dwell_holds_who_would_leave_before_its_end(
    entered_ms: dict[tuple[int, int], int],
    now_ms: list[int],
    dwell_ms: list[int],
    inside: np.ndarray,
    wanted: np.ndarray,
    redefined: list[bool],
) -> None:
    """But not who was last evaluated under other rules."""
    places = sorted(entered_ms)
    members = np.array([(row, 0, entered_ms[row, place], 1) for row, place in places], MEMBER_DTYPE)
    found = np.empty(len(members), np.int64)
    size = held(
        as_numbers(members),
        np.array([place for _, place in places], np.int64),
        np.array(dwell_ms, np.int64),
        np.array(now_ms, np.int64),
        inside,
        wanted,
        np.array(redefined),
        found,
    )
    assert found[:size].tolist() == [
        number
        for number, (row, place) in enumerate(places)
        if inside[place, row]
        and not wanted[place, row]
        and not redefined[row]
        and now_ms[row] < entered_ms[row, place] + dwell_ms[place]
    ]
