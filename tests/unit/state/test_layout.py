"""Packing loses nothing, and refuses what it cannot read."""

import contextlib
from collections.abc import Callable

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.rules.load import load_ruleset
from streamproc.state import layout
from streamproc.state.layout import LAYOUT_VERSION, pack, unpack
from streamproc.state.likely import DECAY, KNOWN_IDS
from streamproc.windows.panes import (
    DAY_MS,
    FIRST_TALLY,
    HOUR_MS,
    INF,
    MINUTE_MS,
    NEVER,
    NO_PANES,
    ORDERS,
    SERIES_COUNT,
    SESSIONS,
    TIERS,
    WIDTHS_MS,
    as_numbers,
    make_panes,
    pane_key,
    series_of,
    tier_of,
    union,
)
from streamproc.windows.table import (
    BITMAP_DAYS,
    HEAD_DTYPE,
    SPARSE_TABLES,
    CustomerTable,
    new_customers,
)

Ints = NDArray[np.int64]
Make = Callable[[int, int], CustomerTable]


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
    table.contacts["channel"] %= len(CONSENT_CHANNELS)
    return table


def lived(seed: int, n: int) -> CustomerTable:
    """n customers as they mostly are: panes of 90 days at most, and the rest much as these say, but not all of it."""
    random = np.random.default_rng(seed)
    table = customers(seed, n)
    head, today = table.head, 20_700
    base_ms = today * DAY_MS + random.integers(0, DAY_MS, n)

    def or_so(values: Ints) -> Ints:
        return values + np.where(random.random(n) < 0.2, random.integers(-5, 5, n), 0)

    parts = [np.empty(0, np.int64)] * 2
    for tier in TIERS:
        for series in range(SERIES_COUNT):
            row = np.flatnonzero(random.random(n) < 0.6)
            row = np.repeat(row, random.integers(1, tier.kept + 1, len(row)))
            oldest = (base_ms[row] + random.integers(0, 5) * HOUR_MS) // tier.width_ms - tier.kept + 1
            parts[0] = np.append(parts[0], row)
            pane = oldest + random.integers(0, tier.kept, len(row))
            parts[1] = np.append(parts[1], pane_key(tier.code, series, pane))
    ones = np.ones(len(parts[0]), np.int64)
    value = np.where(random.random(len(ones)) < 0.5, 0, random.integers(0, 2**20, len(ones)) * 10_000)
    value = np.where(series_of(parts[1]) <= ORDERS, value + random.integers(0, 2, len(ones)), 0)
    table.panes = union(NO_PANES, [make_panes(*parts, ones, value)])

    def counted(first: int, end: int) -> Ints:
        series = series_of(table.panes["key"])
        mine = (tier_of(table.panes["key"]) == TIERS[2].code) & (series >= first) & (series < end)
        return np.bincount(table.panes["row"][mine], table.panes["count"][mine], n).astype(np.int64)

    head["events"] = or_so(counted(0, ORDERS))
    head["orders"] = or_so(counted(ORDERS, SESSIONS))
    head["sessions"] = or_so(counted(SESSIONS, FIRST_TALLY))
    for name in HEAD_DTYPE.names or ():
        if name.endswith("_ms") and name != "pause_ms":
            away_ms = random.choice([0, 1, 1000, 2**22, 2**31], n) * random.integers(0, 5)
            some = np.where(random.random(n) < 0.2, NEVER, base_ms - away_ms)
            some = np.where(random.random(n) < 0.1, INF, some)
            head[name] = some[:, None] if head[name].ndim > 1 else some
    for name in ("next_check_ms", "churn_due_ms", "timer_ms"):
        whole = head[name] // 1000 * 1000
        whole = np.where(random.random(n) < 0.3, head[name] // DAY_MS * DAY_MS, whole)
        head[name] = np.where((head[name] == INF) | (head[name] == NEVER), head[name], whole)
    head["last_activity_ms"] = base_ms
    head["last_day"] = np.where(random.random(n) < 0.1, NEVER, or_so(base_ms // DAY_MS))
    head["days_low"], head["days_high"], head["active_days"] = 0, 0, 0
    for row, key in table.panes[["row", "key"]]:
        age = int(head["last_day"][row]) - (int(key) & 0xFFFFFFFF)
        if key >> 32 == (TIERS[2].code << 8 | SESSIONS) and 0 <= age < BITMAP_DAYS and random.random() < 0.95:
            head["days_high" if age >= 64 else "days_low"][row] |= np.uint64(1 << age % 64)
            head["active_days"][row] += 1
            head["decayed_days"][row] += 1 if random.random() < 0.5 else 2**-50
    table.members["segment"] = random.choice(KNOWN_IDS, len(table.members))
    table.categories["name"] = random.choice(
        [b"shoes", b"a-b", b"", "größe".encode(), b"x" * 24], len(table.categories)
    )
    table.tallies["tally"] %= SERIES_COUNT - FIRST_TALLY
    return table


@pytest.mark.parametrize("made", [customers, lived])
@given(seed=st.integers(0, 2**32), n=st.integers(1, 6))
def test_unpack_is_the_inverse_of_pack(made: Make, seed: int, n: int) -> None:
    table = made(seed, n)
    again = unpack(table.ids, pack(table))
    assert again.ids == table.ids
    for name in ("head", *SPARSE_TABLES):
        assert (getattr(again, name) == getattr(table, name)).all(), name


@given(seed=st.integers(0, 2**32), data=st.data())
def test_every_field_of_the_head_holds_any_number(seed: int, data: st.DataObject) -> None:
    table = lived(seed, 1)
    words = as_numbers(table.head)
    cells = [name for name in HEAD_DTYPE.names or () for _ in range(HEAD_DTYPE[name].itemsize // 8)]
    for place, name in enumerate(cells):
        if name == "rules":
            words[0, place] = data.draw(st.integers(0, 2**32 - 1))
        elif name not in ("next_check_ms", "churn_due_ms", "timer_ms") and data.draw(st.booleans()):
            words[0, place] = data.draw(st.integers(-(2**63) + 1, 2**63 - 1))
    table.head = words.view(HEAD_DTYPE).reshape(1)
    assert (as_numbers(unpack(["c0"], pack(table)).head) == words).all()


def test_totals_that_panes_add_up_to_cost_nothing() -> None:
    table = lived(5, 1)
    days = table.panes[tier_of(table.panes["key"]) == TIERS[2].code]
    series = series_of(days["key"])
    table.head["events"] = days["count"][series < ORDERS].sum()
    table.head["orders"] = days["count"][series == ORDERS].sum()
    table.head["sessions"] = days["count"][series == SESSIONS].sum()
    table.head["money_micros"] = days["value"][series == ORDERS].sum()
    told = len(pack(table)[0])
    table.head["events"] += 10**6
    table.head["money_micros"] += 10**9
    assert len(pack(table)[0]) > told + 5


def visit(*panes: tuple[int, int, int, int]) -> CustomerTable:
    """A customer who was there today, from two minutes ago on, with panes: tier, series, how long ago, duration."""
    base_ms = 20_700 * DAY_MS + 13 * HOUR_MS + 1_234
    table = new_customers(["c0"])
    for name in ("first_seen_ms", "last_activity_ms", "last_order_ms", "session_ms"):
        table.head[name] = base_ms
    table.head["session_ms"] -= 2 * MINUTE_MS
    tier, series, ago, duration = np.array(panes, np.int64).T
    pane = base_ms // WIDTHS_MS[tier] - ago
    parts = (np.zeros_like(tier), pane_key(tier, series, pane), np.full_like(tier, 3), duration)
    table.panes = union(NO_PANES, [make_panes(*parts)])
    return table


def test_when_the_last_session_began_follows_from_how_long_it_lasted() -> None:
    told = len(pack(visit((2, 0, 0, 2 * MINUTE_MS)))[0])
    assert len(pack(visit((2, 0, 0, 2 * MINUTE_MS + 1)))[0]) >= told + 2


def test_an_hour_that_was_all_of_its_day_costs_little() -> None:
    day = (2, 0, 0, 2 * MINUTE_MS)
    assert len(pack(visit((1, 0, 0, 2 * MINUTE_MS), day))[0]) <= len(pack(visit(day))[0]) + 2
    assert len(pack(visit((1, 0, 0, MINUTE_MS), day))[0]) >= len(pack(visit(day))[0]) + 3


def test_a_time_on_a_day_that_panes_know_costs_less_than_elsewhere() -> None:
    table = visit((2, 0, 0, 0), (2, ORDERS, 40, 0))
    table.head["last_order_ms"] -= 40 * DAY_MS - 4 * HOUR_MS
    on_day = len(pack(table)[0])
    table.head["last_order_ms"] -= 5 * DAY_MS
    assert len(pack(table)[0]) > on_day


def test_a_timer_that_is_the_next_check_costs_next_to_nothing() -> None:
    table = visit((2, 0, 0, 0))
    table.head["next_check_ms"] = 20_714 * DAY_MS + 12_345_000
    once = len(pack(table)[0])
    table.head["timer_ms"] = table.head["next_check_ms"]
    assert len(pack(table)[0]) <= once + 1


def test_what_the_packaged_rules_name_is_known_by_its_place() -> None:
    rules = load_ruleset(None)
    ids = [thing.id for things in (rules.segments, rules.campaigns, rules.funnels) for thing in things]
    assert set(ids) <= set(KNOWN_IDS.tolist())


@given(seed=st.integers(0, 2**32), n=st.integers(1, 6))
def test_more_known_ids_change_nothing_for_states_that_are_there(seed: int, n: int) -> None:
    table = lived(seed, n)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "_FORM", (*layout._FORM[:4], KNOWN_IDS[:-5], DECAY))
        packed = pack(table)
    assert (unpack(table.ids, packed).members == table.members).all()


def test_known_ids_never_change() -> None:
    """States hold their places."""
    assert xxhash.xxh32_intdigest(KNOWN_IDS[:33].astype("<i8").tobytes()) == 0x9D4A47F3


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


@pytest.mark.parametrize("made", [customers, lived])
@given(seed=st.integers(0, 2**32), data=st.data())
def test_a_damaged_state_is_refused_or_read_but_never_worse(
    made: Make, seed: int, data: st.DataObject
) -> None:
    """Compiled code follows what it reads: a pane of no tier or series must not get past it."""
    blob = bytearray(pack(made(seed, 1))[0])
    for place in data.draw(st.lists(st.integers(1, len(blob) - 1), min_size=1, max_size=8)):
        blob[place] = data.draw(st.integers(0, 255))
    try:
        table = unpack(["c0"], [bytes(blob)])
    except StreamprocError:
        return
    pack(table)
    assert (tier_of(table.panes["key"]) < len(TIERS)).all()
    assert (series_of(table.panes["key"]) < SERIES_COUNT).all()
    frame = Frame(table, np.array([1_790_000_000_000]))
    frame.windows([feature for feature in FEATURES.values() if feature.kind == "window"])


@given(seed=st.integers(0, 2**32), data=st.data())
def test_a_state_that_was_cut_short_is_refused(seed: int, data: st.DataObject) -> None:
    blob = pack(lived(seed, 1))[0]
    with pytest.raises(StreamprocError, match="not what its head says"):
        unpack(["c0"], [blob[: data.draw(st.integers(1, len(blob) - 1))]])


@given(st.binary(min_size=1, max_size=400))
def test_bytes_that_never_were_a_state_are_refused_or_read(noise: bytes) -> None:
    with contextlib.suppress(StreamprocError):
        pack(unpack(["c0"], [bytes([LAYOUT_VERSION]) + noise]))
