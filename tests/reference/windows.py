"""The windows: sums over the latest panes (semantics, section 5)."""

from dataclasses import dataclass

from tests.reference.customer import DAY_MS, FIVE_MINUTES_MS, HOUR_MS, Customer
from tests.reference.meanings import TALLIES

CHANNELS = ("web", "app", "support")


@dataclass(frozen=True, slots=True)
class Window:
    """A window of `count` panes of `width` ms, over the sum of some series (or over active days)."""

    series: tuple[str, ...]
    width: int
    count: int

    def first_pane(self, now_ms: int) -> int:
        return now_ms // self.width - self.count + 1

    def start_ms(self, now_ms: int) -> int:
        return self.first_pane(now_ms) * self.width

    def known_at_ms(self, first_seen_ms: int) -> int:
        """The first instant at which the window's start is not before `first_seen_ms`."""
        return (-(-first_seen_ms // self.width) + self.count - 1) * self.width


SPANS = {
    "1h": (FIVE_MINUTES_MS, 12),
    "24h": (HOUR_MS, 24),
    "7d": (DAY_MS, 7),
    "30d": (DAY_MS, 30),
    "90d": (DAY_MS, 90),
}
#: The spans of what is remembered by days only.
LONG_SPANS = ("7d", "30d", "90d")
#: What is counted: the part of the feature's name before `_W` or `_total` -> the series it sums.
COUNTED = {
    "events": tuple(f"{channel}_events" for channel in CHANNELS),
    **{f"{channel}_events": (f"{channel}_events",) for channel in CHANNELS},
    "orders": ("orders",),
    "sessions": ("sessions",),
    "duration": tuple(f"{channel}_duration" for channel in CHANNELS),
    **{f"{channel}_duration": (f"{channel}_duration",) for channel in CHANNELS},
    "money": ("money",),
}
#: The series name that stands for active days (they are a set, not a sum).
ACTIVE_DAYS = ("active_days",)

WINDOWS = {
    **{f"{what}_{span}": Window(series, *SPANS[span]) for what, series in COUNTED.items() for span in SPANS},
    **{f"active_days_{span}": Window(ACTIVE_DAYS, *SPANS[span]) for span in LONG_SPANS},
    **{f"{tally}_{span}": Window((tally,), *SPANS[span]) for tally in TALLIES for span in LONG_SPANS},
}


def window_sum(customer: Customer, window: Window, now_ms: int) -> int:
    """The sum over the window's panes."""
    first, last = window.first_pane(now_ms), now_ms // window.width
    if window.series == ACTIVE_DAYS:
        return sum(first <= day <= last for day in customer.active_days)
    return sum(
        amount
        for series in window.series
        for pane, amount in customer.panes[window.width].get(series, {}).items()
        if first <= pane <= last
    )


def first_change_ms(customer: Customer, window: Window, now_ms: int) -> int | None:
    """The first instant after `now_ms` at which a pane with data leaves the window in silence."""
    first = window.first_pane(now_ms)
    if window.series == ACTIVE_DAYS:
        filled = [day for day in customer.active_days if day >= first]
    else:
        tier = customer.panes[window.width]
        filled = [pane for series in window.series for pane in tier.get(series, {}) if pane >= first]
    return (min(filled) + window.count) * window.width if filled else None
