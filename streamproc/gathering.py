"""Many who ask for the same, or for alike things, share an answer.

A worker's shards ask for the same things at the same moments: states, an evaluation, a commit. Each question costs a
round trip, or some milliseconds however small it is; a dozen of them together cost little more than one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gathering(Generic[Q, A]):
    """Hands the questions of one round of the event loop to `answer`, and each answer to who asked.

    `answer` takes some questions and gives as many answers in their order; one that is an exception is raised at who
    asked for it. What `answer` itself raises, all get. Questions that weigh more than `most` together, by `weigh`, are
    answered apart and side by side, so that no large one keeps all others waiting.
    """

    def __init__(
        self,
        answer: Callable[[list[Q]], Awaitable[Sequence[A | BaseException]]],
        *,
        weigh: Callable[[Q], int],
        most: int,
    ) -> None:
        self._answer, self._weigh, self._most = answer, weigh, most
        self._asked: list[tuple[Q, asyncio.Future[A]]] = []
        self._answering: set[asyncio.Task[None]] = set()

    async def ask(self, question: Q) -> A:
        """The answer. Who is cancelled meanwhile takes nothing from the others."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[A] = loop.create_future()
        self._asked.append((question, future))
        if len(self._asked) == 1:
            loop.call_soon(self._go)
        return await future

    def _go(self) -> None:
        asked, self._asked = self._asked, []
        for some in self._groups([one for one in asked if not one[1].done()]):
            task = asyncio.create_task(self._give(some))
            self._answering.add(task)  # the loop itself holds tasks only weakly
            task.add_done_callback(self._answering.discard)

    def _groups(
        self, asked: list[tuple[Q, asyncio.Future[A]]]
    ) -> Iterator[list[tuple[Q, asyncio.Future[A]]]]:
        group: list[tuple[Q, asyncio.Future[A]]] = []
        weight = 0
        for one in asked:
            more = self._weigh(one[0])
            if group and weight + more > self._most:
                yield group
                group, weight = [], 0
            group.append(one)
            weight += more
        if group:
            yield group

    async def _give(self, asked: list[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in asked])
        except BaseException as error:
            answers = [error] * len(asked)
        for (_, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)


class Shared(Generic[A]):
    """One answer at a time, for all who asked before it was begun; who asks meanwhile shares the next one."""

    def __init__(self, answer: Callable[[], Awaitable[A]]) -> None:
        self._answer = answer
        self._next: asyncio.Future[A] | None = None
        self._answering: asyncio.Task[None] | None = None

    async def ask(self) -> A:
        """An answer that is begun after this call. Raises what `answer` raises."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
            if self._answering is None:
                self._answering = asyncio.create_task(self._give())
        return await asyncio.shield(self._next)

    async def _give(self) -> None:
        while (asked := self._next) is not None:
            self._next = None
            try:
                asked.set_result(await self._answer())
            except Exception as error:
                asked.set_exception(error)
        self._answering = None
