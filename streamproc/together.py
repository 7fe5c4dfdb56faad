"""Shards that are ready at the same time are evaluated in one go.

A step of few customers costs hardly less than one of many, and a worker has a dozen shards, each with a few events at a
time. What a shard reads and commits stays its own.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from streamproc.instants.advance import Course, Lives, advance_together

#: How long those who have come wait for the others, who read from Redis.
_PATIENCE_S: Final = 0.02
#: Customers of one go, about: more would only keep the others waiting.
_CUSTOMERS_MAX: Final = 4_000


@dataclass(frozen=True, slots=True)
class _Waiting:
    course: Course
    lives: "asyncio.Future[Lives]"


class Together:
    """Makes lives of courses, when all shards that are on their way here have come."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._expected: set[int] = set()
        self._late: asyncio.TimerHandle | None = None

    def expect(self, partition: int) -> None:
        """A shard has taken a batch and will come, or be excused: the others wait for it, if not for long."""
        self._expected.add(partition)

    def excuse(self, partition: int) -> None:
        """A shard does not come any more; nothing if it has."""
        self._expected.discard(partition)
        self._go_if_all_are_here()

    async def advance(self, course: Course) -> Lives:
        """What comes of a course. Raises what evaluating it raises, and nothing for what another's does."""
        loop = asyncio.get_running_loop()
        waiting = _Waiting(course, loop.create_future())
        self._waiting.append(waiting)
        if self._late is None:
            self._late = loop.call_later(_PATIENCE_S, self._go)
        self._expected.discard(course.origin.partition)
        self._go_if_all_are_here()
        return await waiting.lives

    def _go_if_all_are_here(self) -> None:
        if self._waiting and not self._expected and self._late is not None:
            self._late.cancel()
            self._late = asyncio.get_running_loop().call_later(0, self._go)

    def _go(self) -> None:
        self._late = None
        group = [self._waiting.pop(0)]
        customers = len(group[0].course.table)
        for other in [other for other in self._waiting if _alike(other.course, group[0].course)]:
            customers += len(other.course.table)
            if customers > _CUSTOMERS_MAX:
                break
            self._waiting.remove(other)
            group.append(other)
        if self._waiting:
            self._late = asyncio.get_running_loop().call_later(0, self._go)
        group = [waiting for waiting in group if not waiting.lives.done()]  # else its shard was let go
        if len(group) > 1:
            try:
                found = advance_together([waiting.course for waiting in group])
            except Exception:  # whose fault it was shows when each is alone; their tables are as they were
                pass
            else:
                for waiting, lives in zip(group, found, strict=True):
                    waiting.lives.set_result(lives)
                return
        for waiting in group:
            try:
                waiting.lives.set_result(waiting.course.alone())
            except Exception as error:
                waiting.lives.set_exception(error)


def _alike(one: Course, other: Course) -> bool:
    """Whether two shards have the same rules, model and former segments, and go by the same clock."""
    a, b = one.definitions, other.definitions
    same = a.ruleset is b.ruleset and a.model is b.model and a.retired == b.retired
    return same and one.plan.closed == other.plan.closed
