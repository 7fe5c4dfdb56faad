"""Signals of many customers at once, as packed records: what the functions of `signals` would make one by one.

Columns in, a column of bytes out, with one place for each signal. Lists of bytes are in JSON, unless they say more.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.events import ANONYMOUS_PREFIX
from streamproc.contracts.filled import fill, iso_column
from streamproc.contracts.forms import Form, bytes_head, to_json, to_msgpack
from streamproc.contracts.outbox import framed, framed_bytes, id_of_framed
from streamproc.contracts.signal_forms import (
    AudienceChange,
    action_forms,
    action_id_form,
    audience_forms,
    churn_forms,
    reason_form,
)
from streamproc.contracts.signal_types import BANDS, Cause
from streamproc.contracts.signals import Action
from streamproc.contracts.versions import sequence_of

#: Up to here, a million times a number errs by less than a thousandth.
_SCALED_WELL_BELOW: Final = 1e6
#: By a band's code; the last is for none, which is -1.
_BANDS_JSON: Final = [to_json(band) for band in (*BANDS, None)]
_BANDS_FRAMED: Final = [framed(band) for band in (*BANDS, None)]
_TRUTHS_JSON: Final = {truth: to_json(truth) for truth in (False, None, True)}

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_framed: Final = lru_cache(maxsize=4096)(framed)  # counters, mostly small
_bytes_head: Final = lru_cache(maxsize=4096)(bytes_head)


class Occasions(NamedTuple):
    """What signals say of their customers and causes: columns, some of them framed for ids or packed for records."""

    customer: Sequence[str]
    at_ms: Sequence[int]
    customer_framed: list[bytes]
    customer_packed: list[bytes]
    who: list[bytes]
    time: list[bytes]
    cause: list[bytes]
    causation_framed: list[bytes]
    causation_packed: list[bytes]
    next_check_at: list[bytes]

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
    keys = [customer.encode() for customer in customers]
    causations = [causation_id.encode() for causation_id in causation_ids]
    next_check_at = [
        b'"%b"' % iso if is_due else b"null"
        for iso, is_due in zip(iso_column(next_check_ms), has_next_check.tolist(), strict=True)
    ]
    return Occasions(
        customers,
        at_ms.tolist(),
        list(map(framed_bytes, keys)),
        list(map(to_msgpack, keys)),
        list(map(_who, customers)),
        iso_column(at_ms),
        list(map(to_json, causes)),
        list(map(framed_bytes, causations)),
        list(map(to_msgpack, causations)),
        next_check_at,
    )


def evidence_column(
    forms: list[Form],
    values: Iterable[int | float | str | None],
    thresholds: list[bytes],
    holds: Iterable[bool | None],
    exact: Iterable[bool],
) -> list[bytes]:
    """What comparisons say of some customers: each an `Evidence`. `forms`: see `evidence_form`."""
    return fill(
        forms,
        list(map(to_json, values)),
        thresholds,
        [_TRUTHS_JSON[truth] for truth in holds],
        [_TRUTHS_JSON[truth] for truth in exact],
    )


def reason_column(code: str, texts: Sequence[str], values: Floats, contributions: Floats) -> list[bytes]:
    """One code of reason for some customers: each a `Reason`. Both numbers must be rounded."""
    numbers = (list(map(to_json, column.tolist())) for column in (values, contributions))
    return fill([reason_form(code)] * len(texts), list(map(to_json, texts)), *numbers)


def audience_records(
    about: Occasions,
    changes: Sequence[AudienceChange],
    *,
    versions: Iterable[int],
    entry_seq: Sequence[int],
    entered_ms: Ints,
    displaced_by: Iterable[str | None],
    evidence: list[bytes],
) -> list[bytes]:
    """`audience_signal` of each. `evidence`, here and below: arrays."""
    forms, version = list(map(audience_forms, changes)), list(map(to_json, versions))
    ids = _ids([form.id for form in forms], about, list(map(_framed, entry_seq)))
    values = fill(
        [form.value for form in forms],
        ids,
        about.who,
        about.time,
        about.cause,
        version,
        list(map(to_json, entry_seq)),
        iso_column(entered_ms),
        list(map(to_json, displaced_by)),
        about.next_check_at,
        evidence,
    )
    return _records([form.record for form in forms], about, ids, version, values)


def churn_records(
    about: Occasions,
    *,
    model_version: str,
    horizon_days: int,
    versions: Iterable[int],
    risks: Iterable[float],
    bands: Sequence[int],
    previous_bands: Sequence[int],
    reasons: list[bytes],
    evidence: list[bytes],
) -> list[bytes]:
    """`churn_signal` of each. `risks`: rounded. Bands by their code, -1: none. `reasons`: arrays."""
    forms, version = churn_forms(model_version, horizon_days), list(map(to_json, versions))
    before_framed = [_BANDS_FRAMED[band] for band in previous_bands]
    ids = _ids([forms.id] * len(bands), about, before_framed, [_BANDS_FRAMED[band] for band in bands])
    values = fill(
        [forms.value] * len(bands),
        ids,
        about.who,
        about.time,
        list(map(to_json, risks)),
        [_BANDS_JSON[band] for band in bands],
        [_BANDS_JSON[band] for band in previous_bands],
        reasons,
        about.cause,
        version,
        about.next_check_at,
        evidence,
    )
    return _records([forms.record] * len(bands), about, ids, version, values)


def action_records(
    about: Occasions,
    said: Sequence[Action],
    *,
    versions: Iterable[int],
    entry: Sequence[int],
    entered_ms: Ints,
    expires_ms: Ints,
    requests: Iterable[int | None],
    first_requested_ms: Ints,
    converted_ms: Ints,
    evidence: list[bytes],
) -> list[bytes]:
    """`action_signal` of each. Instants below 0: there are none."""
    forms, version = list(map(action_forms, said)), list(map(to_json, versions))
    entry_framed = list(map(_framed, entry))
    id_forms = [action_id_form(each.campaign, each.step) for each in said]
    ids = _ids([form.id for form in forms], about, entry_framed)
    entered_framed = list(map(framed, entered_ms.tolist()))
    action_ids = fill(id_forms, about.customer_framed, entry_framed, entered_framed)
    values = fill(
        [form.value for form in forms],
        ids,
        about.who,
        about.time,
        [id_of_framed(parts).encode() for parts in action_ids],
        list(map(to_json, entry)),
        _instants_or_null(expires_ms),
        list(map(to_json, requests)),
        _instants_or_null(first_requested_ms),
        _instants_or_null(converted_ms),
        about.cause,
        version,
        iso_column(entered_ms),
        about.next_check_at,
        evidence,
    )
    return _records([form.record for form in forms], about, ids, version, values)


def six_decimals(values: Floats) -> Floats:
    """`round(value, 6)` of each, to the last bit."""
    scaled = values * 1e6
    whole = np.rint(scaled)
    rounded = whole / 1e6
    # Scaling errs, and near the middle between two whole numbers that decides.
    doubtful = (np.abs(scaled - whole) > 0.499) | (np.abs(values) > _SCALED_WELL_BELOW)
    rounded[doubtful] = [round(value, 6) for value in values[doubtful].tolist()]
    return rounded


def _instants_or_null(at_ms: Ints) -> list[bytes]:
    return [
        b"null" if ms < 0 else b'"%b"' % iso
        for ms, iso in zip(at_ms.tolist(), iso_column(np.maximum(at_ms, 0)), strict=True)
    ]


def _ids(forms: list[Form], about: Occasions, *columns: list[bytes]) -> list[bytes]:
    framed_parts = fill(forms, about.customer_framed, *columns, about.causation_framed)
    return [id_of_framed(parts).encode() for parts in framed_parts]


def _records(
    forms: list[Form], about: Occasions, ids: list[bytes], versions: list[bytes], values: list[bytes]
) -> list[bytes]:
    return fill(
        forms,
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


def _who(customer: str) -> bytes:
    if customer.startswith(ANONYMOUS_PREFIX):
        return b'"anonymousId":' + to_json(customer.removeprefix(ANONYMOUS_PREFIX))
    return b'"userId":' + to_json(customer)
