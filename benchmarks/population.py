"""Customers with a history, by the million: simulated lives through the engine, their states copied under other names.

The lives are those of the packaged simulator, 90 days of all its personas, up to an instant `end_ms`. They go through
the same shard as everything else, in memory. A million customers are copies of some hundred of these states, with their
timers, committed to Redis as a worker would have left them. Two populations:

- **fresh**: the lives as they are. Most customers are not there on most days, so an event of a uniform draw most
  likely brings back a customer who was silent, which is what signals are about: about one signal per event.
- **settled**: the same lives, but the uniform load has been going on for two weeks: every customer has been there on
  each of these days and in the last half hour. Who comes is there already, so few signals follow.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from operator import attrgetter
from random import Random
from typing import Any, Final, Literal

import orjson

from benchmarks.workload import SEED, Template, name, templates
from streamproc.contracts.instants import to_iso
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.settings import Settings
from streamproc.simulate.lives.life import DAY_MS, HOUR_MS, MINUTE_MS
from streamproc.simulate.lives.population import Plan, Population
from streamproc.simulate.lives.records import EventRecord, recorded
from streamproc.sources import SOURCES
from streamproc.state.keys import due_entry
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.memory_store import MemoryStore
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Commit, Head
from streamproc.transitions.definitions import Definitions
from streamproc.transport.partitioner import partitions_of

Kind = Literal["fresh", "settled"]
DAYS: Final = 90
#: What a settled customer does besides: on so many days up to today, so many events.
SETTLED_DAYS: Final = 14
SETTLED_EVENTS: Final = 3
_RECORDS: Final = 2_000
_STATES_PER_COMMIT: Final = 5_000
#: More than there can be.
_ALL: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Lives:
    """What became of simulated customers up to an instant.

    states: packed. due: of each, the due entries that ask for it: (minute, what its entry begins with). head: what
    their shard knew then.
    """

    states: list[bytes]
    due: list[list[tuple[int, bytes]]]
    head: Head
    end_ms: int
    signals: int


@dataclass(slots=True)
class Raw:
    """A record as a Kafka client would hand it over."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def happened(customers: int, end_ms: int) -> Iterator[EventRecord]:
    """Everything that so many simulated customers did in the 90 days up to `end_ms`, in the order of time."""
    return recorded(Population(Plan(SEED, DAYS, end_ms, "USD"), range(customers)).happenings(), "b")


def history(kind: Kind, customers: int, end_ms: int) -> Iterable[EventRecord]:
    """The events that a population comes from, in the order of time."""
    lives = happened(customers, end_ms)
    if kind == "fresh":
        return lives
    known = {record.key: None for record in happened(customers, end_ms)}
    return merge(lives, sorted(_daily(list(known), end_ms), key=attrgetter("ts_ms")), key=attrgetter("ts_ms"))


def _daily(keys: Sequence[bytes], end_ms: int) -> Iterator[EventRecord]:
    """Events of everybody on each of the last days, and one within the last half hour, which is today."""
    random, events = Random(SEED), templates()
    today_ms = end_ms // DAY_MS * DAY_MS
    for key in keys:
        instants = [
            today_ms - day * DAY_MS + random.randrange(DAY_MS)
            for day in range(SETTLED_DAYS)
            for _ in range(SETTLED_EVENTS)
        ]
        instants.append(random.randrange(max(today_ms, end_ms - 30 * MINUTE_MS), end_ms))
        for i, ts_ms in enumerate(instants):
            if ts_ms < end_ms:
                yield as_record(random.choice(events), key, f"s-{i}", ts_ms)


def as_record(template: Template, key: bytes, series: str, ts_ms: int) -> EventRecord:
    """An event of a customer, who is known by the key of its records."""
    topic, event = template
    who = key.decode()
    anonymous = who.removeprefix("anon:")
    names = {"userId": who} if anonymous == who else {"anonymousId": anonymous}
    rest = {field: value for field, value in event.items() if field not in ("userId", "anonymousId")}
    made = {**rest, **names, "messageId": f"{series}-{who}", "timestamp": to_iso(ts_ms)}
    return EventRecord(ts_ms, topic, key, orjson.dumps(made))


class Engine:
    """One shard in memory: what a worker does between Kafka and Redis."""

    def __init__(self, store: MemoryStore, head: Head, definitions: Definitions) -> None:
        self.store, self.signals = store, 0
        self.shard = Shard(store, head, [], definitions, Settings(clock="live"), Metrics())

    @classmethod
    async def begin(cls, definitions: Definitions) -> "Engine":
        """With nobody in it."""
        store = MemoryStore()
        head = await store.acquire(
            0, generation=1, member="bench", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
        )  # fmt: skip
        return cls(store, head, definitions)

    def put(self, records: Sequence[EventRecord], wall_ms: int) -> None:
        """Queue events."""
        for code, topic in enumerate(SOURCES):
            some = [record for record in records if record.topic == topic]
            if some:
                first = self.shard.head.offsets.get(topic, 0)
                raw = [Raw(first + i, record.key, record.value) for i, record in enumerate(some)]
                self.shard.put(code, raw, first + len(raw), wall_ms)

    async def advance(self, time_ms: int) -> None:
        """Apply what is queued and fire what is due, up to an instant."""
        while (batch := await self.shard.take_live(time_ms)) is not None:
            self.signals += len((await self.shard.step(batch)).signals)
            if (entries := await self.store.outbox_read(self.shard.head, None, _ALL)) != []:
                await self.store.outbox_trim(self.shard.head, entries[-1].id)


async def live(
    definitions: Definitions, events: Iterable[EventRecord], end_ms: int, step_ms: int = 6 * HOUR_MS
) -> Lives:
    """Events, in the order of time, through the engine, and time up to `end_ms`.

    step_ms: events of so much time are applied at once; timers fire at their own instants all the same.
    """
    # In a thread, because it takes long and connections of this loop would time out meanwhile.
    return await asyncio.to_thread(asyncio.run, _live(definitions, events, end_ms, step_ms))


async def _live(definitions: Definitions, events: Iterable[EventRecord], end_ms: int, step_ms: int) -> Lives:
    engine = await Engine.begin(definitions)
    for step, some in groupby(events, lambda record: record.ts_ms // step_ms):
        chunk = list(some)
        for at in range(0, len(chunk), _RECORDS):
            engine.put(chunk[at : at + _RECORDS], end_ms)
            await engine.advance(chunk[at].ts_ms)
        await engine.advance(min((step + 1) * step_ms, end_ms))
    await engine.advance(end_ms)
    store, head = engine.store, engine.shard.head
    _, found = await store.scan(head, 0, _ALL)
    place = {customer: i for i, (customer, _) in enumerate(found)}
    due: list[list[tuple[int, bytes]]] = [[] for _ in found]
    for minute in await store.minutes(head):
        for due_ms, customer in await store.due_entries(head, minute):
            entry = (minute, due_entry(due_ms, b""))
            if due_ms > end_ms and entry not in due[place[customer]]:
                due[place[customer]].append(entry)
    return Lives([state for _, state in found], due, head, end_ms, engine.signals)


async def settle(lives: Lives, store: RedisStore, partitions: int, customers: int) -> None:
    """Put so many copies of the lives into Redis, as a worker would have left them when the lives ended."""
    keys = [name(number).encode() for number in range(customers)]
    numbers: list[list[int]] = [[] for _ in range(partitions)]
    for number, place in enumerate(partitions_of(keys, partitions).tolist()):
        numbers[place].append(number)
    await asyncio.gather(
        *(_settle(lives, store, shard, partitions, numbers[shard], keys) for shard in range(partitions))
    )


async def _settle(
    lives: Lives,
    store: RedisStore,
    shard: int,
    partitions: int,
    numbers: Sequence[int],
    keys: Sequence[bytes],
) -> None:
    head = await store.acquire(
        shard, generation=0, member="", partitions=partitions, layout=LAYOUT_VERSION,
        offsets_if_new=dict.fromkeys(SOURCES, 0), create=True,
    )  # fmt: skip
    # What the shard keeps beside the customers, or the worker would take the rules for new, and evaluate everybody.
    known: Mapping[str, Any] = {
        "time_ms": lives.end_ms,
        "max_ms": lives.head.max_ms,
        "extra": lives.head.extra,
    }
    for at in range(0, max(1, len(numbers)), _STATES_PER_COMMIT):
        states: list[tuple[bytes, bytes]] = []
        due: dict[int, list[bytes]] = {}
        for number in numbers[at : at + _STATES_PER_COMMIT]:
            life = number % len(lives.states)
            states.append((keys[number], lives.states[life]))
            for minute, begin in lives.due[life]:
                due.setdefault(minute, []).append(begin + keys[number])
        head = await store.commit(head, Commit(states=states, due=due, **known))
