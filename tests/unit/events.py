"""Events as columns, for tests of what is done with them."""

from typing import Any

import numpy as np

from streamproc.contracts.columns import EVENT_DTYPE, EventColumns

#: What is not 0 where an event says nothing of it.
PLAIN: dict[str, Any] = {
    "counted": True,
    "activity": True,
    "duration_ms": -1,
    "consent": -1,
    "tally": -1,
    "view": -1,
    "category": b"",
    "survey": -1,
    "answered": -1,
    "contact": -1,
}


def events(customer: list[str], ts_ms: Any, **columns: Any) -> EventColumns:
    """Web activity that says nothing else, but for the columns that are given: one value for all, or one each."""
    rows = np.zeros(len(customer), EVENT_DTYPE)
    given = {
        **PLAIN,
        "offset": np.arange(len(customer)),
        "message_hash": np.arange(len(customer)),
        **columns,
        "ts_ms": ts_ms,
    }
    for name, values in given.items():
        rows[name] = values
    return EventColumns(customer, rows)
