"""Packing loses nothing, and refuses what it cannot read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.state.layout import LAYOUT_VERSION, pack, unpack
from streamproc.windows.panes import (
    INF,
    NO_PANES,
    ORDERS,
    SERIES_COUNT,
    TIERS,
    make_panes,
    pane_key,
    series_of,
    tier_of,
    union,
)
from streamproc.windows.table import SPARSE_TABLES, CustomerTable, new_customers


def customers(seed: int, n: int) -> CustomerTable:
    """n customers with random content in every field."""
    random = np.random.default_rng(seed)
    table = new_customers([f"c{i}" for i in range(n)])
    for name in ("first_seen_ms", "last_activity_ms", "money_micros", "cart_changed_ms", "cause_offset"):
        table.head[name] = random.integers(-1, 2**45, n)
    for name in ("events", "orders", "sessions", "active_days", "cart_items", "version"):
        table.head[name] = random.integers(0, 2**31, n)
    table.head["first_day"] = np.where(random.random(n) < 0.5, INF, 20_000)
    table.head["next_check_ms"] = np.where(random.random(n) < 0.5, INF, random.integers(0, 2**31, n) * 1000)
    table.head["days_high"] = random.integers(0, 2**64, n, dtype=np.uint64)
    table.head["decayed_days"] = random.random((n, 3))
    size = int(random.integers(0, 4 * n))
    row = np.sort(random.integers(0, n, size))
    series = random.integers(0, SERIES_COUNT, size)
    table.panes = union(
        NO_PANES,
        [
            make_panes(
                row,
                pane_key(random.integers(0, 3, size), series, random.integers(0, 2**31, size)),
                random.integers(1, 2**31, size),
                np.where(series <= ORDERS, random.integers(-(2**62), 2**62, size), 0),
            )
        ],
    )
    for name, dtype in SPARSE_TABLES.items():
        if name == "panes":
            continue
        sparse = np.zeros(size, dtype)
        for field in dtype.names or ():
            sparse[field] = row if field == "row" else random.integers(0, 2**8, size)
        setattr(table, name, sparse)
    return table


@given(seed=st.integers(0, 2**32), n=st.integers(1, 6))
def test_unpack_is_the_inverse_of_pack(seed: int, n: int) -> None:
    table = customers(seed, n)
    again = unpack(table.ids, pack(table))
    assert again.ids == table.ids
    for name in ("head", *SPARSE_TABLES):
        assert (getattr(again, name) == getattr(table, name)).all(), name


def test_unknown_customers_are_new_and_keep_their_place() -> None:
    table = customers(7, 2)
    first, second = pack(table)
    again = unpack(["a", "new", "b"], [first, None, second])
    assert again.head["first_seen_ms"][1] == INF
    assert (again.take(np.array([0, 2])).head == table.head).all()


def test_a_check_between_two_seconds_comes_early() -> None:
    table = customers(7, 1)
    table.head["next_check_ms"] = 1_234_567
    assert unpack(table.ids, pack(table)).head["next_check_ms"].tolist() == [1_234_000]


def test_a_state_does_not_depend_on_its_neighbours() -> None:
    table = customers(3, 5)
    together = pack(table)
    alone = [pack(table.take(np.array([i])))[0] for i in range(5)]
    assert together == alone


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda blob: bytes([LAYOUT_VERSION + 1]) + blob[1:],
            f"layout {LAYOUT_VERSION + 1}, this version reads {LAYOUT_VERSION}",
        ),
        (lambda blob: blob[:20], "20 bytes, which is not what its head says"),
        (lambda blob: blob[:1] + b"\xff" * 40, "41 bytes, which is not what its head says"),
        (lambda blob: blob + b"x", "not what its head says"),
    ],
)
def test_damaged_states_name_the_customer(damage, says) -> None:  # type: ignore[no-untyped-def]
    blobs = pack(customers(1, 2))
    blobs[1] = damage(blobs[1])
    with pytest.raises(StreamprocError, match=r"'c1'.*" + says):
        unpack(["c0", "c1"], blobs)


@given(seed=st.integers(0, 2**32), data=st.data())
def test_a_damaged_state_is_refused_or_read_but_never_worse(seed: int, data: st.DataObject) -> None:
    """Compiled code follows what it reads: a pane of no tier or series must not get past it."""
    blob = bytearray(pack(customers(seed, 1))[0])
    for place in data.draw(st.lists(st.integers(1, len(blob) - 1), min_size=1, max_size=8)):
        blob[place] = data.draw(st.integers(0, 255))
    try:
        table = unpack(["c0"], [bytes(blob)])
    except StreamprocError:
        return
    assert (tier_of(table.panes["key"]) < len(TIERS)).all()
    assert (series_of(table.panes["key"]) < SERIES_COUNT).all()
    frame = Frame(table, np.array([1_790_000_000_000]))
    frame.windows([feature for feature in FEATURES.values() if feature.kind == "window"])
