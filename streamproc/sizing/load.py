"""What an installation is to carry, and the steps from there to what it needs."""
# ruff: noqa: RUF001 (the lines are read by people, as arithmetic)

from dataclasses import dataclass, field
from typing import Final, Literal

from streamproc.sizing.constants import constants

#: The rules with which worker, Redis and Kafka were measured together: the playbook.
RULES: Final = 30
#: Or they could not be shared out evenly.
SHARDS_PER_PRIMARY: Final = 4

History = Literal["light", "typical", "heavy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What an installation is to carry. `active_per_day`: customers who do anything on a day.

    `busy`: which share of a worker's CPU may be used at the ordinary rate; the rest is for catching up.
    """

    customers: float
    events_per_s: float
    rules: int = 30
    active_per_day: float | None = None
    history: History = "typical"
    id_bytes: int = 36
    event_bytes: int = 500
    redis_memory_gb: float = 16.0
    replicas: int = 1
    cores: int = 4
    busy: float = 0.5
    outage_s: float = 3_600
    kafka_days: float = 7
    kafka_copies: int = 3

    @property
    def active(self) -> float:
        """A third of the customers unless it is said."""
        return self.customers / 3 if self.active_per_day is None else self.active_per_day


@dataclass(frozen=True, slots=True)
class Line:
    """One step. `names`: of the constants in it."""

    area: str
    what: str
    arithmetic: str
    value: float
    unit: str
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Plan:
    """All steps, and what comes of them, by name."""

    load: Load
    lines: list[Line] = field(default_factory=list)
    results: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def line(self, area: str, what: str, arithmetic: str, value: float, unit: str, *names: str) -> float:
        """Add a step; its value."""
        self.lines.append(Line(area, what, arithmetic, value, unit, names))
        return value


def number(name: str) -> float:
    return constants()[name].number


def between(plan: Plan, area: str, what: str, name: str, unit: str, back: float) -> float:
    """A figure between that of customers who were there today and that of customers who come back."""
    known, silent = (number(f"{name}_{kind}") for kind in ("known", "back"))
    value = known + back * (silent - known)
    told = f"{known:g} + {back:.3f} × ({silent:g} − {known:g})"
    return plan.line(area, what, told, value, unit, f"{name}_known", f"{name}_back")


def si(value: float) -> str:
    """A number as people say it: 10M, 50k."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.4g}{unit}"
    return f"{value:.4g}"
