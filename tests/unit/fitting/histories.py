"""Invented histories: who was active when, and the lines of events that say so."""

import json

import numpy as np

from streamproc.churn.sampling import ActivityLog
from streamproc.contracts.instants import to_iso

DAY_MS = 86_400_000
FIRST_DAY = 19_000


def lives(customers: int, days: int, seed: int, *, gap_days: float = 4.0) -> list[tuple[str, int]]:
    """(customer, ts_ms): each is active at a rate of its own, and may leave for good after any activity."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(customers):
        rate, leave = rng.gamma(1.5, 1 / gap_days / 1.5), rng.beta(1, 8)
        at = rng.uniform(0, days / 3)
        while at < days:
            found.append((f"c{number:05d}", int((FIRST_DAY + at) * DAY_MS)))
            if rng.random() < leave:
                break
            at += rng.exponential(1 / rate)
    return found


def log_of(pairs: list[tuple[str, int]]) -> tuple[ActivityLog, list[str]]:
    """The log, and the ids by code."""
    ids = sorted({customer for customer, _ in pairs})
    code = {customer: place for place, customer in enumerate(ids)}
    customer = np.array([code[customer] for customer, _ in pairs], np.int64)
    return ActivityLog.of(customer, np.array([ts for _, ts in pairs], np.int64), len(ids)), ids


def line(customer: str, ts_ms: int, message_id: str = "", **fields: object) -> bytes:
    """An event without an envelope."""
    call = {
        "type": "track",
        "event": "Order Completed",
        "userId": customer,
        "messageId": message_id or f"{customer}-{ts_ms}",
        "timestamp": to_iso(ts_ms),
        **fields,
    }
    return json.dumps(call).encode() + b"\n"
