"""Why one customer's risk is above the average one's: exact, additive contributions to the logit.

These are contributing signals, not causes.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, ChurnColumns, Score
from streamproc.contracts.signal_types import Reason

#: Reasons given per customer, at most.
REASONS_MAX = 3

_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Explanation:
    """One customer's logit, taken apart: base + the sum of the contributions = logit."""

    base: float  # the logit of a customer whose terms are all at the model's means
    contributions: dict[str, float]  # by code


def explain(model: ChurnModel, score: Score, row: int) -> Explanation:
    """Take the logit of one row apart into what each group of terms adds to the model's mean."""
    w, mean, terms = model.weights, model.means, score.terms
    silence = w.w1 * (float(terms.logit_p0[row]) - mean.logit_p0)
    silence += w.w2 * (float(terms.log_silence[row]) - mean.log_silence)
    rate_drop = w.w4 * (mean.log_e30 - float(terms.log_e30[row]))
    rate_drop += w.w5 * (mean.log_e90 - float(terms.log_e90[row]))
    low_history = w.w3 * (mean.log_days - float(terms.log_days[row]))
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
    """The positive contributions of one row, largest first (equal ones by code), REASONS_MAX at most.

    `score` must be the score of `columns` at `now_ms`. Contributions and values are rounded to 6 decimals,
    and what rounds to 0 is left out. A few microseconds: meant for customers whose band changed.
    """
    ranked = sorted(
        (-round(value, _DECIMALS), code) for code, value in explain(model, score, row).contributions.items()
    )
    positive = [(code, -negated) for negated, code in ranked if negated < 0.0]
    given = []
    for code, contribution in positive[:REASONS_MAX]:
        value, text = _WORDING[code](columns, row, now_ms)
        given.append(Reason(code, text, round(value, _DECIMALS), contribution))
    return tuple(given)


def _silence(columns: ChurnColumns, row: int, now_ms: int) -> tuple[float, str]:
    days = _silence_days(columns, row, now_ms)
    repeats = int(columns.active_days[row]) - 1
    if repeats < 1:
        return days, f"{_number(days)} d silent, active on a single day so far"
    gap_days = int(columns.last_day[row] - columns.first_day[row]) / repeats
    return days, f"{_number(days)} d silent, usual gap {_number(gap_days)} d"


def _rate_drop(columns: ChurnColumns, row: int, now_ms: int) -> tuple[float, str]:
    days = _silence_days(columns, row, now_ms)
    e30 = float(columns.e30[row]) * math.exp(-days / 30)
    e90 = float(columns.e90[row]) * math.exp(-days / 90)
    return e30, f"recent active days: {_number(e30)} (30 d decay), {_number(e90)} (90 d decay)"


def _low_history(columns: ChurnColumns, row: int, now_ms: int) -> tuple[float, str]:
    days = int(columns.active_days[row])
    return float(days), f"active on {days} {'day' if days == 1 else 'days'} in all"


def _silence_days(columns: ChurnColumns, row: int, now_ms: int) -> float:
    return max(now_ms - int(columns.last_activity_ms[row]), 0) / DAY_MS


def _number(value: float) -> str:
    """One decimal below 10, none from there on: 0.4, 9, 41."""
    return f"{value:.1f}".removesuffix(".0") if value < 9.95 else f"{value:.0f}"


#: The number and the text of each code.
_WORDING: Mapping[str, Callable[[ChurnColumns, int, int], tuple[float, str]]] = {
    "SILENCE": _silence,
    "RATE_DROP": _rate_drop,
    "LOW_HISTORY": _low_history,
}
