"""Journeys: read from the columns of a state, and written back, with those that nobody touched."""

from dataclasses import astuple
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.actions.journeys import (
    Journey,
    arm_of,
    first_looks_ms,
    is_control,
    places_of,
    read_journeys,
    variant_of,
    write_journeys,
)
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import JOURNEY_DTYPE, NO_STEP, no_journeys
from tests.unit.actions.desk import campaign

CAMPAIGNS: Final = [campaign(key, id=number) for key, number in (("b", 2**32 - 1), ("a", 7))]
JOURNEYS: Final = st.builds(Journey, *[st.integers(-1, 2**40)] * 10)


def test_a_journey_has_the_fields_of_a_row() -> None:
    """In their order, and nobody's journey is a new row's."""
    assert tuple(Journey.__slots__) == (JOURNEY_DTYPE.names or ())[2:]
    assert read_journeys(no_journeys(2)) == [Journey(), Journey()]


@given(
    st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from((0, 1, 2))), JOURNEYS),
    st.dictionaries(st.tuples(st.integers(0, 3), st.sampled_from((0, 1))), JOURNEYS),
)
def test_what_is_written_is_read(
    there: dict[tuple[int, int], Journey], changed: dict[tuple[int, int], Journey]
) -> None:
    """By rising row and campaign; a campaign that the file no longer has keeps its journeys."""
    gone = campaign("gone", id=5)
    table = write_journeys(no_journeys(0), there, [*CAMPAIGNS, gone])
    table = write_journeys(table, changed, CAMPAIGNS)
    assert table[["row", "campaign"]].tolist() == sorted(table[["row", "campaign"]].tolist())
    places = places_of(table, CAMPAIGNS)
    rows = [
        (row, 2 if place < 0 else place) for row, place in zip(table["row"].tolist(), places, strict=True)
    ]
    assert dict(zip(rows, read_journeys(table), strict=True)) == {**there, **changed}


def test_nothing_changed_is_the_same_table() -> None:
    table = no_journeys(1)
    assert write_journeys(table, {}, CAMPAIGNS) is table


def test_the_first_look_is_of_campaigns_that_there_are() -> None:
    table = np.array(
        [(row, id_, *astuple(Journey(look_ms=look_ms))) for row, id_, look_ms in
         ((0, 7, 30), (0, 2**32 - 1, 20), (2, 5, 10), (2, 7, 40))],
        JOURNEY_DTYPE,
    )  # fmt: skip
    assert first_looks_ms(table, places_of(table, CAMPAIGNS), 3).tolist() == [20, INF, 40]


@pytest.mark.parametrize("variant", [None, 0, 1, 9])
@pytest.mark.parametrize("held_out", [False, True])
def test_an_arm_tells_variant_and_group(variant: int | None, held_out: bool) -> None:
    arm = arm_of(variant, held_out)
    assert (variant_of(arm), is_control(arm)) == (variant, held_out)
    assert (arm == 0) == (variant is None and not held_out)


def test_an_ended_journey_keeps_what_outlasts_it() -> None:
    """How many entries there were, and when it last asked."""
    journey = Journey(seq=3, requested_ms=50)
    journey.begin(100, 160, arm_of(1, True))
    assert (journey.is_open, journey.has_asked, journey.look_ms) == (True, False, 160)
    journey.first_ms, journey.asked, journey.requests = 160, 1, 1
    assert journey.has_asked
    journey.end()
    assert journey == Journey(seq=3, requested_ms=50)
    assert (journey.is_open, journey.step, journey.first_ms) == (False, NO_STEP, NEVER)
