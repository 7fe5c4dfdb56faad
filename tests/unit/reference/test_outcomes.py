"""Lives worked out by hand from docs/semantics.md: outcomes of messages, and the suppression list."""

from typing import Any

import pytest

from tests.reference.compose import call, to_logs
from tests.reference.merge import Failed, apply_order
from tests.reference.record import OUTCOMES_TOPIC
from tests.reference.rules import read_rules
from tests.unit.reference.life import NOON, WALL, WEB, H, M, Sent, identify, live, page, rules, track


def values_of(sent: list[Sent], *names: str, now_ms: int = NOON + H) -> list[Any]:
    """(value, exact) of ann's features an hour after noon."""
    features = live(rules(), sent, now_ms).features["ann"]
    return [features[name] for name in names]


def outcome(
    name: str, at_ms: int, channel: str = "email", topic: str = OUTCOMES_TOPIC, **properties: Any
) -> Sent:
    said = {"channel": channel, **properties}
    return topic, call("track", "ann", at_ms, f"{name}-{at_ms}", event=name, properties=said)


@pytest.mark.parametrize("topic", [OUTCOMES_TOPIC, WEB])
def test_an_outcome_is_seen_and_counts_as_a_tally_and_no_more(topic: str) -> None:
    """On whatever topic, and whatever else it holds."""
    sent = [
        outcome("Action Delivered", NOON, topic=topic, action_id="a", revenue=5, category="shoes"),
        outcome("Action Opened", NOON + M, topic=topic),
        outcome("Action Opened", NOON + M, topic=topic),
        outcome("Action Clicked", NOON + 2 * M, "push", topic, duration_ms=9_000),
        outcome("Action Clicked", NOON + 3 * M, "sms", topic),
    ]
    assert values_of(sent, "tenure", "recency", "web_recency") == [(H, True), (H, False), (H, False)]
    for name in ("events", "orders", "money", "sessions", "active_days", "email_clicks", "positives"):
        assert values_of(sent, f"{name}_total") == [(0, True)], name
    assert values_of(sent, "emails_total", "email_opens_total", "push_taps_total") == [(1, True)] * 3
    assert values_of(sent, "email_opens_recency", "web_duration_1h") == [(59 * M, True), (0, True)]


def test_a_bounce_ends_the_consent_until_a_newer_word() -> None:
    """By time and not by arrival, and of that channel only."""
    granted = identify("ann", NOON, email=True, push=True)
    bounced = outcome("Action Bounced", NOON + M)
    again = identify("ann", NOON + 2 * M, email=True)
    assert values_of([granted, bounced], "email_consent", "push_consent") == [(0, True), (1, True)]
    assert values_of([bounced, granted], "email_consent") == [(0, True)]
    assert values_of([granted, again, bounced], "email_consent") == [(1, True)]
    unsubscribed = outcome("Action Unsubscribed", NOON + 3 * M, "push")
    assert values_of([granted, unsubscribed], "email_consent", "push_consent") == [(1, True), (0, True)]


def test_what_is_refused_on_the_topic_of_outcomes() -> None:
    """Everything but outcomes; and on every topic outcomes without a channel that there is."""
    sent = [
        outcome("Order Completed", NOON),
        page("ann", NOON, topic=OUTCOMES_TOPIC),
        outcome("Action Opened", NOON, "fax"),
        outcome("Action Opened", NOON + M),
        track("Action Opened", "ann", NOON),
    ]
    failed: list[Failed] = []
    applied = apply_order(to_logs(sent), 0, WALL, read_rules(rules()), failed)
    assert [one.event.message_id for one in applied] == [f"Action Opened-{NOON + M}"]
    assert sorted((one.topic, one.offset, one.reason) for one in failed) == [
        (OUTCOMES_TOPIC, 0, "not_an_outcome"),
        (OUTCOMES_TOPIC, 1, "not_an_outcome"),
        (OUTCOMES_TOPIC, 2, "invalid_field"),
        (WEB, 0, "missing_field"),
    ]


def test_the_latest_word_on_the_suppression_list_holds() -> None:
    def said(value: bool, at_ms: int) -> Sent:
        return WEB, call("identify", "ann", at_ms, f"list-{at_ms}", traits={"suppressed": value})

    assert values_of([page("ann", NOON)], "suppressed") == [(0, True)]
    assert values_of([said(True, NOON)], "suppressed") == [(1, True)]
    assert values_of([said(False, NOON + M), said(True, NOON)], "suppressed") == [(0, True)]
