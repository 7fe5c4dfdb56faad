"""Shards evaluated in one go; that it makes no difference to any of them, tests/oracle checks."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc import together
from streamproc.instants.advance import Course, Lives, Plan, advance_together
from streamproc.sources import SOURCES
from streamproc.together import Rounds, Together
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import new_customers
from tests.unit.api.customers import SMALL
from tests.unit.events import events

AT_MS = 20_454 * DAY_MS


def course(customer: str, partition: int, definitions: Definitions = SMALL) -> Course:
    """Somebody's first event."""
    at_ms = np.array([AT_MS])
    plan = Plan(np.zeros(1, np.int64), at_ms, at_ms, AT_MS, closed=True)
    return Course(
        new_customers([customer]), events([customer], at_ms), plan, definitions, Origin(SOURCES, partition)
    )


def broken(partition: int) -> Course:
    """A course on which the program fails."""
    found = course("eve", partition)
    found.table.members = np.zeros(3)  # which has no fields
    return found


def customers(lives: Lives) -> list[str]:
    return [done.table.ids[row] for done in lives.done for row in np.flatnonzero(done.rows)]


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many shards were evaluated in each go."""
    sizes: list[int] = []

    def counted(courses: list[Course]) -> list[Lives]:
        sizes.append(len(courses))
        return advance_together(courses)

    monkeypatch.setattr(together, "advance_together", counted)
    return sizes


async def test_shards_that_are_ready_go_together_and_each_gets_its_own(groups: list[int]) -> None:
    shards = Together()
    found = await asyncio.gather(*(shards.advance(course(f"c{shard}", shard)) for shard in range(3)))
    assert groups == [3]
    for shard, lives in enumerate(found):
        assert customers(lives) == [f"c{shard}"]
        assert {signal.customer for signal in lives.signals} == {f"c{shard}"}
        causes = {dict(signal.record.headers)["ce_causationid"] for signal in lives.signals}
        assert causes == {f"{SOURCES[0]}/{shard}/0".encode()}


async def test_the_same_customer_in_two_shards_is_two(groups: list[int]) -> None:
    """A producer with another partitioner: each shard has a state of its own."""
    shards = Together()
    found = await asyncio.gather(*(shards.advance(course("ada", shard)) for shard in range(2)))
    assert [customers(lives) for lives in found] == [["ada"], ["ada"]]
    assert groups == [2]


async def test_what_fails_in_one_shard_fails_in_no_other() -> None:
    shards = Together()
    found = await asyncio.gather(
        shards.advance(course("ada", 0)),
        shards.advance(broken(1)),
        shards.advance(course("bob", 2)),
        return_exceptions=True,
    )
    assert isinstance(found[1], ValueError)
    assert [customers(lives) for lives in (found[0], found[2]) if isinstance(lives, Lives)] == [
        ["ada"],
        ["bob"],
    ]


async def test_shards_with_other_rules_go_by_themselves(groups: list[int]) -> None:
    shards = Together()
    other = replace(SMALL, retired={7: ("gone", 1)})
    found = await asyncio.gather(
        shards.advance(course("ada", 0)),
        shards.advance(course("eve", 1, other)),
        shards.advance(course("bob", 2)),
    )
    assert [customers(lives) for lives in found] == [["ada"], ["eve"], ["bob"]]
    assert groups == [2]


async def test_no_more_customers_at_once_than_make_sense(
    groups: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "_CUSTOMERS_MAX", 2)
    shards = Together()
    found = await asyncio.gather(*(shards.advance(course(f"c{shard}", shard)) for shard in range(5)))
    assert [customers(lives) for lives in found] == [[f"c{shard}"] for shard in range(5)]
    assert groups == [2, 2]


async def test_who_was_let_go_is_left_out(groups: list[int]) -> None:
    shards = Together()
    tasks = [asyncio.create_task(shards.advance(course(f"c{shard}", shard))) for shard in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[1], asyncio.CancelledError)
    assert [customers(lives) for lives in found if isinstance(lives, Lives)] == [["c0"], ["c2"]]


async def test_who_comes_during_a_round_waits_for_the_next_which_all_begin_together() -> None:
    rounds, now = Rounds(), [0]
    begun: dict[str, int] = {}

    async def shard(name: str, steps: int) -> None:
        async with rounds.turn(0):
            begun[name] = now[0]
            for _ in range(steps):
                await asyncio.sleep(0)

    async def clock() -> None:
        for now[0] in range(20):
            await asyncio.sleep(0)

    ticking = asyncio.create_task(clock())
    early = [asyncio.create_task(shard("a", 3)), asyncio.create_task(shard("b", 6))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = [asyncio.create_task(shard("c", 1)), asyncio.create_task(shard("d", 1))]
    await asyncio.gather(*early, *late)
    ticking.cancel()
    assert begun["a"] == begun["b"]
    assert begun["c"] == begun["d"] >= begun["b"] + 6


async def test_of_full_rounds_two_are_under_way_and_nobody_is_passed_over() -> None:
    rounds, inside, most, order = Rounds(), 0, 0, []

    async def shard(name: int) -> None:
        nonlocal inside, most
        async with rounds.turn(2_000):
            order.append(name)
            inside += 1
            most = max(most, inside)
            for _ in range(3):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*map(shard, range(12)))
    assert (most, order) == (4, list(range(12)))


async def test_a_round_is_small_by_all_its_records() -> None:
    rounds, found = Rounds(), []

    async def shard(records: int) -> None:
        async with rounds.turn(records) as round_:
            found.append(round_.is_small)

    for each in (0, 900, 100):
        await asyncio.gather(shard(each), shard(100))
    assert found == [True, True, False, False, True, True]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 3), st.booleans(), st.sampled_from((0, 3_000)), st.booleans()
        ),
        max_size=12,
    )
)
async def test_rounds_go_on_whoever_fails_or_is_let_go(
    shards: list[tuple[int, int, bool, int, bool]],
) -> None:
    rounds, inside = Rounds(), 0

    async def shard(before: int, steps: int, fails: bool, records: int) -> None:
        nonlocal inside
        for _ in range(before):
            await asyncio.sleep(0)
        async with rounds.turn(records):
            inside += 1
            try:
                for _ in range(steps):
                    await asyncio.sleep(0)
                if fails:
                    raise OSError
            finally:
                inside -= 1

    tasks = [asyncio.create_task(shard(*own)) for *own, _ in shards]
    await asyncio.sleep(0)
    for task, (*_, is_let_go) in zip(tasks, shards, strict=True):
        if is_let_go:
            task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*tasks, return_exceptions=True)
        async with rounds.turn(0):
            assert inside == 0
