"""Forms filled in, and instants: what is compiled is what a line of Python says."""

from itertools import chain, zip_longest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.contracts.filled import fill, iso_column
from streamproc.contracts.instants import to_iso


@given(
    st.integers(0, 4).flatmap(
        lambda blanks: st.lists(
            st.lists(st.binary(), min_size=2 * blanks + 1, max_size=2 * blanks + 1), min_size=1
        )
    )
)
def test_constants_and_values_in_turns(records: list[list[bytes]]) -> None:
    forms = [tuple(record[::2]) for record in records]
    columns = [list(column) for column in zip(*(record[1::2] for record in records), strict=True)]
    filled = fill(forms, *columns)
    assert filled == [
        b"".join(chain(*zip_longest(form, values, fillvalue=b"")))
        for form, values in zip(forms, (record[1::2] for record in records), strict=True)
    ]


def test_nothing_to_fill() -> None:
    assert fill([], [], []) == []


@pytest.mark.parametrize(
    ("forms", "columns"),
    [
        ([(b"a", b"b")], []),
        ([(b"a", b"b")], [[b"1"], [b"2"]]),
        ([(b"a", b"b")], [[b"1", b"2"]]),
        ([(b"a", b"b")], [(b"1",)]),
        ([(b"a", b"b")], [["1"]]),
        ([(b"a", None)], [[b"1"]]),
        ([[b"a", b"b"]], [[b"1"]]),
    ],
)
def test_what_does_not_fit_is_refused(forms: list[object], columns: list[object]) -> None:
    """Compiled code follows what it is given."""
    with pytest.raises((TypeError, ValueError)):
        fill(forms, *columns)  # type: ignore[arg-type]


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**14), 10**15))))
def test_instants(at_ms: list[int]) -> None:
    """Beyond the years that ISO 8601 has, too."""
    assert iso_column(np.array(at_ms, np.int64)) == [to_iso(ms).encode() for ms in at_ms]


def test_every_day_of_a_whole_era_of_the_calendar() -> None:
    days_ms = np.arange(-146_097, 146_097, dtype=np.int64) * 86_400_000
    assert iso_column(days_ms) == [
        f"{day}T00:00:00.000Z".encode() for day in days_ms.astype("M8[ms]").astype("M8[D]")
    ]
