"""Lives worked out by hand from docs/semantics.md: apply order, instants, repeats, lateness, bad records."""

from dataclasses import replace

from tests.reference.compose import call, to_logs
from tests.reference.model import Reference
from tests.reference.record import Record
from tests.unit.reference.life import (
    APP,
    DAY0,
    MODEL,
    NOON,
    SUPPORT,
    WALL,
    WEB,
    D,
    H,
    M,
    S,
    Sent,
    brief,
    live,
    page,
    rules,
    track,
)

HAS_EVENTS = rules("{key: seen, enter: events_total >= 1}")


def test_topics_are_merged_by_their_running_maximum() -> None:
    """web: 12:00:00, 12:00:10, 12:00:05 (late: M stays 12:00:10); app: 12:00:07; support: 12:00:10.

    Apply order: web 12:00:00, app 12:00:07, then at M = 12:00:10 support before web by name, web by offset.
    So dan's event of 12:00:05 is applied at 12:00:11, after the others.
    """
    sent: list[Sent] = [
        page("ann", NOON),
        page("bob", NOON + 10 * S),
        page("dan", NOON + 5 * S),
        page("cid", NOON + 7 * S, topic=APP),
        page("bob", NOON + 10 * S, "other", topic=SUPPORT),
    ]
    assert brief(live(HAS_EVENTS, sent, NOON), "customer", "causation_id") == [
        (NOON + S, "entered", "seen", "ann", "events.web/0/0"),
        (NOON + 8 * S, "entered", "seen", "cid", "events.app/0/0"),
        (NOON + 11 * S, "entered", "seen", "bob", "events.web/0/1"),
        (NOON + 11 * S, "entered", "seen", "dan", "events.web/0/2"),
    ]


def test_shards_have_their_own_clocks_and_customers_live_in_their_shard() -> None:
    """`foobar` hashes to -790332482: of 4 partitions 2; `21` to -973932308: 0. An event elsewhere is
    misplaced.
    """
    logs = to_logs([page("foobar", NOON), page("21", NOON + D)], partitions=4)
    assert set(logs) == {(WEB, 2), (WEB, 0)}
    logs[WEB, 1] = logs[WEB, 2]
    result = Reference(HAS_EVENTS, MODEL, 4).run(logs, WALL, NOON)
    assert {shard: [one["at_ms"] for one in signals] for shard, signals in result.signals.items()} == {
        0: [NOON + D + S],
        1: [],
        2: [NOON + S],
        3: [],
    }
    assert [(one.topic, one.partition, one.offset) for one in result.misplaced] == [(WEB, 1, 0)]
    assert result.as_of_ms == {0: NOON + D + S, 1: NOON + S, 2: NOON + S, 3: NOON}


def test_a_rekeyed_record_keeps_the_channel_of_its_first_topic() -> None:
    """It comes last of its instant by the topic's name, and its cause names where it was read."""
    logs = to_logs([page("ann", NOON), ("streamproc.rekey", call("page", "ann", NOON, "moved"))])
    place = ("streamproc.rekey", 0)
    logs[place] = [replace(one, headers=(("streamproc-source-topic", b"events.app"),)) for one in logs[place]]
    result = Reference(HAS_EVENTS, MODEL, 1).run(logs, WALL, NOON)
    assert brief(result, "causation_id") == [(NOON + S, "entered", "seen", "streamproc.rekey/0/0")]
    assert result.features["ann"]["app_events_90d"] == (1, False)
    assert result.features["ann"]["events_total"] == (2, True)


def test_time_passes_before_an_event_is_applied() -> None:
    """Silence of 1 h is due at 13:00:01; the next event at 13:00:01.5 has apply instant 13:00:01: fires
    before.
    """
    text = rules("{key: away, enter: recency > 1h}")
    sent = [page("ann", NOON), page("ann", NOON + H + S + 500)]
    assert brief(live(text, sent, NOON), "cause") == [
        (NOON + H + S, "entered", "away", "time"),
        (NOON + H + 2 * S, "exited", "away", "event"),
    ]


def test_an_event_of_the_last_second_comes_first() -> None:
    """The event at 13:00:00.9 is evaluated at 13:00:01, the second at which she would be away: she is not."""
    text = rules("{key: away, enter: recency > 1h}")
    sent = [page("ann", NOON), page("ann", NOON + H + 900)]
    assert brief(live(text, sent, NOON)) == []


def test_customers_of_one_instant_go_by_their_id_in_code_points() -> None:
    """`Z` < `a` < `é`."""
    sent = [page(name, NOON) for name in ("é", "a", "Z")]
    assert [signal["customer"] for signal in live(HAS_EVENTS, sent, NOON).signals[0]] == ["Z", "a", "é"]


def test_a_repeat_within_24_hours_counts_once() -> None:
    """The second `m` is applied at 12:00:01 of the next day: e_then = 12:00:01 is not > e - 24 h, so it
    counts.

    A second earlier (applied at 12:00:00) it is a repeat, without any effect, not even as a cause.
    """
    text = rules("{key: back, enter: events_total >= 1, exit: recency > 23h59m59s}")
    repeated = live(text, [page("ann", NOON, "m"), page("ann", NOON + D - S, "m")], NOON)
    assert repeated.duplicates == 1
    assert repeated.features["ann"]["events_total"] == (1, True)
    assert brief(repeated, "cause", "causation_id") == [
        (NOON + S, "entered", "back", "event", "events.web/0/0"),
        (NOON + D, "exited", "back", "time", f"time/{NOON + D}"),
    ]
    counted = live(text, [page("ann", NOON, "m"), page("ann", NOON + D, "m")], NOON)
    assert counted.duplicates == 0
    assert counted.features["ann"]["events_total"] == (2, True)


def test_the_ring_forgets_beyond_256_events() -> None:
    """255 others after `m`: still there, the repeat is seen. 256 others: gone, it counts again."""
    for others, duplicates in ((255, 1), (256, 0)):
        sent = [
            page("ann", NOON, "m"),
            *(page("ann", NOON + 1 + n) for n in range(others)),
            page("ann", NOON, "m"),
        ]
        result = live(HAS_EVENTS, sent, NOON)
        assert result.duplicates == duplicates
        assert result.features["ann"]["events_total"] == (others + 2 - duplicates, True)


def test_another_customers_message_id_is_no_repeat() -> None:
    """Ids are unique per customer."""
    assert live(HAS_EVENTS, [page("ann", NOON, "m"), page("bob", NOON, "m")], NOON).duplicates == 0


def test_an_event_beyond_the_longest_window_is_too_late() -> None:
    """bob moves the clock to day 89; day 0 is then the oldest pane of 90. On day 90 an event of day 0 is
    too late.

    ann, of whom nothing else is known, does not come into being by it.
    """
    in_time = live(HAS_EVENTS, [page("bob", DAY0 + 89 * D), page("ann", DAY0)], DAY0)
    assert (in_time.too_late, in_time.features["ann"]["events_90d"]) == (0, (1, True))
    late = live(HAS_EVENTS, [page("bob", DAY0 + 90 * D), page("ann", DAY0 + D - 1)], DAY0)
    assert late.too_late == 1
    assert set(late.features) == {"bob"}


def test_a_bad_record_has_no_effect_but_to_fail() -> None:
    """A record 5 minutes and a millisecond in the future of the wall clock fails and does not move the
    clock.
    """
    logs = to_logs([page("ann", NOON), page("ann", WALL + 5 * M + 1), page("bob", NOON + S)])
    logs[WEB, 0].append(Record(3, b"ann", b"{"))
    result = Reference(HAS_EVENTS, MODEL, 1).run(logs, WALL, NOON)
    assert [(one.topic, one.partition, one.offset, one.reason) for one in result.failed] == [
        (WEB, 0, 1, "timestamp_in_future"),
        (WEB, 0, 3, "not_json"),
    ]
    assert brief(result, "customer") == [
        (NOON + S, "entered", "seen", "ann"),
        (NOON + 2 * S, "entered", "seen", "bob"),
    ]


def test_only_what_a_track_call_is_named_has_a_meaning() -> None:
    """A page call with an `event` field is a page view; a name from the rules file replaces its default."""
    sent = [
        (WEB, call("page", "ann", NOON, "p", event="Order Completed", properties={"revenue": 1})),
        track("Order Completed", "ann", NOON + S, revenue=2),
        track("Paid", "ann", NOON + 2 * S, revenue=4, price=8),
    ]
    declared = "events:\n  Paid: {order: true, value: price}\n"
    features = live(declared + HAS_EVENTS, sent, NOON).features["ann"]
    assert (features["orders_total"], features["money_total"]) == ((2, True), (10_000_000, True))


def test_events_and_silence_until_the_end() -> None:
    """Without `until` beyond it, the last evaluation instant is the end; with it, everything due at `until`
    fires.
    """
    text = rules("{key: away, enter: recency >= 1h}")
    assert brief(live(text, [page("ann", NOON)], NOON + H - 1)) == []
    assert brief(live(text, [page("ann", NOON)], NOON + H)) == [(NOON + H, "entered", "away")]
