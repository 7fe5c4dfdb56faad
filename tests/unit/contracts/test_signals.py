"""Signals: ids, headers, values."""

import json
from typing import Any

import msgspec
import pytest

from streamproc.contracts.signal_types import ActionSignal, AudienceSignal, ChurnSignal
from streamproc.contracts.signals import (
    Action,
    Evidence,
    OutRecord,
    Reason,
    action_signal,
    audience_signal,
    churn_signal,
)

AT_MS = 1_772_366_400_000
EVIDENCE = [Evidence("recency", 15, ">", 14, "ms", True, True)]


def audience(**changes: Any) -> OutRecord:
    """An entry, with changes."""
    arguments: dict[str, Any] = {
        "customer": "u1",
        "entered": True,
        "key": "dormant",
        "rule_version": 2,
        "entry_seq": 3,
        "entered_at_ms": AT_MS,
        "at_ms": AT_MS,
        "version": 17,
        "cause": "event",
        "causation_id": "events.web/3/42",
        "next_check_at_ms": None,
        "evidence": EVIDENCE,
        "displaced_by": None,
    }
    return audience_signal(**{**arguments, **changes})


def churn(**changes: Any) -> OutRecord:
    """A change of band, with changes."""
    arguments: dict[str, Any] = {
        "customer": "u1",
        "at_ms": AT_MS,
        "version": 17,
        "cause": "time",
        "causation_id": f"time/{AT_MS}",
        "risk": 0.7,
        "band": "high",
        "previous_band": None,
        "horizon_days": 90,
        "reasons": [Reason("SILENCE", "41 d silent", 41.0, 0.5)],
        "model_version": "m1",
        "next_check_at_ms": AT_MS + 1,
        "evidence": EVIDENCE,
    }
    return churn_signal(**{**arguments, **changes})


REQUEST = Action(
    kind="requested",
    campaign="win_back",
    campaign_version=1,
    trigger="enter dormant",
    goal="activity",
    step=1,
    steps=2,
    reason="silent",
    offer=None,
    variant=None,
    holdout=False,
    closes=False,
    channel="email",
)
NO_CONSENT: dict[str, Any] = {
    "kind": "suppressed",
    "abort_type": "no_consent",
    "channel": None,
    "closes": True,
}


def action(**changes: Any) -> OutRecord:
    """A request, with changes of what was decided and of all else."""
    arguments: dict[str, Any] = {
        "customer": "u1",
        "at_ms": AT_MS,
        "version": 17,
        "cause": "time",
        "causation_id": f"time/{AT_MS}",
        "entry": 1,
        "entered_ms": AT_MS - 1_000,
        "expires_at_ms": AT_MS + 86_400_000,
        "requests": None,
        "first_requested_at_ms": None,
        "converted_at_ms": None,
        "next_check_at_ms": None,
        "evidence": EVIDENCE,
    }
    decided = {name: changes.pop(name) for name in Action._fields if name in changes}
    return action_signal(**{**arguments, "action": REQUEST._replace(**decided), **changes})


def id_of(record: OutRecord) -> bytes:
    """The CloudEvents id."""
    return dict(record.headers)["ce_id"]


def value_of(record: OutRecord) -> Any:
    """The decoded value."""
    return json.loads(record.value)


def action_id_of(record: OutRecord) -> str:
    return str(value_of(record)["properties"]["action_id"])


def test_an_audience_signal_is_frozen() -> None:
    """Topic, key, headers and value, byte for byte: consumers and outboxes hold such records."""
    record = audience()
    assert (record.topic, record.key) == ("segments.changes", b"u1")
    assert record.headers == [
        ("ce_specversion", b"1.0"),
        ("ce_id", b"a1ef2fb8b4d210eb87b462ac8036041c"),
        ("ce_source", b"/streamproc/segments.changes"),
        ("ce_type", b"io.streamproc.audience.entered"),
        ("ce_time", b"2026-03-01T12:00:00.000Z"),
        ("ce_subject", b"u1"),
        ("ce_partitionkey", b"u1"),
        ("ce_sequence", b"00000000000000000017"),
        ("ce_causationid", b"events.web/3/42"),
        ("content-type", b"application/json"),
    ]
    assert record.value == (
        b'{"type":"track","event":"Audience Entered","messageId":"a1ef2fb8b4d210eb87b462ac8036041c",'
        b'"userId":"u1",'
        b'"timestamp":"2026-03-01T12:00:00.000Z","properties":{"audience_key":"dormant","dormant":true},'
        b'"context":{"personas":{"computation_class":"audience","computation_key":"dormant"},'
        b'"streamproc":{"cause":"event","version":17,"rule_version":2,"entry_seq":3,'
        b'"entered_at":"2026-03-01T12:00:00.000Z","displaced_by":null,"next_check_at":null,'
        b'"evidence":[{"feature":"recency","value":15,"op":">","threshold":14,"unit":"ms","holds":true,'
        b'"exact":true}]}}}'
    )


def test_a_churn_signal_is_frozen() -> None:
    """Its value."""
    record = churn()
    assert (record.topic, dict(record.headers)["ce_type"]) == ("churn.risk", b"io.streamproc.churn.changed")
    assert record.value == (
        b'{"type":"track","event":"Churn Risk Changed","messageId":"b6f444e0f1dd13f8141b00c0ffa83633",'
        b'"userId":"u1",'
        b'"timestamp":"2026-03-01T12:00:00.000Z","properties":{"risk":0.7,"band":"high","previous_band":null,'
        b'"horizon_days":90,"reasons":[{"code":"SILENCE","text":"41 d silent","value":41.0,'
        b'"contribution":0.5}]},"context":{"streamproc":{"cause":"time","version":17,"model_version":"m1",'
        b'"next_check_at":"2026-03-01T12:00:00.001Z","evidence":[{"feature":"recency","value":15,"op":">",'
        b'"threshold":14,"unit":"ms","holds":true,"exact":true}]}}}'
    )


def test_an_action_signal_is_frozen() -> None:
    """Its value."""
    record = action()
    assert record.topic == "actions.reactivation"
    assert dict(record.headers)["ce_type"] == b"io.streamproc.reactivation.requested"
    assert record.value == (
        b'{"type":"track","event":"Reactivation Requested","messageId":"adf4cecae821433221ef1d7017fdc53e",'
        b'"userId":"u1",'
        b'"timestamp":"2026-03-01T12:00:00.000Z","properties":{"action_id":"60fd16288f05cb6710050fce627b4ace",'
        b'"campaign":"win_back","campaign_version":1,"entry":1,"step":1,"steps":2,"channel":"email",'
        b'"variant":null,"holdout":false,"reason":"silent","offer":null,'
        b'"expires_at":"2026-03-02T12:00:00.000Z","abort_type":null,"waited_for":null,"outranked_by":null,'
        b'"closes":false,"outcome":null,"goal":"activity","requests":null,"first_requested_at":null,'
        b'"converted_at":null},"context":{"streamproc":{"cause":"time","version":17,"rule_version":1,'
        b'"trigger":"enter dormant","entered_at":"2026-03-01T11:59:59.000Z","next_check_at":null,'
        b'"evidence":[{"feature":"recency","value":15,"op":">","threshold":14,"unit":"ms","holds":true,'
        b'"exact":true}]}}}'
    )


@pytest.mark.parametrize("make", [audience, churn, action])
def test_equal_changes_give_equal_bytes(make: Any) -> None:
    """And other arguments of presentation leave the id alone."""
    assert make() == make()
    assert make().pack() == make().pack()
    assert id_of(make()) == id_of(make(version=99, at_ms=AT_MS + 1, evidence=[], next_check_at_ms=AT_MS))


@pytest.mark.parametrize(
    ("make", "change"),
    [
        *((audience, {name: value}) for name, value in {
            "customer": "u2", "key": "active", "rule_version": 3, "entry_seq": 4, "entered": False,
            "causation_id": "events.web/3/43",
        }.items()),
        *((churn, {name: value}) for name, value in {
            "customer": "u2", "model_version": "m2", "previous_band": "low", "band": "critical",
            "causation_id": "time/1",
        }.items()),
        *((action, {name: value}) for name, value in {
            "customer": "u2", "campaign": "x", "campaign_version": 2, "step": 2, "entry": 2, "kind": "ended",
            "abort_type": "budget", "outcome": "done", "causation_id": "time/1",
        }.items()),
    ],
)  # fmt: skip
def test_another_change_has_another_id(make: Any, change: dict[str, Any]) -> None:
    """Each of the arguments that make the id."""
    assert id_of(make(**change)) != id_of(make())


def test_the_action_id_is_that_of_the_request_whatever_its_outcome() -> None:
    """The messageId is not."""
    requested, suppressed = action(), action(**NO_CONSENT)
    assert id_of(requested) != id_of(suppressed)
    assert action_id_of(requested) == action_id_of(suppressed)
    assert value_of(suppressed)["event"] == "Reactivation Suppressed"
    assert value_of(suppressed)["properties"]["abort_type"] == "no_consent"
    assert dict(suppressed.headers)["ce_type"] == b"io.streamproc.reactivation.suppressed"


def test_an_ended_entry_has_the_action_id_of_its_last_request() -> None:
    """And tells how many there were, and what came of them."""
    ended = action(
        kind="ended", step=2, outcome="converted", channel=None, closes=True, expires_at_ms=None, requests=2,
        first_requested_at_ms=AT_MS - 900, converted_at_ms=AT_MS - 1,
    )  # fmt: skip
    assert action_id_of(ended) == action_id_of(action(step=2))
    assert value_of(ended)["event"] == "Reactivation Ended"
    assert dict(ended.headers)["ce_type"] == b"io.streamproc.reactivation.ended"
    properties = value_of(ended)["properties"]
    assert properties["requests"] == 2
    assert properties["first_requested_at"] == "2026-03-01T11:59:59.100Z"
    assert properties["converted_at"] == "2026-03-01T11:59:59.999Z"
    assert properties["expires_at"] is None


@pytest.mark.parametrize(
    "change",
    [{"customer": "u2"}, {"campaign": "x"}, {"step": 2}, {"entry": 2}, {"entered_ms": AT_MS}],
)
def test_another_step_or_entry_has_another_action_id(change: dict[str, Any]) -> None:
    assert action_id_of(action(**change)) != action_id_of(action())


def test_another_version_of_the_campaign_leaves_the_action_id() -> None:
    """So that an outcome finds its action, and nobody acts twice, when the file changes in between."""
    assert action_id_of(action(campaign_version=2, causation_id="x")) == action_id_of(action())


@pytest.mark.parametrize(
    ("make", "type_"), [(audience, AudienceSignal), (churn, ChurnSignal), (action, ActionSignal)]
)
def test_values_read_back_as_their_types(make: Any, type_: Any) -> None:
    """Encoding what was read gives the same bytes."""
    value = make().value
    assert msgspec.json.encode(msgspec.json.decode(value, type=type_)) == value


@pytest.mark.parametrize("make", [audience, churn, action])
def test_anonymous_customers_have_an_anonymous_id(make: Any) -> None:
    """The key and the headers have the customer's id as it is, in UTF-8."""
    record = make(customer="anon:gerät")
    value = value_of(record)
    assert value["anonymousId"] == "gerät"
    assert "userId" not in value
    headers = dict(record.headers)
    assert record.key == headers["ce_subject"] == headers["ce_partitionkey"] == "anon:gerät".encode()


def test_an_exit() -> None:
    """False under the segment's key, and who took its place."""
    record = audience(entered=False, displaced_by="active")
    value = value_of(record)
    assert value["event"] == "Audience Exited"
    assert value["properties"] == {"audience_key": "dormant", "dormant": False}
    assert value["context"]["streamproc"]["displaced_by"] == "active"
    assert dict(record.headers)["ce_type"] == b"io.streamproc.audience.exited"


def test_churn_numbers_are_rounded() -> None:
    """To six decimals, so that the last bits of a sum do not show."""
    third = Reason("A", "a", 1 / 3, 2 / 3)
    properties = value_of(churn(risk=1 / 3, reasons=[third]))["properties"]
    assert properties["risk"] == 0.333333
    assert (properties["reasons"][0]["value"], properties["reasons"][0]["contribution"]) == (
        0.333333,
        0.666667,
    )


def test_versions_sort_as_text() -> None:
    """As far as a 64-bit number goes."""
    sequences = [
        dict(audience(version=version).headers)["ce_sequence"] for version in (9, 10, 2**32, 2**64 - 1)
    ]
    assert sequences == sorted(sequences)
    assert {len(sequence) for sequence in sequences} == {20}
