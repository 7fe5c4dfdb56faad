"""Steps in their order, within the time of the first one."""

import numpy as np
import pytest

from streamproc.windows.funnels import FunnelPlan, follow_funnels
from streamproc.windows.table import FUNNEL_DTYPE
from tests.unit.events import events

A, B, C = 10, 11, 12
PLAN = FunnelPlan(id=1, names=(A, B, C), within_ms=100)


@pytest.mark.parametrize(
    ("did", "steps", "started_ms", "last_ms"),
    [
        ([(A, 5)], 1, 5, 5),
        ([(A, 5), (B, 6), (C, 7)], 3, 5, 7),
        ([(A, 5), (C, 6), (B, 7)], 2, 5, 7),  # C came before B was done
        ([(A, 5), (A, 50), (B, 105)], 2, 5, 105),  # the first step again changes nothing; just in time
        ([(A, 5), (B, 106)], 1, 5, 5),  # too late
        ([(A, 5), (B, 50), (A, 106)], 1, 106, 106),  # begins anew after the time
        ([(A, 5), (B, 50), (C, 50), (A, 105)], 3, 5, 50),  # done, and not yet anew
        ([(A, 5), (B, 50), (C, 50), (A, 106)], 1, 106, 106),
        ([(A, 5), (B, 4)], 1, 5, 5),  # reported late: B was before A
        ([(A, 5), (A, 2)], 1, 5, 5),
    ],
)
def test_progress(did: list[tuple[int, int]], steps: int, started_ms: int, last_ms: int) -> None:
    whole = events(["c"] * len(did), [at_ms for _, at_ms in did], name=[code for code, _ in did])
    rows = np.zeros(len(did), np.int64)
    funnels = follow_funnels(np.empty(0, FUNNEL_DTYPE), (PLAN,), rows, whole)
    assert funnels.tolist() == [(0, 1, steps, started_ms, last_ms)]
    in_pieces = np.empty(0, FUNNEL_DTYPE)
    for place in range(len(did)):
        in_pieces = follow_funnels(in_pieces, (PLAN,), rows[:1], whole.take([place]))
    assert in_pieces.tolist() == funnels.tolist()


def test_funnels_and_customers_are_kept_apart() -> None:
    plans = (PLAN, FunnelPlan(id=0, names=(B, B), within_ms=100))
    seen = events(["a", "b", "a", "b"], [1, 2, 3, 4], name=[B, A, B, B])
    funnels = follow_funnels(np.empty(0, FUNNEL_DTYPE), plans, np.array([0, 1, 0, 1]), seen)
    assert funnels.tolist() == [(0, 0, 2, 1, 3), (1, 0, 1, 4, 4), (1, 1, 2, 2, 4)]


def test_without_steps_nothing_happens() -> None:
    before = np.array([(0, 1, 2, 3, 4)], FUNNEL_DTYPE)
    assert follow_funnels(before, (PLAN,), np.array([0]), events(["a"], [1], name=99)) is before


def test_what_is_left_of_former_funnels_is_forgotten() -> None:
    before = np.array([(0, 1, 2, 3, 4), (0, 7, 1, 3, 3)], FUNNEL_DTYPE)
    assert follow_funnels(before, (PLAN,), np.array([0]), events(["a"], [1], name=99)).tolist() == [
        (0, 1, 2, 3, 4)
    ]
    assert len(follow_funnels(before, (), np.array([0]), events(["a"], [1], name=A))) == 0
