"""When, if a customer stays silent, the risk reaches a threshold: scheduled once instead of polled."""

import numpy as np

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import DAY_MS, ChurnColumns, Floats, Ints, history, parameters
from streamproc.churn.silence import crossings

#: "Never".
INF_MS = int(np.iinfo(np.int64).max)

#: How far ahead a crossing is looked for: ten years. A later one counts as never.
SEARCH_MS = 3650 * DAY_MS


def crossing_ms(model: ChurnModel, columns: ChurnColumns, now_ms: Ints | int, threshold: Floats) -> Ints:
    """The first whole second T > now at which, in silence, risk(T) >= threshold: int64[n] epoch ms.

    INF_MS if there is none within SEARCH_MS. T is exact with respect to `score`: the search ends only when
    `score` itself has put the risk below the threshold at T - 1 s and not below it at T.

    now_ms: one instant or int64[n]; threshold: float64[n], may be +-inf.
    """
    past = history(model, columns)
    instants = np.ascontiguousarray(np.broadcast_to(np.asarray(now_ms, np.int64), threshold.shape))
    found = np.empty(threshold.shape, np.int64)
    crossings(
        past.numbers,
        past.last_activity_ms,
        instants,
        parameters(model),
        np.ascontiguousarray(threshold, np.float64),
        SEARCH_MS,
        found,
    )
    return found
