"""Random rules files, whose thresholds lie where the data of `strategies` is."""

from typing import Any

import yaml
from hypothesis import strategies as st

from tests.reference.churn import BANDS
from tests.reference.event import CONSENT_CHANNELS
from tests.reference.expression import MONEY
from tests.reference.features import AGES, MAYBE, TOTALS
from tests.reference.meanings import TALLIES
from tests.reference.windows import ACTIVE_DAYS, COUNTED, LONG_SPANS, SPANS

OPERATORS = ("<", "<=", ">", ">=", "==", "!=")
AGE_THRESHOLDS = (
    *("0s", "1s", "2s", "30s", "1m", "5m", "7m", "29m59s", "30m", "1h", "1h1s"),
    *("23h59m59s", "1d", "1d1s", "7d", "30d", "63d", "89d", "90d", "91d"),
)
DURATION_THRESHOLDS = ("0s", "1s", "2s", "30s", "1m", "5m", "30m", "1h", "1d")
COUNT_THRESHOLDS = ("0", "1", "2", "3", "4", "5", "7", "8", "10", "12", "16", "23", "32", "256")
PERCENT_THRESHOLDS = ("0%", "1%", "33%", "50%", "99%", "100%", "101%", "428%", "429%")
#: The texts that the data holds are among them, too long ones as well.
TEXT_THRESHOLDS = {
    "preferred_channel": ('"web"', '"app"'),
    "favorite_category": (
        *('"shoes"', '"Shoes"', '" shoes "', '"c1"', '"c8"', '"größe in zentimetern,"'),
        *('"a category longer than it may be"', '"🎁🎁🎁🎁🎁🎁🎁"', '"12345678901234567890123 x"'),
    ),
}
MONEY_THRESHOLDS = ("0 USD", "0.01 USD", "9.99 USD", "10 USD", "25.5 USD")
DWELLS = ("1s", "10s", "1m", "5m", "1h", "1d", "7d")
COOLDOWNS = ("1s", "1m", "1h", "1d", "30d")
HISTORIES = ("1s", "1m", "5m", "1h", "1d", "7d", "30d")
THRESHOLDS = ((0.5, 0.7, 0.9), (0.2, 0.5, 0.8), (0.05, 0.1, 0.15), (0.3, 0.31, 0.99))
#: Sections of declared event names that the data uses.
MEANINGS: tuple[dict[str, Any], ...] = (
    {},
    {"Paid": {"order": True, "value": "price"}, "Video Watched": {"duration": "watched_ms"}},
    {"Ticket Opened": {"activity": True, "valence": "negative"}, "Product Viewed": {"activity": False}},
    {"Paid": {"order": True, "cart": "add"}, "Sold Out": {"consent": {"push": False, "email": True}}},
    {
        "Sold Out": {"channel": "app", "counts": "searches", "valence": "negative"},
        "Ticket Opened": {"channel": "web", "activity": None},
        "Ticket Replied": {"ticket": "open", "valence": "positive"},
        "Paid": {"ticket": "close", "channel": "support"},
    },
    {
        "Never Heard Of": {"survey": True, "counts": "product_views"},
        "Product Viewed": {"counts": None, "valence": "positive"},
        "Survey Question Answered": {"channel": None, "activity": True, "valence": "negative"},
    },
    {
        "Application Opened": {"channel": "support", "counts": "checkouts"},
        "Ticket Closed": {"ticket": None, "survey": True},
        "Checkout Started": {"order": True, "valence": "positive"},
    },
)
#: The events that funnels are made of, and the times that they give.
STEPS = ("Signed Up", "Product Viewed", "Paid", "Ticket Opened", "Onboarding Completed")
WITHINS = ("1s", "1m", "5m", "30m", "1d", "7d", "30d")
FUNNEL_KEYS = ("way", "way_2", "steps")

#: What events of any name count into.
WINDOWED = (
    *(f"{what}_{span}" for what in COUNTED for span in SPANS),
    *(f"{what}_{span}" for what in ACTIVE_DAYS for span in LONG_SPANS),
)
#: The tallies that the data moves.
MOVED = (
    *("searches", "product_views", "checkouts", "app_opens", "pushes", "support_contacts", "surveys"),
    *("negatives", "positives"),
)
#: An age can be compared with these, besides a value.
BOUNDS = ("usual_gap", "pause")
TEXTS = tuple(TEXT_THRESHOLDS)
TALLY_AGES = tuple(f"{tally}_recency" for tally in TALLIES)
TALLY_TOTALS = tuple(f"{tally}_total" for tally in TALLIES)
OTHER_AGES = tuple(one for one in AGES if one not in TALLY_AGES)
OTHERS = tuple(one for one in (*TOTALS, *MAYBE) if one not in (*TALLY_TOTALS, *TEXTS))


def ages(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    """The name of an age, of the funnels with these keys as well."""
    idle = tuple(f"funnel_{key}_idle" for key in keys)
    tallied = st.sampled_from(MOVED) | st.sampled_from(TALLIES)
    return st.one_of(
        *(st.sampled_from(OTHER_AGES), st.sampled_from(OTHER_AGES)),
        tallied.map(lambda tally: f"{tally}_recency"),
        *([st.sampled_from(idle)] if idle else []),
    )


def numbers(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    """The name of a feature that is no age and no text."""
    counts = tuple(f"funnel_{key}_{what}" for key in keys for what in ("steps", "left"))
    tallied = st.sampled_from(MOVED) | st.sampled_from(TALLIES)
    spans = st.sampled_from((*LONG_SPANS, "total"))
    return st.one_of(
        st.sampled_from(WINDOWED),
        # what all events count into, so that most data moves it
        st.sampled_from([f"{what}_{span}" for what in ("events", "sessions", "duration") for span in SPANS]),
        st.tuples(tallied, spans).map("_".join),
        *(st.sampled_from(OTHERS), st.sampled_from(OTHERS)),
        *([st.sampled_from(counts)] if counts else []),
    )


def is_age(feature: str) -> bool:
    return feature in AGES or (feature.startswith("funnel_") and feature.endswith("_idle"))


def unit_of(feature: str) -> str:
    """duration, money, percent or count."""
    if is_age(feature) or feature in BOUNDS or "duration" in feature:
        return "duration"
    if feature in ("trend", "app_share_30d"):
        return "percent"
    return "money" if feature.startswith("money") or feature in MONEY else "count"


def thresholds_of(feature: str) -> tuple[str, ...]:
    """Values that a feature's data comes near."""
    if is_age(feature) or feature in BOUNDS:
        return AGE_THRESHOLDS
    return {
        "duration": DURATION_THRESHOLDS,
        "money": MONEY_THRESHOLDS,
        "percent": PERCENT_THRESHOLDS,
        "count": COUNT_THRESHOLDS,
    }[unit_of(feature)]


@st.composite
def of_texts(draw: st.DrawFn) -> str:
    """A feature that is a text, and a text."""
    feature = draw(st.sampled_from(TEXTS))
    sides = [feature, draw(st.sampled_from(TEXT_THRESHOLDS[feature]))]
    operator = draw(st.sampled_from(("==", "!=")))
    return f" {operator} ".join(draw(st.permutations(sides)))


@st.composite
def of_features(draw: st.DrawFn, keys: tuple[str, ...]) -> str:
    """Two features of one unit, each perhaps some times; an age only with what ages can be compared with."""
    feature = draw(ages(keys) | numbers(keys))
    alike = (
        st.sampled_from(BOUNDS)
        if is_age(feature)
        else numbers(keys).filter(lambda one: unit_of(one) == unit_of(feature) and one != feature)
    )
    factors = st.sampled_from(("", "", "1 * ", "2 * ", "3 * ", "7 * ", "100 * "))
    sides = [f"{draw(factors)}{feature}", f"{draw(factors)}{draw(alike)}"]
    return f" {draw(st.sampled_from(OPERATORS))} ".join(draw(st.permutations(sides)))


@st.composite
def of_values(draw: st.DrawFn, keys: tuple[str, ...]) -> str:
    """A feature and a value, or a feature between two values."""
    # half of the features are ages, or the sums would crowd them out
    feature = draw(ages(keys) | numbers(keys))
    shape = draw(st.sampled_from(("plain", "plain", "mirrored", "between")))
    values = thresholds_of(feature)
    value = draw(st.sampled_from(values))
    if shape == "mirrored":
        return f"{value} {draw(st.sampled_from(OPERATORS))} {feature}"
    if shape == "between":
        low, high = sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)), key=values.index)
        below, above = draw(st.sampled_from(("<", "<="))), draw(st.sampled_from(("<", "<=")))
        return f"{low} {below} {feature} {above} {high}"
    return f"{feature} {draw(st.sampled_from(OPERATORS))} {value}"


def comparisons(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    """A feature and something that it can be compared with."""
    return st.one_of(of_values(keys), of_values(keys), of_values(keys), of_features(keys), of_texts())


def expressions(keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    """One to a few comparisons under and, or, not."""
    return st.recursive(
        comparisons(keys),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) and ({pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) or ({pair[1]})"),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=3,
    )


@st.composite
def entries_and_exits(
    draw: st.DrawFn, keys: tuple[str, ...], *, contradictory: bool
) -> tuple[str, str | None]:
    """An enter expression, with no exit, with hysteresis, or (contradictory) with any exit."""
    shape = draw(st.sampled_from(("default", "hysteresis", "any" if contradictory else "default")))
    if shape == "hysteresis":
        feature = draw(ages(keys) | numbers(keys))
        values = thresholds_of(feature)
        low, high = sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)), key=values.index)
        return f"{feature} >= {high}", f"{feature} < {low}"
    return draw(expressions(keys)), draw(expressions(keys)) if shape == "any" else None


@st.composite
def segments(draw: st.DrawFn, number: int, keys: tuple[str, ...], *, contradictory: bool) -> dict[str, Any]:
    """A segment; priorities are distinct because they are made of the number. keys: of the funnels."""
    enter, leave = draw(entries_and_exits(keys, contradictory=contradictory))
    group = draw(st.sampled_from((None, None, "lifecycle", "engagement")))
    dwell = draw(st.none() | st.sampled_from(DWELLS))
    optional: dict[str, Any] = {"exit": leave, "group": group, "min_dwell": dwell}
    if group is not None:
        optional["priority"] = draw(st.integers(0, 3)) * 100 + number
    return {
        "key": f"segment_{number}",
        "name": f"Segment {number}",
        "description": "A segment for tests.",
        "version": draw(st.integers(1, 3)),
        "enter": enter,
        **{key: value for key, value in optional.items() if value is not None},
    }


@st.composite
def campaigns(draw: st.DrawFn, number: int, segment_count: int) -> dict[str, Any]:
    """A campaign on entering a segment or on a band."""
    entered = st.integers(0, segment_count - 1).map(lambda n: f"enter segment_{n}")
    return {
        "key": f"campaign_{number}",
        "name": f"Campaign {number}",
        "version": draw(st.integers(1, 3)),
        "on": draw(entered | st.sampled_from(BANDS[1:]).map(lambda band: f"band {band}")),
        "channel": draw(st.sampled_from(CONSENT_CHANNELS[:2])),
        "reason": "for tests",
        "expires_after": "7d",
        "reentry": f"after {draw(st.sampled_from(COOLDOWNS))}",
    }


@st.composite
def funnels(draw: st.DrawFn, key: str) -> dict[str, Any]:
    """A funnel of two to four steps."""
    return {
        "key": key,
        "version": draw(st.integers(1, 3)),
        "steps": draw(st.lists(st.sampled_from(STEPS), min_size=2, max_size=4)),
        "within": draw(st.sampled_from(WITHINS)),
    }


@st.composite
def rules_files(draw: st.DrawFn, *, contradictory: bool = False) -> str:
    """The text of a rules file. contradictory: segments may have enter and exit hold at once."""
    count = draw(st.integers(1, 5))
    keys = FUNNEL_KEYS[: draw(st.integers(0, 3))]
    medium, high, critical = draw(st.sampled_from(THRESHOLDS))
    written = {
        "currency": "USD",
        "session_gap": draw(st.sampled_from(("30m", "1m", "2h"))),
        "events": draw(st.sampled_from(MEANINGS)),
        "segments": [draw(segments(number, keys, contradictory=contradictory)) for number in range(count)],
        "funnels": [draw(funnels(key)) for key in keys],
        "churn": {
            "min_history": draw(st.sampled_from(HISTORIES)),
            "hysteresis": draw(st.sampled_from([share for share in (0.0, 0.04, 0.3) if share < medium])),
            "bands": {"medium": medium, "high": high, "critical": critical},
        },
        "campaigns": [draw(campaigns(number, count)) for number in range(draw(st.integers(0, 3)))],
    }
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
