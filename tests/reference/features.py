"""Every feature of a customer at an instant (semantics, section 5)."""

from collections.abc import Callable

from tests.reference.customer import DAY_MS, Customer
from tests.reference.event import CONSENT_CHANNELS
from tests.reference.meanings import TALLIES
from tests.reference.properties import SURVEYS
from tests.reference.rules import Funnel, Rules
from tests.reference.windows import CHANNELS, COUNTED, WINDOWS, window_sum

#: (value, exact); a text is always exact.
Value = tuple[int | str, bool]
NO_VALUE: Value = (-1, False)

AGES = (
    "tenure",
    "recency",
    *(f"{channel}_recency" for channel in CHANNELS),
    *(f"{tally}_recency" for tally in TALLIES),
    "order_recency",
    *(f"{survey}_recency" for survey in SURVEYS),
    *("cart_idle", "cart_age", "checkout_idle", "ticket_age"),
)


def feature(customer: Customer, name: str, now_ms: int, rules: Rules) -> Value:
    """(value, exact) of one feature; KeyError for a name that is none."""
    if name in WINDOWS:
        window = WINDOWS[name]
        return window_sum(customer, window, now_ms), first_seen(customer) <= window.start_ms(now_ms)
    if name in TOTALS:
        return TOTALS[name](customer), True
    if name in MAYBE:
        value = MAYBE[name](customer, now_ms)
        return NO_VALUE if value is None else (value, True)
    if name not in AGES:
        funnel, what = funnel_features(rules)[name]
        done = steps_done(customer, funnel)
        if what != "idle":
            return (done if what == "steps" else len(funnel.steps) - done), True
    anchor, exact = age_anchor(customer, name, rules)
    return (0 if anchor is None else max(0, now_ms - anchor)), exact


def features_of(rules: Rules) -> tuple[str, ...]:
    """The names of all features: those that there always are, and those of the rules' funnels."""
    return (*FEATURES, *funnel_features(rules))


def ages_of(rules: Rules) -> tuple[str, ...]:
    """The names of all features that grow as time passes."""
    return (*AGES, *(name for name, (_, what) in funnel_features(rules).items() if what == "idle"))


def funnel_features(rules: Rules) -> dict[str, tuple[Funnel, str]]:
    """name -> its funnel, and which of the funnel's three features it is."""
    return {
        f"funnel_{funnel.key}_{what}": (funnel, what)
        for funnel in rules.funnels
        for what in ("steps", "left", "idle")
    }


def steps_done(customer: Customer, funnel: Funnel) -> int:
    return customer.funnels[funnel.key].steps if funnel.key in customer.funnels else 0


def first_seen(customer: Customer) -> int:
    """A customer that has features was seen."""
    assert customer.first_seen is not None
    return customer.first_seen


def age_anchor(customer: Customer, name: str, rules: Rules) -> tuple[int | None, bool]:
    """(the instant from which an age counts, exact); None for the age of what is not there: 0."""
    if name == "tenure":
        return first_seen(customer), True
    if name in STATES:
        return STATES[name](customer), True
    if name not in AGES:
        return funnel_waits_since(customer, funnel_features(rules)[name][0]), True
    anchor = last_of(customer, name)
    return (first_seen(customer), False) if anchor is None else (anchor, True)


def last_of(customer: Customer, name: str) -> int | None:
    """The latest instant of what a recency is about; None if there was none."""
    what = name.removesuffix("_recency")
    if name == "recency":
        return customer.last_activity
    if what == "order":
        return customer.last_order
    if what in CHANNELS:
        return customer.last_of_channel.get(what)
    if what in SURVEYS:
        return customer.surveys[what].ts_ms if what in customer.surveys else None
    return customer.last_of_tally.get(what)


def cart_changed(customer: Customer) -> int | None:
    """When the cart was changed, if something is in it."""
    return customer.cart_changed if customer.cart_items > 0 else None


def cart_since(customer: Customer) -> int | None:
    """Since when something is in the cart."""
    return customer.cart_since if customer.cart_items > 0 else None


def checkout_waits_since(customer: Customer) -> int | None:
    """The latest step of a checkout that no order came after (or with)."""
    checkout, order = customer.last_of_tally.get("checkouts"), customer.last_order
    return checkout if checkout is not None and (order is None or order < checkout) else None


def oldest_ticket(customer: Customer) -> int | None:
    """The earliest of the latest words on open tickets."""
    return min((word.ts_ms for word in customer.tickets.values() if word.said), default=None)


def funnel_waits_since(customer: Customer, funnel: Funnel) -> int | None:
    """The latest step of a funnel of which some steps are done, but not all."""
    done = steps_done(customer, funnel)
    return customer.funnels[funnel.key].last if 0 < done < len(funnel.steps) else None


def total(counted: str) -> Callable[[Customer], int]:
    """The sum of the series of `counted` since first seen."""
    return lambda customer: sum(customer.totals.get(series, 0) for series in COUNTED[counted])


def tally_total(tally: str) -> Callable[[Customer], int]:
    """The tally since first seen."""
    return lambda customer: customer.totals.get(tally, 0)


def consent_to(channel: str) -> Callable[[Customer], int]:
    """1 if there is consent for the channel, else 0."""
    return lambda customer: int(customer.consents_to(channel))


def score_of(survey: str) -> Callable[[Customer, int], int | None]:
    """The latest score of a survey, if it was answered."""
    return lambda customer, _: customer.surveys[survey].said if survey in customer.surveys else None


def order_average(customer: Customer, _: int) -> int | None:
    """Money per order, rounded down."""
    orders = customer.totals.get("orders", 0)
    return customer.totals.get("money", 0) // orders if orders > 0 else None


def usual_gap(customer: Customer, _: int) -> int | None:
    """The mean time between active days."""
    days = customer.active_days
    return (max(days) - min(days)) * DAY_MS // (len(days) - 1) if len(days) > 1 else None


def best_hour(customer: Customer, _: int) -> int | None:
    """The hour of the day with the most activity, of equal ones the earliest."""
    return min(customer.hours, key=lambda hour: (-customer.hours[hour], hour), default=None)


def favorite_category(customer: Customer, _: int) -> str | None:
    """The category with the greatest count, of equal ones the least name."""
    counts = customer.categories
    return min(counts, key=lambda name: (-counts[name], name.encode()), default=None)


def preferred_channel(customer: Customer, now_ms: int) -> str | None:
    """App or web, whichever has more events in 90 days; of equal ones the web."""
    app, web = (window_sum(customer, WINDOWS[f"{one}_events_90d"], now_ms) for one in ("app", "web"))
    if app == web == 0:
        return None
    return "app" if app > web else "web"


def app_share_30d(customer: Customer, now_ms: int) -> int | None:
    """The app's percentage of the events on web and app, rounded down."""
    app, web = (window_sum(customer, WINDOWS[f"{one}_events_30d"], now_ms) for one in ("app", "web"))
    return 100 * app // (app + web) if app + web > 0 else None


def trend(customer: Customer, now_ms: int) -> int | None:
    """The events of a day of the last 7 as a percentage of those of a day of the last 30, rounded down."""
    month = WINDOWS["events_30d"]
    week_sum, month_sum = (window_sum(customer, WINDOWS[f"events_{span}"], now_ms) for span in ("7d", "30d"))
    if first_seen(customer) > month.start_ms(now_ms) or month_sum == 0:
        return None
    return 100 * 30 * week_sum // (7 * month_sum)


#: The ages of what may not be there, and is always known: the instant they count from, if there is one.
STATES: dict[str, Callable[[Customer], int | None]] = {
    "cart_idle": cart_changed,
    "cart_age": cart_since,
    "checkout_idle": checkout_waits_since,
    "ticket_age": oldest_ticket,
}
#: What only events change, and is always known.
TOTALS: dict[str, Callable[[Customer], int]] = {
    **{f"{one}_total": total(one) for one in ("events", "orders", "sessions", "money")},
    "active_days_total": lambda customer: len(customer.active_days),
    **{f"{tally}_total": tally_total(tally) for tally in TALLIES},
    "pause": lambda customer: customer.pause,
    "session_pages": lambda customer: len(customer.pages),
    "session_products": lambda customer: len(customer.products),
    "cart_items": lambda customer: customer.cart_items,
    "cart_value": lambda customer: customer.cart_value,
    "open_tickets": lambda customer: sum(word.said for word in customer.tickets.values()),
    "suppressed": lambda customer: int(customer.suppressed is not None and customer.suppressed.said),
    **{f"{channel}_consent": consent_to(channel) for channel in CONSENT_CHANNELS},
}
#: What may have no value at an instant; what it has is exact.
MAYBE: dict[str, Callable[[Customer, int], int | str | None]] = {
    "order_average": order_average,
    "usual_gap": usual_gap,
    "best_hour": best_hour,
    "favorite_category": favorite_category,
    "preferred_channel": preferred_channel,
    "app_share_30d": app_share_30d,
    "trend": trend,
    **{survey: score_of(survey) for survey in SURVEYS},
}
#: The windows that a feature follows from, of those that are no windows themselves.
WINDOWS_BEHIND = {
    "preferred_channel": ("app_events_90d", "web_events_90d"),
    "app_share_30d": ("app_events_30d", "web_events_30d"),
    "trend": ("events_7d", "events_30d"),
}
#: All that do not depend on the rules.
FEATURES = (*AGES, *WINDOWS, *TOTALS, *MAYBE)
