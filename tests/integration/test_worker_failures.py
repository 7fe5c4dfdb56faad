"""What a worker cannot run with, it says in a sentence, and ends; and it ends in order when told to."""

from pathlib import Path

import pytest
import redis
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from streamproc.transport.topics import Topics
from tests.integration.worker import Installation, WorkerProcess, event
from tests.reference.lives import DAY_MS
from tests.reference.partition import partition_of
from tests.reference.record import Record
from tests.reference.stream import generate
from tests.servers.process import free_port
from tests.servers.redis import RedisProcess

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

END_MS = 1_780_272_000_000


def assert_refuses(worker: WorkerProcess, *said: str) -> None:
    """It ends by itself with a failure, one sentence of why, a hint, and no traceback."""
    code = worker.wait(60)
    assert code in (1, 2), worker.text
    assert "Traceback" not in worker.text
    assert "error:" in worker.text
    assert "fix:" in worker.text
    for part in said:
        assert part in worker.text, worker.text


async def publish_one(installation: Installation, topic: str = "events.web", number: int = 1) -> None:
    partition = partition_of("c", installation.partitions)
    value = event("c", END_MS - number * DAY_MS, number)
    await installation.publish({(topic, partition): [Record(0, b"c", value)]})


def test_no_kafka(redis_db: str, tmp_path: Path) -> None:
    """Nobody listens where Kafka should be."""
    port = free_port()
    assert_refuses(Installation(f"127.0.0.1:{port}", redis_db, "p.", tmp_path).worker(), "Kafka", str(port))


async def test_no_redis(installation: Installation) -> None:
    """Nobody listens where Redis should be."""
    port = free_port()
    assert_refuses(installation.worker(redis=f"redis://127.0.0.1:{port}/0"), "Redis", str(port))


async def test_no_topics(installation: Installation) -> None:
    """There are no topics with this prefix."""
    assert_refuses(
        installation.worker(topic_prefix="other."),
        "other.events.web",
        "streamproc topics create --partitions",
    )


async def test_redis_that_evicts(installation: Installation, tmp_path: Path) -> None:
    """A Redis that may drop states is refused."""
    (tmp_path / "redis").mkdir()
    evicting = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with RedisProcess(directory=tmp_path / "redis", options=evicting) as server:
        assert_refuses(installation.worker(redis=server.url), "allkeys-lru", "noeviction")


async def test_changed_partition_count(installation: Installation) -> None:
    """More partitions would move customers away from their states."""
    await publish_one(installation)
    installation.run_until(END_MS)
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    try:
        topics = Topics(installation.prefix).all
        await admin.create_partitions({topic: NewPartitions(4) for topic in topics})
    finally:
        await admin.close()
    assert_refuses(installation.worker("--until", "2026-06-01"), "3 partitions", "4")


async def test_unequal_partition_counts(installation: Installation) -> None:
    """The topics of a shard must have the same partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    try:
        await admin.create_partitions({installation.prefix + "events.app": NewPartitions(4)})
    finally:
        await admin.close()
    assert_refuses(installation.worker("--until", "2026-06-01"), "events.app", "4")


async def test_emptied_redis(installation: Installation) -> None:
    """State that is gone is not made anew in silence when Kafka knows that events had been read."""
    await publish_one(installation)
    installation.run_until(END_MS)
    with redis.Redis.from_url(installation.redis) as client:
        client.flushdb()
    worker = installation.worker("--until", "2026-06-01")
    assert_refuses(worker, "there is no state", "streamproc rebuild")
    assert (await installation.heads())[partition_of("c", installation.partitions)] is None


async def test_sigterm(installation: Installation) -> None:
    """SIGTERM in the midst of a stream: a quick end with exit code 0, and nothing is lost."""
    logs = generate(11, customers=200, events=1_000, days=30, partitions=3, end_ms=END_MS)
    await installation.publish(logs)
    worker = installation.worker(chunk_records=10)
    await installation.wait_applied(200, worker)
    code, seconds = worker.terminate()
    assert code == 0, worker.text
    assert seconds < 30
    assert "Traceback" not in worker.text
    installation.run_until(END_MS + DAY_MS)
    published = await installation.assert_same(installation.reference(logs, END_MS + DAY_MS))
    assert published.repeats == 0
