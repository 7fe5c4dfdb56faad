"""Cuts are near the quantiles, and what a person would write."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.discovery.thresholds import cuts, readable
from streamproc.features.registry import Unit
from streamproc.rules.literals import MAX_DURATION_MS

DAY_MS = 86_400_000
UNITS: tuple[Unit, ...] = ("duration", "money", "count", "percent")


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (1, "count", 1), (7, "count", 7), (13, "count", 12), (1_130, "count", 1_200), (93, "percent", 95),
        (3, "percent", 5), (13 * DAY_MS, "duration", 14 * DAY_MS), (1, "duration", 60_000),
        (420 * DAY_MS, "duration", 365 * DAY_MS), (97_310_000, "money", 100_000_000),
        (3_600_000, "money", 4_000_000), (1, "money", 1_000_000),
    ],
)  # fmt: skip
def test_thresholds_are_readable(value: int, unit: Unit, wanted: int) -> None:
    assert readable(value, unit) == wanted


@given(st.integers(1, 10**18), st.sampled_from(UNITS))
def test_the_nearest_is_readable_itself(value: int, unit: Unit) -> None:
    """And a duration is none that rules refuse."""
    found = readable(value, unit)
    assert readable(found, unit) == found > 0
    if unit == "duration":
        assert found <= MAX_DURATION_MS


def test_values_are_parted_in_five() -> None:
    assert cuts(np.arange(1, 101), "count") == [20, 40, 60, 80]


def test_many_zeros_are_a_part_of_their_own() -> None:
    """Quintiles of all would be 0, 0, 0 and 0; those of the others tell something."""
    values = np.concatenate([np.zeros(900, np.int64), np.arange(1, 101)])
    assert cuts(values, "count") == [1, 25, 50, 80]  # 75 is nearer to 80 than to 60
    assert cuts(values * 1_000_000, "money") == [25_000_000, 50_000_000, 80_000_000]


def test_small_counts_are_cut_on_either_side_of_a_quantile() -> None:
    """Half of all have 1: `>= 1` and `>= 2` are both worth a look."""
    assert cuts(np.array([0] * 10 + [1] * 60 + [2] * 30), "count") == [1, 2, 3]


@pytest.mark.parametrize("values", [[], [0, 0, 0]])
def test_there_is_nothing_to_cut(values: list[int]) -> None:
    assert cuts(np.array(values, np.int64), "duration") == []
