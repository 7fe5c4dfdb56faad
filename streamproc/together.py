"""Shards go from Kafka to Redis in rounds, and those of a round are evaluated in one go.

A step of few customers costs hardly less than one of many, and a worker has a dozen shards, each with a few events at a
time. What a shard reads and commits stays its own.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from streamproc.gathering import Gathering
from streamproc.instants.advance import Course, Lives, advance_together

#: Records of one round, about.
_RECORDS_MAX: Final = 4_000
#: Records of a round that is small.
_SMALL_RECORDS: Final = 1_000
#: Customers of one go, about: with more it costs more to put them together than one step less saves.
_CUSTOMERS_MAX: Final = 1_000


@dataclass(slots=True)
class Round:
    """Shards that go together, and how many records they bring, about."""

    inside: int = 0
    records: int = 0

    @property
    def is_small(self) -> bool:
        """Whether it computes hardly longer than Kafka takes to answer."""
        return self.records < _SMALL_RECORDS


class Rounds:
    """Who comes while a round is under way waits for the next one, and all who wait begin it at once.

    Else each shard would go at a time of its own, and none with another; and with more of them on their way, each wait
    of each would last until all the others have computed. Only where more records wait than make sense at once, a
    second round begins beside the first: one computes while the other waits for Redis. A small round may wait for
    Kafka's answers to its signals: beside the next one each step of a relay would have to wait for all that computes.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[asyncio.Future[Round], int]] = deque()
        self._under_way: list[Round] = []
        self._is_beginning = False
        self._is_full = False

    @asynccontextmanager
    async def turn(self, records: int) -> AsyncIterator[Round]:
        """A shard's part of a round. `records`: how many it brings, about."""
        begun: asyncio.Future[Round] = asyncio.get_running_loop().create_future()
        self._waiting.append((begun, records))
        self._begin_if_possible()
        try:
            mine = await begun
        except asyncio.CancelledError:
            if not begun.cancelled():
                self._leave(begun.result())
            raise
        try:
            yield mine
        finally:
            self._leave(mine)

    def _leave(self, round_: Round) -> None:
        round_.inside -= 1
        if not round_.inside:
            self._under_way.remove(round_)
            self._begin_if_possible()

    def _begin_if_possible(self) -> None:
        most = 2 if self._is_full else 1
        if self._waiting and len(self._under_way) < most and not self._is_beginning:
            self._is_beginning = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._is_beginning = False
        round_ = Round()
        while self._waiting and round_.records < _RECORDS_MAX:
            begun, own = self._waiting.popleft()
            if not begun.done():
                round_.records += own
                round_.inside += 1
                begun.set_result(round_)
        self._is_full = round_.records >= _RECORDS_MAX
        if round_.inside:
            self._under_way.append(round_)
        self._begin_if_possible()


class Together:
    """Makes lives of courses: those that come in one round of the event loop in one go."""

    def __init__(self) -> None:
        self._courses: Gathering[Course, Lives] = Gathering(
            _lives, weigh=lambda course: len(course.table), most=_CUSTOMERS_MAX
        )

    async def advance(self, course: Course) -> Lives:
        """What comes of a course. Raises what evaluating it raises, and nothing for what another's does."""
        return await self._courses.ask(course)


async def _lives(courses: list[Course]) -> list[Lives | BaseException]:
    found: dict[int, Lives | BaseException] = {}
    left = list(range(len(courses)))
    while left:
        group = [place for place in left if _alike(courses[place], courses[left[0]])]
        found |= zip(group, _of_alike([courses[place] for place in group]), strict=True)
        left = [place for place in left if place not in found]
    return [found[place] for place in range(len(courses))]


def _of_alike(courses: list[Course]) -> Sequence[Lives | BaseException]:
    if len(courses) > 1:
        try:
            return advance_together(courses)
        except Exception:  # whose fault it was shows when each is alone; their tables are as they were
            return [_alone(course) for course in courses]
    return [_alone(courses[0])]


def _alone(course: Course) -> Lives | BaseException:
    try:
        return course.alone()
    except Exception as error:
        return error


def _alike(one: Course, other: Course) -> bool:
    """Whether two shards have the same rules, model and former segments, and go by the same clock."""
    a, b = one.definitions, other.definitions
    same = a.ruleset is b.ruleset and a.model is b.model and a.retired == b.retired
    return same and one.plan.closed == other.plan.closed
