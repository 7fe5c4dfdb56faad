"""The due index asks for customers at their instants, in order, and never forgets one."""

from streamproc.instants.due import DueIndex
from streamproc.windows.panes import INF, MINUTE_MS


def test_entries_come_out_up_to_the_instant() -> None:
    due = DueIndex([])
    due.add(61_000, "later")
    due.add(5_000, "sooner")
    assert due.next_ms() == 0  # the minute is known, its list not loaded
    due.load(0, [(5_000, "sooner")])
    assert due.pop(4_999, 10) == (4_999, 4_999, [])
    assert due.pop(5_000, 10) == (5_000, 5_000, ["sooner"])
    assert due.next_ms() == MINUTE_MS


def test_a_minute_has_a_list_until_it_is_consumed() -> None:
    due = DueIndex([3])
    due.add(MINUTE_MS, "a")
    assert [due.has(minute) for minute in (0, 1, 3)] == [False, True, True]
    due.load(1, [(MINUTE_MS, "a")])
    assert due.has(1)
    assert due.consumed(2 * MINUTE_MS) == [1]
    assert not due.has(1)


def test_time_stops_before_a_minute_that_is_not_loaded() -> None:
    due = DueIndex([3, 1])
    assert due.unloaded(10 * MINUTE_MS) == 1
    due.load(1, [(MINUTE_MS + 1_000, "a")])
    assert due.pop(10 * MINUTE_MS, 10) == (3 * MINUTE_MS - 1_000, 3 * MINUTE_MS - 1_000, ["a"])


def test_a_limit_stops_at_a_whole_instant() -> None:
    due = DueIndex([0])
    due.load(0, [(1_000, "a"), (2_000, "b"), (2_000, "c"), (3_000, "d")])
    assert due.pop(9_000, 2) == (2_000, 2_000, ["a", "b", "c"])
    assert due.pop(9_000, 2) == (9_000, 9_000, ["d"])


def test_an_instant_may_be_left_with_some_still_due() -> None:
    due = DueIndex([0])
    due.load(0, [(1_000, "a"), (2_000, "b"), (2_000, "c"), (2_000, "d"), (9_000, "e")])
    assert due.pop(8_000, 2, whole=False) == (1_000, 2_000, ["a", "b"])
    assert due.pop(8_000, 1, whole=False) == (1_000, 2_000, ["c"])
    assert due.pop(8_000, 1, whole=False) == (8_000, 8_000, ["d"])
    due.add(5_000, "f")
    due.add(7_000, "g")
    assert due.pop(8_000, 1, whole=False) == (6_000, 6_000, ["f"])


def test_a_minute_before_all_loaded_entries_must_be_loaded_first() -> None:
    due = DueIndex([])
    due.add(10 * MINUTE_MS, "later")
    due.load(10, [(10 * MINUTE_MS, "later")])
    assert not due.is_first(11)
    due.add(9 * MINUTE_MS, "sooner")
    assert due.unloaded(10 * MINUTE_MS) == 9
    assert due.is_first(9)


def test_minutes_are_consumed_once_their_last_second_is_over() -> None:
    due = DueIndex([0])
    due.load(0, [(59_000, "a")])
    due.pop(58_999, 10)
    assert due.consumed(58_999) == []
    assert due.pop(59_000, 10)[2] == ["a"]
    assert due.consumed(59_000) == [0]
    assert due.next_ms() == INF


def test_an_entry_added_to_a_loaded_minute_comes_out() -> None:
    due = DueIndex([0])
    due.load(0, [])
    due.add(30_000, "a")
    assert due.pop(30_000, 10) == (30_000, 30_000, ["a"])
