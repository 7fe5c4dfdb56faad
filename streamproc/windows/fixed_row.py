"""What events change in the fixed rows of their customers: counts, sessions, active days, carts, causes.

Sessions follow the apply order: an activity more than `session_gap` after the latest one starts a session, a smaller
step forward lengthens it, an event at or before the latest one does neither. Active days are order-free.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.meanings import TALLIES
from streamproc.windows import fold
from streamproc.windows.panes import PANE_DTYPE, TIERS, Panes, as_numbers
from streamproc.windows.table import Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_TIERS: Final = np.array([(tier.width_ms, tier.kept) for tier in TIERS], np.int64)
_VALENCES: Final = np.array([list(TALLIES).index(name) for name in ("negatives", "positives")], np.int64)
#: Of one event: three in each tier, and two tallies.
_PANES_MAX: Final = 3 * len(TIERS) + 2


class Steps(NamedTuple):
    """Per event: whether it starts a session; its own duration, or by how much it lengthens one; and whether it is
    activity in what is now the customer's latest session.
    """

    starts: Bools
    duration_ms: Ints
    is_latest: Bools


def follow(head: Table, row: Ints, events: EventColumns, session_gap_ms: int) -> Steps:
    """Fold events (apply order within a customer; `row`: int64[n], their customers) into `head`, in place."""
    n = len(row)
    steps = Steps(np.empty(n, np.bool_), np.empty(n, np.int64), np.empty(n, np.bool_))
    fold.fold(as_numbers(head), _as_bytes(events), row, session_gap_ms, *steps, np.empty(n, np.int64))
    return steps


def mark_active_days(head: Table, row: Ints, ts_ms: Ints) -> None:
    """Fold the UTC days of activities (`row`: int64[n], their customers) into the churn state of `head`, in place.

    Commutative up to the rounding of decayed counts, and idempotent.
    """
    fold.mark_active_days(as_numbers(head), row, ts_ms)


def contributions(row: Ints, events: EventColumns, at_ms: Ints, steps: Steps) -> Panes:
    """What the events add to the panes that a window at `at_ms` (int64[n]) can still hold, event by event."""
    panes = np.empty(_PANES_MAX * len(row), PANE_DTYPE)
    size = fold.contribute(
        _as_bytes(events), row, at_ms, steps.starts, steps.duration_ms, _TIERS, _VALENCES, as_numbers(panes)
    )
    return panes[:size]


def _as_bytes(events: EventColumns) -> NDArray[np.uint8]:
    """The rows of events as uint8[n, bytes]: the same memory."""
    return events.rows.view(np.uint8).reshape(len(events), events.rows.itemsize)
