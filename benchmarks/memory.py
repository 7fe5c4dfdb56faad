"""What a customer takes in Redis: the packed state by its parts, and what Redis itself uses for it.

Light and typical customers are simulated ones who were there on about 5 and 20 of the 90 days. None of the simulated
comes every day; a heavy customer is put together from 90 days of different ones. States are as the engine left them
when it last looked at the customer.

The ring of recent message ids is counted apart: it lasts for a day, and who is active fills it.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks.bench import Bench, Spread, spread
from benchmarks.population import DAYS, Lives, as_record, happened, settle
from benchmarks.stage import Stage
from benchmarks.workload import SEED
from streamproc.clock import wall_ms
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES
from streamproc.simulate.lives.life import DAY_MS
from streamproc.simulate.lives.records import EventRecord
from streamproc.state.layout import pack, unpack
from streamproc.state.redis_store import RedisStore
from streamproc.windows.dedup import RING_IDS
from streamproc.windows.table import CustomerTable

#: Active days in 90, and how far a customer may be from that.
USES: Final = {"light": (5, 1), "typical": (20, 2), "heavy": (90, 1)}
_HEAVY_CUSTOMERS: Final = 20
RING: Final = "ring"
_PARTITIONS: Final = 4

Sizes = NDArray[np.int64]


class Part(msgspec.Struct, frozen=True):
    """A part of the state: means over the customers, so that the parts add up to the mean of the whole.

    Parts are told from each other, from the panes above all: each is what is saved by leaving it out when those before
    it have been left out already, the ring first and the panes last.
    """

    bytes: float
    rows: float


class Use(msgspec.Struct):
    """Customers of one kind. parts: by table of the state, "fixed" for the rest. redis_bytes: all that Redis uses."""

    active_days: int
    customers: int
    mean_bytes: float
    state_bytes: Spread | None
    without_ring_bytes: Spread | None
    parts: dict[str, Part]
    redis_bytes: float


class Memory(msgspec.Struct):
    """ring_ids_max: ids that a ring may have. populations: bytes that Redis uses for a customer of one."""

    uses: dict[str, Use]
    ring_ids_max: int
    ring_id_bytes: float
    populations: dict[str, float]


async def measure_memory(bench: Bench) -> Memory:
    """All kinds of customers, and both populations."""
    sizes, end_ms = bench.sizes, wall_ms()
    bench.say(f"{sizes.memory_lives} simulated customers live 90 days")
    everybody = await bench.through(happened(sizes.memory_lives, end_ms), end_ms)
    days = active_days(everybody)
    heavy = await bench.through(daily(sizes.memory_lives, end_ms), end_ms)
    uses, ids_bytes = {}, [0.0]
    with bench.stage() as stage:
        for name, (wanted, about) in USES.items():
            group = heavy if name == "heavy" else chosen(everybody, np.abs(days - wanted) <= about)
            used = await _redis_bytes(stage, f"memory.{name}.", group, sizes.memory_copies)
            uses[name] = use_of(group, wanted, used)
            ring = uses[name].parts.get(RING)
            if ring is not None and ring.rows:
                ids_bytes.append(ring.bytes / ring.rows)
            bench.say(f"  {name}: {len(group.states)} customers, {used:,.0f} bytes each in Redis")
        populations = {
            kind: await _redis_bytes(stage, f"memory.{kind}.", await bench.live(kind), sizes.memory_copies)
            for kind in ("fresh", "settled")
        }
    return Memory(uses, RING_IDS, max(ids_bytes), populations)


def active_days(lives: Lives) -> Sizes:
    """On how many of the 90 days each was there."""
    table = unpack([""] * len(lives.states), lives.states)
    return Frame(table, np.full(len(table), lives.end_ms)).value(FEATURES["active_days_90d"])


def chosen(lives: Lives, keep: NDArray[np.bool_]) -> Lives:
    """Some of the lives; at least one, so that a run on very few has figures."""
    places = np.flatnonzero(keep).tolist() or [0]
    return dataclasses.replace(
        lives, states=[lives.states[i] for i in places], due=[lives.due[i] for i in places]
    )


def daily(customers: int, end_ms: int) -> Iterator[EventRecord]:
    """Heavy customers: on each of the days up to `end_ms`, what some simulated customer did on some day."""
    by_day: dict[tuple[bytes, int], list[EventRecord]] = {}
    for record in happened(customers, end_ms):
        by_day.setdefault((record.key, record.ts_ms // DAY_MS), []).append(record)
    visits, random = list(by_day.values()), Random(SEED)
    first_day = end_ms // DAY_MS - DAYS + 1
    for day in range(first_day, first_day + DAYS):
        today = []
        for customer in range(_HEAVY_CUSTOMERS):
            visit = random.choice(visits)
            latest_ms = end_ms - 1 - day * DAY_MS
            for i, record in enumerate(visit):
                at_ms = day * DAY_MS + min(record.ts_ms % DAY_MS, latest_ms)
                template = (record.topic, orjson.loads(record.value))
                today.append(as_record(template, b"heavy-%d" % customer, f"{day}-{i}", at_ms))
        yield from sorted(today, key=lambda record: record.ts_ms)


def taken_apart(table: CustomerTable, names: Sequence[str]) -> dict[str, Sizes]:
    """What each table takes in each state, in bytes; see `Part`."""
    order = sorted(names, key=lambda name: (name != RING, name == "panes"))
    left = [sizes_of(without(table, order[:count])) for count in range(len(order) + 1)]
    return {name: left[place] - left[place + 1] for place, name in enumerate(order)}


def use_of(lives: Lives, wanted_days: int, redis_bytes: float) -> Use:
    """The sizes of these states."""
    table = unpack([""] * len(lives.states), lives.states)
    whole = sizes_of(table)
    tables = sparse_tables(table)
    parts = taken_apart(table, tables)
    rows = {name: np.bincount(getattr(table, name)["row"], minlength=len(table)) for name in tables}
    found = {"fixed": Part(float(np.mean(sizes_of(without(table, tables)))), 1.0)}
    for name, bytes_ in parts.items():
        if bytes_.any():
            found[name] = Part(float(np.mean(bytes_)), float(np.mean(rows[name])))
    rings = parts.get(RING, np.zeros_like(whole))
    return Use(
        active_days=wanted_days,
        customers=len(table),
        mean_bytes=float(np.mean(whole)),
        state_bytes=spread(map(float, whole)),
        without_ring_bytes=spread(map(float, whole - rings)),
        parts=found,
        redis_bytes=redis_bytes,
    )


def sparse_tables(table: CustomerTable) -> Sequence[str]:
    """The tables of the state that have rows for customers."""
    names = (field.name for field in dataclasses.fields(table))
    return [
        name
        for name in names
        if "row" in (getattr(getattr(table, name), "dtype", np.dtype("i1")).names or ())
    ]


def without(table: CustomerTable, names: Sequence[str]) -> CustomerTable:
    """The customers as if some tables were empty."""
    return dataclasses.replace(table, **{name: getattr(table, name)[:0] for name in names})


def sizes_of(table: CustomerTable) -> Sizes:
    """Packed bytes of each customer."""
    return np.array([len(state) for state in pack(table)], np.int64)


async def _redis_bytes(stage: Stage, prefix: str, lives: Lives, copies: int) -> float:
    """What Redis uses for one of so many copies: state, key, timers and the tables that hold them."""
    store = RedisStore(stage.redis.url, prefix=prefix, group="memory")
    try:
        await stage.rest()
        before = await _used_bytes(stage)
        await settle(lives, store, _PARTITIONS, copies)
        await stage.rest()
        used = await _used_bytes(stage) - before
        for partition in range(_PARTITIONS):
            await store.wipe(partition)
    finally:
        await store.aclose()
    return used / copies


async def _used_bytes(stage: Stage) -> float:
    """What the data takes, without the buffers of connections and of the append-only file."""
    info = await stage.redis_info()
    buffers = ("mem_clients_normal", "mem_aof_buffer")
    return float(str(info["used_memory"])) - sum(float(str(info[name])) for name in buffers)
