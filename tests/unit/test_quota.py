"""What a shard's campaigns may still ask for: across restarts, and when it is held and let go."""

from collections.abc import Mapping
from typing import Final

import pytest

from streamproc.actions.rulings import Rulings
from streamproc.quota import RELEASED, Controls, Quota
from tests.unit.actions.desk import DAY_MS, HOUR_MS, NOON_MS, campaign

ONE: Final = campaign(budget=5)


def quota(stored: Mapping[str, bytes] | None = None, *, partition: int = 0, breaks: bool = True) -> Quota:
    """Of one of two shards: three requests a day for the first one, two for the other."""
    return Quota((ONE,), partition, 2, stored or {}, breaks=breaks)


def spent(of: Quota, requests: int, at_ms: int = NOON_MS) -> tuple[int, Rulings]:
    """How many of so many wishes are granted."""
    rulings = of.rulings()
    return sum(rulings.spend(ONE, at_ms, f"c{n}") for n in range(requests)), rulings


def silent(requests: int, at_ms: int = NOON_MS) -> Rulings:
    """So many requests that no event caused."""
    return Rulings(by_time=[at_ms] * requests)


async def customers(number: int = 1_000) -> int:
    return number


@pytest.mark.parametrize(("partition", "share"), [(0, 3), (1, 2)])
async def test_a_budget_is_kept_across_a_restart(partition: int, share: int) -> None:
    """With what the head has."""
    first = quota(partition=partition)
    granted, rulings = spent(first, 2)
    assert (granted, await first.overdrawn(rulings, NOON_MS, customers)) == (2, None)
    stored = first.settle(rulings, NOON_MS)
    again = quota(stored, partition=partition)
    granted, rulings = spent(again, 9)
    narrower = await again.overdrawn(rulings, NOON_MS, customers) if share > 2 else rulings
    assert narrower is not None
    assert sum(narrower.spend(ONE, NOON_MS, f"c{n}") for n in range(9)) == share - 2
    assert spent(again, 1, NOON_MS + DAY_MS)[0] == 1


async def test_what_is_not_settled_is_not_spent() -> None:
    """A batch that is not committed is decided again."""
    one = quota()
    spent(one, 3)
    assert spent(one, 3)[0] == 3


async def test_another_file_keeps_what_was_spent() -> None:
    one = quota()
    _, rulings = spent(one, 2)
    one.settle(rulings, NOON_MS)
    one.redefine((campaign(budget=4),), 0, 2)
    assert spent(one, 1)[0] == 0


async def test_too_many_at_once_are_held() -> None:
    """The batch is decided again without them; it lasts across a restart, until somebody says to go on."""
    one = quota()
    rulings = await one.overdrawn(silent(501), NOON_MS, customers)
    assert rulings is not None
    assert rulings.is_held
    assert one.is_held
    stored = one.settle(rulings, NOON_MS)
    again = quota(stored)
    assert again.rulings().is_held
    again.controls = Controls(released_ms=NOON_MS)
    assert again.rulings().is_held  # of an earlier hold
    again.controls = Controls(released_ms=NOON_MS + 1)
    assert not again.rulings().is_held
    assert await again.overdrawn(silent(500), NOON_MS + HOUR_MS, customers) is None


@pytest.mark.parametrize(
    ("requests", "number", "held"), [(500, 1, False), (501, 10_020, False), (501, 10_019, True)]
)
async def test_only_too_many_of_the_customers(requests: int, number: int, held: bool) -> None:
    one = quota()
    assert (await one.overdrawn(silent(requests), NOON_MS, lambda: customers(number)) is not None) is held
    assert one.is_held is held


async def test_batches_add_up_within_an_hour() -> None:
    """Kept with the head, too."""
    one = quota(quota().settle(silent(300), NOON_MS))
    assert await one.overdrawn(silent(300, NOON_MS + HOUR_MS), NOON_MS, customers) is None
    assert await one.overdrawn(silent(201, NOON_MS + HOUR_MS - 60_000), NOON_MS, customers) is not None


async def test_the_event_clock_has_no_breaker() -> None:
    """History has any number of customers who fall silent."""
    one = quota(breaks=False)
    assert await one.overdrawn(silent(10_000), NOON_MS, customers) is None
    assert one.settle(silent(10_000), NOON_MS) == {}


def test_controls() -> None:
    """As a store has them; what nobody knows, such as a later version's, is left out."""
    said = {"winback": "paused", "cart": "dry", "other": "fast", RELEASED: "17"}
    assert Controls.of(said) == Controls({"winback": "paused", "cart": "dry"}, 17)
    assert Controls.of({}) == Controls()
    one = quota()
    one.controls = Controls.of(said)
    assert one.rulings().modes == {"winback": "paused", "cart": "dry"}


async def test_since_when_it_is_held_is_told_until_it_is_released() -> None:
    """A release counts before the shard has noticed it, and one from before does not."""
    one = quota()
    assert one.held_ms is None
    assert await one.overdrawn(silent(501), NOON_MS, customers)
    assert one.held_ms == NOON_MS
    for released_ms, held_ms in ((NOON_MS - 1, NOON_MS), (NOON_MS + 1, None)):
        one.controls = Controls.of({RELEASED: str(released_ms)})
        assert one.held_ms == held_ms
    assert one.is_held


async def test_foresight_lets_campaigns_that_must_wait_only_try() -> None:
    """With the budgets as they are."""
    one, other = quota(), campaign("other")
    campaigns = (ONE, other)
    assert {each.key: one.foresight(campaigns).mode(each) for each in campaigns} == {
        "winback": "live",
        "other": "live",
    }
    _, rulings = spent(one, 3)
    one.settle(rulings, NOON_MS)
    assert not one.foresight(campaigns).spend(ONE, NOON_MS, "c9")
    one.controls = Controls.of({"other": "paused"})
    assert [one.foresight(campaigns).mode(each) for each in campaigns] == ["live", "dry"]
    assert await one.overdrawn(silent(501), NOON_MS, customers)
    held = one.foresight(campaigns)
    assert [held.mode(each) for each in campaigns] == ["dry", "dry"]
    assert not held.is_held
