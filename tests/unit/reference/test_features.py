"""The features' windows and names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.customer import Customer
from tests.reference.features import FEATURES, ages_of, feature, features_of
from tests.reference.meanings import TALLIES
from tests.reference.rules import read_rules
from tests.reference.windows import SPANS, WINDOWS, Window
from tests.unit.reference.life import DAY0, NOON, D, H, M, rules

RULES = read_rules(rules())
FUNNELS = read_rules(
    "funnels:\n  - {key: way, version: 1, steps: [A, B], within: 1d}\n"
    "  - {key: way_2, version: 1, steps: [A, B, C], within: 1h}\n" + rules()
)


def test_the_names_are_those_of_the_contract() -> None:
    """Twenty tallies, each with an age, three windows and a total.

    Of the others: thirteen ages; eleven sums in five windows and active days in three; five totals; the
    pause, two kinds of views, two of the cart, tickets, five consents and suppression; ten that may have no value.
    """
    assert len(TALLIES) == 20
    others = 13 + 11 * 5 + 3 + 5 + (1 + 2 + 2 + 1 + 5 + 1) + 10
    assert len(FEATURES) == len(set(FEATURES)) == 20 * 5 + others
    for name in (
        "web_events_total",
        "active_days_1h",
        "events",
        "events_2h",
        "searches_24h",
        "surveys_score",
    ):
        with pytest.raises(KeyError):
            feature(Customer("ann", first_seen=NOON), name, NOON, RULES)


def test_funnels_add_three_features_each() -> None:
    """Of them one is an age; without funnels there are none."""
    assert features_of(RULES) == FEATURES
    funnels = [f"funnel_{key}_{what}" for key in ("way", "way_2") for what in ("steps", "left", "idle")]
    assert features_of(FUNNELS) == (*FEATURES, *funnels)
    assert ages_of(FUNNELS)[-2:] == ("funnel_way_idle", "funnel_way_2_idle")
    new = Customer("ann", first_seen=NOON)
    assert [feature(new, name, NOON, FUNNELS)[0] for name in funnels] == [0, 2, 0, 0, 3, 0]


def test_every_feature_has_a_value_or_none_from_the_start() -> None:
    """Of somebody only just seen: ages are 0, windows are not known, the rest is 0 or not there."""
    new = Customer("ann", first_seen=NOON)
    values = {name: feature(new, name, NOON, FUNNELS) for name in FEATURES}
    nothing = {name for name, value in values.items() if value == (-1, False)}
    assert nothing == {
        *("order_average", "usual_gap", "best_hour", "favorite_category", "preferred_channel"),
        *("app_share_30d", "trend", "nps", "csat", "ces"),
    }
    assert {values[name][0] for name in FEATURES if name not in nothing} == {0}
    exact = {name for name in FEATURES if values[name][1]}
    assert not any(name in exact for name in WINDOWS)
    assert {name for name in exact if name.endswith("_recency")} == set()
    assert {"tenure", "pause", "cart_age", "checkout_idle", "ticket_age", "email_consent"} <= exact


def test_where_windows_start() -> None:
    """Of whole panes, the present one included: at 12:34, 1h starts at 11:35, 24h at 13:00 the day before."""
    now_ms = NOON + 34 * M
    starts = {span: WINDOWS[f"events_{span}"].start_ms(now_ms) for span in SPANS}
    assert starts == {
        "1h": NOON - 25 * M,
        "24h": NOON - 23 * H,
        "7d": DAY0 - 6 * D,
        "30d": DAY0 - 29 * D,
        "90d": DAY0 - 89 * D,
    }


@given(st.sampled_from(sorted(WINDOWS.values(), key=repr)), st.integers(0, 200 * D))
def test_a_window_becomes_known_at_the_instant_said(window: Window, first_seen_ms: int) -> None:
    """One millisecond before, its start still lies before the first event."""
    known_ms = window.known_at_ms(first_seen_ms)
    assert window.start_ms(known_ms - 1) < first_seen_ms <= window.start_ms(known_ms)
