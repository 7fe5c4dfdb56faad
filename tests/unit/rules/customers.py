"""Customers whose features are known at every instant: what rules are tested on.

A time unit is 1 ms, and everything happens within a few dozen of them, so that every instant can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import Feature
from streamproc.windows.panes import INF

AGES = ("tenure", "recency", "cart_idle")
WINDOWS = ("events_7d", "web_events_7d", "money_7d")
TOTALS = ("events_total", "cart_items", "money_total", "nps", "usual_gap", "favorite_category")
RELATIONS = ("trend", "app_share_30d")


@dataclass(frozen=True)
class Age:
    anchor_ms: int | None  # None: it does not run
    exact: bool = True

    def at(self, now_ms: int) -> tuple[int, bool]:
        return (0 if self.anchor_ms is None else max(0, now_ms - self.anchor_ms)), self.exact


@dataclass(frozen=True)
class Window:
    """Falls by each of `falls` = (instant, amount), at last to `rest`; exact from `known_ms` on."""

    falls: tuple[tuple[int, int], ...]
    known_ms: int
    rest: int = 0

    def at(self, now_ms: int) -> tuple[int, bool]:
        return self.rest + sum(by for instant, by in self.falls if instant > now_ms), self.known_ms <= now_ms


@dataclass(frozen=True)
class Total:
    amount: int  # -1: no value

    def at(self, now_ms: int) -> tuple[int, bool]:
        return self.amount, self.amount != -1


@dataclass(frozen=True)
class Relation:
    """Has each of `values` from its instant on; -1: no value."""

    values: tuple[tuple[int, int], ...]

    def at(self, now_ms: int) -> tuple[int, bool]:
        amount = [amount for instant, amount in self.values if instant <= now_ms][-1]
        return amount, amount != -1


#: Windows that only relations are made of: relations have values of their own here.
_NOTHING = Window((), 0)

Customer = dict[str, Age | Window | Total | Relation]


class StepFrame:
    """The frame of such customers, found by trying every instant rather than by calculation."""

    def __init__(self, customers: Sequence[Customer], now_ms: int, horizon_ms: int = 100) -> None:
        self.n = len(customers)
        self.now_ms = np.full(self.n, now_ms, np.int64)
        self.customers = customers
        self.later = range(now_ms + 1, horizon_ms)
        self.now = now_ms

    def windows(
        self, features: Sequence[Feature], asked: NDArray[np.int64], bounds: NDArray[np.int64]
    ) -> "StepWindows":
        return StepWindows(self, tuple(feature.name for feature in features), asked, bounds)

    def ages(self, features: Sequence[Feature]) -> "StepAges":
        return StepAges(self, names_of(features, AGES))

    def totals(self, features: Sequence[Feature]) -> "StepColumns":
        return StepColumns(self, names_of(features, TOTALS))

    def relations(self, features: Sequence[Feature], windows: "StepWindows") -> "StepRelations":
        return StepRelations(self, names_of(features, RELATIONS))

    def text(self, feature: Feature, row: int) -> str:
        return f"text {self.customers[row][feature.name].at(self.now)[0]}"

    def columns(self, names: Sequence[str], of: Any) -> NDArray[np.int64]:
        rows = [[of(customer.get(name, _NOTHING)) for customer in self.customers] for name in names]
        return np.array(rows, np.int64).reshape(len(names), self.n)


def names_of(features: Sequence[Feature], known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(feature.name for feature in features)
    assert set(names) <= set(known)
    return names


class StepColumns:
    def __init__(self, frame: StepFrame, names: tuple[str, ...]) -> None:
        self._frame, self._names = frame, names
        self.values = frame.columns(names, lambda feature: feature.at(frame.now)[0])
        self.exact = frame.columns(names, lambda feature: feature.at(frame.now)[1]).astype(np.bool_)


class StepAges(StepColumns):
    def __init__(self, frame: StepFrame, names: tuple[str, ...]) -> None:
        super().__init__(frame, names)
        self.anchors_ms = frame.columns(
            names, lambda feature: INF if feature.anchor_ms is None else feature.anchor_ms
        )


class StepRelations(StepColumns):
    def __init__(self, frame: StepFrame, names: tuple[str, ...]) -> None:
        super().__init__(frame, names)
        self.changes_ms = frame.columns(names, self._next)

    def _next(self, feature: Relation) -> int:
        return min((instant for instant, _ in feature.values if instant > self._frame.now), default=INF)


class StepWindows(StepColumns):
    def __init__(
        self,
        frame: StepFrame,
        names: tuple[str, ...],
        asked: NDArray[np.int64],
        bounds: NDArray[np.int64],
    ) -> None:
        super().__init__(frame, names)
        rows = [
            frame.columns((names[place],), lambda feature, bound=bound: self._fall(feature, bound))[0]
            for place, bound in zip(asked, bounds, strict=True)
        ]
        self.falls_ms = np.array(rows, np.int64).reshape(-1, frame.n)

    def known_at_ms(self) -> NDArray[np.int64]:
        now = self._frame.now
        return self._frame.columns(
            self._names, lambda feature: feature.known_ms if feature.known_ms > now else INF
        )

    def changes_at_ms(self) -> NDArray[np.int64]:
        now = self._frame.now
        return self._frame.columns(self._names, lambda feature: self._fall(feature, feature.at(now)[0]))

    def _fall(self, feature: Window, threshold: int) -> int:
        if feature.at(self._frame.now)[0] < threshold:
            return INF
        return next((t for t in self._frame.later if feature.at(t)[0] < threshold), INF)
