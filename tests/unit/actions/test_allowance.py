"""Budgets: never more than a share a day, spent in the order of (instant, customer), whatever the order of deciding."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.actions.allowance import Allowance, share_of
from streamproc.actions.rulings import DAY_MS, Day, Rulings, Spend
from streamproc.rules.campaign import Campaign
from tests.unit.actions.desk import NOON_MS, campaign

TODAY: Final = NOON_MS // DAY_MS
WISHES: Final = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2 * DAY_MS), st.sampled_from("abcdef")),
    max_size=30,
    unique=True,
)


def go(
    allowance: Allowance, campaigns: list[Campaign], wishes: list[tuple[int, int, str]]
) -> tuple[Rulings, set[tuple[int, int, str]]]:
    """Decide in this order, again and again until it stands; what was granted."""
    rulings = allowance.rulings({}, is_held=False)
    for _ in range(len(wishes) + 2):
        granted = {wish for wish in wishes if rulings.spend(campaigns[wish[0]], NOON_MS + wish[1], wish[2])}
        narrower = allowance.overdrawn(rulings)
        if narrower is None:
            return rulings, granted
        rulings = narrower
    raise AssertionError("it does not converge")


@given(st.integers(0, 10**6), st.integers(1, 200))
def test_shares_add_up_and_differ_by_one_at_most(budget: int, partitions: int) -> None:
    shares = [share_of(budget, partition, partitions) for partition in range(partitions)]
    assert sum(shares) == budget
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


@given(WISHES, st.randoms(use_true_random=False), st.tuples(st.integers(0, 3), st.integers(0, 3)))
def test_the_first_by_instant_and_customer_are_granted(
    wishes: list[tuple[int, int, str]], random: object, budgets: tuple[int, int]
) -> None:
    """Of each campaign and day so many as there are; the third has no budget, and gets all."""
    campaigns = [campaign(key, budget=budget) for key, budget in zip("xyz", (*budgets, None), strict=True)]
    random.shuffle(wishes)  # type: ignore[attr-defined]
    _, granted = go(Allowance.of(campaigns, 0, 1, None), campaigns, wishes)
    days: dict[tuple[int, int], list[tuple[int, str]]] = {}
    for place, at_ms, customer in wishes:
        days.setdefault((place, (NOON_MS + at_ms) // DAY_MS), []).append((at_ms, customer))
    assert granted == {
        (place, *wish)
        for (place, _), mine in days.items()
        for wish in sorted(mine)[: (*budgets, len(mine))[place]]
    }


@given(st.lists(WISHES, max_size=5), st.integers(1, 5))
def test_never_more_than_the_share_a_day(goes: list[list[tuple[int, int, str]]], budget: int) -> None:
    """Over many goes, each after a restart that finds what the last one kept."""
    one = campaign(budget=budget)
    stored: bytes | None = None
    count: dict[int, int] = {}
    for wishes in goes:
        allowance = Allowance.of([one], 1, 2, stored)
        rulings, granted = go(allowance, [one] * 3, list({(0, *wish[1:]) for wish in wishes}))
        for _, at_ms, _ in granted:
            count[(NOON_MS + at_ms) // DAY_MS] = count.get((NOON_MS + at_ms) // DAY_MS, 0) + 1
        allowance.settle(rulings, NOON_MS)
        stored = allowance.packed()
        assert {day.day: number for day, number in allowance.spent.items()} == count
    assert max(count.values(), default=0) <= budget // 2


def test_days_that_are_over_are_forgotten() -> None:
    """But for the one before, in which another source may still be."""
    allowance = Allowance({7: 9}, {Day(7, TODAY - ago): 1 for ago in range(4)})
    allowance.settle(Rulings(), NOON_MS)
    assert sorted(allowance.spent) == [Day(7, TODAY - 1), Day(7, TODAY)]


def test_a_campaign_of_another_budget_or_none_goes_on() -> None:
    """With what it has spent already."""
    one = campaign(budget=2)
    stored = Allowance({}, {Day(one.id, TODAY): 2}).packed()
    for budget, granted in ((2, False), (3, True), (None, True)):
        again = campaign(budget=budget)
        rulings = Allowance.of([again], 0, 1, stored).rulings({}, is_held=False)
        assert rulings.spend(again, NOON_MS, "ada") is granted


@pytest.mark.parametrize(("is_held", "mode"), [(True, "paused"), (False, "dry")])
def test_a_narrower_go_has_the_same_modes(is_held: bool, mode: str) -> None:
    one = campaign(budget=0)
    allowance = Allowance.of([one], 0, 1, None)
    rulings = Rulings({one.key: mode}, is_held, {})  # type: ignore[dict-item]
    rulings.attempts[Day(one.id, TODAY)] = [Spend(NOON_MS, "ada")]
    narrower = allowance.overdrawn(rulings)
    assert narrower is not None
    assert (narrower.modes, narrower.is_held, narrower.attempts) == ({one.key: mode}, is_held, {})
    assert not narrower.spend(one, NOON_MS, "ada")
