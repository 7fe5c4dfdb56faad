"""What every measurement is given: sizes, the rules in force, and somebody to tell how far it is."""

import asyncio
import math
import statistics
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from benchmarks.population import Kind, Lives, history, live
from benchmarks.sizes import Sizes
from benchmarks.stage import Stage, open_stage
from streamproc.churn.model import load_model
from streamproc.clock import wall_ms
from streamproc.rules.load import load_ruleset
from streamproc.simulate.lives.records import EventRecord
from streamproc.transitions.definitions import Definitions

Result = TypeVar("Result")


@dataclass(frozen=True)
class Bench:
    """say: takes a line. headline: which population the figures in front are of.

    shared: servers for all measurements; None: each has its own, as it must be where figures matter.
    """

    sizes: Sizes
    definitions: Definitions
    say: Callable[[str], None]
    headline: Kind = "settled"
    shared: Stage | None = None
    _lived: dict[tuple[Kind, int], "asyncio.Task[Lives]"] = field(default_factory=dict)

    @contextmanager
    def stage(self) -> Iterator[Stage]:
        """Servers."""
        if self.shared is not None:
            yield self.shared
        else:
            with open_stage() as stage:
                yield stage

    async def live(self, kind: Kind, customers: int | None = None) -> Lives:
        """Simulated lives up to now; where servers are shared, lives are too."""
        number = customers or self.sizes.lives
        if self.shared is None:
            return await self._live(kind, number)
        if (kind, number) not in self._lived:
            self._lived[kind, number] = asyncio.create_task(self._live(kind, number))
        return await self._lived[kind, number]

    async def _live(self, kind: Kind, number: int) -> Lives:
        self.say(f"{number} simulated customers live 90 days ({kind})")
        end_ms = wall_ms()
        return await self.through(history(kind, number, end_ms), end_ms)

    async def through(
        self, events: Iterable[EventRecord], end_ms: int, definitions: Definitions | None = None
    ) -> Lives:
        """Events through the engine, under the packaged rules if no others are given."""
        return await live(definitions or self.definitions, events, end_ms, self.sizes.step_ms)

    async def each(self, jobs: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
        """The results of all, one after the other; side by side only where figures do not matter."""
        turns = asyncio.Semaphore(self.sizes.at_once)

        async def one(job: Callable[[], Awaitable[Result]]) -> Result:
            async with turns:
                return await job()

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in jobs]
        return [task.result() for task in tasks]


def packaged() -> Definitions:
    """The rules and the model that streamproc has when it is given none."""
    return Definitions(load_ruleset(None), load_model(None))


class Spread(msgspec.Struct, frozen=True):
    """The middle of some repetitions, and how far they lie apart."""

    median: float
    least: float
    most: float


def spread(values: Iterable[float]) -> Spread | None:
    """Of the values that are numbers; None if none is."""
    known = [value for value in values if not math.isnan(value)]
    return Spread(statistics.median(known), min(known), max(known)) if known else None


def rotated(items: Sequence[Result], by: int) -> list[Result]:
    """Begins with another one each time, so that nobody always follows the same neighbour."""
    by %= max(1, len(items))
    return [*items[by:], *items[:by]]
