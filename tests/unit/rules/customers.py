"""Customers whose features are known at every instant: what rules are tested on.

A time unit is 1 ms, and everything happens within a few dozen of them, so that every instant can be tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.windows.panes import INF

AGES = ("tenure", "recency", "cart_idle")
WINDOWS = ("events_7d", "web_events_7d", "money_7d")
TOTALS = ("events_total", "cart_items", "money_total")


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
    amount: int

    def at(self, now_ms: int) -> tuple[int, bool]:
        return self.amount, True


Customer = dict[str, Age | Window | Total]


class StepFrame:
    """The frame of such customers, found by trying every instant rather than by calculation."""

    def __init__(self, customers: Sequence[Customer], now_ms: int, horizon_ms: int = 100) -> None:
        self.n = len(customers)
        self.now_ms = np.full(self.n, now_ms, np.int64)
        self.customers = customers
        self.later = range(now_ms + 1, horizon_ms)
        self.now = now_ms

    def windows(self, names: tuple[str, ...]) -> "StepWindows":
        assert set(names) <= set(WINDOWS)
        return StepWindows(self, names)

    def ages(self, names: tuple[str, ...]) -> "StepAges":
        assert set(names) <= set(AGES)
        return StepAges(self, names)

    def totals(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        assert set(names) <= set(TOTALS)
        return self.columns(names, lambda feature: feature.at(self.now)[0])

    def value(self, name: str) -> NDArray[np.int64]:
        return self.columns((name,), lambda feature: feature.at(self.now)[0])[0]

    def exact(self, name: str) -> NDArray[np.bool_]:
        return self.columns((name,), lambda feature: feature.at(self.now)[1])[0].astype(np.bool_)

    def columns(self, names: Sequence[str], of: Any) -> NDArray[np.int64]:
        rows = [[of(customer[name]) for customer in self.customers] for name in names]
        return np.array(rows, np.int64).reshape(len(names), self.n)


class StepAges:
    def __init__(self, frame: StepFrame, names: tuple[str, ...]) -> None:
        self.values = frame.columns(names, lambda feature: feature.at(frame.now)[0])
        self.exact = frame.columns(names, lambda feature: feature.at(frame.now)[1]).astype(np.bool_)
        self.anchors_ms = frame.columns(
            names, lambda feature: INF if feature.anchor_ms is None else feature.anchor_ms
        )


class StepWindows:
    def __init__(self, frame: StepFrame, names: tuple[str, ...]) -> None:
        self._frame, self._names = frame, names
        self.values = frame.columns(names, lambda feature: feature.at(frame.now)[0])
        self.exact = frame.columns(names, lambda feature: feature.at(frame.now)[1]).astype(np.bool_)

    def falls_below_ms(self, place: NDArray[np.int64], bound: NDArray[np.int64]) -> NDArray[np.int64]:
        rows = [
            self._frame.columns((self._names[where],), lambda feature, at=at: self._fall(feature, at))[0]
            for where, at in zip(place, bound, strict=True)
        ]
        return np.array(rows)

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
