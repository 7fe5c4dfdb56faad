"""Many signals at once are, byte for byte, the typed ones made and packed one by one."""

from typing import Any

import msgspec
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from streamproc.contracts.signal_bytes import (
    Occasions,
    action_records,
    audience_records,
    churn_records,
    evidence_column,
    occasions,
    reason_column,
    six_decimals,
)
from streamproc.contracts.signal_forms import AudienceChange, evidence_form
from streamproc.contracts.signal_types import BANDS, RESERVED_AUDIENCE_KEY, Evidence, Reason
from streamproc.contracts.signals import Action, action_signal, audience_signal, churn_signal

#: Some that JSON escapes, some that mean something in a form, and some that are longer than a byte can say.
TEXTS = st.one_of(st.text(max_size=20), st.sampled_from(['"\\\n\0', "%b %s %", "é🎁", "x" * 300]))
CUSTOMERS = st.one_of(TEXTS, TEXTS.map("anon:{}".format))
#: Beyond the years that ISO 8601 has, too.
INSTANTS = st.integers(-(10**15), 10**15)
#: Where a column says with a negative number that there is none.
MAYBE_INSTANTS = st.one_of(st.integers(0, 10**15), st.none())
COUNTS = st.integers(0, 2**53)
NUMBERS = st.floats(-1e9, 1e9)
EVIDENCE = st.lists(
    st.builds(
        Evidence,
        feature=TEXTS,
        value=st.one_of(st.integers(-(2**60), 2**60), NUMBERS, TEXTS, st.none()),
        op=TEXTS,
        threshold=st.one_of(st.integers(-(2**60), 2**60), NUMBERS, TEXTS),
        unit=TEXTS,
        holds=st.sampled_from((True, False, None)),
        exact=st.booleans(),
    ),
    max_size=3,
)
REASONS = st.lists(st.builds(Reason, TEXTS, TEXTS, NUMBERS.map(abs), NUMBERS), max_size=3)

OCCASION = {
    "customer": CUSTOMERS,
    "at_ms": INSTANTS,
    "version": COUNTS,
    "cause": st.sampled_from(("event", "time", "definition", "restored")),
    "causation_id": TEXTS,
    "next_check_at_ms": st.one_of(INSTANTS, st.none()),
    "evidence": EVIDENCE,
}
MOVE = {
    "entered": st.booleans(),
    "key": TEXTS.filter(lambda key: key != RESERVED_AUDIENCE_KEY),
    "rule_version": COUNTS,
    "entry_seq": COUNTS,
    "entered_at_ms": INSTANTS,
    "displaced_by": st.one_of(TEXTS, st.none()),
}
RISK = {
    "risk": st.floats(0, 1),
    "band": st.sampled_from(BANDS),
    "previous_band": st.sampled_from((*BANDS, None)),
    "reasons": REASONS,
}
DECISION = {
    "action": st.builds(
        Action,
        kind=st.sampled_from(("requested", "suppressed", "ended")),
        campaign=TEXTS,
        campaign_version=COUNTS,
        trigger=TEXTS,
        goal=TEXTS,
        step=COUNTS,
        steps=COUNTS,
        reason=TEXTS,
        offer=st.one_of(TEXTS, st.none()),
        variant=st.one_of(TEXTS, st.none()),
        holdout=st.booleans(),
        closes=st.booleans(),
        channel=st.one_of(TEXTS, st.none()),
        abort_type=st.one_of(TEXTS, st.none()),
        waited_for=st.one_of(TEXTS, st.none()),
        outranked_by=st.one_of(TEXTS, st.none()),
        outcome=st.one_of(TEXTS, st.none()),
    ),
    "entry": COUNTS,
    "entered_ms": INSTANTS,
    "expires_at_ms": MAYBE_INSTANTS,
    "requests": st.one_of(COUNTS, st.none()),
    "first_requested_at_ms": MAYBE_INSTANTS,
    "converted_at_ms": MAYBE_INSTANTS,
}


def some(said: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """The arguments of some signals."""
    return st.lists(st.fixed_dictionaries({**OCCASION, **said}), min_size=1, max_size=5)


def column(signals: list[dict[str, Any]], name: str) -> list[Any]:
    return [signal[name] for signal in signals]


def instants(signals: list[dict[str, Any]], name: str) -> Any:
    return np.array([signal[name] or 0 for signal in signals], np.int64)


def instants_or_never(signals: list[dict[str, Any]], name: str) -> Any:
    return np.array([-1 if signal[name] is None else signal[name] for signal in signals], np.int64)


def encoded(signals: list[dict[str, Any]], name: str) -> list[bytes]:
    return [msgspec.json.encode(signal[name]) for signal in signals]


def about(signals: list[dict[str, Any]]) -> Occasions:
    return occasions(
        column(signals, "customer"),
        instants(signals, "at_ms"),
        column(signals, "cause"),
        column(signals, "causation_id"),
        instants(signals, "next_check_at_ms"),
        np.array([signal["next_check_at_ms"] is not None for signal in signals]),
    )


@given(some(MOVE))
def test_audience_signals(signals: list[dict[str, Any]]) -> None:
    changes = [AudienceChange(one["key"], one["rule_version"], one["entered"]) for one in signals]
    assert audience_records(
        about(signals),
        changes,
        versions=column(signals, "version"),
        entry_seq=column(signals, "entry_seq"),
        entered_ms=instants(signals, "entered_at_ms"),
        displaced_by=column(signals, "displaced_by"),
        evidence=encoded(signals, "evidence"),
    ) == [audience_signal(**signal).pack() for signal in signals]


@given(some(RISK), TEXTS, COUNTS)
def test_churn_signals(signals: list[dict[str, Any]], model_version: str, horizon_days: int) -> None:
    codes = {**{band: code for code, band in enumerate(BANDS)}, None: -1}
    model: dict[str, Any] = {"model_version": model_version, "horizon_days": horizon_days}
    expected = [churn_signal(**signal, **model).pack() for signal in signals]
    for signal in signals:
        signal["reasons"] = [
            Reason(r.code, r.text, round(r.value, 6), round(r.contribution, 6)) for r in signal["reasons"]
        ]
    assert (
        churn_records(
            about(signals),
            **model,
            versions=column(signals, "version"),
            risks=six_decimals(np.array(column(signals, "risk"))).tolist(),
            bands=[codes[band] for band in column(signals, "band")],
            previous_bands=[codes[band] for band in column(signals, "previous_band")],
            reasons=encoded(signals, "reasons"),
            evidence=encoded(signals, "evidence"),
        )
        == expected
    )


@given(some(DECISION))
def test_action_signals(signals: list[dict[str, Any]]) -> None:
    assert action_records(
        about(signals),
        column(signals, "action"),
        versions=column(signals, "version"),
        entry=column(signals, "entry"),
        entered_ms=instants(signals, "entered_ms"),
        expires_ms=instants_or_never(signals, "expires_at_ms"),
        requests=column(signals, "requests"),
        first_requested_ms=instants_or_never(signals, "first_requested_at_ms"),
        converted_ms=instants_or_never(signals, "converted_at_ms"),
        evidence=encoded(signals, "evidence"),
    ) == [action_signal(**one).pack() for one in signals]


@given(EVIDENCE)
def test_evidence(items: list[Evidence]) -> None:
    """Of any comparisons."""
    forms = [evidence_form(item.feature, item.op, item.unit) for item in items]
    thresholds = [msgspec.json.encode(item.threshold) for item in items]
    values, holds, exact = ([getattr(item, name) for item in items] for name in ("value", "holds", "exact"))
    made = evidence_column(forms, values, thresholds, holds, exact)
    assert made == [msgspec.json.encode(item) for item in items]


@given(REASONS, TEXTS)
def test_reasons(items: list[Reason], code: str) -> None:
    """Of one code."""
    items = [msgspec.structs.replace(item, code=code) for item in items]
    values, contributions = np.array([[item.value, item.contribution] for item in items]).reshape(-1, 2).T
    made = reason_column(code, [item.text for item in items], values, contributions)
    assert made == [msgspec.json.encode(item) for item in items]


#: Around the middle between two numbers of six decimals, where roundings differ.
MIDDLES = st.builds(
    lambda n, ulps: (n + 0.5) / 1e6 * (1 + ulps * 2**-52), st.integers(-(10**13), 10**13), st.integers(-4, 4)
)


@given(st.lists(st.one_of(MIDDLES, st.floats(-1e15, 1e15))))
@example([0.0000005, -0.0000005, 2.5e-06, 0.0078125, 1.0000005, 2.675, -1e-9, 999_999.9999995])
def test_six_decimals(values: list[float]) -> None:
    """To the last bit, and with the sign of zero."""
    rounded = six_decimals(np.array(values, np.float64)).tolist()
    assert list(map(repr, rounded)) == [repr(round(value, 6)) for value in values]
