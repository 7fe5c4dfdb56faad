"""What the demo reads out of signals."""

from typing import Any

import pytest

from streamproc.contracts import samples
from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.signals import Action, Evidence, action_signal, audience_signal, churn_signal
from streamproc.simulate.watch import Tally, sentence

DAY_MS = 86_400_000
COMMON: dict[str, Any] = {
    "customer": "ada",
    "at_ms": 1_772_366_400_000,
    "cause": "time",
    "causation_id": "time/1772366400000",
    "next_check_at_ms": None,
}
RECENCY = Evidence("recency", 30 * DAY_MS + 1000, ">", 30 * DAY_MS, "ms", True, True)


def audience(*, entered: bool, version: int, key: str = "dormant", **own: Any) -> OutRecord:
    arguments = {
        "rule_version": 1,
        "entry_seq": 1,
        "entered_at_ms": 0,
        "evidence": [RECENCY],
        "displaced_by": None,
    }
    return audience_signal(
        **{**COMMON, **arguments, "key": key, "entered": entered, "version": version, **own}
    )


def churn(*, band: str, previous: str | None, version: int) -> OutRecord:
    arguments = {"risk": 0.61, "horizon_days": 90, "reasons": [], "model_version": "m", "evidence": []}
    return churn_signal(
        **{**COMMON, **arguments, "band": band, "previous_band": previous, "version": version}
    )


REQUEST = Action(
    kind="requested",
    campaign="winback",
    campaign_version=1,
    trigger="enter dormant",
    goal="activity",
    step=1,
    steps=1,
    reason="No visit for 30 days",
    offer=None,
    variant=None,
    holdout=False,
    closes=False,
    channel="email",
)


def action(*, version: int, **decided: Any) -> OutRecord:
    arguments = {
        "entry": 1,
        "entered_ms": 0,
        "expires_at_ms": None,
        "requests": None,
        "first_requested_at_ms": None,
        "converted_at_ms": None,
        "evidence": [],
    }
    return action_signal(**{**COMMON, **arguments, "action": REQUEST._replace(**decided), "version": version})


def withheld(abort_type: str, *, version: int, **decided: Any) -> OutRecord:
    return action(kind="suppressed", abort_type=abort_type, channel=None, version=version, **decided)


def tally_of(*records: OutRecord) -> Tally:
    tally = Tally()
    for record in records:
        tally.add(record.topic, record.value)
    return tally


def test_sizes_are_entries_less_exits() -> None:
    """Per segment."""
    tally = tally_of(
        audience(entered=True, version=1),
        audience(entered=True, version=1, customer="bob"),
        audience(entered=True, version=2, key="light"),
        audience(entered=False, version=3),
    )
    assert dict(tally.sizes) == {"dormant": 1, "light": 1}
    assert (tally.signals, tally.causes["time"]) == (4, 4)


def test_a_customer_is_in_one_band() -> None:
    """A change takes him out of the previous one."""
    tally = tally_of(
        churn(band="medium", previous=None, version=1), churn(band="high", previous="medium", version=2)
    )
    assert +tally.bands == {"high": 1}


def test_actions_by_campaign_and_what_stopped_them() -> None:
    """Requested, withheld, and ended."""
    tally = tally_of(
        action(version=1),
        withheld("no_consent", version=2),
        withheld("expired", waited_for="quiet_hours", version=3),
        withheld("outranked", outranked_by="cart", version=4),
        action(kind="ended", outcome="not_converted", channel=None, version=5),
    )
    assert dict(tally.actions) == {
        ("requested", "winback", ""): 1,
        ("suppressed", "winback", "no_consent"): 1,
        ("suppressed", "winback", "expired"): 1,
        ("suppressed", "winback", "outranked"): 1,
        ("ended", "winback", "not_converted"): 1,
    }
    assert [change.why for change in tally.latest] == [
        "email: No visit for 30 days",
        "no consent",
        "expired, waited for the end of quiet hours",
        "outranked by cart",
        "not converted",
    ]


def test_a_repeat_is_dropped() -> None:
    """What is not newer than the customer's last signal on the topic; other topics have their own order."""
    tally = tally_of(
        audience(entered=True, version=2),
        audience(entered=True, version=2),
        churn(band="low", previous=None, version=1),
    )
    assert (tally.signals, tally.repeats, tally.sizes["dormant"]) == (2, 1, 1)


def test_all_signals_and_failed_events_can_be_read() -> None:
    """The samples of the contract."""
    tally = tally_of(*(record for records in samples.records().values() for record in records))
    assert tally.signals == 6
    assert dict(tally.refused) == {"invalid_field": 1}


def test_a_story_is_in_the_order_of_versions_and_not_too_long() -> None:
    """Of the customer with the most kinds of changes."""
    records = (
        action(version=3),
        audience(entered=True, version=1),
        churn(band="high", previous=None, version=2),
        audience(entered=True, version=1, customer="bob"),
    )
    tally = tally_of(*records)
    assert [(change.customer, change.version) for change in tally.story(3)] == [
        ("ada", 1),
        ("ada", 2),
        ("ada", 3),
    ]
    assert [change.customer for change in tally.story(2)] == ["bob"]
    assert tally.story(0) == []


@pytest.mark.parametrize(
    ("evidence", "text"),
    [
        (RECENCY, "recency 30d 1s > 30d"),
        (
            Evidence("recency", 41 * DAY_MS + 7_200_000, ">", 30 * DAY_MS, "ms", True, True),
            "recency 41d 2h > 30d",
        ),
        (Evidence("recency", 0, ">=", 90_000, "ms", False, True), "recency 0s < 1m 30s"),
        (Evidence("active_days_30d", 3, "<", 4, "count", True, True), "active_days_30d 3 < 4"),
        (Evidence("events_90d", 2, ">=", 2, "count", True, False), "events_90d 2+ ≥ 2"),
        (Evidence("events_90d", 1, ">=", 2, "count", None, False), "unknown: events_90d 1+ ≥ 2"),
        (Evidence("money_90d", 12.5, "==", 0.0, "USD", False, True), "money_90d 12.50 USD ≠ 0.00 USD"),
        (Evidence("churn_risk", 0.612, ">=", 0.6, "probability", True, True), "churn_risk 61% ≥ 60%"),
        (
            Evidence("recency", 25 * DAY_MS + 1_000, ">", f"3 * usual_gap={25 * DAY_MS}", "ms", True, True),
            "recency 25d 1s > 3 * usual_gap=25d",
        ),
        (Evidence("web_recency", 0, "<", "app_recency", "ms", True, True), "web_recency 0s < app_recency"),
    ],
)
def test_evidence_as_a_sentence(evidence: Evidence, text: str) -> None:
    """With units, turned round where it does not hold."""
    assert sentence([evidence]) == text


def test_a_sentence_names_every_feature_once() -> None:
    """A line has little room."""
    bounds = [
        Evidence("cart_items", 2, ">", 0, "count", True, True),
        Evidence("cart_idle", 3_600_000, ">=", 3_600_000, "ms", True, True),
        Evidence("cart_idle", 3_600_000, "<", 7 * DAY_MS, "ms", True, True),
    ]
    assert sentence(bounds) == "cart_items 2 > 0, cart_idle 1h ≥ 1h"


def test_other_signals_are_explained_by_what_took_their_place() -> None:
    """A segment that lost its place in a group says to whom."""
    tally = tally_of(
        audience(entered=True, version=1), audience(entered=False, version=2, displaced_by="heavy")
    )
    assert tally.latest[-1].why == "heavy takes its place"
