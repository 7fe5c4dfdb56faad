"""Reasons: exact sums, order, wording."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.churn.model import P0, ChurnModel, Scorecard, load_model
from streamproc.churn.reasons import explain, reasons, reasons_of
from streamproc.churn.score import DAY_MS, score
from streamproc.contracts.signal_types import Reason
from tests.unit.churn.customers import columns_of, lives, model_of, models

CODES = {"SILENCE", "RATE_DROP", "LOW_HISTORY"}


def reasons_after(model: ChurnModel, life: list[int], silence_days: float) -> tuple[Reason, ...]:
    columns = columns_of([life])
    now_ms = int(columns.last_activity_ms[0] + silence_days * DAY_MS)
    return reasons(model, columns, score(model, columns, now_ms), 0, now_ms)


@given(models, st.lists(lives, min_size=1, max_size=3), st.integers(0, 2000 * DAY_MS))
def test_base_and_contributions_add_up_to_the_logit(
    model: ChurnModel, batch: list[list[int]], silence_ms: int
) -> None:
    columns = columns_of(batch)
    scored = score(model, columns, columns.last_activity_ms + silence_ms)
    parts = explain(model, scored, np.arange(len(batch)))
    assert set(parts.contributions) == CODES
    assert parts.base + sum(parts.contributions.values()) == pytest.approx(scored.logit, abs=1e-9)


@given(models, lives, st.integers(0, 2000))
def test_reasons_are_the_positive_contributions_largest_first(
    model: ChurnModel, life: list[int], silence_days: int
) -> None:
    columns = columns_of([life])
    now_ms = int(columns.last_activity_ms[0]) + silence_days * DAY_MS
    scored = score(model, columns, now_ms)
    given_ = reasons(model, columns, scored, 0, now_ms)
    explained = explain(model, scored, np.array([0])).contributions
    parts = {code: float(values[0]) for code, values in explained.items()}
    assert {reason.code for reason in given_} == {
        code for code, value in parts.items() if round(value, 6) > 0
    }
    assert [reason.contribution for reason in given_] == sorted(
        (reason.contribution for reason in given_), reverse=True
    )
    assert all(reason.contribution == round(parts[reason.code], 6) for reason in given_)


def test_silence_is_told_with_the_usual_gap() -> None:
    """Seven days, nine days apart, then 41 days of silence."""
    (reason,) = reasons_after(load_model(None), list(range(10_000, 10_064, 9)), 110)
    assert reason.code == "SILENCE"
    assert reason.text == "110 d silent, usual gap 9 d"
    assert reason.value == 110.0


def test_a_customer_of_one_day_has_no_usual_gap() -> None:
    """All three signals, largest first; the packaged model's average customer is active on about two days."""
    given_ = reasons_after(load_model(None), [10_000], 41)
    assert [(reason.code, reason.text, reason.value) for reason in given_] == [
        ("LOW_HISTORY", "active on 1 day in all", 1.0),
        ("SILENCE", "41 d silent, active on a single day so far", 41.0),
        ("RATE_DROP", "recent active days: 0.3 (30 d decay), 0.6 (90 d decay)", 0.254955),
    ]


def test_short_silences_keep_a_decimal() -> None:
    model = model_of(sc5=Scorecard(w0=0.0, w1=0.0, w2=9.0, w3=0.0, w4=0.0, w5=0.0))
    (reason,) = reasons_after(model, [10_000, 10_003, 10_005], 29.5)
    assert reason.text == "30 d silent, usual gap 2.5 d"


def test_p0_alone_knows_no_reason_but_silence() -> None:
    model = model_of(p0=P0(r=0.5, alpha=10.0, a=1.0, b=2.0))
    assert {reason.code for reason in reasons_after(model, [10_000, 10_010], 300)} == {"SILENCE"}


def test_nobody_is_blamed_for_being_better_than_average() -> None:
    assert reasons_after(load_model(None), list(range(10_000, 10_100)), 1) == ()


def test_each_row_of_a_batch_has_its_own_reasons() -> None:
    model = load_model(None)
    columns = columns_of([[10_000], list(range(9_900, 10_001))])
    now_ms = 10_030 * DAY_MS
    scored = score(model, columns, np.array([now_ms, now_ms]))
    found = reasons_of(model, columns, scored, np.array([0, 1]), np.array([now_ms, now_ms]))
    first, second = (msgspec.json.decode(one, type=tuple[Reason, ...]) for one in found)
    assert first[0].code == "LOW_HISTORY"
    assert "LOW_HISTORY" not in {reason.code for reason in second}
    assert first == reasons(model, columns, scored, 0, now_ms)
    assert second == reasons(model, columns, scored, 1, now_ms)
