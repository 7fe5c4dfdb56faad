"""`streamproc doctor` on real servers: what is wrong is found, with what to do about it."""

import json
from typing import Any

import redis
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from tests.integration.worker import Installation
from tests.reference.lives import DAY_MS
from tests.reference.stream import generate

END_MS = 1_780_272_000_000


def look(installation: Installation, **settings: object) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings."""
    done = installation.command("doctor", "--json", **settings)
    return done.returncode, json.loads(done.stdout)


def bad(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    assert all(finding["fix"] for finding in findings if finding["level"] == "wrong")
    return [(finding["about"], finding["text"]) for finding in findings if finding["level"] == "wrong"]


async def test_a_sound_installation(installation: Installation) -> None:
    """Before the first worker and after it."""
    code, findings = look(installation)
    assert (code, bad(findings)) == (0, [])
    logs = generate(1, customers=20, events=200, days=5, partitions=3, end_ms=END_MS)
    await installation.publish(logs)
    installation.run_until(END_MS + DAY_MS)
    code, findings = look(installation)
    assert (code, bad(findings)) == (0, [])
    assert ("state", "3 shards, 0 records to be read") in [(f["about"], f["text"]) for f in findings]


async def test_records_that_are_gone_and_a_redis_that_evicts(installation: Installation) -> None:
    """Two things by which a worker refuses to start."""
    logs = generate(2, customers=20, events=200, days=5, partitions=3, end_ms=END_MS)
    await installation.publish(logs)
    installation.run_until(END_MS + DAY_MS)
    topic = f"{installation.prefix}events.web"
    async with open_bulk_producer(installation.brokers, {topic: 3}) as producer:
        await producer.send([Outgoing(topic, b"k", b"{}", (), 1)] * 5)
    end = (await installation.ends())["events.web", 1]
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, 1): RecordsToDelete(before_offset=end - 2)})
    finally:
        await admin.close()
    code, findings = look(installation)
    assert code == 1
    assert bad(findings) == [
        ("shard 1", "3 records of events.web were removed by retention before they were read")
    ]
    with redis.Redis.from_url(installation.redis) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            code, findings = look(installation)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert code == 1
    assert [about for about, _ in bad(findings)] == ["Redis"]
    assert "allkeys-lru" in bad(findings)[0][1]


def test_servers_that_are_away_and_a_rules_file_that_is_not_there(installation: Installation) -> None:
    """Each is told, and none hides the others."""
    code, findings = look(
        installation, kafka="127.0.0.1:1", redis="redis://127.0.0.1:1/0", rules="/nowhere/rules.yaml"
    )
    assert code == 1
    assert [about for about, _ in bad(findings)] == ["rules", "Kafka", "Redis"]
