"""What every measurement is given: sizes, the rules in force, and somebody to tell how far it is."""

import asyncio
import math
import statistics
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchmarks.population import Kind, Lives, history, live
from benchmarks.sizes import Sizes
from streamproc.churn.model import load_model
from streamproc.clock import wall_ms
from streamproc.rules.load import load_ruleset
from streamproc.transitions.definitions import Definitions

Result = TypeVar("Result")


@dataclass(frozen=True)
class Bench:
    """say: takes a line. headline: which population the figures in front are of."""

    sizes: Sizes
    definitions: Definitions
    say: Callable[[str], None]
    headline: Kind = "settled"

    async def live(self, kind: Kind, customers: int | None = None) -> Lives:
        """Simulated lives up to now."""
        number = customers or self.sizes.lives
        self.say(f"{number} simulated customers live 90 days ({kind})")
        end_ms = wall_ms()
        return await live(self.definitions, history(kind, number, end_ms), end_ms)

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
