"""Lives worked out by hand from docs/semantics.md: segments, groups, dwell, ticks."""

from tests.unit.reference.life import (
    APP,
    DAY0,
    NOON,
    SUPPORT,
    D,
    H,
    M,
    S,
    brief,
    identify,
    live,
    page,
    rules,
    track,
)


def test_silence_makes_dormant_at_the_first_second_beyond_the_threshold() -> None:
    """`recency > 1d` of an event at noon + 250 ms holds from noon + 1 d + 251 ms; the next whole second is
    +1 s.
    """
    result = live(rules("{key: dormant, enter: recency > 1d}"), [page("ann", NOON + 250)], NOON + 3 * D)
    assert brief(result, "cause", "causation_id", "entry_seq", "version") == [
        (NOON + D + S, "entered", "dormant", "time", f"time/{NOON + D + S}", 1, 1)
    ]
    assert result.memberships["ann"]["dormant"] == (NOON + D + S, 1)


def test_a_threshold_on_a_whole_second() -> None:
    """`>=` holds at exactly noon + 1 d, `>` one second later, `==` at that second only."""
    text = rules(
        "{key: reached, enter: recency >= 1d}",
        "{key: beyond, enter: recency > 1d}",
        "{key: equal, enter: recency == 1d}",
    )
    assert brief(live(text, [page("ann", NOON)], NOON + 3 * D)) == [
        (NOON + D, "entered", "reached"),
        (NOON + D, "entered", "equal"),
        (NOON + D + S, "exited", "equal"),
        (NOON + D + S, "entered", "beyond"),
    ]


def test_an_event_is_evaluated_at_the_end_of_its_second() -> None:
    """Events at noon, +1 ms and +999 ms are one evaluation at noon + 1 s, caused by the last of them."""
    sent = [page("ann", NOON), page("ann", NOON + 1), page("ann", NOON + 999)]
    text = rules("{key: one, enter: events_total == 1}", "{key: three, enter: events_total == 3}")
    assert brief(live(text, sent, NOON), "cause", "causation_id") == [
        (NOON + S, "entered", "three", "event", "events.web/0/2")
    ]


def test_a_flap_between_seconds_is_published_and_one_inside_a_second_is_not() -> None:
    """ann fills and empties her cart within a second, bob empties his in the next: only bob's flap shows."""
    sent = [
        track("Product Added", "ann", NOON),
        track("Product Added", "bob", NOON),
        track("Order Completed", "ann", NOON + 999),
        track("Order Completed", "bob", NOON + 1000),
    ]
    result = live(rules("{key: cart, enter: cart_items > 0}"), sent, NOON + M)
    assert brief(result, "customer") == [
        (NOON + S, "entered", "cart", "bob"),
        (NOON + 2 * S, "exited", "cart", "bob"),
    ]


def test_a_late_event_counts_in_its_own_panes_and_is_evaluated_now() -> None:
    """The event of 10:00 comes after that of 13:00: it is applied at 13:00:01, in the window of 24 h, not
    of 1 h.

    Tenure then counts from 10:00.
    """
    sent = [page("ann", NOON), page("ann", NOON + H), page("ann", NOON - 2 * H)]
    text = rules("{key: three, enter: events_24h >= 3}", "{key: hour, enter: events_1h >= 3}")
    result = live(text, sent, NOON + H + S)
    assert brief(result, "causation_id") == [(NOON + H + S, "entered", "three", "events.web/0/2")]
    assert result.features["ann"]["tenure"] == (3 * H + S, True)
    assert result.features["ann"]["events_1h"] == (1, True)  # the panes 12:05 .. 13:00
    assert result.features["ann"]["recency"] == (S, True)


def test_windows_are_whole_panes() -> None:
    """An event in the pane 12:00..12:05 leaves the hour (12 panes of 5 minutes) at 13:00, wherever it lies
    in it.
    """
    text = rules("{key: busy, enter: events_1h >= 1}")
    for at_ms in (NOON, NOON + 5 * M - 1):
        left = [
            signal for signal in brief(live(text, [page("ann", at_ms)], NOON + D)) if signal[1] == "exited"
        ]
        assert left == [(NOON + H, "exited", "busy")]


def test_too_little_history_is_neither_few_nor_many_events() -> None:
    """ann is first seen at noon of day 0. `events_7d < 3` is unknown until the window starts after that.

    The window of 7 day panes starts at day 1, 00:00 as soon as today is day 7. bob's three events answer at
    once.
    """
    sent = [page("ann", NOON), *(page("bob", NOON + n * S) for n in range(3))]
    text = rules("{key: few, enter: events_7d < 3}", "{key: many, enter: events_7d >= 3}")
    result = live(text, sent, DAY0 + 30 * D)
    assert brief(result, "customer", "cause") == [
        (NOON + 3 * S, "entered", "many", "bob", "event"),
        (DAY0 + 7 * D, "entered", "few", "ann", "time"),
        (DAY0 + 7 * D, "exited", "many", "bob", "time"),
        (DAY0 + 7 * D, "entered", "few", "bob", "time"),
    ]


def test_someone_never_active_is_silent_for_at_least_her_tenure() -> None:
    """Only support contacts: recency is at least the tenure: `> 1d` becomes true, `< 1d` is never known."""
    text = rules("{key: silent, enter: recency > 1d}", "{key: lively, enter: recency < 1d}")
    result = live(text, [page("ann", NOON, topic=SUPPORT)], NOON + 3 * D)
    assert brief(result) == [(NOON + D + S, "entered", "silent")]
    assert result.features["ann"]["recency"] == (3 * D, False)
    assert result.features["ann"]["support_recency"] == (3 * D, True)
    assert result.features["ann"]["sessions_total"] == (0, True)


def test_a_session_ends_after_a_gap_of_more_than_thirty_minutes() -> None:
    """12:00, 12:30 (a gap of exactly 30 min: same session), 13:00:00.001 (a new one), then 12:40 too late
    to matter.

    Two sessions; the duration is the one gap of 30 minutes, counted on the channel of its second event.
    """
    sent = [
        page("ann", NOON),
        page("ann", NOON + 30 * M, topic=APP),
        page("ann", NOON + H + 1),
        page("ann", NOON + 40 * M),
    ]
    features = live(rules(), sent, NOON + 2 * H).features["ann"]
    assert features["sessions_total"] == (2, True)
    assert features["duration_24h"] == (30 * M, False)
    assert features["app_duration_24h"] == (30 * M, False)
    assert features["web_duration_24h"] == (0, False)
    assert features["events_total"] == (4, True)


def test_an_own_duration_replaces_the_gap() -> None:
    """12:10 says 90.5 s itself (rounded half to even: 90500 ms) instead of the gap of 10 minutes."""
    sent = [page("ann", NOON), page("ann", NOON + 10 * M, duration_ms=90_500.5)]
    assert live(rules(), sent, NOON + H).features["ann"]["duration_24h"] == (90_500, False)


def test_a_group_holds_one_member_and_dwell_delays_the_change() -> None:
    """Three events within an hour make heavy (priority 2), one makes light (priority 1).

    12:00:00 light. 12:00:02 three events: heavy outranks light, but light holds for 10 minutes from
    12:00:01, so both signals come at 12:10:01. At 13:00 all events leave the hour, but heavy holds until
    13:10:01.
    """
    sent = [page("ann", NOON), page("ann", NOON + S), page("ann", NOON + 2 * S)]
    text = rules(
        "{key: heavy, group: use, priority: 2, enter: events_1h >= 3, min_dwell: 1h}",
        "{key: light, group: use, priority: 1, enter: events_1h >= 1, min_dwell: 10m}",
    )
    assert brief(live(text, sent, NOON + D), "entry_seq", "entered_at_ms", "cause") == [
        (NOON + S, "entered", "light", 1, NOON + S, "event"),
        (NOON + 10 * M + S, "exited", "light", 1, NOON + S, "time"),
        (NOON + 10 * M + S, "entered", "heavy", 1, NOON + 10 * M + S, "time"),
        (NOON + 70 * M + S, "exited", "heavy", 1, NOON + 10 * M + S, "time"),
    ]


def test_an_exit_of_its_own_gives_hysteresis() -> None:
    """Enters above 1 h of silence, leaves only below 30 min: at the event's second, by `event`; twice in
    all.
    """
    text = rules("{key: away, version: 7, enter: recency > 1h, exit: recency < 30m}")
    sent = [page("ann", NOON), page("ann", NOON + 2 * H)]
    assert brief(live(text, sent, NOON + 4 * H), "entry_seq", "cause", "rule_version", "version") == [
        (NOON + H + S, "entered", "away", 1, "time", 7, 1),
        (NOON + 2 * H + S, "exited", "away", 1, "event", 7, 2),
        (NOON + 3 * H + S, "entered", "away", 2, "time", 7, 3),
    ]


def test_the_abandoned_cart_and_the_order() -> None:
    """12:00 two items in. 12:10 one out: idle counts anew, so abandoned after 13:10. 14:00 the order
    empties it.

    An item whose event is older than the order (13:59, told afterwards) is part of the order's past:
    ignored.
    """
    sent = [
        track("Product Added", "ann", NOON, quantity=2),
        track("Product Removed", "ann", NOON + 10 * M),
        track("Order Completed", "ann", NOON + 2 * H, revenue=9.99, currency="USD"),
        track("Product Added", "ann", NOON + 2 * H - M),
    ]
    text = rules("{key: abandoned, enter: cart_items > 0 and cart_idle > 1h}")
    result = live(text, sent, NOON + D)
    assert brief(result) == [
        (NOON + 70 * M + S, "entered", "abandoned"),
        (NOON + 2 * H + S, "exited", "abandoned"),
    ]
    features = result.features["ann"]
    assert (features["cart_items"], features["cart_idle"]) == ((0, True), (0, True))
    assert (features["orders_total"], features["money_total"]) == ((1, True), (9_990_000, True))


def test_money_is_the_first_given_in_the_right_currency() -> None:
    """`total` where revenue is absent; euros count as an order without money; halves of a millionth go to
    even.
    """
    sent = [
        track("Order Completed", "ann", NOON, total=10, value=99),
        track("Order Completed", "ann", NOON + S, revenue=5, currency="EUR"),
        track("Order Completed", "ann", NOON + 2 * S, revenue=None, total=0, value=2.5),
        track("Order Completed", "ann", NOON + 3 * S, value=0.0000005),
    ]
    features = live(rules(), sent, NOON + M).features["ann"]
    assert (features["orders_total"], features["money_total"]) == ((4, True), (10_000_000, True))


def test_a_rule_that_contradicts_itself_flaps_every_second() -> None:
    """Enter and exit both hold for 3 s of silence: in, out, in … at every second, as the definition says."""
    text = rules("{key: odd, enter: recency <= 3s, exit: recency <= 3s}")
    result = live(text, [page("ann", NOON)], NOON + M)
    assert brief(result, "entry_seq", "version") == [
        (NOON + 1 * S, "entered", "odd", 1, 1),
        (NOON + 2 * S, "exited", "odd", 1, 2),
        (NOON + 3 * S, "entered", "odd", 2, 3),
    ]


def test_identify_is_no_activity_and_is_not_counted() -> None:
    """It makes the customer known (tenure), and no more."""
    features = live(rules(), [identify("ann", NOON, email=True)], NOON + H).features["ann"]
    assert features["tenure"] == (H, True)
    assert features["recency"] == (H, False)
    assert features["events_total"] == (0, True)
    assert features["active_days_total"] == (0, True)
