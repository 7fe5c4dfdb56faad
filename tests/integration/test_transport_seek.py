"""Seeks under load, and offsets that Kafka no longer has."""

import asyncio
import random
from pathlib import Path

import faust
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

from streamproc.transport.assignor import CopartitionError
from streamproc.transport.brokers import Brokers
from streamproc.transport.chunks import Chunk
from streamproc.transport.seek import OffsetLost, SeekFailed
from streamproc.transport.topics import Topics, create_topics
from tests.integration.transport_worker import Store, StoreOwner, build, running, until

SHARDS = 2


@pytest.fixture
async def prefix(kafka_server: str, topic_prefix: str) -> str:
    """The prefix of this test's topics, which exist, with SHARDS partitions each."""
    await create_topics(Brokers(kafka_server), topic_prefix, SHARDS)
    return topic_prefix


async def produce(
    bootstrap: str, prefix: str, records: int, *, pause_s: float = 0
) -> dict[tuple[str, int], int]:
    """Records to partitions by chance, a few hundred at a time; returns how many each one got."""
    counts: dict[tuple[str, int], int] = {}
    topics = Topics(prefix).sources
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for number in range(records):
            tp = (random.choice(topics), random.randrange(SHARDS))
            counts[tp] = counts.get(tp, 0) + 1
            await producer.send(tp[0], b"%d" % number, partition=tp[1])
            if number % 300 == 0:
                await asyncio.sleep(pause_s)
        await producer.flush()
    return counts


class OftenFenced(StoreOwner):
    """Loses its epoch before a commit now and then, so that the store refuses it."""

    async def before_commit(self, chunk: Chunk) -> None:
        chance = random.random()
        if chance < 0.1:
            await asyncio.sleep(chance / 5)
        if chance < 0.15:
            self.store.fence(chunk.partition)


@pytest.mark.parametrize(("chunk_records", "records"), [(1, 800), (100, 20_000)])
async def test_forced_seeks_lose_and_repeat_nothing(
    kafka_server: str, prefix: str, tmp_path: Path, chunk_records: int, records: int
) -> None:
    """While records flow, a commit in seven is refused and its shard starts over from the store.

    The database refuses a record that is applied twice, and no shard may see a chunk that does not start
    where the last one ended.
    """
    owner = OftenFenced(Store(tmp_path / "state", "w"))
    app = build(kafka_server, prefix + "group", prefix, owner, chunk_records=chunk_records)
    async with running(app):
        counts = await produce(kafka_server, prefix, records, pause_s=0.02)
        await until(lambda: owner.store.count() == records, timeout_s=90)
        stats = owner.consumer.stats
    assert owner.refused > 5
    assert stats.seeks > 5
    assert owner.holes == []
    assert owner.store.applied() == {tp: list(range(count)) for tp, count in counts.items()}


async def crash_of(app: faust.App, *, timeout_s: float = 30) -> BaseException:
    """Start the app; what makes it stop."""
    async with running(app):
        await until(lambda: app.crashed, timeout_s=timeout_s)
    reason = app._crash_reason
    assert reason is not None
    return reason


async def remove_records(bootstrap: str, tp: TopicPartition, before: int) -> None:
    """What retention does, at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


@pytest.mark.usefixtures("require_apache_kafka")
async def test_records_that_retention_removed_stop_the_worker(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """With an error that names the place; nothing of that worker is read or skipped."""
    counts = await produce(kafka_server, prefix, 800)
    topic = Topics(prefix).channels[0]
    await remove_records(kafka_server, TopicPartition(topic, 1), 50)
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    owner.store.set_offset(1, topic, 20)
    reason = await crash_of(build(kafka_server, prefix + "group", prefix, owner))
    assert isinstance(reason, OffsetLost)
    assert f"{topic}[1] must go on at offset 20" in reason.message
    assert "retention removed 30 unread records" in reason.message
    assert owner.store.count() == 0
    assert counts[topic, 1] > 50


@pytest.mark.usefixtures("require_apache_kafka")
async def test_lost_records_can_be_skipped_and_are_counted(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """By the policy `skip`; the other partitions are read from their beginnings."""
    counts = await produce(kafka_server, prefix, 800)
    topic = Topics(prefix).channels[0]
    lost = TopicPartition(topic, 1)
    await remove_records(kafka_server, lost, 50)
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    owner.store.set_offset(1, topic, 20)
    app = build(kafka_server, prefix + "group", prefix, owner, lost_policy="skip")
    async with running(app):
        await until(lambda: owner.store.count() == 750)
    assert owner.lost == {lost: 30}
    assert owner.store.applied()[tuple(lost)] == list(range(50, counts[tuple(lost)]))


@pytest.mark.usefixtures("require_apache_kafka")
async def test_retention_that_overtakes_a_worker_is_noticed(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """Also while it runs: here the log's beginning passes the records the agents wait with."""

    class Stuck(StoreOwner):
        async def before_commit(self, chunk: Chunk) -> None:
            await gate.wait()

    gate = asyncio.Event()
    topic = Topics(prefix).channels[0]
    tp = TopicPartition(topic, 0)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka_server, max_request_size=2_000_000, linger_ms=20
    ) as producer:
        for _ in range(400):
            await producer.send(topic, b"x" * 20_000, partition=0)
        await producer.flush()
        owner = Stuck(Store(tmp_path / "state", "w"))
        app = build(kafka_server, prefix + "group", prefix, owner, chunk_records=10)
        async with running(app):
            await until(lambda: (tail := owner.consumer.tail(tp)) is not None and tail.handed_next_offset > 0)
            await remove_records(kafka_server, tp, 399)
            gate.set()
            await until(lambda: app.crashed)
    assert isinstance(app._crash_reason, OffsetLost)
    assert owner.holes == []
    assert 0 < owner.store.count() < 399


@pytest.mark.usefixtures("require_apache_kafka")
async def test_an_offset_past_the_end_stops_the_worker(
    kafka_server: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The topic is not the one the state is about; `skip` goes on with what comes."""
    monkeypatch.setattr("streamproc.transport.seek._END_CHECK_PAUSE_S", 0.02)
    counts = await produce(kafka_server, prefix, 400)
    topic = Topics(prefix).channels[0]
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    owner.store.set_offset(0, topic, 100_000)
    reason = await crash_of(build(kafka_server, prefix + "group", prefix, owner))
    assert isinstance(reason, OffsetLost)
    assert f"{topic}[0] must go on at offset 100000, but Kafka's log ends at" in reason.message
    skipping = StoreOwner(Store(tmp_path / "state", "skipping"))
    app = build(kafka_server, prefix + "group", prefix, skipping, lost_policy="skip")
    async with running(app):
        await until(lambda: skipping.store.count() == 400 - counts[topic, 0])
    assert skipping.lost == {TopicPartition(topic, 0): counts[topic, 0]}


async def test_an_owner_that_does_not_answer_stops_the_worker(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """After half the request timeout; Faust alone would live on and read nothing."""

    class Silent(StoreOwner):
        async def acquire(self, shards: set[int], generation: int) -> dict[TopicPartition, int | None]:
            await asyncio.sleep(3600)
            return {}

    owner = Silent(Store(tmp_path / "state", "w"))
    app = build(kafka_server, prefix + "group", prefix, owner, request_timeout_s=6)
    reason = await crash_of(app, timeout_s=15)
    assert isinstance(reason, SeekFailed)


async def test_topics_of_different_sizes_stop_the_worker(
    kafka_server: str, topic_prefix: str, tmp_path: Path
) -> None:
    """Before anything is acquired, with the counts in the message."""
    topics = Topics(topic_prefix)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server)
    await admin.start()
    try:
        sizes = dict.fromkeys(topics.sources, 2) | {topics.channels[2]: 3}
        await admin.create_topics([NewTopic(topic, size, 1) for topic, size in sizes.items()])
    finally:
        await admin.close()
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    reason = await crash_of(build(kafka_server, topic_prefix + "group", topic_prefix, owner))
    assert isinstance(reason, CopartitionError)
    assert f"{topics.channels[2]} has 3" in reason.message
    assert owner.acquired == []


@pytest.mark.usefixtures("require_apache_kafka")
async def test_missing_topics_stop_the_worker(kafka_server: str, topic_prefix: str, tmp_path: Path) -> None:
    """By name, with the command that creates them."""
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    reason = await crash_of(build(kafka_server, topic_prefix + "group", topic_prefix, owner))
    assert isinstance(reason, CopartitionError)
    assert f"{topic_prefix}events.web" in reason.message
    assert "topics create" in reason.fix
