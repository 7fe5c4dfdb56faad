"""When, if a customer stays silent, the risk reaches a threshold: scheduled once instead of polled."""

from dataclasses import dataclass, fields
from itertools import count
from typing import Self

import numpy as np
import numpy.typing as npt

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, History, Ints, history, score_at

Bools = npt.NDArray[np.bool_]

#: "Never".
INF_MS = int(np.iinfo(np.int64).max)

#: How far ahead a crossing is looked for: ten years. A later one counts as never.
SEARCH_MS = 3650 * DAY_MS

_TICK_MS = 1000
#: Every so many rounds one bisection, which bounds their number whatever the curve looks like.
_BISECT_EVERY = 12


@dataclass(slots=True)
class _Edge:
    """One edge of n brackets."""

    ms: Ints
    log_silence: Floats  # ln(1 + days of silence) then
    excess: Floats  # logit less the threshold's logit: below 0 at the low edge, not so at the high one

    def take(self, index: npt.NDArray[np.intp] | Bools) -> Self:
        return type(self)(*(getattr(self, field.name)[index] for field in fields(self)))

    def moved(self, to: Self, moves: Bools, shrink: Floats) -> Self:
        """This edge, put at `to` where it moves; where it stays, its excess shrinks."""
        return type(self)(
            np.where(moves, to.ms, self.ms),
            np.where(moves, to.log_silence, self.log_silence),
            np.where(moves, to.excess, self.excess * shrink),
        )


def crossing_ms(model: ChurnModel, columns: ChurnColumns, now_ms: Ints | int, threshold: Floats) -> Ints:
    """The first whole second T > now at which, in silence, risk(T) >= threshold: int64[n] epoch ms.

    INF_MS if there is none within SEARCH_MS. T is exact with respect to `score`: the search ends only when
    `score` itself has put the risk below the threshold at T - 1 s and not below it at T.

    now_ms: one instant or int64[n]; threshold: float64[n], may be +-inf.
    """
    past = history(model, columns)
    low_ms = np.broadcast_to((np.asarray(now_ms, np.int64) // _TICK_MS + 1) * _TICK_MS, threshold.shape)
    high_ms = low_ms + SEARCH_MS
    low, high = score_at(model, past, low_ms), score_at(model, past, high_ms)
    crossing = np.where(low.risk >= threshold, low_ms, INF_MS)
    between = np.flatnonzero((low.risk < threshold) & (high.risk >= threshold))
    if len(between):
        wanted = threshold[between]
        target = np.log(wanted) - np.log1p(-wanted)
        low_edge = _Edge(low_ms[between], low.terms.log_silence[between], low.logit[between] - target)
        high_edge = _Edge(high_ms[between], high.terms.log_silence[between], high.logit[between] - target)
        crossing[between] = _search(model, past.take(between), wanted, low_edge, high_edge)
    return crossing


def _search(model: ChurnModel, past: History, threshold: Floats, low: _Edge, high: _Edge) -> Ints:
    """The crossings inside n brackets: regula falsi after Anderson and Bjorck (1973), on whole seconds.

    The logit is close to a straight line in ln(1 + silence): a handful of interpolations find the second.
    """
    found = high.ms.copy()
    row = np.arange(len(found))
    target = np.log(threshold) - np.log1p(-threshold)
    rose = np.zeros(len(row), np.int8)  # the last probe: +1 above the threshold, -1 below, 0 none yet
    for rounds in count(1):
        is_open = high.ms - low.ms > _TICK_MS
        if 4 * np.count_nonzero(is_open) < 3 * len(row):
            found[row] = high.ms
            if not is_open.any():
                break
            row, past, low, high = row[is_open], past.take(is_open), low.take(is_open), high.take(is_open)
            threshold, target, rose = threshold[is_open], target[is_open], rose[is_open]
        at_ms = _interpolate(past, low, high) if rounds % _BISECT_EVERY else _middle(low, high)
        score = score_at(model, past, at_ms)
        at = _Edge(at_ms, score.terms.log_silence, score.logit - target)
        above = score.risk >= threshold
        # an edge that stays a second time loses weight, or the other one would only creep towards the zero
        stays_low, stays_high = above & (rose > 0), ~above & (rose < 0)
        low, high = (
            low.moved(at, ~above, np.where(stays_low, _weight(at.excess, high.excess), 1.0)),
            high.moved(at, above, np.where(stays_high, _weight(at.excess, low.excess), 1.0)),
        )
        rose = np.where(above, 1, -1).astype(np.int8)
    return found


def _weight(excess: Floats, replaced_excess: Floats) -> Floats:
    """Anderson and Bjorck's factor for the edge that stays, or one half where theirs is not positive."""
    weight = 1.0 - excess / np.where(replaced_excess == 0.0, 1.0, replaced_excess)
    return np.where(weight > 0.0, weight, 0.5)


def _interpolate(past: History, low: _Edge, high: _Edge) -> Ints:
    """Whole seconds strictly inside the brackets, next to the zero of the line through both edges."""
    width = high.excess - low.excess
    # rounding can leave nothing between the edges of a bracket that is one second wide
    share = np.divide(-low.excess, width, where=width > 0.0, out=np.full_like(width, 0.5))
    zero = low.log_silence + share * (high.log_silence - low.log_silence)
    tick = np.ceil((past.last_activity_ms + np.expm1(zero) * DAY_MS) / _TICK_MS).astype(np.int64)
    inside: Ints = np.clip(tick * _TICK_MS, low.ms + _TICK_MS, high.ms - _TICK_MS)
    return inside


def _middle(low: _Edge, high: _Edge) -> Ints:
    return (low.ms + high.ms) // (2 * _TICK_MS) * _TICK_MS
