"""Background work is bounded."""

import pytest

from streamproc.pace import Pace, Traffic


def test_so_many_pieces_a_second() -> None:
    pace, done, now_s = Pace(1_000), 0, 50.0
    while now_s < 60.0:
        if pace.is_open(now_s):
            pace.spend(500, now_s)
            done += 500
        now_s += 0.01
    assert done == pytest.approx(10_000, rel=0.06)


def test_what_was_not_done_is_not_made_up_for() -> None:
    pace = Pace(10)
    pace.spend(10, 100.0)
    assert not pace.is_open(100.9)
    assert pace.is_open(500.0)
    pace.spend(10, 500.0)
    assert not pace.is_open(500.9)


def test_after_events_more_are_expected_for_a_while() -> None:
    traffic = Traffic()
    assert not traffic.flows(50.0)
    traffic.note(50.0)
    assert traffic.flows(50.9)
    assert not traffic.flows(51.1)
