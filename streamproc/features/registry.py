"""The feature registry: every name a rule may use, with its unit, meaning and properties.

Adding a feature is one line below, and where it comes from in `features.ages`, `totals` or `relations` if that is new.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from streamproc.contracts.events import SURVEYS
from streamproc.contracts.meanings import CHANNELS, CONSENT_CHANNELS, TALLIES
from streamproc.windows.panes import (
    APP,
    DAY_MS,
    FIRST_TALLY,
    ORDERS,
    SESSIONS,
    SUPPORT,
    WEB,
    WINDOWS,
    Window,
)

Unit = Literal["duration", "money", "count", "percent", "text"]
Kind = Literal["age", "window", "total", "relation"]
Measure = Literal["count", "value", "active_days"]

CHANNEL_SERIES: Final = (WEB, APP, SUPPORT)


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """One feature. There is one object of each, and only that is equal to it: they are looked up in every evaluation.

    `kind`: an age grows with time from an anchor; a window sums panes and shrinks in silence; a total stands still; a
    relation is made of windows and changes with them.
    `order_free`: neither the order of events nor repeats change it (within lateness and dedup horizon).
    `window`, `series`, `measure`: what a window feature sums.
    `source`, `code`: where an age, a total or a relation comes from: a function of its module, and what of.
    `among`: the only texts that a text feature can have; empty: any.
    `whole`: what a total may at most be (of an age of a funnel: its steps); 0: there is no such bound.
    """

    name: str
    unit: Unit
    kind: Kind
    meaning: str
    order_free: bool = True
    window: Window | None = None
    series: tuple[int, ...] = ()
    measure: Measure = "count"
    source: str = ""
    code: int = 0
    whole: int = 0
    among: tuple[str, ...] = ()

    @property
    def window_ms(self) -> int | None:
        return self.window.length_ms if self.window else None


def _age(
    name: str, meaning: str, source: str, code: int = 0, *, order_free: bool = True, whole: int = 0
) -> Feature:
    return Feature(name, "duration", "age", meaning, order_free, source=source, code=code, whole=whole)


def _total(
    name: str,
    unit: Unit,
    meaning: str,
    source: str,
    code: int = 0,
    *,
    order_free: bool = True,
    whole: int = 0,
) -> Feature:
    return Feature(name, unit, "total", meaning, order_free, source=source, code=code, whole=whole)


def _ages() -> Iterator[Feature]:
    yield _age("tenure", "time since the customer was first seen", "first_seen")
    yield _age("recency", "time since the last activity", "activity")
    for code, channel in enumerate(CHANNELS):
        yield _age(f"{channel}_recency", f"time since the last {channel} event", "channel", code)
    yield _age("order_recency", "time since the last order", "order")
    for code, (tally, meaning) in enumerate(TALLIES.items()):
        yield _age(f"{tally}_recency", f"time since the last of: {meaning}", "tally", code)
    yield _age(
        "cart_idle", "time since the cart was changed; 0 while it is empty", "cart_change", order_free=False
    )
    yield _age(
        "cart_age",
        "time since the first thing came into the cart; 0 while it is empty",
        "cart_start",
        order_free=False,
    )
    yield _age(
        "checkout_idle", "time since the last step of a checkout that no order followed; else 0", "checkout"
    )
    yield _age(
        "ticket_age",
        "time since the oldest open ticket was opened; 0 without one",
        "open_ticket",
        order_free=False,
    )
    for code, survey in enumerate(SURVEYS):
        yield _age(f"{survey}_recency", f"time since the last answer to {survey.upper()}", "survey", code)


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
            for code, (tally, meaning) in enumerate(TALLIES.items()):
                yield Feature(
                    f"{tally}_{name}", "count", "window", f"{meaning}, in the last {name}",
                    window=window, series=(FIRST_TALLY + code,),
                )  # fmt: skip


def _totals() -> Iterator[Feature]:
    yield _total("events_total", "count", "events since first seen", "events")
    yield _total("orders_total", "count", "orders since first seen", "orders")
    yield _total("money_total", "money", "order value since first seen", "money_micros")
    yield _total("order_average", "money", "order value divided by orders, since first seen", "order_average")
    yield _total("active_days_total", "count", "days (UTC) with activity", "active_days")
    yield _total("sessions_total", "count", "sessions since first seen", "sessions", order_free=False)
    for code, (tally, meaning) in enumerate(TALLIES.items()):
        yield _total(f"{tally}_total", "count", f"{meaning}, since first seen", "tally", code)
    yield _total("usual_gap", "duration", "time between active days, on average", "usual_gap")
    yield _total(
        "pause",
        "duration",
        "how long the silence before the latest session was",
        "pause_ms",
        order_free=False,
    )
    for code, view in enumerate(("pages", "products")):
        yield _total(
            f"session_{view}", "count", f"different {view} of the latest session", "views", code,
            order_free=False, whole=32,
        )  # fmt: skip
    yield _total("cart_items", "count", "items in the cart", "cart_items", order_free=False)
    yield _total("cart_value", "money", "what is in the cart costs", "cart_micros", order_free=False)
    yield _total("best_hour", "count", "the hour of the day (UTC) with most activity", "best_hour", whole=23)
    yield _total(
        "favorite_category", "text", "the category of most activity", "favorite_category", order_free=False
    )
    yield _total("open_tickets", "count", "tickets that are open", "open_tickets", order_free=False, whole=16)
    for code, (survey, scores) in enumerate(SURVEYS.items()):
        meaning = f"the last answer to {survey.upper()}, {scores[0]} to {scores[-1]}"
        yield _total(survey, "count", meaning, "survey", code, whole=scores[-1])
    for code, channel in enumerate(CONSENT_CHANNELS):
        yield _total(
            f"{channel}_consent", "count", f"1 if there is consent to {channel}, else 0", "consent", code, whole=1
        )  # fmt: skip
    yield _total(
        "suppressed", "count", "1 if the customer is on the suppression list, else 0", "suppressed", whole=1
    )


def _relations() -> Iterator[Feature]:
    yield Feature(
        "trend", "percent", "relation",
        "events of the last 7 days, in percent of what 7 days had in the last 30; 100% is as usual",
        source="trend",
    )  # fmt: skip
    yield Feature(
        "app_share_30d", "percent", "relation", "events on app, in percent of those on app and web, in the last 30d",
        source="app_share", whole=100,
    )  # fmt: skip
    yield Feature(
        "preferred_channel", "text", "relation", 'where most events of the last 90d were: "web" or "app"',
        source="preferred_channel", among=("web", "app"),
    )  # fmt: skip


#: Every feature by name, in the order in which they are listed to people.
FEATURES: Final[Mapping[str, Feature]] = MappingProxyType(
    {feature.name: feature for part in (_ages, _windows, _totals, _relations) for feature in part()}
)


def funnel_features(key: str, funnel: int, steps: int) -> Sequence[Feature]:
    """The features of a funnel of so many steps. `funnel`: its id in the state."""
    return (
        _age(
            f"funnel_{key}_idle", f"time since the last step of {key} while some but not all are done; else 0",
            "funnel", funnel, order_free=False, whole=steps,
        ),
        _total(f"funnel_{key}_steps", "count", f"steps done of {key}", "funnel", funnel, order_free=False, whole=steps),
        _total(
            f"funnel_{key}_left", "count", f"steps missing of {key}", "funnel_left", funnel, order_free=False,
            whole=steps,
        ),
    )  # fmt: skip
