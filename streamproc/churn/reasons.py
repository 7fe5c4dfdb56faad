"""Why one customer's risk is above the average one's: exact, additive contributions to the logit.

These are contributing signals, not causes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final

import msgspec
import numpy as np

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, Ints, Score
from streamproc.contracts.signal_bytes import reason_column, six_decimals
from streamproc.contracts.signal_types import Reason

#: Reasons given per customer, at most.
REASONS_MAX = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """Logits of k customers, taken apart: base + the sum of the contributions = logit."""

    base: float  # the logit of a customer whose terms are all at the model's means
    contributions: dict[str, Floats]  # by code: float64[k]


@dataclass(frozen=True, slots=True)
class _Lives:
    """What the words about k customers are made of."""

    silence_days: Floats
    active_days: Ints
    span_days: Ints  # from the first active day to the last
    e30: Floats  # as of the last activity
    e90: Floats

    def take(self, places: Ints) -> "_Lives":
        return _Lives(*(getattr(self, field.name)[places] for field in fields(self)))


def explain(model: ChurnModel, score: Score, rows: Ints) -> Explanation:
    """Take the logits of some rows apart into what each group of terms adds to the model's mean."""
    w, mean, terms = model.weights, model.means, score.terms
    silence = w.w1 * (terms.logit_p0[rows] - mean.logit_p0)
    silence += w.w2 * (terms.log_silence[rows] - mean.log_silence)
    rate_drop = w.w4 * (mean.log_e30 - terms.log_e30[rows])
    rate_drop += w.w5 * (mean.log_e90 - terms.log_e90[rows])
    low_history = w.w3 * (mean.log_days - terms.log_days[rows])
    return Explanation(
        base=(
            w.w0
            + w.w1 * mean.logit_p0
            + w.w2 * mean.log_silence
            - w.w3 * mean.log_days
            - w.w4 * mean.log_e30
            - w.w5 * mean.log_e90
        ),
        contributions={"SILENCE": silence, "RATE_DROP": rate_drop, "LOW_HISTORY": low_history},
    )


def reasons(
    model: ChurnModel, columns: ChurnColumns, score: Score, row: int, now_ms: int
) -> tuple[Reason, ...]:
    """`reasons_of` one customer."""
    (found,) = reasons_of(model, columns, score, np.array([row]), np.array([now_ms]))
    return msgspec.json.decode(found, type=tuple[Reason, ...])


def reasons_of(
    model: ChurnModel, columns: ChurnColumns, score: Score, rows: Ints, now_ms: Ints
) -> list[bytes]:
    """For each of `rows` its positive contributions, largest first (equal ones by code), REASONS_MAX at most, as JSON.

    `score` must be the score of `columns`, that of `rows` at `now_ms` (int64[k]). Contributions and values are
    rounded to 6 decimals, and what rounds to 0 is left out. Meant for customers whose band changed.
    """
    contributions = explain(model, score, rows).contributions
    codes = sorted(contributions)
    size = np.array([six_decimals(contributions[code]) for code in codes])
    life = _lives(columns.take(rows), now_ms)
    told = np.empty(size.shape, object)
    for place, code in enumerate(codes):
        given = np.flatnonzero(size[place] > 0.0)
        value, text = _WORDING[code](life.take(given))
        column = reason_column(code, text, six_decimals(value), size[place, given])
        told[place, given] = np.array(column, object)
    order = np.argsort(-size, axis=0, kind="stable")[:REASONS_MAX]
    ranked = np.take_along_axis(told, order, axis=0).T.tolist()
    return [b"[%b]" % b",".join(filter(None, own)) for own in ranked]


def _lives(columns: ChurnColumns, now_ms: Ints) -> _Lives:
    silence_days = np.maximum(now_ms - columns.last_activity_ms, 0) / DAY_MS
    span_days = columns.last_day - columns.first_day
    return _Lives(silence_days, columns.active_days, span_days, columns.e30, columns.e90)


def _silence(life: _Lives) -> tuple[Floats, list[str]]:
    repeats = life.active_days - 1
    gaps = _numbers(life.span_days / np.maximum(repeats, 1))
    return life.silence_days, [
        f"{days} d silent, usual gap {gap} d"
        if has_gap
        else f"{days} d silent, active on a single day so far"
        for days, gap, has_gap in zip(_numbers(life.silence_days), gaps, (repeats > 0).tolist(), strict=True)
    ]


def _rate_drop(life: _Lives) -> tuple[Floats, list[str]]:
    silence_days = life.silence_days.tolist()
    # Not numpy's exp: its last bit depends on the machine, and signals must not.
    e30, e90 = (
        e * np.array([math.exp(-days / horizon) for days in silence_days])
        for e, horizon in ((life.e30, 30), (life.e90, 90))
    )
    numbers = zip(_numbers(e30), _numbers(e90), strict=True)
    return e30, [
        f"recent active days: {of_30} (30 d decay), {of_90} (90 d decay)" for of_30, of_90 in numbers
    ]


def _low_history(life: _Lives) -> tuple[Floats, list[str]]:
    days = life.active_days
    words = ["active on 1 day in all" if n == 1 else f"active on {n} days in all" for n in days.tolist()]
    return days.astype(np.float64), words


def _numbers(values: Floats) -> list[str]:
    """One decimal below 10, none from there on: 0.4, 9, 41."""
    return [
        f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}" for value in values.tolist()
    ]


#: The numbers and the texts of each code.
_WORDING: Final[Mapping[str, Callable[[_Lives], tuple[Floats, list[str]]]]] = {
    "SILENCE": _silence,
    "RATE_DROP": _rate_drop,
    "LOW_HISTORY": _low_history,
}
