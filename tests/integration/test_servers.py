"""The servers that the other integration tests stand on, and the promises of the processes that run them."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis.asyncio
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.servers.kafka import IMAGE as KAFKA_IMAGE
from tests.servers.kafka import KafkaProcess, TansuProcess
from tests.servers.process import ServerFailed, wait_until
from tests.servers.redis import RedisProcess

ROOT = Path(__file__).parents[2]

ADD_AND_COUNT = """#!lua
redis.call('RPUSH', KEYS[1], unpack(ARGV))
return redis.call('LLEN', KEYS[1])
"""


async def create_topic(bootstrap: str, topic: str, *, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes], *, idempotent: bool = False) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=idempotent
    ) as producer:
        for value in values:
            await producer.send_and_wait(topic, value, key=b"ada", partition=1, headers=[("ce_id", value)])


async def consume(bootstrap: str, topic: str, count: int, *, group: str | None = None) -> list[bytes]:
    """The first `count` values of the topic, through a group's assignment or of partition 1 directly."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest")
    consumer.subscribe([topic]) if group else consumer.assign([TopicPartition(topic, 1)])
    async with consumer:
        return [(await consumer.getone()).value for _ in range(count)]


async def test_kafka_returns_what_was_produced(kafka_server: str, topic_prefix: str) -> None:
    """Records come back in order, by a group's assignment."""
    topic = topic_prefix + "events.web"
    await create_topic(kafka_server, topic, partitions=3)
    await produce(kafka_server, topic, [b"1", b"2", b"3"])
    assert await consume(kafka_server, topic, 3, group=topic_prefix + "group") == [b"1", b"2", b"3"]


@pytest.mark.usefixtures("require_apache_kafka")
async def test_apache_kafka_has_offsets_and_idempotent_producers(
    kafka_server: str, topic_prefix: str
) -> None:
    """What a stand-in gets wrong and the worker stands on: end offsets and idempotent producing."""
    topic = topic_prefix + "events.web"
    await create_topic(kafka_server, topic, partitions=2)
    await produce(kafka_server, topic, [b"1", b"2"], idempotent=True)
    async with AIOKafkaConsumer(bootstrap_servers=kafka_server) as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, 0), TopicPartition(topic, 1)])
    assert {partition.partition: end for partition, end in ends.items()} == {0: 0, 1: 2}


async def test_kafka_does_not_create_topics_by_itself(kafka_server: str, topic_prefix: str) -> None:
    """A misspelt topic is an error, not a new topic."""
    async with AIOKafkaConsumer(bootstrap_servers=kafka_server) as consumer:
        assert topic_prefix + "misspelt" not in await consumer.topics()


async def test_redis_runs_a_script(redis_db: str) -> None:
    """A `#!lua` script (refused as a whole when memory is out) runs and returns."""
    async with redis.asyncio.Redis.from_url(redis_db) as client:
        assert await client.eval(ADD_AND_COUNT, 1, "{0}:outbox", "a", "b") == 2
        assert await client.lrange("{0}:outbox", 0, -1) == [b"a", b"b"]


async def test_redis_is_empty_for_each_test_and_never_evicts(redis_db: str) -> None:
    """No test sees the keys of the one before, nor loses its own."""
    async with redis.asyncio.Redis.from_url(redis_db) as client:
        assert await client.dbsize() == 0
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await client.config_get("appendonly"))["appendonly"] == "yes"


@pytest.mark.usefixtures("require_apache_kafka")
async def test_kafka_keeps_its_records_over_a_kill(tmp_path: Path) -> None:
    """After SIGKILL the same port serves the same records, and takes new ones."""
    with KafkaProcess(directory=tmp_path) as kafka:
        await create_topic(kafka.bootstrap, "events.web", partitions=2)
        await produce(kafka.bootstrap, "events.web", [b"1"])
        kafka.kill()
        kafka.start()
        await produce(kafka.bootstrap, "events.web", [b"2"])
        assert await consume(kafka.bootstrap, "events.web", 2) == [b"1", b"2"]


async def test_redis_keeps_its_keys_over_a_kill_and_a_restart(tmp_path: Path) -> None:
    """After SIGKILL, and after an orderly restart, the same URL serves the same keys."""
    with RedisProcess(directory=tmp_path, options=("--appendfsync", "always")) as server:
        for round_, lose in enumerate([server.kill, server.stop]):
            async with redis.asyncio.Redis.from_url(server.url) as client:
                assert await client.incr("rounds") == round_ + 1
            lose()
            server.start()


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The reason that the server wrote is part of the error."""
    with pytest.raises(ServerFailed, match="no-such-option"):
        RedisProcess(directory=tmp_path, options=("--no-such-option", "1")).start()


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the kernel's part in it is Linux's")
def test_a_server_dies_with_killed_tests(tmp_path: Path) -> None:
    """SIGKILL to the tests leaves no server behind."""
    program = (
        "import sys, time; from pathlib import Path; from tests.servers.redis import RedisProcess;"
        "print(RedisProcess(directory=Path(sys.argv[1])).start().pid, flush=True); time.sleep(60)"
    )
    tests = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with tests:
        assert tests.stdout is not None
        server = int(tests.stdout.readline())
        tests.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not running(server), within_s=5)


def running(pid: int) -> bool:
    """Whether the process exists and is no zombie (that nobody in this container may reap)."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_the_stand_in_for_kafka_serves_produce_and_consume(tmp_path: Path) -> None:
    """Where neither Docker nor Java exists, Tansu still carries the simple integration tests."""
    with TansuProcess(directory=tmp_path) as broker:
        bootstrap = f"127.0.0.1:{broker.port}"
        await create_topic(bootstrap, "events.web", partitions=3)
        await produce(bootstrap, "events.web", [b"1", b"2"])
        assert await consume(bootstrap, "events.web", 2) == [b"1", b"2"]


def test_compose_and_the_tests_run_the_same_kafka() -> None:
    """One version in the pom of the tests, in their container image and in docker-compose.yml."""
    pom = (ROOT / "tests" / "servers" / "pom.xml").read_text()
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>(.+)</version>", pom)
    assert version is not None
    assert f"apache/kafka:{version[1]}" == KAFKA_IMAGE == compose["services"]["kafka"]["image"]
