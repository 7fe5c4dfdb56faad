"""Signals counted: each entry once, first entries compared, windows over, beginnings read."""

import itertools
import random
from collections.abc import Iterable

import pytest

from streamproc.experiments import keyed
from streamproc.experiments.journeys import ArmCounts, CampaignCounts, Journeys
from streamproc.experiments.signals import Arm
from tests.unit.experiments.signals import DAY_MS, START_MS, asked, ended, held, signal, suppressed

ASKED = Arm("rescue", None, False)
HELD = Arm("rescue", None, True)


def counted(signals: Iterable[bytes], since_ms: int | None = None) -> CampaignCounts:
    """Of the only campaign."""
    journeys = Journeys()
    journeys.add(signals)
    assert not journeys.left_out
    (own,) = journeys.counts(since_ms)
    return own


def life(customer: str, outcome: str, entry: int = 1, at_ms: int = START_MS) -> list[bytes]:
    return [asked(customer, entry, at_ms), ended(customer, outcome, entry, at_ms, holdout=False)]


def control(customer: str, outcome: str, entry: int = 1, at_ms: int = START_MS) -> list[bytes]:
    return [held(customer, entry, at_ms), ended(customer, outcome, entry, at_ms, holdout=True)]


def test_rates_of_both_arms() -> None:
    """Who was asked, and who would have been."""
    own = counted(
        [
            *life("a", "converted"),
            *life("b", "not_converted"),
            *control("c", "converted"),
            *control("d", "not_converted"),
            *control("e", "not_converted"),
        ]
    )
    assert own.goal == "activity"
    assert own.arms == {
        ASKED: ArmCounts(entries=2, ended=2, requests=2, customers=2, over=2, converted=1),
        HELD: ArmCounts(entries=3, ended=3, requests=0, customers=3, over=3, converted=1),
    }


def test_repeats_change_nothing() -> None:
    """Everything three times, and out of order between customers."""
    lives = [
        [*life("a", "converted"), *life("a", "not_converted", 2, START_MS + DAY_MS)],
        control("b", "not_converted"),
        [suppressed("c", "no_consent"), suppressed("c", "in_journey", 2)],
        [asked("d"), asked("d", 1, START_MS + DAY_MS, step=2), ended("d", "not_converted")],
    ]
    once = counted(itertools.chain(*lives))
    rng = random.Random(1)
    for _ in range(20):
        again = [list(own) * 3 for own in lives]
        mixed: list[bytes] = []
        while any(again):
            mixed.append(rng.choice([own for own in again if own]).pop(0))
        assert counted(mixed) == once
    assert once.arms[ASKED].requests == 4


def test_much_is_merged_as_little_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often rows are put together."""
    rng = random.Random(2)
    signals: list[bytes] = []
    for number in range(300):
        outcome = rng.choice(["converted", "not_converted", "superseded"])
        signals += rng.choice([life, control])(f"u-{number}", outcome)
        signals += rng.choices(signals, k=2)
    expected = counted(signals)
    monkeypatch.setattr(keyed, "_WAITING_MAX", 7)
    assert counted(signals) == expected


def test_requests_of_a_ladder_are_one_entry() -> None:
    own = counted([asked("a"), asked("a", 1, START_MS + DAY_MS, step=2), ended("a", "not_converted")])
    assert own.arms[ASKED] == ArmCounts(entries=1, ended=1, requests=2, customers=1, over=1)


def test_suppressions_by_reason() -> None:
    """They are no exposure, and those of the control group are not among them."""
    own = counted(
        [suppressed("a", "no_consent"), suppressed("b", "no_consent"), suppressed("c", "expired"), held("d")]
    )
    assert own.arms[ASKED].suppressed == {"no_consent": 2, "expired": 1}
    assert own.arms[ASKED].entries == 0
    assert own.arms[HELD] == ArmCounts(entries=1, customers=1)


def test_an_open_window_is_no_failure_and_an_early_conversion_no_success() -> None:
    """Both were asked after the last whose window is over: who converts fast must not count alone."""
    late_ms = START_MS + DAY_MS
    own = counted(
        [*life("a", "not_converted"), *life("b", "converted", 1, late_ms), asked("c", 1, late_ms), held("d")]
    )
    assert own.arms[ASKED] == ArmCounts(entries=3, ended=2, requests=3, customers=3, over=1)
    assert own.arms[HELD] == ArmCounts(entries=1, customers=1)
    assert own.endless == 1  # d was asked when a was


def test_without_a_window_that_is_over_nothing_is_compared() -> None:
    own = counted([*life("a", "converted"), *control("b", "converted")])
    assert [arm.over for arm in own.arms.values()] == [0, 0]


def test_a_customers_first_entry_is_compared() -> None:
    """Later ones are counted, but they are the same draw."""
    later_ms = START_MS + 40 * DAY_MS
    own = counted(
        [
            *life("a", "not_converted", 3),
            *life("a", "converted", 4, later_ms),
            *life("b", "not_converted", 1, later_ms),
        ]
    )
    assert own.arms[ASKED] == ArmCounts(entries=3, ended=3, requests=3, customers=2, over=2, converted=0)


def test_since_an_instant() -> None:
    """The first entry since then."""
    later_ms = START_MS + 40 * DAY_MS
    signals = [
        *life("a", "not_converted", 3),
        *life("a", "converted", 4, later_ms),
        *life("b", "not_converted", 1, later_ms),
    ]
    assert counted(signals, later_ms).arms[ASKED].over == 2
    assert counted(signals, later_ms).arms[ASKED].converted == 1
    assert counted(signals, later_ms + 1).arms[ASKED].entries == 0


def test_a_superseded_entry_has_ended_without_conversion() -> None:
    own = counted([*life("a", "superseded"), *life("b", "not_converted")])
    assert own.arms[ASKED].over == 2
    assert own.arms[ASKED].converted == 0


def test_entries_whose_beginning_was_not_read_are_left_out() -> None:
    """Kafka no longer has it: conversions of that time are gone with it, failures are told later."""
    own = counted(
        [
            ended("a", "not_converted", holdout=False),
            asked("b", 1, START_MS + DAY_MS, step=2),
            ended("b", "not_converted", 1, START_MS, holdout=False),
            *life("c", "not_converted", 1, START_MS + DAY_MS),
        ]
    )
    assert own.cut == 2
    assert own.arms[ASKED] == ArmCounts(entries=1, ended=1, requests=2, customers=1, over=1)


def test_an_end_without_a_request_is_no_entry() -> None:
    own = counted([ended("a", "done", 1, None, goal="none"), asked("b")])
    assert (own.goal, own.cut, own.arms[ASKED].entries) == ("none", 0, 1)


def test_variants_and_campaigns_apart() -> None:
    """A customer is in several."""
    journeys = Journeys()
    journeys.add(
        [
            asked("a", variant="short"),
            ended("a", "not_converted", variant="short"),
            held("b", variant="short"),
            asked("c", variant="long"),
            asked("a", campaign="winback"),
        ]
    )
    rescue, winback = journeys.counts()
    assert {arm: own.customers for arm, own in rescue.arms.items()} == {
        Arm("rescue", "long", False): 1,
        Arm("rescue", "short", False): 1,
        Arm("rescue", "short", True): 1,
    }
    assert winback.arms == {Arm("winback", None, False): ArmCounts(entries=1, requests=1, customers=1)}


def test_what_is_no_signal_of_an_entry_is_left_out() -> None:
    """Fields that are not known are passed over."""
    journeys = Journeys()
    old = b'{"event":"Reactivation Requested","timestamp":"2026-03-01T12:00:00.000Z","userId":"a",'
    journeys.add(
        [
            None,
            b"",
            b"[]",
            b"\xff",
            b'{"event":"Audience Entered","timestamp":"2026-03-01T12:00:00.000Z","properties":{}}',
            old + b'"properties":{"campaign":"rescue"}}',
            signal("Requested", "", 1, START_MS),
            old.replace(b"000Z", b"000") + b'"properties":{"campaign":"rescue","entry":1}}',
            asked("a", mood="sunny", step=None),
        ]
    )
    assert (journeys.signals, journeys.left_out) == (1, 8)


def test_customers_known_by_an_anonymous_id() -> None:
    """They are others than those with the same user id."""
    anonymous = asked("a").replace(b'"userId"', b'"anonymousId"')
    assert counted([anonymous, asked("a")]).arms[ASKED].customers == 2
