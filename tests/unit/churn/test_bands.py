"""Bands against the wording of docs/semantics.md, section 6."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.bands import NO_BAND, decide, threshold_above
from streamproc.contracts.signal_types import BANDS

THRESHOLDS = (0.5, 0.7, 0.9)

fractions = st.integers(0, 20).map(lambda twentieth: twentieth / 20)  # coarse, so that thresholds are hit
thresholds = st.tuples(fractions, fractions, fractions).map(sorted).map(tuple)
rows = st.lists(st.tuples(fractions, st.integers(-1, 3), st.booleans()), max_size=20)


def naive(thresholds: tuple[float, ...], hysteresis: float, risk: float, band: int, known: bool) -> int:
    """Section 6, word for word."""
    if not known:
        return band
    lowest = (float("-inf"), *thresholds)
    highest = max(code for code in range(4) if lowest[code] <= risk)
    if band == NO_BAND or highest > band:
        return highest
    while risk < lowest[band] - hysteresis:
        band -= 1
    return band


def decide_one(risk: float, band: int, hysteresis: float = 0.05) -> int:
    return int(
        decide(THRESHOLDS, hysteresis, np.array([risk]), np.array([band], np.int8), np.array([True]))[0]
    )


@given(thresholds, st.sampled_from((0.0, 0.05, 0.1, 0.3)), rows)
def test_decide_is_section_6(
    thresholds: tuple[float, float, float], hysteresis: float, rows: list[tuple[float, int, bool]]
) -> None:
    risk = np.array([row[0] for row in rows])
    band = np.array([row[1] for row in rows], np.int8)
    known = np.array([row[2] for row in rows], bool)
    decided = decide(thresholds, hysteresis, risk, band, known)
    assert decided.dtype == np.int8
    assert decided.tolist() == [naive(thresholds, hysteresis, *row) for row in rows]


@pytest.mark.parametrize(
    ("risk", "band", "after"),
    [
        (0.2, "none", "low"),
        (0.9, "none", "critical"),
        (0.7, "low", "high"),
        (0.66, "high", "high"),
        (0.64, "high", "medium"),
        (0.86, "critical", "critical"),
        (0.44, "critical", "low"),
        (0.46, "critical", "medium"),
    ],
)
def test_bands_rise_at_once_and_fall_beyond_the_hysteresis(risk: float, band: str, after: str) -> None:
    present = NO_BAND if band == "none" else BANDS.index(band)
    assert BANDS[decide_one(risk, present)] == after


def test_the_next_rise_is_at_the_threshold_above() -> None:
    band = np.array([-1, 0, 1, 2, 3], np.int8)
    assert threshold_above(THRESHOLDS, band).tolist() == [-np.inf, 0.5, 0.7, 0.9, np.inf]
