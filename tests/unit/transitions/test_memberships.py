"""Groups, priorities and dwell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.hashes import text_hash
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.expression import Comparison
from streamproc.rules.model import Segment
from streamproc.transitions.memberships import (
    next_flip_ms,
    plan_segments,
    read_memberships,
    wanted_memberships,
    write_memberships,
)
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable, new_customers

NOW_MS = 1_000_000_000_000


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
    table.members = np.array([(0, text_hash(key), ms, 1) for key, ms in inside.items()], MEMBER_DTYPE)
    before = read_memberships(table, plan)
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
    found = read_memberships(table, PLAN)
    assert found.inside.tolist() == [[True], [False]]
    assert found.members.tolist() == [(0, text_hash("small"), 5, 2)]
    assert found.retired["segment"].tolist() == [77]
    write_memberships(table, found)
    assert table.members.tolist() == [(0, text_hash("small"), 5, 2), (0, 77, NEVER, 1)]


def test_a_customer_that_there_is_not_has_no_memberships() -> None:
    """Compiled code follows what it reads."""
    table = customer(1)
    for row in (1, -1, 2**62):
        table.members = np.array([(row, text_hash("small"), 5, 2)], MEMBER_DTYPE)
        with pytest.raises(ValueError, match="customer"):
            read_memberships(table, PLAN)


ANY = [
    segment("alone", 3),
    segment("small", 1, priority=1),
    segment("sticky", 6, dwell_ms=50),
    segment("large", 10, until=5, priority=2, dwell_ms=100),
    segment("other", 2, until=1),
    segment("huge", 20, priority=3),
]
CUSTOMERS = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.booleans(),
        st.dictionaries(
            st.sampled_from([one.key for one in ANY]), st.tuples(st.integers(-150, 10), st.integers(1, 5))
        ),
        st.permutations(range(len(ANY))),
    ),
    max_size=6,
)


def slowly(events: int, inside: dict[str, int], *, redefined: bool) -> tuple[set[str], int]:
    """What docs/semantics.md says of one customer; `inside`: when what was entered."""
    wanted = {
        one.key
        for one in ANY
        if (one.key in inside and one.exit is not None and events >= LEAVES[one.key])
        or events >= ENTERS[one.key]
    }
    ranked = sorted((one for one in ANY if one.group and one.key in wanted), key=lambda one: -one.priority)
    wanted -= {one.key for one in ranked[1:]}
    held = {
        one.key: inside[one.key] + one.min_dwell_ms
        for one in ANY
        if not redefined
        and one.key in inside
        and one.key not in wanted
        and inside[one.key] + one.min_dwell_ms > NOW_MS
    }
    for one in ANY:
        if one.key in held and one.group is not None:
            group = {other.key for other in ANY if other.group == one.group}
            wanted = wanted - group | group & set(inside)
    return wanted | set(held), min(held.values(), default=INF)


ENTERS = {"alone": 3, "small": 1, "sticky": 6, "large": 10, "other": 2, "huge": 20}
LEAVES = {"large": 5, "other": 1}


@settings(deadline=None)
@given(CUSTOMERS)
def test_many_customers_are_each_where_the_definition_says(
    customers: list[tuple[int, bool, dict[str, tuple[int, int]], list[int]]],
) -> None:
    """Wanted memberships, those who moved, and what is written; members are found whatever order they stand in."""
    plan, keys = plan_segments(ANY), [one.key for one in ANY]
    table = new_customers([str(row) for row in range(len(customers))])
    table.head["events"] = [events for events, *_ in customers]
    known = [
        {key: ((seq > 2 and NOW_MS + ms) or NEVER, seq) for key, (ms, seq) in members.items()}
        for _, _, members, _ in customers
    ]
    table.members = np.array(
        [
            (row, text_hash(keys[place]), *known[row][keys[place]])
            for row, (*_, order) in enumerate(customers)
            for place in order
            if keys[place] in known[row]
        ],
        MEMBER_DTYPE,
    )
    now_ms, redefined = (
        np.full(len(customers), NOW_MS),
        np.array([again for _, again, *_ in customers], np.bool_),
    )
    before = read_memberships(table, plan)
    evaluation = Evaluation(Frame(table, now_ms), plan.program)
    wanted, held_ms = wanted_memberships(plan, evaluation, before, now_ms, redefined)
    after, moved = before.moved(plan, wanted, now_ms)
    write_memberships(table, after)
    moves, members = [], []
    for row, (events, again, *_) in enumerate(customers):
        inside = {key: ms for key, (ms, _) in known[row].items() if ms != NEVER}
        expected, until_ms = slowly(events, inside, redefined=again)
        assert {key for key, holds in zip(keys, wanted[:, row], strict=True) if holds} == expected
        assert held_ms[row] == until_ms
        for place, key in enumerate(keys):
            ms, seq = known[row].get(key, (NEVER, 0))
            if (key in expected) != (key in inside):
                moves.append(
                    (place, key in expected, row, NOW_MS if key in expected else ms, seq + (key in expected))
                )
                ms, seq = (NOW_MS, seq + 1) if key in expected else (NEVER, seq)
            if seq:
                members.append((row, text_hash(key), ms, seq))
    found = moved.members
    columns = (moved.place, moved.entered, found["row"], found["entered_ms"], found["entry_seq"])
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == moves
    assert table.members.tolist() == members


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
