"""Why one customer's risk is above the average one's: exact, additive contributions to the logit.

These are contributing signals, not causes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import starmap
from typing import NamedTuple

import numpy as np

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, Ints, Score
from streamproc.contracts.signal_types import Reason

#: Reasons given per customer, at most.
REASONS_MAX = 3

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """Logits of k customers, taken apart: base + the sum of the contributions = logit."""

    base: float  # the logit of a customer whose terms are all at the model's means
    contributions: dict[str, Floats]  # by code: float64[k]


class _Life(NamedTuple):
    """What the words about one customer are made of."""

    silence_days: float
    active_days: int
    span_days: int  # from the first active day to the last
    e30: float  # as of the last activity
    e90: float


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
    return reasons_of(model, columns, score, np.array([row]), np.array([now_ms]))[0]


def reasons_of(
    model: ChurnModel, columns: ChurnColumns, score: Score, rows: Ints, now_ms: Ints
) -> list[tuple[Reason, ...]]:
    """For each of `rows` its positive contributions, largest first (equal ones by code), REASONS_MAX at most.

    `score` must be the score of `columns`, that of `rows` at `now_ms` (int64[k]). Contributions and values are
    rounded to 6 decimals, and what rounds to 0 is left out. Meant for customers whose band changed.
    """
    contributions = explain(model, score, rows).contributions
    by_customer = zip(*(column.tolist() for column in contributions.values()), strict=True)
    return [
        _worded(zip(contributions, values, strict=True), life)
        for values, life in zip(by_customer, _lives(columns.take(rows), now_ms), strict=True)
    ]


def _lives(columns: ChurnColumns, now_ms: Ints) -> Iterator[_Life]:
    silence_days = np.maximum(now_ms - columns.last_activity_ms, 0) / DAY_MS
    of_each = zip(
        silence_days.tolist(),
        columns.active_days.tolist(),
        (columns.last_day - columns.first_day).tolist(),
        columns.e30.tolist(),
        columns.e90.tolist(),
        strict=True,
    )
    return starmap(_Life, of_each)


def _worded(contributions: Iterable[tuple[str, float]], life: _Life) -> tuple[Reason, ...]:
    ranked = sorted((-round(value, _DECIMALS), code) for code, value in contributions)
    given = []
    for negated, code in ranked[:REASONS_MAX]:
        if negated < 0.0:
            value, text = _WORDING[code](life)
            given.append(Reason(code, text, round(value, _DECIMALS), -negated))
    return tuple(given)


def _silence(life: _Life) -> tuple[float, str]:
    days, repeats = life.silence_days, life.active_days - 1
    if repeats < 1:
        return days, f"{_number(days)} d silent, active on a single day so far"
    return days, f"{_number(days)} d silent, usual gap {_number(life.span_days / repeats)} d"


def _rate_drop(life: _Life) -> tuple[float, str]:
    e30 = life.e30 * math.exp(-life.silence_days / 30)
    e90 = life.e90 * math.exp(-life.silence_days / 90)
    return e30, f"recent active days: {_number(e30)} (30 d decay), {_number(e90)} (90 d decay)"


def _low_history(life: _Life) -> tuple[float, str]:
    days = life.active_days
    return float(days), f"active on {days} {'day' if days == 1 else 'days'} in all"


def _number(value: float) -> str:
    """One decimal below 10, none from there on: 0.4, 9, 41."""
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


#: The number and the text of each code.
_WORDING: Mapping[str, Callable[[_Life], tuple[float, str]]] = {
    "SILENCE": _silence,
    "RATE_DROP": _rate_drop,
    "LOW_HISTORY": _low_history,
}
