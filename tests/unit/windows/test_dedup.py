"""Repeats are recognised exactly within 24 hours and 256 ids, whatever the size of the steps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamproc.windows.dedup import HORIZON_MS, RING_IDS, admit
from streamproc.windows.table import RING_DTYPE


def one_by_one(stream: list[tuple[int, int]]) -> list[bool]:
    """The rule as it is written: the last 256 applied ids, each for 24 hours."""
    ring: list[tuple[int, int]] = []
    admitted = []
    for message_hash, at_ms in stream:
        repeat = any(seen == message_hash and at_ms - then < HORIZON_MS for seen, then in ring[-RING_IDS:])
        admitted.append(not repeat)
        if not repeat:
            ring.append((message_hash, at_ms))
    return admitted


def in_steps(stream: list[tuple[int, int]], step_events: int) -> list[bool]:
    """The same through `admit`, in steps of equal instant and at most `step_events` events."""
    ring = np.empty(0, RING_DTYPE)
    admitted: list[bool] = []
    while stream:
        at_ms = stream[0][1]
        size = next((i for i, event in enumerate(stream) if event[1] != at_ms), len(stream))
        step, stream = stream[: min(size, step_events)], stream[min(size, step_events) :]
        hashes = np.array([message_hash for message_hash, _ in step], np.uint64)
        is_new, ring = admit(ring, np.zeros(len(step), np.int64), hashes, np.full(len(step), at_ms))
        admitted += is_new.tolist()
    return admitted


@given(
    events=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 1, HORIZON_MS // 2, HORIZON_MS]))),
    step_events=st.integers(1, 5),
)
def test_matches_the_rule_event_by_event(events: list[tuple[int, int]], step_events: int) -> None:
    at_ms = np.cumsum([wait_ms for _, wait_ms in events]).tolist()
    stream = [(message_hash, now) for (message_hash, _), now in zip(events, at_ms, strict=True)]
    assert in_steps(stream, step_events) == one_by_one(stream)


@given(seed=st.integers(0, 2**32), step_events=st.sampled_from([1, 100, 700]))
def test_matches_the_rule_when_the_ring_overflows(seed: int, step_events: int) -> None:
    random = np.random.default_rng(seed)
    stream = [(int(message_hash), 5_000) for message_hash in random.integers(0, 280, 700)]
    assert in_steps(stream, step_events) == one_by_one(stream)


def test_customers_do_not_share_ids() -> None:
    hashes = np.array([7, 7, 7], np.uint64)
    is_new, ring = admit(np.empty(0, RING_DTYPE), np.array([0, 1, 0]), hashes, np.full(3, 10))
    assert is_new.tolist() == [True, True, False]
    assert ring["row"].tolist() == [0, 1]


def test_ring_keeps_the_newest_256_ids() -> None:
    hashes = np.arange(300, dtype=np.uint64)
    _, ring = admit(np.empty(0, RING_DTYPE), np.zeros(300, np.int64), hashes, np.full(300, 10))
    assert ring["hash"].tolist() == list(range(44, 300))
