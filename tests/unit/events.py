"""Events as columns, for tests of what is done with them."""

from typing import Any

import numpy as np

from streamproc.contracts.columns import EventColumns

PLAIN: dict[str, tuple[Any, Any]] = {
    "topic": (0, np.int8),
    "channel": (0, np.int8),
    "counted": (True, np.bool_),
    "activity": (True, np.bool_),
    "duration_ms": (-1, np.int64),
    "order": (False, np.bool_),
    "money_micros": (0, np.int64),
    "cart": (0, np.int64),
    "cart_micros": (0, np.int64),
    "consent": (-1, np.int16),
    "name": (0, np.uint32),
    "tally": (-1, np.int8),
    "valence": (0, np.int8),
    "view": (-1, np.int8),
    "shown": (0, np.uint32),
    "category": (b"", "S24"),
    "survey": (-1, np.int8),
    "score": (0, np.int8),
    "ticket": (0, np.int8),
    "ticket_hash": (0, np.uint64),
}


def events(customer: list[str], ts_ms: Any, **columns: Any) -> EventColumns:
    """Web activity that says nothing else, but for the columns that are given: one value for all, or one each."""
    n = len(customer)
    plain = {
        name: np.array(np.broadcast_to(columns.get(name, default), n), dtype)
        for name, (default, dtype) in PLAIN.items()
    }
    return EventColumns(
        customer=customer,
        ts_ms=np.asarray(ts_ms, np.int64),
        offset=np.asarray(columns.get("offset", np.arange(n)), np.int64),
        message_hash=np.asarray(columns.get("message_hash", np.arange(n)), np.uint64),
        **plain,
    )
