"""At which past instants customers are looked at: rolling origins, each with a whole horizon of outcomes after it."""

from typing import Final

import numpy as np

from streamproc.churn.sampling import ActivityLog
from streamproc.churn.score import DAY_MS

#: Instants at most: more of the same customers teach little.
_ORIGINS_MAX: Final = 16
#: Instants to a horizon at most.
_PER_HORIZON: Final = 3
#: The first days of a log may be a few strays: it begins when this share of the activities has happened. It ends with
#: its last activity, unless the last ones, as many, are spread over more than a horizon.
_STRAYS: Final = 0.005


def origins_ms(log: ActivityLog, horizon_days: int) -> list[int]:
    """Midnights (UTC), rising; none if the log is shorter than the horizon.

    They begin a horizon after the log does (before that nobody can have been silent for so long; in a short log, half
    of what there is), and end a horizon before its last midnight. Where nobody at all is active in one half of the
    horizon after one, the log has a hole, which is no churn: that one is left out.
    """
    if not len(log.ts_ms):
        return []
    strays = int(len(log.ts_ms) * _STRAYS)
    first_ms, last_ms, calm_ms = (int(log.ts_ms[place]) for place in (strays, -1, -1 - strays))
    if last_ms - calm_ms > horizon_days * DAY_MS:
        last_ms = calm_ms
    first_day, last_day = first_ms // DAY_MS, last_ms // DAY_MS + 1 - horizon_days
    burn_in_days = min(horizon_days, (last_day - first_day) // 2)
    usable_days = last_day - first_day - burn_in_days
    if usable_days <= 0:
        return []
    step_days = max(-(-horizon_days // _PER_HORIZON), -(-usable_days // _ORIGINS_MAX))
    days = np.arange(last_day, first_day + burn_in_days, -step_days)[::-1]
    begin_ms, half_ms = days * DAY_MS, horizon_days * DAY_MS // 2
    counts = np.diff(
        np.searchsorted(log.ts_ms, [begin_ms, begin_ms + half_ms, begin_ms + 2 * half_ms]), axis=0
    )
    found: list[int] = begin_ms[(counts > 0).all(axis=0)].tolist()
    return found
