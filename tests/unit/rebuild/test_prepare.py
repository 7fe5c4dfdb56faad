"""May a rebuild begin, and from where to where does it go? Kafka's answers are given."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.contracts.outbox import OutRecord
from streamproc.errors import StreamprocError
from streamproc.rebuild import leftovers
from streamproc.rebuild import prepare as preparing
from streamproc.rebuild.prepare import Place, Wish, prepare
from streamproc.rebuild.progress import close, standing
from streamproc.sources import SOURCES
from streamproc.state.memory_store import MemoryStore
from streamproc.state.plan import PLAN, keep_away, plan_in
from streamproc.state.store import Commit, Head
from streamproc.transport.brokers import Brokers
from streamproc.transport.outlet import Outgoing
from streamproc.transport.owner import Progress

WEB, REKEY = "events.web", "streamproc.rekey"


@dataclass
class Kafka:
    """What the brokers would say. bounds: of events.web; all other logs are empty."""

    bounds: list[tuple[int, int]] = field(default_factory=lambda: [(0, 10), (0, 20)])
    told: dict[str, dict[TopicPartition, Progress]] = field(default_factory=dict)
    members: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def partition_counts(_: Brokers, __: str, topics: list[str]) -> dict[str, int]:
            return dict.fromkeys(topics, len(self.bounds))

        async def log_bounds(
            _: Brokers, topics: list[str], partitions: int
        ) -> Mapping[tuple[str, int], tuple[int, int]]:
            return {
                (topic, partition): self.bounds[partition] if topic.endswith(WEB) else (0, 0)
                for topic in topics
                for partition in range(partitions)
            }

        async def told_progress(_: Brokers, group: str) -> dict[TopicPartition, Progress]:
            self.asked.append(f"progress of {group}")
            return self.told.get(group, {})

        async def member_count(_: Brokers, group: str) -> int:
            self.asked.append(f"members of {group}")
            return self.members.get(group, 0)

        for answer in (partition_counts, log_bounds, told_progress, member_count):
            monkeypatch.setattr(preparing, answer.__name__, answer)


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    made = Kafka()
    made.answer(monkeypatch)
    monkeypatch.setattr(preparing, "_SETTLED_S", 0.01)
    return made


def place(store: MemoryStore, after: MemoryStore | None = None) -> Place:
    return Place(store, Brokers("nowhere:1"), "t.", "green", after)


def told(offsets: list[int], note: str) -> dict[TopicPartition, Progress]:
    return {
        TopicPartition(f"t.{WEB}", partition): Progress(offset, note)
        for partition, offset in enumerate(offsets)
    }


async def lived(store: MemoryStore, partition: int, extra: Mapping[str, bytes] | None = None) -> Head:
    head = await store.acquire(
        partition, generation=1, member="m", partitions=2, layout=6, offsets_if_new={}, create=True
    )
    return await store.commit(head, Commit(states=[(b"c", b"s")], offsets={WEB: 5}, extra=extra or {}))


async def test_where_nobody_worked_it_goes_to_the_ends_of_now(kafka: Kafka) -> None:
    before_ms = wall_ms()
    plan = await prepare(place(MemoryStore()), Wish())
    assert plan.begins[WEB] == [0, 0]
    assert plan.ends[WEB] == [10, 20]
    assert plan.tells_failures
    assert plan.moves_strays
    assert plan.end_of(REKEY, 0) is None  # what it brings there itself is its own
    assert all(before_ms <= each <= wall_ms() for each in plan.until_ms)
    assert plan.rewinds == 0


async def test_it_goes_as_far_as_workers_have_come(kafka: Kafka) -> None:
    """And says what they have said not again, nor with an older version."""
    kafka.told["green"] = told([7, 12], "3/9/9/5000") | {
        TopicPartition("other.events.web", 0): Progress(99, "")
    }
    kafka.told["green"][TopicPartition("t.events.app", 1)] = Progress(0, "3/10/9/6000")
    plan = await prepare(place(MemoryStore()), Wish())
    assert plan.ends[WEB] == [7, 12]
    assert plan.ends[REKEY] == [0, 0]
    assert plan.until_ms == [5000, 6000]
    assert plan.rewinds == 4
    assert not plan.tells_failures
    assert not plan.moves_strays


async def test_logs_that_were_made_anew_or_cut_are_taken_as_they_are(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def begins_of(*_: object, **__: object) -> dict[str, list[int]]:
        return {topic: [0, 0] for topic in SOURCES}

    monkeypatch.setattr(preparing, "begins_of", begins_of)
    kafka.bounds = [(8, 10), (0, 3)]
    kafka.told["green"] = told([7, 12], "0/1/1/5000")
    plan = await prepare(place(MemoryStore()), Wish())
    assert plan.ends[WEB] == [8, 3]


async def test_with_more_partitions_customers_are_brought_where_they_belong(kafka: Kafka) -> None:
    kafka.told["green"] = told([7], "0/1/1/5000")
    plan = await prepare(place(MemoryStore()), Wish())
    assert plan.ends[WEB] == [7, 0]
    assert plan.until_ms == [5000, 5000]
    assert (plan.tells_failures, plan.moves_strays) == (False, True)
    assert plan.end_of(REKEY, 1) is None


async def test_state_is_deleted_only_if_that_is_meant(kafka: Kafka) -> None:
    store = MemoryStore()
    await lived(store, 0)
    with pytest.raises(StreamprocError, match="1 customers in 1 shards"):
        await prepare(place(store), Wish())
    assert await store.controls() == {}
    plan = await prepare(place(store), Wish(wipe=True))
    assert plan.emptied
    assert await store.read_head(0) is None


async def test_workers_must_not_run(kafka: Kafka) -> None:
    kafka.members["green"] = 2
    with pytest.raises(StreamprocError, match=r"has members \(2\)"):
        await prepare(place(MemoryStore()), Wish())


async def test_what_is_under_way_is_joined(kafka: Kafka) -> None:
    """By others and after a kill, and its own members do not count."""
    store = MemoryStore()
    plan = await prepare(place(store), Wish())
    kafka.members["green"], kafka.bounds = 1, [(0, 99), (0, 99)]
    assert await prepare(place(store), Wish()) == plan
    assert (
        await prepare(place(store), Wish(wipe=True)) == plan
    )  # the same command once more begins nothing anew
    with pytest.raises(StreamprocError, match="another rebuild"):
        await prepare(place(store), Wish(after="blue"))
    with pytest.raises(StreamprocError, match="is being rebuilt"):
        keep_away(await store.controls())


async def test_who_begins_at_the_same_moment_goes_by_one_plan(kafka: Kafka) -> None:
    """And deletes nothing of what the other one builds already."""
    store = MemoryStore()
    await lived(store, 0)
    plans = await asyncio.gather(*(prepare(place(store), Wish(wipe=True)) for _ in range(3)))
    assert len({plan.id for plan in plans}) == 1
    assert all(plan.emptied for plan in plans)
    assert plan_in(await store.controls()) == plans[0]
    assert await store.read_head(0) is None


async def test_a_takeover(kafka: Kafka) -> None:
    """While blue goes on, green waits; then it goes as far as blue has come, and workers may begin."""
    store, blue = MemoryStore(), MemoryStore()
    await blue.set_control("winback", "paused")
    kafka.told["blue"], kafka.members["blue"] = told([7, 12], "0/1/1/5000"), 1
    wish = Wish(after="blue")
    first = await prepare(place(store, blue), wish)
    assert first.goes_on
    for partition in (0, 1):
        head = await lived(store, partition)
        assert not first.is_built(head)
        await store.commit(head, Commit(extra=first.mark_for(head)))
    assert (await standing(store, first)).applied == 10
    assert await close(store, first)
    with pytest.raises(StreamprocError, match="beside the group blue"):
        keep_away(await store.controls())

    kafka.told["blue"], kafka.members["blue"] = told([9, 15], "1/8/8/8000"), 0
    kafka.asked.clear()
    last = await prepare(place(store, blue), wish)
    # The other way round, blue could say something in between and stop.
    assert kafka.asked[-2:] == ["members of blue", "progress of blue"]
    assert (last.goes_on, last.ends[WEB], last.until_ms) == (False, [9, 15], [8000, 8000])
    assert last.rewinds == 2
    assert not await close(store, last)
    for partition in (0, 1):
        head = await store.acquire(
            partition, generation=1, member="m", partitions=2, layout=6, offsets_if_new={}, create=False
        )
        await store.commit(head, Commit(extra=last.mark_for(head)))
    assert await close(store, last)
    keep_away(await store.controls())
    assert await store.controls() == {"winback": "paused"}


async def test_who_never_worked_cannot_be_taken_over(kafka: Kafka) -> None:
    store = MemoryStore()
    with pytest.raises(StreamprocError, match="knows of no work of a group blue"):
        await prepare(place(store, MemoryStore()), Wish(after="blue"))
    assert plan_in(await store.controls()) is None


@pytest.mark.parametrize("is_beside", [True, False])
async def test_what_was_left_unsent_is_sent(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, is_beside: bool
) -> None:
    """What Kafka was told of. What came later will come of the events once more; while blue works, it is its own."""
    sent: list[Outgoing] = []

    class Kept:
        def __init__(self, _: object) -> None: ...

        async def send(self, records: list[Outgoing]) -> None:
            sent.extend(records)

    @asynccontextmanager
    async def open_client(_: Brokers) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(leftovers, "Outlet", Kept)
    monkeypatch.setattr(leftovers, "open_client", open_client)
    blue = MemoryStore()
    store = MemoryStore() if is_beside else blue
    wish = Wish(after="blue") if is_beside else Wish(wipe=True)
    kafka.told["blue" if is_beside else "green"] = told([7, 12], "0/2/1/5000")
    head = await lived(blue, 0)
    for value in (b"told", b"not told"):
        record = OutRecord("segments.changes", b"c", [], value)
        head = await blue.commit(head, Commit(outbox=[record.pack()]))
    if is_beside:
        kafka.members["blue"] = 1
        assert (await prepare(place(store, blue), wish)).goes_on
        assert not sent
        kafka.members["blue"] = 0
        await store.set_control(PLAN, None)
    await prepare(place(store, blue), wish)
    assert [(record.topic, record.value) for record in sent] == [("t.segments.changes", b"told")]
