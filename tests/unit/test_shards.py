"""Shards on the in-memory store, with a reader of their own: what starts, what starts over, and when it is the end."""

import asyncio
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import msgspec
import pytest
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from streamproc import shards as shards_module
from streamproc.churn.model import load_model
from streamproc.clock import wall_ms
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.outbox import OutRecord
from streamproc.instants.inbox import Slice
from streamproc.isolation import Isolation
from streamproc.metrics import Metrics
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.shards import Shards
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION, unpack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.rewinds import read_note
from streamproc.state.store import Commit, Head, StateMissing, StoreUnavailable
from streamproc.transitions.definitions import Definitions
from streamproc.transport.chunks import Chunk, Tail
from streamproc.transport.owner import Progress, Unavailable
from streamproc.windows.apply import apply_events
from streamproc.windows.table import CustomerTable
from tests.unit.test_relay import Broker

PARTITIONS = 2
UNTIL_MS = 1_800_000_000_000


class Record(NamedTuple):
    """A Kafka record."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Reader:
    """A consumer whose topics are empty and read to their ends. `away`: how often a seek fails first."""

    shards: Shards | None = None
    away: int = 0
    log_ends: dict[TopicPartition, int] = field(default_factory=dict)
    kafka_knows: dict[TopicPartition, Progress] = field(default_factory=dict)
    read: dict[TopicPartition, int] = field(default_factory=dict)
    log: list[Record] = field(default_factory=list)  # of events.web[0]; handed over by each start
    assigned: set[int] = field(default_factory=lambda: set(range(PARTITIONS)))
    sessions: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def start(self, shards: set[int]) -> None:
        assert self.shards is not None
        starts = await self.shards.acquire(shards, generation=1)
        session = next(self.sessions)
        self.shards.started({tp: offset or 0 for tp, offset in starts.items()}, session)
        place = TopicPartition("events.web", 0)
        if self.log and place in starts:
            first, end = starts[place] or 0, len(self.log)
            self.read[place] = end
            await self.shards.deliver(
                Chunk("events.web", 0, self.log[first:], first, end, generation=1, session=session)
            )

    def tail(self, tp: TopicPartition) -> Tail | None:
        return Tail(self.read.get(tp, 0), at_end=True, polled_at_ms=wall_ms() + 1)

    async def reseek(self, shards: set[int]) -> bool:
        if self.away:
            self.away -= 1
            raise Unavailable("not now")
        if shards & self.assigned:
            await self.start(shards & self.assigned)
        return True

    async def committed(self, shards: set[int]) -> Mapping[TopicPartition, Progress]:
        return self.kafka_knows

    async def tell(self) -> bool:
        assert self.shards is not None
        self.kafka_knows |= self.shards.committed_offsets()
        return True

    async def ends(self) -> Mapping[TopicPartition, int]:
        every = {TopicPartition(topic, shard): 0 for topic in SOURCES for shard in range(PARTITIONS)}
        return every | self.log_ends

    def partition_count(self) -> int:
        return PARTITIONS

    def assigned_shards(self) -> set[int]:
        return self.assigned


def made(
    store: MemoryStore, until_ms: int | None = None, broker: Broker | None = None
) -> tuple[Shards, Reader]:
    definitions = Definitions(load_ruleset(None), load_model(None))
    shards = Shards(store, broker or Broker(), definitions, Settings(clock="event"), Metrics(), until_ms)
    shards.reader = reader = Reader(shards)
    return shards, reader


def assignments(shards: Shards) -> float | None:
    """What the worker says of the group's assignments."""
    return shards._metrics.registry.get_sample_value("streamproc_rebalances_total")


async def eventually(event: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await event.wait()


async def test_what_could_not_be_sought_is_started_once_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.restarts._PAUSE_S", 0.01)
    shards, reader = made(MemoryStore())
    reader.away = 2
    shards.on_unsought({0, 1})
    async with asyncio.timeout(5):
        while not all(held.tasks for held in shards.held.values()) or len(shards.held) < PARTITIONS:
            await asyncio.sleep(0.01)
    assert reader.away == 0
    await shards.release({0, 1})


async def test_shards_that_start_over_are_no_rebalance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis goes away and comes back: each shard is acquired again, and the group has not moved."""
    monkeypatch.setattr("streamproc.restarts._PAUSE_S", 0.01)
    shards, reader = made(MemoryStore())
    await reader.start({0, 1})
    before = dict(shards.held)
    for held in before.values():
        shards._start_over(held, "Redis does not answer")
    async with asyncio.timeout(5):
        while any(shards.held.get(shard) in (None, held) for shard, held in before.items()):
            await asyncio.sleep(0.01)
    assert assignments(shards) == 1
    await shards.release({0, 1})


async def test_each_assignment_of_the_group_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, also where it brings the same shards, and where Redis does not let the worker have them at first."""
    shards, _ = made(store := MemoryStore())
    assert assignments(shards) == 0
    await shards.acquire({0, 1}, generation=1)
    await shards.acquire({0, 1}, generation=2)
    assert assignments(shards) == 2

    async def away(*_: object, **__: object) -> Head:
        raise StoreUnavailable("Redis is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "acquire", away)
        with pytest.raises(Unavailable):
            await shards.acquire({0, 1}, generation=3)
    await shards.acquire({0}, generation=3)
    await shards.acquire({1}, generation=3)
    assert assignments(shards) == 3
    await shards.release({0, 1})


async def test_what_is_assigned_no_longer_is_not_kept() -> None:
    """It was put off, and in the meantime somebody else has got it."""
    shards, reader = made(MemoryStore())
    await shards.acquire({0}, generation=1)  # without an end: the seek was overtaken
    reader.assigned = set()
    shards.on_unsought({0})
    async with asyncio.timeout(5):
        while shards.held:
            await asyncio.sleep(0.01)
    assert shards.failure is None


async def test_until_is_reached_when_all_shards_are_done() -> None:
    shards, reader = made(MemoryStore(), UNTIL_MS)
    await reader.start({0, 1})
    await eventually(shards.done)
    assert [held.shard.time_ms for held in shards.held.values()] == [UNTIL_MS, UNTIL_MS]
    await shards.release({0, 1})


async def test_until_waits_for_a_shard_that_starts_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.restarts._PAUSE_S", 0.2)
    shards, reader = made(MemoryStore(), UNTIL_MS)
    reader.away = 2
    shards.on_unsought({0})
    await reader.start({1})
    await asyncio.sleep(0.15)
    assert not shards.done.is_set()
    await eventually(shards.done)
    assert shards.held.keys() == {0, 1}
    await shards.release({0, 1})


async def test_until_waits_for_what_other_workers_have_not_applied() -> None:
    store = MemoryStore()
    shards, reader = made(store, UNTIL_MS)
    place = TopicPartition("streamproc.rekey", 1)
    reader.log_ends[place] = 3
    await reader.start({0})
    await asyncio.sleep(0.2)
    assert not shards.done.is_set()
    head = await store.acquire(
        1, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    await store.commit(head, Commit(offsets={"streamproc.rekey": 3}))
    await eventually(shards.done)
    await shards.release({0})


async def test_a_topic_that_the_head_does_not_know_is_read_from_its_beginning() -> None:
    """As `actions.outcomes`, by a group that was there before it was a source."""
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    await store.commit(head, Commit(offsets={"events.web": 3}))
    shards, _ = made(store)
    offsets = await shards.acquire({0}, generation=2)
    assert offsets == {TopicPartition(topic, 0): 3 if topic == "events.web" else None for topic in SOURCES}
    await shards.release({0})


async def test_a_chunk_that_cannot_be_taken_in_stops_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust would start the agent again, without the chunk and without a word."""
    shards, reader = made(MemoryStore())
    await reader.start({0})
    held = shards.held[0]

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(held.shard, "put", broken)
    await shards.deliver(Chunk("events.web", 0, [], 0, 1, generation=1, session=held.session))
    assert isinstance(shards.failure, RuntimeError)
    assert shards.done.is_set()
    await shards.release({0})


async def test_a_shard_released_while_it_was_sought_stays_released() -> None:
    shards, _ = made(MemoryStore())
    starts = await shards.acquire({0, 1}, generation=1)
    await shards.release({0})
    shards.started(dict.fromkeys(starts, 0), 1)
    assert shards.held.keys() == {1}
    await shards.release({1})


async def test_a_full_outbox_takes_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis must not fill up with what Kafka does not take."""
    monkeypatch.setattr("streamproc.shards._OUTBOX_RECORDS_MAX", 1)
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    record = OutRecord("segments.changes", b"k", [("ce_id", b"1")], b"{}").pack()
    await store.commit(head, Commit(outbox=[record, record]))
    acknowledged = asyncio.Event()
    shards, reader = made(store, UNTIL_MS, Broker(held=acknowledged))
    await reader.start({0, 1})
    await asyncio.sleep(0.2)
    assert [held.shard.time_ms for held in shards.held.values()] == [0, UNTIL_MS]
    acknowledged.set()
    await eventually(shards.done)
    await shards.release({0, 1})


@pytest.mark.parametrize(
    ("stored", "told", "rewinds", "restating"),
    [
        (5, "0/5/5", 0, False),
        (6, "0/5/5", 0, False),
        (4, "0/5/5", 1, True),  # a commit is gone whose signals may have been seen
        (4, "0/5/4", 1, False),  # one whose signals wait in the outbox that is gone with it
        (4, "2/3/3", 3, True),  # Redis has forgotten two rewinds as well
        (5, "", 0, False),
        (5, "0/9", 0, False),
        (5, "somebody else's", 0, False),
    ],
)
async def test_a_redis_behind_what_kafka_was_told_counts_as_a_rewind(
    stored: int, told: str, rewinds: int, restating: bool
) -> None:
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    for _ in range(stored):
        head = await store.commit(head, Commit(offsets={"events.web": 7}))
    shards, reader = made(store)
    reader.kafka_knows[TopicPartition("events.web", 0)] = Progress(7, told)
    await shards.acquire({0}, generation=1)
    assert shards.held[0].shard.head.rewinds == rewinds
    assert shards.held[0].shard.is_restating == restating
    await shards.release({0})


async def test_shards_may_come_back_from_different_moments() -> None:
    """The nodes of a Redis Cluster are saved one after the other: each shard is whole, and rewinds for itself."""
    store = MemoryStore()
    heads = {
        partition: await store.acquire(
            partition, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={},
            create=True,
        )
        for partition in (0, 1)
    }  # fmt: skip
    backup: dict[int, Any] = {}
    for commit in range(5):
        for partition, head in heads.items():
            if commit == 2 + partition:
                backup[partition] = deepcopy(store._shards[partition])
            heads[partition] = await store.commit(head, Commit(offsets={"events.web": commit + 1}))
    store._shards.update(backup)
    shards, reader = made(store)
    reader.kafka_knows = {TopicPartition("events.web", p): Progress(5, "0/5/5/1") for p in heads}
    offsets = await shards.acquire({0, 1}, generation=1)
    assert [offsets[TopicPartition("events.web", p)] for p in heads] == [2, 3]
    assert [shards.held[p].shard.head.rewinds for p in heads] == [1, 1]
    assert all(shards.held[p].shard.is_restating for p in heads)
    await shards.release({0, 1})


async def test_another_history_is_restated() -> None:
    """Consumers were told of rewind 1; this Redis has never heard of it. What holds now must be said anew."""
    event = (
        b'{"type":"track","event":"Signed Up","userId":"bob","messageId":"m1",'
        b'"timestamp":"2026-01-05T12:00:00Z","properties":{}}'
    )
    store, place = MemoryStore(), TopicPartition("events.web", 0)
    shards, reader = made(store, UNTIL_MS)
    await reader.start({0, 1})
    chunk = Chunk("events.web", 0, [Record(0, b"bob", event)], 0, 1, 1, shards.held[0].session)
    reader.read[place] = 1
    await shards.deliver(chunk)
    await eventually(shards.done)
    await shards.release({0, 1})
    before = await store.read_head(0)
    assert before is not None
    assert before.rewinds == 0

    broker = Broker()
    shards, reader = made(store, UNTIL_MS, broker)
    reader.read[place] = 1
    reader.kafka_knows[place] = Progress(1, "1/1/1")
    await reader.start({0, 1})
    async with asyncio.timeout(5):
        while (await store.read_head(0)).extra.get("restate") != b"":  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
        while await store.outbox_length(0):
            await asyncio.sleep(0.01)
    said = [json.loads(value) for _, key, value in broker.sent if key == b"bob"]
    assert {body["context"]["streamproc"]["cause"] for body in said} == {"restored"}
    inside = [body["properties"]["audience_key"] for body in said if body["event"] == "Audience Entered"]
    segments = [segment.key for segment in load_ruleset(None).segments]
    assert [body["properties"].get("audience_key") for body in said][: len(segments)] == segments
    assert inside
    assert set(inside) < set(segments)
    versions = [body["context"]["streamproc"]["version"] for body in said]
    assert versions == list(range(versions[0], versions[0] + len(said)))
    assert versions[0] >> 32 == 2
    (stored,) = unpack(["bob"], [await store.get(0, b"bob")]).head["version"].tolist()
    assert (
        stored == versions[-1] & 0xFFFFFFFF
    )  # or the next signal would have a version that was there before
    await shards.release({0, 1})


async def test_shards_are_restated_together() -> None:
    """Shards that are evaluated in one go say each what holds of its own customers."""
    store, homes = MemoryStore(), {b"bob": 0, b"zoe": 1}
    for is_anew in (False, True):
        broker = Broker()
        shards, reader = made(store, UNTIL_MS, broker)
        for partition in homes.values():
            place = TopicPartition("events.web", partition)
            reader.read[place] = int(is_anew)
            if is_anew:
                reader.kafka_knows[place] = Progress(1, "1/1/1")
        await reader.start(set(homes.values()))
        if not is_anew:
            for customer, partition in homes.items():
                record = Record(0, customer, track(customer, 1, 5))
                session = shards.held[partition].session
                reader.read[TopicPartition("events.web", partition)] = 1
                await shards.deliver(Chunk("events.web", partition, [record], 0, 1, 1, session))
        await eventually(shards.done)
        await shards.release(set(homes.values()))
        assert shards.failure is None
    restated = {key for _, key, value in broker.sent if b'"cause":"restored"' in value}
    assert restated == homes.keys()


async def test_a_commit_whose_reply_is_on_its_way_is_waited_for() -> None:
    """The relay may find its records in Redis before the shard knows that they are there."""
    shards, reader = made(MemoryStore())
    await reader.start({0})
    held = shards.held[0]
    while not held.shard.head.seq:  # where reading begins is committed first
        await asyncio.sleep(0.01)
    asked = asyncio.create_task(shards._tell(0, held.shard.head.seq + 1))
    await asyncio.sleep(0.02)
    assert not asked.done()
    held.shard.head = replace(held.shard.head, seq=held.shard.head.seq + 1)
    async with asyncio.timeout(5):
        assert await asked
    await shards.release({0})


async def test_records_that_were_given_up_stay_given_up() -> None:
    """Kafka's log began anew. Were the offset not committed, the next seek would jump over what has come since."""
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    await store.commit(head, Commit(offsets={"events.web": 700}))
    shards, _ = made(store)
    starts = await shards.acquire({0}, generation=1)
    shards.started(dict.fromkeys(starts, 0), 1)
    async with asyncio.timeout(5):
        while (await store.read_head(0)).offsets["events.web"]:  # type: ignore[union-attr]
            await asyncio.sleep(0.01)
    await shards.release({0})


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    """What fails after it, because the worker ends, would hide it."""
    shards, reader = made(MemoryStore())
    reader.kafka_knows[TopicPartition("events.web", 0)] = Progress(7, "")
    shards.on_unsought({0})
    await eventually(shards.done)
    shards._fail(RuntimeError("Event loop is closed"))
    assert isinstance(shards.failure, StateMissing)


async def test_what_was_let_go_before_it_had_ended_is_known() -> None:
    """Redis does not answer, and the transport waits no longer; until the shard is taken and let go in order."""
    shards, _ = made(MemoryStore())
    await shards.acquire({0, 1}, generation=1)
    never = asyncio.create_task(asyncio.Event().wait())
    shards.held[0].tasks = [cast(Any, never)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shards.release({0, 1})
    assert shards.leaving.keys() == {0}
    asyncio.get_running_loop().call_later(0.01, never.cancel)
    await shards.finish_leaving()  # as a worker does at its end
    assert shards.leaving == {}


async def test_what_does_not_end_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards_module, "_LEAVE_S", 0.01)
    shards, _ = made(MemoryStore())
    await shards.acquire({0}, generation=1)
    never = asyncio.create_task(asyncio.Event().wait())
    shards.held[0].tasks = [cast(Any, never)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await shards.release({0})
    await shards.finish_leaving()
    assert shards.leaving.keys() == {0}
    never.cancel()
    await shards.acquire({0}, generation=2)
    await shards.release({0})
    assert shards.leaving == {}


async def test_a_worker_that_ends_starts_nothing_over() -> None:
    shards, reader = made(MemoryStore())
    reader.away = 1_000
    shards.on_unsought({0})
    await asyncio.sleep(0)
    shards.stop_restarts()
    shards.on_unsought({1})
    await asyncio.sleep(0.05)
    assert not shards._restarts.under_way
    assert shards.failure is None


def track(customer: bytes, message: int, day: int) -> bytes:
    return (
        b'{"type":"track","event":"Product Viewed","userId":"%b","messageId":"m%d",'
        b'"timestamp":"2026-01-%02dT12:00:00Z","properties":{}}' % (customer, message, day)
    )


async def test_a_record_on_which_the_program_fails_is_set_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect of ours must not stop the stream: the record goes to events.failed, all others are processed."""

    def defective(table: CustomerTable, *args: Any, **kwargs: Any) -> Any:
        if "dora" in table.ids:
            raise ZeroDivisionError("a bug")
        return apply_events(table, *args, **kwargs)

    monkeypatch.setattr("streamproc.instants.advance.apply_events", defective)
    customers = [b"bob", b"carla", b"bob", b"dora", b"carla", b"bob"]
    records = [Record(i, name, track(name, i, 1 + i)) for i, name in enumerate(customers)]
    store, place, broker = MemoryStore(), TopicPartition("events.web", 0), Broker()
    shards, reader = made(store, UNTIL_MS, broker)
    reader.log = records
    with capture_logs() as logs:
        await reader.start({0, 1})
        await eventually(shards.done)
    assert shards.failure is None
    assert any(line["event"].startswith("a defect of streamproc") for line in logs)
    head = await store.read_head(0)
    assert head is not None
    assert head.offsets[place.topic] == len(records)
    failed = [json.loads(value)["data"] for topic, _, value in broker.sent if topic == "events.failed"]
    assert [(data["source"]["offset"], data["failure"]["reason"]) for data in failed] == [
        (3, "not_processed")
    ]
    assert failed[0]["payload"]["raw"] == records[3].value.decode()
    assert await store.get(0, b"bob") is not None
    assert await store.get(0, b"dora") is None
    await shards.release({0, 1})


async def test_a_timer_on_which_the_program_fails_ends_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record is to blame, and none may be set aside for it."""
    store = MemoryStore()
    shards, reader = made(store, UNTIL_MS)
    reader.log = [Record(0, b"bob", track(b"bob", 0, 1))]

    def defective(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug")

    await reader.start({0, 1})
    monkeypatch.setattr("streamproc.instants.advance.evaluate", defective)
    await eventually(shards.done)
    assert isinstance(shards.failure, ZeroDivisionError)
    await shards.release({0, 1})


async def test_a_record_that_cannot_be_decoded_for_a_defect_is_set_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def defective(records: Sequence[Any], **kwargs: Any) -> Any:
        if any(record.value and b"dora" in record.value for record in records):
            raise ZeroDivisionError("a bug")
        return decode_chunk(records, **kwargs)

    monkeypatch.setattr("streamproc.intake.decode_chunk", defective)
    store, broker = MemoryStore(), Broker()
    shards, reader = made(store, UNTIL_MS, broker)
    names = [b"bob", b"dora", b"carla"]
    reader.log = [Record(i, name, track(name, i, 1 + i)) for i, name in enumerate(names)]
    with capture_logs() as logs:
        await reader.start({0, 1})
        await eventually(shards.done)
    assert shards.failure is None
    assert [line["offsets"] for line in logs if line["event"].startswith("a defect")] == [[1]]
    failed = [json.loads(value)["data"] for topic, _, value in broker.sent if topic == "events.failed"]
    assert [(data["source"]["offset"], data["failure"]["reason"]) for data in failed] == [
        (1, "not_processed")
    ]
    assert await store.customers(0) == 2
    await shards.release({0, 1})


async def test_a_failed_event_that_cannot_be_written_down_does_not_stop_the_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong with it is lost, but not where it stands; all others are processed."""

    def defective(*args: Any, **kwargs: Any) -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("streamproc.sources.failed_record", defective)
    store, broker = MemoryStore(), Broker()
    shards, reader = made(store, UNTIL_MS, broker)
    reader.log = [Record(0, b"dora", b"{oops"), Record(1, b"bob", track(b"bob", 1, 2)), Record(2, None, None)]
    with capture_logs() as logs:
        await reader.start({0, 1})
        await eventually(shards.done)
    assert shards.failure is None
    defects = [line["place"] for line in logs if line["event"].startswith("a defect of streamproc")]
    assert defects == ["events.web/0/0", "events.web/0/2"]
    failed = [json.loads(value)["data"] for topic, _, value in broker.sent if topic == "events.failed"]
    assert [(data["source"]["offset"], data["failure"]["reason"]) for data in failed] == [
        (0, "not_processed"),
        (2, "not_processed"),
    ]
    assert (failed[0]["payload"]["bytes"], failed[0]["payload"]["raw"]) == (5, "")
    assert await store.customers(0) == 1
    await shards.release({0, 1})


async def test_a_rebalance_in_vain_does_not_leave_a_shard_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis is away, the shard waits for it; a rebalance drops it and cannot acquire it either; Redis comes back."""
    monkeypatch.setattr("streamproc.restarts._PAUSE_S", 0.01)
    store = MemoryStore()
    shards, reader = made(store)
    await reader.start({0, 1})
    read_head, away = store.read_head, asyncio.Event()

    async def silent(partition: int) -> Head | None:
        if not away.is_set():
            raise StoreUnavailable("away")
        return await read_head(partition)

    monkeypatch.setattr(store, "read_head", silent)
    shards._start_over(shards.held[0], "Redis is away")
    await asyncio.sleep(0.03)
    await shards.release({0})
    shards.on_unsought({0})
    away.set()
    async with asyncio.timeout(5):
        while 0 not in shards.held or not shards.held[0].tasks:
            await asyncio.sleep(0.01)
    await shards.release({0, 1})


async def test_sweeps_do_not_keep_a_defect_from_being_found() -> None:
    """Only what takes records shows that they can be taken."""
    isolation = Isolation(2_000)
    taken = cast(Slice, SimpleNamespace(raw=[1, 2, 3, 4], records=4))
    assert isolation.narrow(0, taken)
    assert isolation.limit(0) == 2
    isolation.committed(0, {})
    assert isolation.limit(0) == 4


async def test_what_was_set_aside_is_forgotten_once_it_is_passed() -> None:
    isolation = Isolation(2_000)
    known = isolation.unprocessable(0)
    isolation.blame(0, [(SOURCES.index("events.web"), 7)])
    isolation.committed(0, {"events.web": 7})
    assert known == {(SOURCES.index("events.web"), 7)}
    isolation.committed(0, {"events.web": 8})
    assert known == set()


async def test_too_much_is_no_single_records_fault() -> None:
    isolation = Isolation(2_000)
    isolation.blame(0, [(0, offset) for offset in range(1_000)])
    assert isolation.is_hopeless(0)
    assert not isolation.narrow(0, cast(Slice, SimpleNamespace(raw=[1, 2], records=2)))


async def test_what_kafka_is_told_can_be_read() -> None:
    """From the first moment on, before anything was sent: a loss must be noticed whenever it comes."""
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="w", partitions=2, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    head = await store.commit(head, Commit(offsets={"events.web": 7}))
    shards, reader = made(store)
    await reader.start({0})
    while shards.held[0].shard.head.seq == head.seq:
        await asyncio.sleep(0.01)
    notes = {progress.note for progress in shards.committed_offsets().values()}
    ((rewinds, seq, sent),) = {read_note(note) for note in notes}
    assert (rewinds, sent) == (0, head.seq)  # whoever held it before may have sent all of it
    assert seq == shards.held[0].shard.head.seq
    await shards.release({0})


async def test_definitions_that_decide_the_same_evaluate_nobody() -> None:
    """A new sample of cut-offs may leave them where they were. A sweep that is under way goes on."""
    shards, _ = made(MemoryStore())
    await shards.acquire({0}, generation=1)
    held = shards.held[0]
    same = Definitions(load_ruleset(None), load_model(None))
    assert held.sweep_cursor is None
    shards.redefine(same)
    assert held.sweep_cursor is None
    held.sweep_cursor = 7
    shards.redefine(same)
    assert held.sweep_cursor == 7
    model = msgspec.structs.replace(load_model(None), version="another")
    shards.redefine(Definitions(load_ruleset(None), model))
    assert held.sweep_cursor == 0
    await shards.release({0})
