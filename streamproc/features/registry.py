"""The feature registry: every name a rule may use, with its unit, meaning and properties.

Adding a feature is one line in `_FEATURES` (and its column in `features/frame.py` if it is a new kind).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from streamproc.windows.panes import APP, DAY_MS, ORDERS, SESSIONS, SUPPORT, WEB, WINDOWS, Window

Unit = Literal["duration", "money", "count"]
Kind = Literal["age", "window", "total"]
Measure = Literal["count", "value", "active_days"]

CHANNEL_SERIES: Final = (WEB, APP, SUPPORT)


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    `kind`: an age grows with time from an anchor; a window sums panes and shrinks in silence; a total stands still.
    `order_free`: neither the order of events nor repeats change it (within lateness and dedup horizon).
    `window`, `series`, `measure`: what a window feature sums.
    `column`: the field of the fixed row that an age counts from or a total shows.
    """

    name: str
    unit: Unit
    kind: Kind
    meaning: str
    order_free: bool = True
    window: Window | None = None
    series: tuple[int, ...] = ()
    measure: Measure = "count"
    column: str = ""

    @property
    def window_ms(self) -> int | None:
        return self.window.length_ms if self.window else None


def _ages() -> Iterator[Feature]:
    yield Feature(
        "tenure", "duration", "age", "time since the customer was first seen", column="first_seen_ms"
    )
    yield Feature("recency", "duration", "age", "time since the last activity", column="last_activity_ms")
    for channel in ("web", "app", "support"):
        meaning = f"time since the last {channel} event"
        yield Feature(f"{channel}_recency", "duration", "age", meaning, column=f"last_ms.{channel}")
    yield Feature(
        "cart_idle", "duration", "age", "time since the cart was changed; 0 while it is empty",
        order_free=False, column="cart_changed_ms",
    )  # fmt: skip


def _windows() -> Iterator[Feature]:
    channels = {"": CHANNEL_SERIES, "web_": (WEB,), "app_": (APP,), "support_": (SUPPORT,)}
    for window in WINDOWS:
        name = window.name
        for prefix, series in channels.items():
            where = f"on {prefix[:-1]} " if prefix else ""
            yield Feature(
                f"{prefix}events_{name}", "count", "window", f"events {where}in the last {name}",
                window=window, series=series,
            )  # fmt: skip
            yield Feature(
                f"{prefix}duration_{name}", "duration", "window",
                f"time spent {where}in the last {name}: the events' own durations, else the gaps inside sessions",
                order_free=False, window=window, series=series, measure="value",
            )  # fmt: skip
        yield Feature(
            f"orders_{name}", "count", "window", f"orders in the last {name}", window=window, series=(ORDERS,)
        )
        yield Feature(
            f"money_{name}", "money", "window", f"order value in the last {name}",
            window=window, series=(ORDERS,), measure="value",
        )  # fmt: skip
        yield Feature(
            f"sessions_{name}", "count", "window", f"sessions started in the last {name}",
            order_free=False, window=window, series=(SESSIONS,),
        )  # fmt: skip
        if window.tier.width_ms == DAY_MS:
            yield Feature(
                f"active_days_{name}", "count", "window", f"days (UTC) with activity in the last {name}",
                window=window, measure="active_days",
            )  # fmt: skip


def _totals() -> Iterator[Feature]:
    yield Feature("events_total", "count", "total", "events since first seen", column="events")
    yield Feature("orders_total", "count", "total", "orders since first seen", column="orders")
    yield Feature("money_total", "money", "total", "order value since first seen", column="money_micros")
    yield Feature("active_days_total", "count", "total", "days (UTC) with activity", column="active_days")
    yield Feature(
        "sessions_total", "count", "total", "sessions since first seen", order_free=False, column="sessions"
    )
    yield Feature("cart_items", "count", "total", "items in the cart", order_free=False, column="cart_items")


#: Every feature by name, in the order in which they are listed to people.
FEATURES: Final[Mapping[str, Feature]] = MappingProxyType(
    {feature.name: feature for part in (_ages, _windows, _totals) for feature in part()}
)
