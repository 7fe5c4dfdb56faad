"""What is asked in one round of the event loop is answered in one go."""

import asyncio
from collections.abc import Sequence

import pytest

from streamproc.gathering import Gathering, Shared


class Squares:
    """Answers with squares, and notes what was asked together."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.gathering: Gathering[int, int] = Gathering(self._answer, weigh=lambda n: n, most=14)

    async def _answer(self, questions: list[int]) -> Sequence[int | BaseException]:
        self.groups.append(questions)
        await asyncio.sleep(0)
        if -1 in questions:
            raise OSError("away")
        return [ValueError("odd") if question % 2 else question**2 for question in questions]


async def test_all_of_a_round_are_answered_together() -> None:
    squares = Squares()
    assert await asyncio.gather(*map(squares.gathering.ask, (2, 4, 6))) == [4, 16, 36]
    assert await squares.gathering.ask(8) == 64
    assert squares.groups == [[2, 4, 6], [8]]


async def test_what_weighs_too_much_together_is_answered_apart() -> None:
    squares = Squares()
    assert await asyncio.gather(*map(squares.gathering.ask, (8, 6, 2, 20, 4))) == [64, 36, 4, 400, 16]
    assert squares.groups == [[8, 6], [2], [20], [4]]


async def test_an_error_is_the_own_one() -> None:
    found = await asyncio.gather(*map(Squares().gathering.ask, (2, 3, 4)), return_exceptions=True)
    assert (found[0], found[2]) == (4, 16)
    assert isinstance(found[1], ValueError)


async def test_what_fails_as_a_whole_fails_for_all() -> None:
    found = await asyncio.gather(*map(Squares().gathering.ask, (2, -1)), return_exceptions=True)
    assert [type(one) for one in found] == [OSError, OSError]


async def test_who_is_cancelled_takes_nothing_from_the_others() -> None:
    squares = Squares()
    tasks = [asyncio.create_task(squares.gathering.ask(number)) for number in (2, 4)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert await tasks[1] == 16


class Counter:
    """Answers with how often it was asked, once it may."""

    def __init__(self) -> None:
        self.begun, self.may = 0, asyncio.Event()
        self.shared: Shared[int] = Shared(self._answer)

    async def _answer(self) -> int:
        self.begun += 1
        mine = self.begun
        await self.may.wait()
        if mine == 2:
            raise OSError("away")
        return mine


async def test_who_asks_at_once_shares_an_answer_and_who_comes_later_gets_a_later_one() -> None:
    counter = Counter()
    first = [asyncio.create_task(counter.shared.ask()) for _ in range(3)]
    while not counter.begun:
        await asyncio.sleep(0)
    second = [asyncio.create_task(counter.shared.ask()) for _ in range(2)]
    await asyncio.sleep(0)
    assert counter.begun == 1
    second.pop().cancel()  # takes nothing from the other
    counter.may.set()
    assert await asyncio.gather(*first) == [1, 1, 1]
    with pytest.raises(OSError, match="away"):
        await second[0]
    assert await counter.shared.ask() == 3
