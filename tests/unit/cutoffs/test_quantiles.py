"""Quantiles of samples, against slow ones; how far off they are; and which cut-offs stay."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.cutoffs.quantiles import find, in_file, quantile, rank_error
from streamproc.cutoffs.states import States
from streamproc.features.registry import FEATURES
from streamproc.rules.cutoff_values import NO_VALUES
from streamproc.rules.model import Cutoff
from streamproc.windows.table import new_customers

DAY_MS = 86_400_000
NOW_MS = 20_000 * DAY_MS


def states_of(sessions: Sequence[int], *, seen_days: int = 400, silent_days: int = 1) -> States:
    """Customers who have had so many sessions, all in all."""
    table = new_customers([f"c{n}" for n in range(len(sessions))])
    table.head["sessions"] = sessions
    table.head["first_seen_ms"] = NOW_MS - seen_days * DAY_MS
    table.head["last_activity_ms"] = NOW_MS - silent_days * DAY_MS
    return States(table, np.full(len(table), NOW_MS), 90)


def cutoff(percent: int = 80, *, sampled: int | None = None, override: bool = False) -> Cutoff:
    return Cutoff("busy", "sessions_total", "count", percent, 12, 20, override, sampled)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 99))
def test_a_quantile_is_the_least_value_that_enough_do_not_exceed(values: list[int], percent: int) -> None:
    enough = (
        value for value in sorted(values) if 100 * sum(x <= value for x in values) >= percent * len(values)
    )
    assert quantile(np.sort(values), percent) == next(enough)


@pytest.mark.parametrize("percent", [20, 50, 80, 95])
def test_a_sample_of_5000_is_within_two_percent_in_rank(percent: int) -> None:
    """As the inequality says, of many equal values as of few."""
    assert rank_error(5_000) == pytest.approx(0.0192, abs=1e-4)
    rng = np.random.default_rng(percent)
    population = np.sort(rng.poisson(rng.gamma(1.0, 8.0, 60_000)) + 1)
    for _ in range(20):
        (found,) = find(
            [cutoff(percent)], FEATURES, states_of(rng.choice(population, 5_000, replace=False).tolist())
        )
        assert found.value is not None
        below, up_to = (np.searchsorted(population, found.value, side) / 60_000 for side in ("left", "right"))
        assert below - 0.02 <= percent / 100 <= up_to + 0.02
        assert found.customers == 5_000
        assert found.rank_error == rank_error(5_000)


def test_the_rank_error_is_rarely_exceeded() -> None:
    """In one sample of twenty at most (and chance): the greatest distance at any value, of 2,000 samples of 300."""
    rng = np.random.default_rng(3)
    exceeded = 0
    for _ in range(2_000):
        sample = np.sort(rng.random(300))
        steps = np.arange(301) / 300
        exceeded += max(np.abs(steps[1:] - sample).max(), np.abs(sample - steps[:-1]).max()) > rank_error(300)
    assert exceeded / 2_000 <= 0.05 + 3 * (0.05 * 0.95 / 2_000) ** 0.5


def test_who_counts() -> None:
    """Those active lately, of whom the value is known, and who have any."""
    recent, gone = states_of([0, 0, 3, 5]), states_of([3, 5], silent_days=91)
    feature = FEATURES["sessions_total"]
    assert recent.values(feature).tolist() == [3, 5]
    assert gone.values(feature).tolist() == []
    assert not gone.active.any()
    window = FEATURES["sessions_30d"]
    assert states_of([3], seen_days=3).values(window).tolist() == []
    assert states_of([3]).values(FEATURES["recency"]).tolist() == [DAY_MS]
    assert states_of([3]).values(FEATURES["order_recency"]).tolist() == []


def test_too_few_customers_move_nothing() -> None:
    """199 are too few, 200 are not."""
    few, enough = (find([cutoff()], FEATURES, states_of(range(1, n)))[0] for n in (200, 201))
    assert (few.value, few.new, few.note) == (
        None, 12, "stays: 200 customers are needed, and there are 199",
    )  # fmt: skip
    assert (enough.value, enough.new, enough.note) == (160, 160, "")
    assert enough.reached == pytest.approx(41 / 200)


def test_a_cutoff_stays_while_it_is_right_within_the_error() -> None:
    """1 to 1,000: the rank of 800 may be off by 43."""
    states = states_of(range(1, 1_001))
    near, far, fixed = (find([cutoff(sampled=value)], FEATURES, states)[0] for value in (758, 740, None))
    assert (near.new, near.note) == (758, "stays: it is right within the error")
    assert (far.new, far.note) == (800, "")
    assert fixed.new == 800
    assert near.reached == pytest.approx(0.243)


def test_an_overridden_cutoff_is_sampled_all_the_same() -> None:
    """So the value is there when the override is lifted."""
    (found,) = find([cutoff(override=True)], FEATURES, states_of(range(1, 1_001)))
    assert (found.new, found.value, found.note) == (12, 800, "stays: overridden by the rules")


def test_what_is_fixed_only_is_not_sampled() -> None:
    assert find([Cutoff("busy", "sessions_total", "count", None, 12, 20)], FEATURES, states_of([1])) == []


def test_durations_and_money_are_rounded() -> None:
    """Nobody means 6d 23h 59m 12s."""
    table = new_customers([f"c{n}" for n in range(300)])
    table.head["first_seen_ms"] = NOW_MS - 400 * DAY_MS
    table.head["last_activity_ms"] = NOW_MS - 7 * DAY_MS + 48_000
    table.head["money_micros"] = 12_344_999
    states = States(table, np.full(300, NOW_MS), 90)
    found = find(
        [
            Cutoff("recent", "recency", "ms", 20, DAY_MS, 20),
            Cutoff("much", "money_total", "USD", 80, 1_000_000, 20),
        ],
        FEATURES,
        states,
    )
    assert [each.value for each in found] == [7 * DAY_MS, 12_340_000]
    written = in_file(found, NO_VALUES, "2026-01-01T00:00:00Z", "test", 300, 90)
    assert {name: value.value for name, value in written.cutoffs.items()} == {
        "recent": "7d",
        "much": "12.34 USD",
    }


def test_the_file_keeps_what_cannot_be_told_now() -> None:
    first = in_file(find([cutoff()], FEATURES, states_of(range(1, 1_001))), NO_VALUES, "then", "a", 1_000, 90)
    (few,) = find([cutoff(sampled=800)], FEATURES, states_of([1] * 50))
    again = in_file([few], first, "now", "b", 50, 90)
    assert again.cutoffs == first.cutoffs
    assert again.version == first.version
    assert (again.created, again.sampled) == ("now", 50)
    (never,) = find([cutoff()], FEATURES, states_of([1] * 50))
    assert in_file([never], NO_VALUES, "now", "b", 50, 90).cutoffs == {}
