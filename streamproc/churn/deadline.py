"""When, if a customer stays silent, the risk reaches a threshold: scheduled once instead of polled."""

import numpy as np

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, Floats, History, Ints, parameters
from streamproc.churn.silence import crossings

#: "Never".
INF_MS = int(np.iinfo(np.int64).max)

#: How far ahead a crossing is looked for: ten years. A later one counts as never.
SEARCH_MS = 3650 * DAY_MS

#: Where a search begins that knows nothing better.
_GUESS_MS = 30 * DAY_MS


def crossing_ms(
    model: ChurnModel, past: History, rows: Ints, now_ms: Ints, threshold: Floats, before_ms: Ints
) -> Ints:
    """The first whole second T > now at which, in silence, risk(T) >= threshold: int64[k] epoch ms.

    INF_MS if there is none within SEARCH_MS. T is exact with respect to `score`: the search ends only when
    `score` itself has put the risk below the threshold at T - 1 s and not below it at T.

    `past`, `now_ms`: of n customers, of whom those at `rows` (int64[k]) are meant. threshold: float64[k], may be +-inf.
    `before_ms`: int64[k], the deadline that was found for each before something happened: what happens moves it
    little, so it is where the search begins. It is no part of the result.
    """
    guess_ms = np.where(
        (before_ms > now_ms[rows]) & (before_ms != INF_MS), before_ms, past.last_activity_ms[rows] + _GUESS_MS
    )
    found = np.empty(len(rows), np.int64)
    crossings(
        past.numbers,
        past.last_activity_ms,
        now_ms,
        parameters(model),
        rows,
        threshold,
        guess_ms,
        SEARCH_MS,
        found,
    )
    return found
