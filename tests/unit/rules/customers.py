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
        self._customers = customers
        self._later = range(now_ms + 1, horizon_ms)
        self._now = now_ms

    def value(self, name: str) -> NDArray[np.int64]:
        return self._column(name, lambda feature: feature.at(self._now)[0])

    def exact(self, name: str) -> NDArray[np.bool_]:
        return np.array([customer[name].at(self._now)[1] for customer in self._customers], np.bool_)

    def anchor_ms(self, name: str) -> NDArray[np.int64]:
        assert name in AGES
        return self._column(name, lambda feature: INF if feature.anchor_ms is None else feature.anchor_ms)

    def falls_below_ms(self, name: str, threshold: int) -> NDArray[np.int64]:
        assert name in WINDOWS
        return self._column(name, lambda feature: self._fall(feature, threshold))

    def known_at_ms(self, name: str) -> NDArray[np.int64]:
        assert name in WINDOWS
        return self._column(name, lambda feature: feature.known_ms if feature.known_ms > self._now else INF)

    def changes_at_ms(self, name: str) -> NDArray[np.int64]:
        assert name in WINDOWS
        return self._column(name, lambda feature: self._fall(feature, feature.at(self._now)[0]))

    def _fall(self, feature: Window, threshold: int) -> int:
        if feature.at(self._now)[0] < threshold:
            return INF
        return next((t for t in self._later if feature.at(t)[0] < threshold), INF)

    def _column(self, name: str, of: Any) -> NDArray[np.int64]:
        return np.array([of(customer[name]) for customer in self._customers], np.int64)
