"""The batch transport against a broker: every record reaches its shard once, in order, in chunks."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.chunks import Chunk
from streamproc.transport.lenient import LenientRecords
from streamproc.transport.topics import Topics, create_topics, describe
from tests.integration.transport_worker import Shard, Store, StoreOwner, build, running, until

SHARDS = 3


async def produce(bootstrap: str, prefix: str, per_partition: int, *, topics: tuple[str, ...] = ()) -> int:
    """`per_partition` records to every partition of the source topics (or of `topics`); returns how many."""
    names = topics or Topics(prefix).sources
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        for number in range(per_partition):
            for topic in names:
                for shard in range(SHARDS):
                    await producer.send(topic, b"%d" % number, partition=shard)
        await producer.flush()
    return per_partition * len(names) * SHARDS


class Watchful(StoreOwner):
    """Remembers the sizes of chunks."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.sizes: Counter[int] = Counter()

    async def before_commit(self, chunk: Chunk) -> None:
        self.sizes[len(chunk.records)] += 1
        assert {record.offset for record in chunk.records} <= set(
            range(chunk.start_offset, chunk.next_offset)
        )


@pytest.fixture
async def prefix(kafka_server: str, topic_prefix: str) -> str:
    """The prefix of this test's topics, which exist, with SHARDS partitions each."""
    await create_topics(Brokers(kafka_server), topic_prefix, SHARDS)
    return topic_prefix


@pytest.mark.parametrize("chunk_records", [1, 500])
async def test_every_record_is_handed_over_once_and_in_order(
    kafka_server: str, prefix: str, tmp_path: Path, chunk_records: int
) -> None:
    """All topics, chunks of any size; at the end every partition is known to be at its end."""
    owner = Watchful(Store(tmp_path / "state", "w"))
    app = build(kafka_server, prefix + "group", prefix, owner, chunk_records=chunk_records)
    produced = await produce(kafka_server, prefix, 100 if chunk_records == 1 else 2_000)
    async with running(app):
        await until(lambda: owner.store.count() == produced)
        tails = [TopicPartition(topic, shard) for topic in Topics(prefix).sources for shard in range(SHARDS)]
        await until(lambda: all((tail := owner.consumer.tail(tp)) and tail.at_end for tp in tails))
        handed = {tp: tail.handed_next_offset for tp in tails if (tail := owner.consumer.tail(tp))}
    assert owner.holes == []
    assert max(owner.sizes) <= chunk_records
    assert owner.store.applied() == {tuple(tp): list(range(produced // len(tails))) for tp in tails}
    assert handed == dict.fromkeys(tails, produced // len(tails))


@pytest.mark.usefixtures("require_apache_kafka")
async def test_a_worker_goes_on_where_its_state_says(kafka_server: str, prefix: str, tmp_path: Path) -> None:
    """Kafka's committed offsets follow the state, and do not count: here they are thrown away."""
    first = StoreOwner(Store(tmp_path / "state", "first"))
    produced = await produce(kafka_server, prefix, 200)
    group = prefix + "group"
    async with running(build(kafka_server, group, prefix, first)):
        await until(lambda: first.store.count() == produced)
        await until(lambda: len(first.committed_offsets()) == len(Topics(prefix).sources) * SHARDS)
    tp = TopicPartition(Topics(prefix).channels[0], 0)
    async with AIOKafkaConsumer(bootstrap_servers=kafka_server, group_id=group) as monitor:
        monitor.assign([tp])
        assert await monitor.committed(tp) in {None, 200}  # told every few seconds, and at the end
        await monitor.commit({tp: 7})
    produced += await produce(kafka_server, prefix, 100)
    second = StoreOwner(Store(tmp_path / "state", "second"))
    async with running(build(kafka_server, group, prefix, second)):
        assert {tp.partition for tp in await second.consumer.committed({0, 1, 2})} >= {0}
        assert second.consumer.partition_count() == SHARDS
        await until(lambda: second.store.count() == produced)
    assert second.store.applied()[tuple(tp)] == list(range(300))


async def test_the_end_of_a_topic_is_known_and_stays_known(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """Empty answers renew the time at which a partition was at its end; new records take the mark away."""
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    tp = TopicPartition(Topics(prefix).channels[0], 0)
    async with running(build(kafka_server, prefix + "group", prefix, owner)):
        await until(lambda: (tail := owner.consumer.tail(tp)) is not None and tail.at_end)
        early = owner.consumer.tail(tp)
        await asyncio.sleep(0.4)
        late = owner.consumer.tail(tp)
        assert early is not None
        assert late is not None
        assert late.at_end
        assert late.polled_at_ms - early.polled_at_ms > 150
        await produce(kafka_server, prefix, 5)
        await until(lambda: (tail := owner.consumer.tail(tp)) is not None and tail.handed_next_offset == 5)
        await until(lambda: (tail := owner.consumer.tail(tp)) is not None and tail.at_end)
        assert owner.consumer.tail(TopicPartition("elsewhere", 0)) is None


class WaitsForSupport(StoreOwner):
    """Applies nothing but `events.support` until it has all of it, as a merge by time may have to."""

    support_records = 3_000

    def choose(self, shard: Shard) -> str | None:
        support = next((topic for topic in shard.waiting() if topic.endswith("events.support")), None)
        done = sum(offset for topic, offset in shard.handed.items() if topic.endswith("events.support"))
        return min(shard.waiting(), default=None) if done >= self.support_records else support


async def test_a_topic_the_shard_has_enough_of_does_not_hold_up_the_others(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """A full queue stops the fetching of one partition only; anything else would be a deadlock."""
    topics = Topics(prefix)
    produced = await produce(kafka_server, prefix, 3_000, topics=topics.channels[:2])
    produced += await produce(kafka_server, prefix, 3_000, topics=topics.channels[2:])
    owner = WaitsForSupport(Store(tmp_path / "state", "w"))
    async with running(build(kafka_server, prefix + "group", prefix, owner, chunk_records=200)):
        await until(lambda: owner.store.count() == produced)
    assert owner.holes == []


@pytest.mark.usefixtures("require_apache_kafka")
async def test_transactions_leave_holes_and_aborted_records_are_not_read(
    kafka_server: str, prefix: str, tmp_path: Path
) -> None:
    """Markers take offsets; after the last of them the partition is still known to be at its end."""
    topic = Topics(prefix).channels[0]
    owner = StoreOwner(Store(tmp_path / "state", "w"))
    tp = TopicPartition(topic, 0)
    async with running(build(kafka_server, prefix + "group", prefix, owner, chunk_records=7)):
        async with AIOKafkaProducer(
            bootstrap_servers=kafka_server, transactional_id=prefix + "producer"
        ) as producer:
            for number in range(12):
                await producer.begin_transaction()
                for _ in range(5):
                    await producer.send_and_wait(topic, b"%d" % number, partition=0)
                end = producer.abort_transaction if number % 3 == 0 else producer.commit_transaction
                await end()
        await until(lambda: owner.store.count() == 8 * 5)
        await until(
            lambda: (
                (tail := owner.consumer.tail(tp)) is not None
                and tail.at_end
                and tail.handed_next_offset == 12 * 6
            )
        )
    expected = [6 * n + i for n in range(12) if n % 3 for i in range(5)]
    assert owner.store.applied() == {tuple(tp): expected}
    assert owner.holes == []
    assert owner.consumer.read_stats.holes_confirmed > 0
    assert owner.consumer.read_stats.holes_refuted == 0


class Careless(DefaultRecordBatchBuilder):  # type: ignore[misc]
    """Builds batches in which the header `hname` has a name that is not UTF-8."""

    def build(self) -> bytearray:
        batch = bytearray(bytes(super().build()).replace(b"hname", b"\xff\xfeame"))
        batch[17:21] = calc_crc32c(bytes(batch[21:])).to_bytes(4)
        return batch


async def test_header_names_that_are_not_utf8_stop_nothing(
    kafka_server: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka cannot read such a batch; what comes before and after it is handed over once, too."""
    monkeypatch.setattr("aiokafka.consumer.fetcher.MemoryRecords", MemoryRecords)  # put back afterwards
    monkeypatch.setattr("aiokafka.producer.message_accumulator.DefaultRecordBatchBuilder", Careless)
    tp = TopicPartition(Topics(prefix).channels[0], 0)
    async with AIOKafkaProducer(bootstrap_servers=kafka_server) as producer:
        for number in range(9):
            headers = [("hname", b"1")] if number == 4 else []
            await producer.send_and_wait(tp.topic, b"%d" % number, partition=0, headers=headers)
    owner = Watchful(Store(tmp_path / "state", "w"))
    async with running(build(kafka_server, prefix + "group", prefix, owner)):
        await until(lambda: owner.store.count() == 9)
    assert fetcher.MemoryRecords is LenientRecords
    assert owner.holes == []
    assert owner.store.applied()[tuple(tp)] == list(range(9))


async def test_topics_are_created_once_and_described(kafka_server: str, topic_prefix: str) -> None:
    """A second call finds them; another partition count is refused by name; nothing is created then."""
    topics = Topics(topic_prefix)
    assert (await create_topics(Brokers(kafka_server), topic_prefix, 2)).created == topics.all
    assert (await create_topics(Brokers(kafka_server), topic_prefix, 2)).existing == topics.all
    with pytest.raises(StreamprocError, match=r"events\.web has 2"):
        await create_topics(Brokers(kafka_server), topic_prefix, 4)
    described = await describe(Brokers(kafka_server), topic_prefix)
    assert {name: info and info.partitions for name, info in described.items()} == dict.fromkeys(
        topics.all, 2
    )
    rekey = described[topics.rekey]
    assert rekey is not None
    assert rekey.config["message.timestamp.type"] == "LogAppendTime"
    assert set((await describe(Brokers(kafka_server), topic_prefix + "not.")).values()) == {None}


async def test_a_broker_that_is_not_there_is_named() -> None:
    """With the setting that says where it is."""
    with pytest.raises(StreamprocError, match=r"no Kafka broker answers at 127\.0\.0\.1:1\b") as failure:
        await describe(Brokers("127.0.0.1:1"), "")
    assert "STREAMPROC_KAFKA" in failure.value.fix
