"""Signals out: Segment track calls in CloudEvents envelopes, each the record of one change.

A signal is made of plain arguments only, so the same change gives the same id and the same bytes, also after
a crash. Every count and instant must be a Python number (no numpy scalar).

The `*_signal` functions make one record, in plain words: for samples, and to say in tests what `signal_bytes`, which
the stream uses, must make of many.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

import msgspec

from streamproc.contracts.events import ANONYMOUS_PREFIX
from streamproc.contracts.instants import to_iso
from streamproc.contracts.outbox import Headers, OutRecord, stable_id
from streamproc.contracts.signal_types import (
    ACTION_TOPIC,
    AUDIENCE_TOPIC,
    CHURN_TOPIC,
    RESERVED_AUDIENCE_KEY,
    AbortType,
    ActionContext,
    ActionExplanation,
    ActionProperties,
    ActionSignal,
    AudienceContext,
    AudienceExplanation,
    AudienceSignal,
    Band,
    Cause,
    ChurnContext,
    ChurnExplanation,
    ChurnProperties,
    ChurnSignal,
    Evidence,
    Goal,
    JourneyOutcome,
    Personas,
    Reason,
    Signal,
    WaitedFor,
)
from streamproc.contracts.versions import SEQUENCE, sequence_of

__all__ = [
    "ACTION_TOPIC",
    "AUDIENCE_TOPIC",
    "CHURN_TOPIC",
    "RESERVED_AUDIENCE_KEY",
    "Action",
    "Band",
    "Cause",
    "Evidence",
    "OutRecord",
    "Reason",
    "action_signal",
    "audience_signal",
    "churn_signal",
]

_ENCODER: Final = msgspec.json.Encoder()

#: What campaigns say.
ActionKind = Literal["requested", "suppressed", "ended"]
ActionEvent = Literal["Reactivation Requested", "Reactivation Suppressed", "Reactivation Ended"]


class Kind(NamedTuple):
    """Signals of one topic and CloudEvents type, and the headers that tell both."""

    topic: str
    source: tuple[str, bytes]
    type: tuple[str, bytes]


def _kind(topic: str, ce_type: str) -> Kind:
    return Kind(
        topic,
        ("ce_source", f"/streamproc/{topic}".encode()),
        ("ce_type", f"io.streamproc.{ce_type}".encode()),
    )


ENTERED: Final = _kind(AUDIENCE_TOPIC, "audience.entered")
EXITED: Final = _kind(AUDIENCE_TOPIC, "audience.exited")
CHURN: Final = _kind(CHURN_TOPIC, "churn.changed")
REQUESTED: Final = _kind(ACTION_TOPIC, "reactivation.requested")
SUPPRESSED: Final = _kind(ACTION_TOPIC, "reactivation.suppressed")
ENDED: Final = _kind(ACTION_TOPIC, "reactivation.ended")
ACTION_KINDS: Final[Mapping[ActionKind, Kind]] = MappingProxyType(
    {"requested": REQUESTED, "suppressed": SUPPRESSED, "ended": ENDED}
)
_ACTION_EVENTS: Final[Mapping[ActionKind, ActionEvent]] = MappingProxyType(
    {
        "requested": "Reactivation Requested",
        "suppressed": "Reactivation Suppressed",
        "ended": "Reactivation Ended",
    }
)
_SPEC_VERSION: Final = ("ce_specversion", b"1.0")
_CONTENT_TYPE: Final = ("content-type", b"application/json")


def audience(
    id_: str, timestamp: str, key: str, why: AudienceExplanation, *, entered: bool
) -> AudienceSignal:
    """Of nobody yet: without a userId or anonymousId, as are the other two."""
    return AudienceSignal(
        type="track",
        event="Audience Entered" if entered else "Audience Exited",
        message_id=id_,
        timestamp=timestamp,
        properties={RESERVED_AUDIENCE_KEY: key, key: entered},
        context=AudienceContext(Personas("audience", key), why),
    )


def churn(id_: str, timestamp: str, properties: ChurnProperties, why: ChurnExplanation) -> ChurnSignal:
    return ChurnSignal(
        type="track",
        event="Churn Risk Changed",
        message_id=id_,
        timestamp=timestamp,
        properties=properties,
        context=ChurnContext(why),
    )


class Action(NamedTuple):
    """What a campaign decided, but for the customer. The fields are those of ActionProperties."""

    kind: ActionKind
    campaign: str
    campaign_version: int
    trigger: str
    goal: Goal
    step: int
    steps: int
    reason: str
    offer: str | None
    variant: str | None
    holdout: bool
    closes: bool
    channel: str | None = None
    abort_type: AbortType | None = None
    waited_for: WaitedFor | None = None
    outranked_by: str | None = None
    outcome: JourneyOutcome | None = None

    @property
    def verdict(self) -> str:
        """Tells it from all else that the campaign may decide about the same step for the same cause."""
        return "/".join(filter(None, (self.kind, self.abort_type, self.outcome)))

    def properties(
        self,
        *,
        action_id: str,
        entry: int,
        expires_at: str | None,
        requests: int | None,
        first_requested_at: str | None,
        converted_at: str | None,
    ) -> ActionProperties:
        """With what is the customer's own."""
        return ActionProperties(
            action_id=action_id,
            campaign=self.campaign,
            campaign_version=self.campaign_version,
            entry=entry,
            step=self.step,
            steps=self.steps,
            channel=self.channel,
            variant=self.variant,
            holdout=self.holdout,
            reason=self.reason,
            offer=self.offer,
            expires_at=expires_at,
            abort_type=self.abort_type,
            waited_for=self.waited_for,
            outranked_by=self.outranked_by,
            closes=self.closes,
            outcome=self.outcome,
            goal=self.goal,
            requests=requests,
            first_requested_at=first_requested_at,
            converted_at=converted_at,
        )


def action_of(
    id_: str, timestamp: str, properties: ActionProperties, why: ActionExplanation, kind: ActionKind
) -> ActionSignal:
    return ActionSignal(
        type="track",
        event=_ACTION_EVENTS[kind],
        message_id=id_,
        timestamp=timestamp,
        properties=properties,
        context=ActionContext(why),
    )


def envelope(
    kind: Kind, *, id_: bytes, time: bytes, key: bytes, sequence: bytes, causation_id: bytes, value: bytes
) -> OutRecord:
    """A signal in CloudEvents 1.0 Kafka binary mode, keyed by the customer."""
    headers: Headers = [
        _SPEC_VERSION,
        ("ce_id", id_),
        kind.source,
        kind.type,
        ("ce_time", time),
        ("ce_subject", key),
        ("ce_partitionkey", key),
        (SEQUENCE, sequence),
        ("ce_causationid", causation_id),
        _CONTENT_TYPE,
    ]
    return OutRecord(kind.topic, key, headers, value)


def audience_signal(
    *,
    customer: str,
    entered: bool,
    key: str,
    rule_version: int,
    entry_seq: int,
    entered_at_ms: int,
    at_ms: int,
    version: int,
    cause: Cause,
    causation_id: str,
    next_check_at_ms: int | None,
    evidence: Sequence[Evidence],
    displaced_by: str | None,
) -> OutRecord:
    """ "Audience Entered" or "Audience Exited". Instants in epoch ms; `key` is the segment's."""
    direction = "entered" if entered else "exited"
    id_ = stable_id("audience", customer, key, rule_version, entry_seq, direction, causation_id)
    why = AudienceExplanation(
        cause=cause,
        version=version,
        rule_version=rule_version,
        entry_seq=entry_seq,
        entered_at=to_iso(entered_at_ms),
        displaced_by=displaced_by,
        next_check_at=_to_iso_or_null(next_check_at_ms),
        evidence=evidence,
    )
    signal = audience(id_, to_iso(at_ms), key, why, entered=entered)
    return _record(ENTERED if entered else EXITED, signal, customer, version, causation_id)


def churn_signal(
    *,
    customer: str,
    at_ms: int,
    version: int,
    cause: Cause,
    causation_id: str,
    risk: float,
    band: Band,
    previous_band: Band | None,
    horizon_days: int,
    reasons: Sequence[Reason],
    model_version: str,
    next_check_at_ms: int | None,
    evidence: Sequence[Evidence],
) -> OutRecord:
    """ "Churn Risk Changed". The risk, and the numbers of the reasons, are rounded to six decimals."""
    id_ = stable_id("churn", customer, model_version, previous_band, band, causation_id)
    properties = ChurnProperties(
        risk=round(risk, 6),
        band=band,
        previous_band=previous_band,
        horizon_days=horizon_days,
        reasons=[Reason(r.code, r.text, round(r.value, 6), round(r.contribution, 6)) for r in reasons],
    )
    why = ChurnExplanation(
        cause=cause,
        version=version,
        model_version=model_version,
        next_check_at=_to_iso_or_null(next_check_at_ms),
        evidence=evidence,
    )
    signal = churn(id_, to_iso(at_ms), properties, why)
    return _record(CHURN, signal, customer, version, causation_id)


def action_signal(
    *,
    customer: str,
    at_ms: int,
    version: int,
    cause: Cause,
    causation_id: str,
    action: Action,
    entry: int,
    entered_ms: int,
    expires_at_ms: int | None,
    requests: int | None,
    first_requested_at_ms: int | None,
    converted_at_ms: int | None,
    next_check_at_ms: int | None,
    evidence: Sequence[Evidence],
) -> OutRecord:
    """ "Reactivation Requested", "Reactivation Suppressed" or "Reactivation Ended".

    The `action_id` is that of the step's request, whatever comes of it; of an ended entry, that of its last request.
    """
    why = ActionExplanation(
        cause=cause,
        version=version,
        rule_version=action.campaign_version,
        trigger=action.trigger,
        entered_at=to_iso(entered_ms),
        next_check_at=_to_iso_or_null(next_check_at_ms),
        evidence=evidence,
    )
    id_ = stable_id(
        "action",
        action.campaign,
        action.campaign_version,
        action.step,
        action.verdict,
        customer,
        entry,
        causation_id,
    )
    properties = action.properties(
        action_id=stable_id("action", action.campaign, action.step, customer, entry, entered_ms),
        entry=entry,
        expires_at=_to_iso_or_null(expires_at_ms),
        requests=requests,
        first_requested_at=_to_iso_or_null(first_requested_at_ms),
        converted_at=_to_iso_or_null(converted_at_ms),
    )
    signal = action_of(id_, to_iso(at_ms), properties, why, action.kind)
    return _record(ACTION_KINDS[action.kind], signal, customer, version, causation_id)


def _to_iso_or_null(at_ms: int | None) -> str | None:
    return None if at_ms is None else to_iso(at_ms)


def _record(kind: Kind, signal: Signal, customer: str, version: int, causation_id: str) -> OutRecord:
    if customer.startswith(ANONYMOUS_PREFIX):
        signal.anonymous_id = customer.removeprefix(ANONYMOUS_PREFIX)
    else:
        signal.user_id = customer
    return envelope(
        kind,
        id_=signal.message_id.encode(),
        time=signal.timestamp.encode(),
        key=customer.encode(),
        sequence=sequence_of(b"%d" % version),
        causation_id=causation_id.encode(),
        value=_ENCODER.encode(signal),
    )
