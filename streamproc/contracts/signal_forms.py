"""The forms of signals, made of their types: for each segment, campaign and model those of ids, values and records.

Kept once they are made: as many as there are rules, and those of rules edited since.
"""

from functools import cache, lru_cache
from typing import Final, NamedTuple

from streamproc.contracts.forms import (
    BLANK,
    BYTES_BLANK,
    QUOTED_BLANK,
    Form,
    form_of,
    sized_blank,
    to_json,
)
from streamproc.contracts.outbox import framed
from streamproc.contracts.signal_types import (
    ActionExplanation,
    AudienceExplanation,
    ChurnExplanation,
    ChurnProperties,
    Evidence,
    Reason,
    Signal,
)
from streamproc.contracts.signals import (
    ACTION_KINDS,
    CHURN,
    ENTERED,
    EXITED,
    Action,
    Kind,
    action_of,
    audience,
    churn,
    envelope,
)
from streamproc.contracts.versions import SEQUENCE_LENGTH

ID_LENGTH: Final = 32
INSTANT_LENGTH: Final = len("2026-01-31T12:00:00.000Z")


class AudienceChange(NamedTuple):
    """An entry into a segment, or an exit from it."""

    key: str
    rule_version: int
    entered: bool


class SignalForms(NamedTuple):
    """Of the parts of a signal's id, framed; of its value in JSON; of its packed record."""

    id: Form
    value: Form
    record: Form


@lru_cache(maxsize=4096)
def evidence_form(feature: str, op: str, unit: str) -> Form:
    """Blanks: value, threshold, holds, exact."""
    return form_of(to_json(Evidence(feature, BLANK, op, BLANK, unit, BLANK, BLANK)))


@cache
def reason_form(code: str) -> Form:
    """Blanks: text, value, contribution."""
    return form_of(to_json(Reason(code, BLANK, BLANK, BLANK)))


@lru_cache(maxsize=4096)
def audience_forms(change: AudienceChange) -> SignalForms:
    """Blanks of the id: customer, entry_seq, causation_id."""
    why = AudienceExplanation(
        cause=BLANK,
        version=BLANK,
        rule_version=change.rule_version,
        entry_seq=BLANK,
        entered_at=QUOTED_BLANK,
        displaced_by=BLANK,
        next_check_at=BLANK,
        evidence=BLANK,
    )
    signal = audience(QUOTED_BLANK, QUOTED_BLANK, change.key, why, entered=change.entered)
    direction = framed("entered" if change.entered else "exited")
    id_ = (framed("audience"), framed(change.key) + framed(change.rule_version), direction, b"")
    return SignalForms(id_, _value_form(signal), _record_form(ENTERED if change.entered else EXITED))


@lru_cache(maxsize=64)
def churn_forms(model_version: str, horizon_days: int) -> SignalForms:
    """Blanks of the id: customer, previous band, band, causation_id."""
    properties = ChurnProperties(
        risk=BLANK, band=BLANK, previous_band=BLANK, horizon_days=horizon_days, reasons=BLANK
    )
    why = ChurnExplanation(
        cause=BLANK, version=BLANK, model_version=model_version, next_check_at=BLANK, evidence=BLANK
    )
    id_ = (framed("churn"), framed(model_version), b"", b"", b"")
    signal = churn(QUOTED_BLANK, QUOTED_BLANK, properties, why)
    return SignalForms(id_, _value_form(signal), _record_form(CHURN))


@lru_cache(maxsize=4096)
def action_forms(said: Action) -> SignalForms:
    """Blanks of the id: customer, entry, causation_id."""
    properties = said.properties(
        action_id=QUOTED_BLANK,
        entry=BLANK,
        expires_at=BLANK,
        requests=BLANK,
        first_requested_at=BLANK,
        converted_at=BLANK,
    )
    why = ActionExplanation(
        cause=BLANK,
        version=BLANK,
        rule_version=said.campaign_version,
        trigger=said.trigger,
        entered_at=QUOTED_BLANK,
        next_check_at=BLANK,
        evidence=BLANK,
    )
    signal = action_of(QUOTED_BLANK, QUOTED_BLANK, properties, why, said.kind)
    parts: tuple[str | int, ...] = ("action", said.campaign, said.campaign_version, said.step, said.verdict)
    id_ = (b"".join(framed(part) for part in parts), b"", b"", b"")
    return SignalForms(id_, _value_form(signal), _record_form(ACTION_KINDS[said.kind]))


@lru_cache(maxsize=4096)
def action_id_form(campaign: str, step: int) -> Form:
    """Blanks: customer, entry, entered_ms."""
    return (framed("action") + framed(campaign) + framed(step), b"", b"", b"")


def _value_form(signal: Signal) -> Form:
    """Its second blank is for `"userId":...`, which of an anonymous customer is `"anonymousId":...`."""
    signal.user_id = BLANK
    return form_of(to_json(signal).replace(b'"userId":', b"", 1))


@cache
def _record_form(kind: Kind) -> Form:
    instant, id_, sequence = map(sized_blank, (INSTANT_LENGTH, ID_LENGTH, SEQUENCE_LENGTH))
    record = envelope(
        kind, id_=id_, time=instant, key=BLANK, sequence=sequence, causation_id=BLANK, value=BYTES_BLANK
    )
    return form_of(record.pack())
