"""Signals of many customers at once, as packed records: what the functions of `signals` would make one by one.

Columns in, a column of bytes out; one place for each signal. What differs between the signals of one segment, campaign
or model fills the blanks of forms, which are kept.
"""

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.events import ANONYMOUS_PREFIX
from streamproc.contracts.forms import (
    BLANK,
    BYTES_BLANK,
    MARK,
    QUOTED_BLANK,
    Form,
    bytes_head,
    sized_blank,
    to_json,
    to_msgpack,
)
from streamproc.contracts.outbox import framed, id_of_framed
from streamproc.contracts.signal_types import (
    BANDS,
    ActionExplanation,
    ActionProperties,
    AudienceExplanation,
    Cause,
    ChurnExplanation,
    ChurnProperties,
    Evidence,
    Reason,
    Signal,
)
from streamproc.contracts.signals import (
    CHURN,
    ENTERED,
    EXITED,
    REQUESTED,
    SUPPRESSED,
    Kind,
    action,
    audience,
    churn,
    envelope,
)
from streamproc.contracts.versions import SEQUENCE_LENGTH, sequence_of

_ID_LENGTH: Final = 32
_INSTANT_LENGTH: Final = len("2026-01-31T12:00:00.000Z")
#: All that ISO 8601 has.
_FIRST_MS: Final = np.datetime64("0001-01-01T00:00:00.000", "ms").astype(np.int64)
_LAST_MS: Final = np.datetime64("9999-12-31T23:59:59.999", "ms").astype(np.int64)
#: Up to here, a million times a number errs by less than a thousandth.
_SCALED_WELL_BELOW: Final = 1e6
#: By a band's code; the last is for none, which is -1.
_BANDS_JSON: Final = [to_json(band) for band in (*BANDS, None)]
_BANDS_FRAMED: Final = [framed(band) for band in (*BANDS, None)]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_framed: Final = lru_cache(maxsize=4096)(framed)  # counters, mostly small
_bytes_head: Final = lru_cache(maxsize=4096)(bytes_head)


class Occasions(NamedTuple):
    """What signals say of their customers and causes: columns, some as JSON, framed for ids, or packed for records."""

    customer: Sequence[str]
    at_ms: Sequence[int]
    customer_framed: Sequence[bytes]
    customer_packed: Sequence[bytes]
    who: Sequence[bytes]
    time: Sequence[bytes]
    cause: Sequence[bytes]
    causation_framed: Sequence[bytes]
    causation_packed: Sequence[bytes]
    next_check_at: Sequence[bytes]

    def take(self, places: Sequence[int]) -> "Occasions":
        """Those at some places."""
        return Occasions(*([column[place] for place in places] for column in self))  # type: ignore[arg-type]

    def because(self, cause: Cause) -> "Occasions":
        """The same with another cause."""
        return self._replace(cause=[to_json(cause)] * len(self.cause))


def occasions(
    customers: Sequence[str],
    at_ms: Ints,
    causes: Iterable[Cause],
    causation_ids: Iterable[str],
    next_check_ms: Ints,
    has_next_check: NDArray[np.bool_],
) -> Occasions:
    """One for each of some customers."""
    next_check_at = [
        b'"%b"' % iso if is_due else b"null"
        for iso, is_due in zip(iso_column(next_check_ms), has_next_check.tolist(), strict=True)
    ]
    return Occasions(
        customers,
        at_ms.tolist(),
        list(map(framed, customers)),
        [to_msgpack(customer.encode()) for customer in customers],
        list(map(_who, customers)),
        iso_column(at_ms),
        list(map(to_json, causes)),
        list(map(framed, causation_ids)),
        [to_msgpack(id_.encode()) for id_ in causation_ids],
        next_check_at,
    )


def evidence_column(
    feature: str,
    op: str,
    unit: str,
    values: Iterable[int | float | str | None],
    thresholds: Iterable[int | float | str],
    holds: Iterable[bool | None],
    exact: Iterable[bool],
) -> list[bytes]:
    """What one comparison says of some customers: each an `Evidence` in JSON."""
    return _evidence_form(feature, op, unit).filled(
        *(list(map(to_json, column)) for column in (values, thresholds, holds, exact))
    )


def reason_column(code: str, texts: Iterable[str], values: Floats, contributions: Floats) -> list[bytes]:
    """One code of reason for some customers: each a `Reason` in JSON. Both numbers must be rounded."""
    numbers = (list(map(to_json, column.tolist())) for column in (values, contributions))
    return _reason_form(code).filled(list(map(to_json, texts)), *numbers)


def audience_records(
    about: Occasions,
    *,
    entered: bool,
    key: str,
    rule_version: int,
    versions: Sequence[int],
    entry_seq: Sequence[int],
    entered_ms: Ints,
    displaced_by: Iterable[str | None],
    evidence: Sequence[bytes],
) -> list[bytes]:
    """`audience_signal` of each. `evidence`: arrays in JSON, here and below."""
    forms, why_version = _audience_forms(key, rule_version, entered), list(map(to_json, versions))
    ids = _ids(forms.id, about, list(map(_framed, entry_seq)))
    values = forms.value.filled(
        ids,
        about.who,
        about.time,
        about.cause,
        why_version,
        list(map(to_json, entry_seq)),
        iso_column(entered_ms),
        list(map(to_json, displaced_by)),
        about.next_check_at,
        evidence,
    )
    return forms.records(about, ids, why_version, values)


def churn_records(
    about: Occasions,
    *,
    model_version: str,
    horizon_days: int,
    versions: Sequence[int],
    risks: Iterable[float],
    bands: Sequence[int],
    previous_bands: Sequence[int],
    reasons: Sequence[bytes],
    evidence: Sequence[bytes],
) -> list[bytes]:
    """`churn_signal` of each. `risks`: rounded. Bands by their code, -1: none. `reasons`: arrays in JSON."""
    forms, why_version = _churn_forms(model_version, horizon_days), list(map(to_json, versions))
    ids = _ids(
        forms.id,
        about,
        [_BANDS_FRAMED[band] for band in previous_bands],
        [_BANDS_FRAMED[band] for band in bands],
    )
    values = forms.value.filled(
        ids,
        about.who,
        about.time,
        list(map(to_json, risks)),
        [_BANDS_JSON[band] for band in bands],
        [_BANDS_JSON[band] for band in previous_bands],
        reasons,
        about.cause,
        why_version,
        about.next_check_at,
        evidence,
    )
    return forms.records(about, ids, why_version, values)


class Action(NamedTuple):
    """What the signals of one campaign have in common; `abort_type` None: they request the action."""

    abort_type: str | None
    campaign: str
    campaign_version: int
    channel: str
    reason: str
    offer: str | None
    trigger: str


def action_records(
    about: Occasions,
    said: Action,
    *,
    versions: Sequence[int],
    campaign_seq: Sequence[int],
    expires_ms: Ints,
    evidence: Sequence[bytes],
) -> list[bytes]:
    """`action_signal` of each."""
    forms, why_version = _action_forms(said), list(map(to_json, versions))
    seq, framed_seq = list(map(to_json, campaign_seq)), list(map(_framed, campaign_seq))
    ids = _ids(forms.id, about, framed_seq)
    values = forms.value.filled(
        ids,
        about.who,
        about.time,
        _ids(_action_id_form(said), about, framed_seq),
        iso_column(expires_ms),
        about.cause,
        why_version,
        seq,
        about.next_check_at,
        evidence,
    )
    return forms.records(about, ids, why_version, values)


def iso_column(at_ms: Ints) -> list[bytes]:
    """`to_iso` of each."""
    texts = np.clip(at_ms, _FIRST_MS, _LAST_MS).astype("M8[ms]").astype(f"S{_INSTANT_LENGTH}")
    texts.view(np.uint8).reshape(-1, _INSTANT_LENGTH)[:, -1] = ord("Z")  # numpy does not write it
    return list(texts.tolist())


def six_decimals(values: Floats) -> Floats:
    """`round(value, 6)` of each, to the last bit."""
    scaled = values * 1e6
    whole = np.rint(scaled)
    rounded = whole / 1e6
    # Scaling errs, and near the middle between two whole numbers that decides.
    doubtful = (np.abs(scaled - whole) > 0.499) | (np.abs(values) > _SCALED_WELL_BELOW)
    rounded[doubtful] = [round(value, 6) for value in values[doubtful].tolist()]
    return rounded


class _Forms(NamedTuple):
    """Of the signals of one segment, campaign or model: what makes their ids, their values, their records."""

    id: Form
    value: Form
    record: Form

    def records(
        self, about: Occasions, ids: Sequence[bytes], versions: Sequence[bytes], values: Sequence[bytes]
    ) -> list[bytes]:
        return self.record.filled(
            about.customer_packed,
            ids,
            about.time,
            about.customer_packed,
            about.customer_packed,
            list(map(sequence_of, versions)),
            about.causation_packed,
            list(map(_bytes_head, map(len, values))),
            values,
        )


def _ids(form: Form, about: Occasions, *columns: Sequence[bytes]) -> list[bytes]:
    parts = form.filled(about.customer_framed, *columns, about.causation_framed)
    return [id_of_framed(part).encode() for part in parts]


# Kept: as many as there are rules, and those of rules edited since.


@lru_cache(maxsize=4096)
def _evidence_form(feature: str, op: str, unit: str) -> Form:
    return Form.of(to_json(Evidence(feature, BLANK, op, BLANK, unit, BLANK, BLANK)))


@cache
def _reason_form(code: str) -> Form:
    return Form.of(to_json(Reason(code, BLANK, BLANK, BLANK)))


@lru_cache(maxsize=4096)
def _audience_forms(key: str, rule_version: int, entered: bool) -> _Forms:
    why = AudienceExplanation(
        cause=BLANK,
        version=BLANK,
        rule_version=rule_version,
        entry_seq=BLANK,
        entered_at=QUOTED_BLANK,
        displaced_by=BLANK,
        next_check_at=BLANK,
        evidence=BLANK,
    )
    signal = audience(QUOTED_BLANK, QUOTED_BLANK, key, why, entered=entered)
    id_ = Form(
        framed("audience"),
        framed(key) + framed(rule_version),
        framed("entered" if entered else "exited"),
        b"",
    )
    return _Forms(id_, _value_form(signal), _record_form(ENTERED if entered else EXITED))


@lru_cache(maxsize=64)
def _churn_forms(model_version: str, horizon_days: int) -> _Forms:
    properties = ChurnProperties(
        risk=BLANK, band=BLANK, previous_band=BLANK, horizon_days=horizon_days, reasons=BLANK
    )
    why = ChurnExplanation(
        cause=BLANK, version=BLANK, model_version=model_version, next_check_at=BLANK, evidence=BLANK
    )
    id_ = Form(framed("churn"), framed(model_version), b"", b"", b"")
    signal = churn(QUOTED_BLANK, QUOTED_BLANK, properties, why)
    return _Forms(id_, _value_form(signal), _record_form(CHURN))


@lru_cache(maxsize=4096)
def _action_forms(said: Action) -> _Forms:
    requested = said.abort_type is None
    properties = ActionProperties(
        action_id=QUOTED_BLANK,
        campaign=said.campaign,
        campaign_version=said.campaign_version,
        step=1,
        channel=said.channel,
        variant=None,
        holdout=False,
        reason=said.reason,
        offer=said.offer,
        expires_at=QUOTED_BLANK,
        abort_type=said.abort_type,
    )
    why = ActionExplanation(
        cause=BLANK,
        version=BLANK,
        rule_version=said.campaign_version,
        entry_seq=BLANK,
        trigger=said.trigger,
        next_check_at=BLANK,
        evidence=BLANK,
    )
    signal = action(QUOTED_BLANK, QUOTED_BLANK, properties, why, requested=requested)
    id_ = _action_id_form(said, framed("requested" if requested else "suppressed"))
    return _Forms(id_, _value_form(signal), _record_form(REQUESTED if requested else SUPPRESSED))


def _action_id_form(said: Action, outcome: bytes = b"") -> Form:
    """Without an outcome: that of the request itself."""
    return Form(framed("action"), framed(said.campaign) + framed(said.campaign_version), outcome, b"")


def _value_form(signal: Signal) -> Form:
    """Its second blank is for `_who`: what an anonymous customer has is called differently."""
    signal.user_id = BLANK
    encoded = to_json(signal)
    return Form.of(encoded.replace(b'"userId":' + MARK, MARK))


def _who(customer: str) -> bytes:
    if customer.startswith(ANONYMOUS_PREFIX):
        return b'"anonymousId":' + to_json(customer.removeprefix(ANONYMOUS_PREFIX))
    return b'"userId":' + to_json(customer)


@cache
def _record_form(kind: Kind) -> Form:
    instant, id_, sequence = map(sized_blank, (_INSTANT_LENGTH, _ID_LENGTH, SEQUENCE_LENGTH))
    record = envelope(
        kind, id_=id_, time=instant, key=BLANK, sequence=sequence, causation_id=BLANK, value=BYTES_BLANK
    )
    return Form.of(record.pack())
