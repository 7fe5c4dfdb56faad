"""Random rules files, whose thresholds lie where the data of `strategies` is."""

from typing import Any

import yaml
from hypothesis import strategies as st

from tests.reference.churn import BANDS
from tests.reference.event import CONSENT_CHANNELS
from tests.reference.features import AGES, SPANS, TOTALS, WINDOWS

OPERATORS = ("<", "<=", ">", ">=", "==", "!=")
AGE_THRESHOLDS = (
    *("0s", "1s", "2s", "30s", "1m", "5m", "7m", "29m59s", "30m", "1h", "1h1s"),
    *("23h59m59s", "1d", "1d1s", "7d", "30d", "63d", "89d", "90d", "91d"),
)
DURATION_THRESHOLDS = ("0s", "1s", "2s", "30s", "1m", "5m", "30m", "1h", "1d")
COUNT_THRESHOLDS = ("0", "1", "2", "3", "4", "5", "7", "256")
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
)

#: The first few again: what all events count into, so that most data moves it.
NOT_AGES = (
    *WINDOWS,
    *TOTALS,
    *(f"{what}_{span}" for what in ("events", "sessions", "duration") for span in SPANS),
)


def unit_of(feature: str) -> str:
    """duration, money or count."""
    if feature in AGES or "duration" in feature:
        return "duration"
    return "money" if feature.startswith("money") else "count"


def thresholds_of(feature: str) -> tuple[str, ...]:
    """Values that a feature's data comes near."""
    if feature in AGES:
        return AGE_THRESHOLDS
    unit = unit_of(feature)
    if unit == "duration":
        return DURATION_THRESHOLDS
    return MONEY_THRESHOLDS if unit == "money" else COUNT_THRESHOLDS


@st.composite
def comparisons(draw: st.DrawFn) -> str:
    """A feature and a value, a feature between two values, or two features of one unit (none of them an
    age).
    """
    # half of the features are ages, or the sums would crowd them out
    feature = draw(st.sampled_from(AGES) | st.sampled_from(NOT_AGES))
    shape = draw(st.sampled_from(("plain", "plain", "mirrored", "between", "features")))
    if shape == "features" and feature in NOT_AGES:
        alike = [one for one in NOT_AGES if unit_of(one) == unit_of(feature) and one != feature]
        return f"{feature} {draw(st.sampled_from(OPERATORS))} {draw(st.sampled_from(alike))}"
    values = thresholds_of(feature)
    value = draw(st.sampled_from(values))
    if shape == "mirrored":
        return f"{value} {draw(st.sampled_from(OPERATORS))} {feature}"
    if shape == "between":
        low, high = sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)), key=values.index)
        below, above = draw(st.sampled_from(("<", "<="))), draw(st.sampled_from(("<", "<=")))
        return f"{low} {below} {feature} {above} {high}"
    return f"{feature} {draw(st.sampled_from(OPERATORS))} {value}"


def expressions() -> st.SearchStrategy[str]:
    """One to a few comparisons under and, or, not."""
    return st.recursive(
        comparisons(),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) and ({pair[1]})"),
            st.tuples(inner, inner).map(lambda pair: f"({pair[0]}) or ({pair[1]})"),
            inner.map(lambda one: f"not ({one})"),
        ),
        max_leaves=3,
    )


@st.composite
def entries_and_exits(draw: st.DrawFn, *, contradictory: bool) -> tuple[str, str | None]:
    """An enter expression, with no exit, with hysteresis, or (contradictory) with any exit."""
    shape = draw(st.sampled_from(("default", "hysteresis", "any" if contradictory else "default")))
    if shape == "hysteresis":
        feature = draw(st.sampled_from(AGES) | st.sampled_from(NOT_AGES))
        values = thresholds_of(feature)
        low, high = sorted(draw(st.lists(st.sampled_from(values), min_size=2, max_size=2)), key=values.index)
        return f"{feature} >= {high}", f"{feature} < {low}"
    return draw(expressions()), draw(expressions()) if shape == "any" else None


@st.composite
def segments(draw: st.DrawFn, number: int, *, contradictory: bool) -> dict[str, Any]:
    """A segment; priorities are distinct because they are made of the number."""
    enter, leave = draw(entries_and_exits(contradictory=contradictory))
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
        "cooldown": draw(st.sampled_from(COOLDOWNS)),
    }


@st.composite
def rules_files(draw: st.DrawFn, *, contradictory: bool = False) -> str:
    """The text of a rules file. contradictory: segments may have enter and exit hold at once."""
    count = draw(st.integers(1, 5))
    medium, high, critical = draw(st.sampled_from(THRESHOLDS))
    written = {
        "currency": "USD",
        "session_gap": draw(st.sampled_from(("30m", "1m", "2h"))),
        "events": draw(st.sampled_from(MEANINGS)),
        "segments": [draw(segments(number, contradictory=contradictory)) for number in range(count)],
        "churn": {
            "min_history": draw(st.sampled_from(HISTORIES)),
            "hysteresis": draw(st.sampled_from([share for share in (0.0, 0.04, 0.3) if share < medium])),
            "bands": {"medium": medium, "high": high, "critical": critical},
        },
        "campaigns": [draw(campaigns(number, count)) for number in range(draw(st.integers(0, 3)))],
    }
    return yaml.safe_dump(written, sort_keys=False, allow_unicode=True)
