"""A population of 400 customers over 90 days, the same for all tests."""

from functools import cache

from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import DAY_MS, Happening, born
from streamproc.simulate.lives.population import Plan, Population

CUSTOMERS = 400
PLAN = Plan(seed=7, days=90, end_ms=1_777_637_400_000, currency="USD")  # 2026-05-01T12:10:00Z


@cache
def happenings() -> list[Happening]:
    """All that happens, in order."""
    return list(Population(PLAN, range(CUSTOMERS)).happenings())


@cache
def personas() -> dict[str, str]:
    """Customer to the name of the persona."""
    lives = [born(number, Chance(PLAN.seed), PLAN.begin_ms, PLAN.end_ms) for number in range(CUSTOMERS)]
    return {life.who.name: life.persona.name for life in lives}


def kind(happening: Happening) -> str:
    """The event's name, or the call's type."""
    return str(happening.call.get("event", happening.call["type"]))


def day(happening: Happening) -> int:
    """Epoch days."""
    return happening.ts_ms // DAY_MS
