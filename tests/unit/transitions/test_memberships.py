"""Groups, priorities and dwell."""

import numpy as np
import pytest

from streamproc.contracts.hashes import text_hash
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.expression import Comparison
from streamproc.rules.model import Segment
from streamproc.transitions.memberships import (
    Memberships,
    next_flip_ms,
    plan_segments,
    read_memberships,
    wanted_memberships,
    write_memberships,
)
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable, new_customers

NOW_MS = 1_000_000_000_000
NOBODY = np.empty(0, MEMBER_DTYPE)


def segment(
    key: str, at_least: int, *, until: int | None = None, priority: int = 0, dwell_ms: int = 0
) -> Segment:
    """Inside while `events_total >= at_least` (or until it is below `until`)."""
    return Segment(
        key=key,
        name=key,
        description="",
        version=1,
        enter=Comparison("events_total", ">=", at_least, "count"),
        exit=None if until is None else Comparison("events_total", "<", until, "count"),
        min_dwell_ms=dwell_ms,
        group="size" if priority else None,
        priority=priority,
        id=text_hash(key),
    )


def decide(
    segments: list[Segment], events: int, inside: dict[str, int], *, redefined: bool = False
) -> tuple[set[str], int]:
    """The keys that should hold for a customer with so many events, and until when dwell holds."""
    table = customer(events)
    plan = plan_segments(segments)
    entered_ms = np.array([[inside.get(one.key, NEVER)] for one in segments])
    before = Memberships(entered_ms != NEVER, entered_ms, np.ones_like(entered_ms), NOBODY)
    now_ms = np.array([NOW_MS])
    wanted, held_ms = wanted_memberships(
        plan, Evaluation(Frame(table, now_ms), plan.program), before, now_ms, np.array([redefined])
    )
    return {one.key for one, holds in zip(segments, wanted[:, 0], strict=True) if holds}, int(held_ms[0])


def customer(events: int) -> CustomerTable:
    table = new_customers(["c"])
    table.head["events"] = events
    return table


SIZES = [segment("small", 1, priority=1), segment("large", 10, until=5, priority=2)]
PLAN = plan_segments(SIZES)


@pytest.mark.parametrize(
    ("events", "inside", "expected"),
    [
        (0, {}, set()),
        (1, {}, {"small"}),
        (10, {"small": 0}, {"large"}),
        (7, {"large": 0}, {"large"}),
        (7, {"small": 0}, {"small"}),
        (4, {"large": 0}, {"small"}),
    ],
)
def test_a_group_holds_its_highest_member_with_hysteresis(
    events: int, inside: dict[str, int], expected: set[str]
) -> None:
    assert decide(SIZES, events, inside) == (expected, INF)


def test_ungrouped_segments_hold_side_by_side() -> None:
    assert decide([segment("a", 1), segment("b", 1)], 1, {})[0] == {"a", "b"}


def test_dwell_delays_every_leave_and_says_until_when() -> None:
    sticky = segment("small", 1, priority=1, dwell_ms=60_000)
    large = segment("large", 10, priority=2)
    entered_ms = NOW_MS - 59_999
    assert decide([sticky, large], 10, {"small": entered_ms}) == ({"small"}, entered_ms + 60_000)
    assert decide([sticky, large], 10, {"small": entered_ms - 1}) == ({"large"}, INF)
    assert decide([sticky], 0, {"small": entered_ms}) == ({"small"}, entered_ms + 60_000)


def test_edited_rules_override_dwell() -> None:
    sticky = segment("small", 5, priority=1, dwell_ms=60_000)
    assert decide([sticky], 0, {"small": NOW_MS}, redefined=True) == (set(), INF)


def test_memberships_survive_the_table_and_retired_ones_are_set_apart() -> None:
    table = customer(1)
    table.members = np.array([(0, text_hash("small"), 5, 2), (0, 77, 6, 1)], MEMBER_DTYPE)
    dense = read_memberships(table, PLAN)
    assert dense.inside.tolist() == [[True], [False]]
    assert dense.entry_seq.tolist() == [[2], [0]]
    assert dense.retired["segment"].tolist() == [77]
    before = table.members.copy()
    write_memberships(table, PLAN, dense)
    assert sorted(table.members.tolist()) == sorted(before.tolist())


def test_the_rule_that_decides_next_is_the_one_for_the_present_side() -> None:
    """Inside, the exit counts; outside, the entry."""
    idle = Comparison("recency", ">", 10_000, "ms")
    busy = Comparison("recency", "<=", 4_000, "ms")
    waiting = Segment("idle", "", "", 1, idle, busy, 0, None, 0, 1)
    table = new_customers(["c"])
    table.head["first_seen_ms"] = table.head["last_activity_ms"] = NOW_MS
    plan = plan_segments([waiting])
    evaluation = Evaluation(Frame(table, np.array([NOW_MS])), plan.program)
    assert next_flip_ms(plan, evaluation, np.array([[False]]))[0] == NOW_MS + 10_001
    assert next_flip_ms(plan, evaluation, np.array([[True]]))[0] == NOW_MS + 4_001
