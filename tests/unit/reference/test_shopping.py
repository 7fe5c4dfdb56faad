"""Lives worked out by hand from docs/semantics.md: sessions and views, categories, carts, checkouts, orders,
habits.
"""

from typing import Any

import pytest

from tests.unit.reference.life import (
    APP,
    DAY0,
    NOON,
    SUPPORT,
    D,
    H,
    M,
    S,
    Sent,
    brief,
    identify,
    live,
    page,
    rules,
    track,
)


def values_of(sent: list[Sent], now_ms: int, *names: str, text: str | None = None) -> list[Any]:
    """The values of ann's features at `now_ms`."""
    features = live(text or rules(), sent, now_ms).features["ann"]
    return [features[name][0] for name in names]


def views(now_ms: int, *sent: Sent) -> list[Any]:
    return values_of(list(sent), now_ms, "session_pages", "session_products")


def test_views_of_the_latest_session_only() -> None:
    """Two pages and a product; 30 min and 1 ms later another session begins with one page."""
    sent = [
        page("ann", NOON, path="/a"),
        page("ann", NOON + S, path="/b"),
        page("ann", NOON + 2 * S, path="/a"),
        track("Product Viewed", "ann", NOON + 3 * S, product_id="p"),
        track("Product Viewed", "ann", NOON + 4 * S, sku="p"),
        track("Product Added", "ann", NOON + 5 * S, product_id="q"),
    ]
    assert views(NOON + M, *sent) == [2, 1]
    later = NOON + 5 * S + 30 * M
    assert views(later + M, *sent, page("ann", later, path="/c")) == [3, 1]
    assert views(later + M, *sent, page("ann", later + 1, path="/c")) == [1, 0]


def test_a_late_view_joins_from_the_start_of_the_session_on() -> None:
    """The session began at noon: what was shown at noon joins, what was shown a millisecond before does not.

    Neither does what is shown on support, nor by a page that has no name.
    """
    begun = [page("ann", NOON - H, path="/x"), page("ann", NOON, path="/a"), page("ann", NOON + M, path="/b")]
    assert views(NOON + H, *begun) == [2, 0]
    assert views(NOON + H, *begun, page("ann", NOON, "m", path="/c")) == [3, 0]
    assert views(NOON + H, *begun, page("ann", NOON - 1, "m", path="/c")) == [2, 0]
    assert views(NOON + H, *begun, page("ann", NOON + M, "m", SUPPORT, path="/c")) == [2, 0]
    assert views(NOON + H, *begun, page("ann", NOON + M, "m")) == [2, 0]


@pytest.mark.parametrize(("shown", "counted"), [(31, 31), (32, 32), (33, 32), (40, 32)])
def test_at_most_32_views_of_a_kind(shown: int, counted: int) -> None:
    """Pages and products apart; a product's integer is its decimal text."""
    sent = [page("ann", NOON + n, path=f"/{n}") for n in range(shown)]
    sent += [track("Product Viewed", "ann", NOON + n, f"p-{n}", product_id=n) for n in range(shown)]
    sent += [track("Product Viewed", "ann", NOON + 99, product_id="0")]
    assert views(NOON + M, *sent) == [counted, counted]


def test_what_counts_as_a_product_view_shows_a_product() -> None:
    """By the file's word, too; not if it is no activity."""
    text = "events:\n  Own: {counts: product_views}\n  Glanced: {counts: product_views, activity: false}\n"
    sent = [track("Own", "ann", NOON, sku="a"), track("Glanced", "ann", NOON + S, sku="b")]
    names = ("session_products", "product_views_total", "session_pages")
    assert values_of(sent, NOON + M, *names, text=text + rules()) == [1, 2, 0]


def test_the_pause_before_the_latest_session() -> None:
    """None at first; then 2 h, since 30 minutes are no pause."""
    first = [page("ann", NOON), page("ann", NOON + 30 * M)]
    assert values_of(first, NOON + 3 * H, "pause") == [0]
    sent = [*first, page("ann", NOON + 150 * M), page("ann", NOON + 160 * M), page("ann", NOON + 100 * M)]
    assert values_of(sent, NOON + 3 * H, "pause", "sessions_total") == [2 * H, 2]


def test_an_age_against_several_pauses() -> None:
    """The latest pause was 1 h: three times that after the last event, exactly."""
    text = rules("{key: long, enter: recency > 3 * pause}", "{key: at, enter: recency == 3 * pause}")
    sent = [page("ann", NOON), page("ann", NOON + H)]
    assert brief(live(text, sent, NOON + D))[2:] == [
        (NOON + 4 * H, "entered", "at"),
        (NOON + 4 * H + S, "exited", "at"),
        (NOON + 4 * H + S, "entered", "long"),
    ]
    assert brief(live(text, sent, NOON + D))[:2] == [
        (NOON + S, "entered", "long"),
        (NOON + H + S, "exited", "long"),
    ]


def test_the_usual_gap_between_active_days() -> None:
    """Days 0, 1 and 5: five days in two gaps. Before the second day there is none, and nothing is known.

    Overdue after more than twice 2.5 days since the noon of day 5.
    """
    text = rules("{key: overdue, enter: recency > 2 * usual_gap}", "{key: tight, enter: usual_gap < 3d}")
    sent = [page("ann", NOON), page("ann", NOON + D), page("ann", NOON + 5 * D)]
    first = live(text, sent[:1], NOON + 20 * D)
    assert brief(first) == []
    assert first.features["ann"]["usual_gap"] == (-1, False)
    result = live(text, sent, NOON + 20 * D)
    assert result.features["ann"]["usual_gap"] == (5 * D // 2, True)
    assert brief(result) == [
        (NOON + D + S, "entered", "tight"),
        (NOON + 3 * D + S, "entered", "overdue"),
        (NOON + 5 * D + S, "exited", "overdue"),
        (NOON + 10 * D + S, "entered", "overdue"),
    ]


def test_what_is_not_whole_milliseconds() -> None:
    """2 * recency reaches 3 * pause = 3 * 2000001 ms after 3000001.5 ms: at the second 3001."""
    text = rules("{key: far, enter: 2 * recency >= 3 * pause}")
    sent = [page("ann", NOON), page("ann", NOON + 2_000_001)]
    assert brief(live(text, sent, NOON + D))[2:] == [(NOON + 2_000 * S + 3_001 * S, "entered", "far")]


def test_the_best_hour() -> None:
    """UTC, of equal ones the earliest; support is no activity."""
    sent = [page("ann", NOON - H), page("ann", NOON), page("ann", NOON + D, topic=SUPPORT)]
    assert values_of(sent, NOON + D + H, "best_hour") == [11]
    assert values_of([*sent, page("ann", NOON + 2 * D + 59 * M)], NOON + 3 * D, "best_hour") == [12]
    only_support = live(rules(), [page("ann", NOON, topic=SUPPORT)], NOON + H).features["ann"]
    assert only_support["best_hour"] == (-1, False)


def category(name: object, at_ms: int, topic: str = APP) -> Sent:
    return page("ann", at_ms, topic=topic, category=name)


def test_the_favorite_category() -> None:
    """The most frequent, of equal ones the least by its bytes (z before ä); the rule's text is cut alike."""
    text = rules('{key: long, enter: favorite_category == " ä shoe of twenty-four bytes or so "}')
    sent = [
        category("ä shoe of twenty-four bytes and more", NOON),
        category("z", NOON + 2 * S),
        category("z", NOON + 4 * S, SUPPORT),
    ]
    result = live(text, sent, NOON + M)
    assert brief(result) == [(NOON + S, "entered", "long"), (NOON + 3 * S, "exited", "long")]
    assert result.features["ann"]["favorite_category"] == ("z", True)
    assert live(rules(), sent[:1], NOON).features["ann"]["favorite_category"] == (
        "ä shoe of twenty-four b",
        True,
    )


def test_without_a_category_nothing_is_known_of_it() -> None:
    """Blank ones are none; neither equal nor different, whatever the rule says."""
    text = rules(
        '{key: same, enter: favorite_category == "shoes"}',
        '{key: other, enter: favorite_category != "shoes"}',
        '{key: not_same, enter: not favorite_category == "shoes"}',
    )
    result = live(text, [category("  ", NOON), category(7, NOON + S)], NOON + M)
    assert brief(result) == []
    assert result.features["ann"]["favorite_category"] == (-1, False)


def test_a_ninth_category_takes_the_place_and_the_count_of_the_least() -> None:
    """Of a to h, each once but a twice, b goes: the ninth, i, has two then, as a has.

    The next new one takes c's place; with the third i, it leads.
    """
    eight = [category(name, NOON + n) for n, name in enumerate("aabcdefgh")]
    names = "favorite_category"
    assert values_of([*eight, category("i", NOON + M)], NOON + H, names) == ["a"]
    more = [*eight, category("i", NOON + M), category("j", NOON + 2 * M), category("i", NOON + 3 * M)]
    assert values_of(more, NOON + H, names) == ["i"]
    # b is new again: it replaces d (of count 1) and has 2; once more 3, as i, and b is less than i
    again = [category("b", NOON + 4 * M), category("b", NOON + 5 * M)]
    assert values_of([*more, *again], NOON + H, names) == ["b"]


def test_the_cart_has_a_value_and_an_age() -> None:
    """Two at 9.99 and one without a price; one at 9.99 out again; what costs euros is worth nothing here."""
    sent = [
        track("Product Added", "ann", NOON, quantity=2, price=9.99),
        track("Product Added", "ann", NOON + M),
        track("Product Removed", "ann", NOON + 2 * M, price=9.99, currency="USD"),
        track("Product Added", "ann", NOON + 3 * M, price=5, currency="EUR"),
    ]
    names = ("cart_items", "cart_value", "cart_age", "cart_idle")
    assert values_of(sent, NOON + H, *names) == [3, 9_990_000, H, 57 * M]
    gone = [*sent, track("Product Removed", "ann", NOON + 4 * M, quantity=3)]
    assert values_of(gone, NOON + H, *names) == [0, 0, 0, 0]
    again = [*gone, track("Product Added", "ann", NOON + 5 * M, price=0.0000025)]
    assert values_of(again, NOON + H, *names) == [1, 2, 55 * M, 55 * M]
    ordered = [*again, track("Order Completed", "ann", NOON + 5 * M)]
    assert values_of(ordered, NOON + H, *names) == [0, 0, 0, 0]


def test_the_value_of_a_cart_has_bounds() -> None:
    """Never below 0 while something is in it, and never above 10^18."""
    sent = [
        track("Product Added", "ann", NOON, quantity=2, price=1),
        track("Product Removed", "ann", NOON + S, price=3),
    ]
    assert values_of(sent, NOON + M, "cart_items", "cart_value") == [1, 0]
    sent += [track("Product Added", "ann", NOON + n * S, quantity=1_000_000, price=1_000_000) for n in (2, 3)]
    assert values_of(sent, NOON + M, "cart_items", "cart_value") == [2_000_001, 10**18]


def test_the_value_of_the_cart_in_rules() -> None:
    """In money; its age counts from the first piece, its silence from the latest."""
    text = rules(
        "{key: rich, enter: cart_value >= 19.98 USD}",
        "{key: old, enter: cart_age >= 1h}",
        "{key: idle, enter: cart_idle >= 1h}",
    )
    sent = [
        track("Product Added", "ann", NOON, price=9.99),
        track("Product Added", "ann", NOON + M, price=9.99),
    ]
    assert brief(live(text, sent, NOON + D)) == [
        (NOON + M + S, "entered", "rich"),
        (NOON + H, "entered", "old"),
        (NOON + H + M, "entered", "idle"),
    ]


def test_the_abandoned_checkout() -> None:
    """Idle since the latest step, until an order is no older than that; whatever came first of the two."""
    text = rules("{key: waiting, enter: checkout_idle >= 1h}")
    sent = [
        track("Checkout Started", "ann", NOON),
        track("Payment Info Entered", "ann", NOON + M),
        track("Order Completed", "ann", NOON + M - 1),
    ]
    assert brief(live(text, sent, NOON + 2 * H)) == [(NOON + H + M, "entered", "waiting")]
    at_once = [*sent, track("Order Completed", "ann", NOON + M)]
    assert brief(live(text, at_once, NOON + 2 * H)) == []
    assert values_of(at_once, NOON + H, "checkout_idle", "order_recency") == [0, 59 * M]


def test_orders_on_average() -> None:
    """Rounded down to a millionth; without an order there is no average, and the age is at least the tenure."""
    sent = [track("Order Completed", "ann", NOON + n * S, revenue=0.000001 * n) for n in range(3)]
    assert values_of(sent, NOON + H, "order_average", "order_recency") == [1, H - 2 * S]
    two = [track("Order Completed", "ann", NOON + n * S, revenue=0.000001 * n) for n in range(2)]
    assert values_of(two, NOON + H, "order_average") == [0]
    features = live(rules(), [page("ann", NOON)], NOON + H).features["ann"]
    assert features["order_average"] == (-1, False)
    assert features["order_recency"] == (H, False)


def test_the_share_of_the_app() -> None:
    """One of three is 33 percent; when the web's two leave the month it is 100, and the app preferred.

    Day 0 leaves 30 days at day 30, 90 days at day 90; day 1, when the app was used, a day later.
    """
    text = rules(
        "{key: app, enter: app_share_30d > 33%}", '{key: prefers, enter: preferred_channel == "app"}'
    )
    sent = [page("ann", NOON), page("ann", NOON + S), page("ann", NOON + D, topic=APP)]
    assert values_of(sent, NOON + 2 * D, "app_share_30d", "preferred_channel") == [33, "web"]
    result = live(text, sent, NOON + 100 * D)
    assert brief(result) == [(DAY0 + 30 * D, "entered", "app"), (DAY0 + 90 * D, "entered", "prefers")]
    assert result.features["ann"]["app_share_30d"] == (-1, False)
    assert result.features["ann"]["preferred_channel"] == (-1, False)
    even = [page("ann", NOON), page("ann", NOON, "m", topic=APP)]
    assert values_of(even, NOON + H, "app_share_30d", "preferred_channel") == [50, "web"]


def test_the_trend() -> None:
    """An event on each of the days 0, 28 and 29: unknown until the month is known, at day 30 (day 0 at noon).

    By then the month holds days 1 to 30 and the week days 24 to 30: 2 of 2 events, 100 * 60 div 14 = 428. At
    day 35 the week loses day 28: 1 of 2, 214. At day 36: 0. At day 59 the month is empty: no value.
    """
    text = rules(
        "{key: up, enter: trend >= 428%}",
        "{key: half, enter: trend == 214%}",
        "{key: zero, enter: trend == 0%}",
    )
    sent = [page("ann", NOON), page("ann", NOON + 28 * D), page("ann", NOON + 29 * D)]
    result = live(text, sent, NOON + 70 * D)
    assert brief(result) == [
        (DAY0 + 30 * D, "entered", "up"),
        (DAY0 + 35 * D, "exited", "up"),
        (DAY0 + 35 * D, "entered", "half"),
        (DAY0 + 36 * D, "exited", "half"),
        (DAY0 + 36 * D, "entered", "zero"),
    ]
    assert result.features["ann"]["trend"] == (-1, False)
    assert live(rules(), sent, NOON + 29 * D).features["ann"]["trend"] == (-1, False)


def test_consent_is_a_feature() -> None:
    """1 once it is given, 0 without a word or when it is withdrawn."""
    sent = [identify("ann", NOON, email=True, push=False), track("Unsubscribed", "ann", NOON + M)]
    names = ("email_consent", "push_consent", "sms_consent")
    assert values_of(sent[:1], NOON + H, *names) == [1, 0, 0]
    assert values_of(sent, NOON + H, *names) == [0, 0, 0]
