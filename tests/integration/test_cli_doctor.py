"""`streamproc doctor` on real servers: what is wrong is found, with what to do about it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from streamproc.api.checkup import CHECKS
from streamproc.cli import doctor_looks
from streamproc.cli.doctor import as_dict
from streamproc.settings import load_settings
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.checks import look_at_brokers
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import crc32_partition
from tests.integration.worker import Installation, event, wall_ms
from tests.reference.lives import DAY_MS
from tests.reference.stream import generate
from tests.servers.kafka import TansuProcess

END_MS = 1_780_272_000_000


def look(installation: Installation, **settings: object) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and findings."""
    done = installation.command("doctor", "--json", **settings)
    return done.returncode, json.loads(done.stdout)


def bad(findings: list[dict[str, Any]]) -> list[tuple[str, str]]:
    assert {finding["check"] for finding in findings} <= set(CHECKS)
    assert all(finding["fix"] for finding in findings if finding["level"] != "ok")
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
    assert [about for about, _ in bad(findings)] == ["Redis", "shard 1"]
    assert "allkeys-lru" in bad(findings)[0][1]


def test_servers_that_are_away_and_a_rules_file_that_is_not_there(installation: Installation) -> None:
    """Each is told, and none hides the others."""
    code, findings = look(
        installation, kafka="127.0.0.1:1", redis="redis://127.0.0.1:1/0", rules="/nowhere/rules.yaml"
    )
    assert code == 1
    assert [about for about, _ in bad(findings)] == ["rules", "Kafka", "Redis"]


async def look_here(installation: Installation, **settings: object) -> list[dict[str, Any]]:
    """As the command, without the time that a process takes to start."""
    environment = installation.environment(**settings)
    return [as_dict(finding) for finding in await doctor_looks.look(load_settings(environment), {})]


def levels(findings: list[dict[str, Any]], *areas: str) -> dict[tuple[str, str], str]:
    """(check, what it is about) -> text, of what is not well in some areas."""
    bad(findings)
    return {
        (finding["check"], finding["about"]): finding["text"]
        for finding in findings
        if finding["level"] != "ok" and finding["check"].partition(".")[0] in areas
    }


def by(findings: list[dict[str, Any]], check: str) -> dict[str, Any]:
    """The finding of a check that is not well."""
    return next(one for one in findings if one["check"] == check and one["level"] != "ok")


async def configure(installation: Installation, topic: str, **configs: str) -> None:
    """Settings of a topic; it keeps no others."""
    named = {name.replace("_", "."): value for name, value in configs.items()}
    admin = AIOKafkaAdminClient(bootstrap_servers=installation.kafka)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, installation.prefix + topic, named)
        await admin.alter_configs([resource])
    finally:
        await admin.close()


@pytest.mark.usefixtures("require_apache_kafka")
async def test_topics_and_records_that_are_not_as_they_should_be(installation: Installation) -> None:
    """A CRC32 producer, one with other keys, one without; a compacted topic, short retention, replayed history."""
    prefix, now_ms = installation.prefix, wall_ms()
    web, app, support, outcomes = (f"{prefix}{name}" for name in (
        "events.web", "events.app", "events.support", "actions.outcomes"
    ))  # fmt: skip
    who = [f"u-{i}" for i in range(60)]
    async with open_bulk_producer(
        installation.brokers, dict.fromkeys((web, app, support, outcomes), 3)
    ) as producer:
        await producer.send([
            *(Outgoing(web, u.encode(), event(u, now_ms, 1), (), crc32_partition(u.encode(), 3)) for u in who),
            *(Outgoing(app, f"s{u}".encode(), event(u, now_ms, 2)) for u in who),
            *(Outgoing(support, None, event(u, now_ms, 3), (), i % 3) for i, u in enumerate(who)),
            Outgoing(outcomes, b"k", b"{}", (), 0),
        ])  # fmt: skip
    await configure(installation, "segments.changes", cleanup_policy="compact")
    await configure(installation, "events.web", retention_ms="3600000", max_message_bytes="2000000")
    await configure(installation, "events.app", retention_bytes="100000000", retention_ms="604800000")
    await configure(installation, "churn.risk", min_insync_replicas="2", max_message_bytes="65536")
    found = levels(await look_here(installation), "topics", "records")
    assert {check for check, _ in found} == {
        "topics.replication", "topics.compaction", "topics.retention", "topics.size",
        "records.partitioner", "records.keys",
    }  # fmt: skip
    assert "all but the last record of a key" in found["topics.compaction", f"{prefix}segments.changes"]
    assert found["topics.retention", web] == "keeps records for 1.0 h only"
    assert "kept for 7 days, the rules look back" in found["topics.retention", "topics"]
    assert "librdkafka's default" in found["records.partitioner", web]
    assert "which is not the customer id" in found["records.partitioner", app]
    assert "they have no key" in found["records.partitioner", support]
    assert found["records.keys", outcomes].startswith("1 of the newest 1 records have no customer id")
    assert ("topics.replication", f"{prefix}churn.risk") in found


@pytest.mark.usefixtures("require_apache_kafka")
async def test_history_in_a_topic_that_forgets_it(installation: Installation) -> None:
    """Old records by their own timestamps: Kafka would remove them before they are read."""
    topic, old_ms = f"{installation.prefix}events.web", wall_ms() - 30 * DAY_MS
    for _ in range(2):  # Kafka looks every five minutes, and might just now
        async with AIOKafkaProducer(bootstrap_servers=installation.kafka) as producer:
            await producer.send_and_wait(topic, event("u", old_ms, 1), key=b"u", timestamp_ms=old_ms)
        await configure(installation, "events.web", retention_ms="604800000")
        found = levels(await look_here(installation), "records")
        if found:
            break
    assert "30 days old by their own timestamps, and keeps 7.0 days" in found["records.age", topic]


@contextmanager
def acl_user(url: str, *rules: str) -> Iterator[str]:
    """The URL for a user with these permissions."""
    with redis.Redis.from_url(url) as client:
        client.execute_command("ACL", "SETUSER", "few", "reset", "on", ">pw", *rules)
        try:
            yield url.replace("redis://", "redis://few:pw@")
        finally:
            client.execute_command("ACL", "DELUSER", "few")


async def test_a_redis_that_lets_in_and_refuses(installation: Installation) -> None:
    """Permissions are tried without any effect; a wrong password, and a port of something else, are told apart."""
    with redis.Redis.from_url(installation.redis) as client:
        with acl_user(installation.redis, "~sp:*", "+@all", "-xadd", "-evalsha", "-time") as url:
            findings = await look_here(installation, redis=url)
            assert by(findings, "redis.access")["text"] == "this user may not: evalsha, xadd"
            assert "+evalsha +xadd" in by(findings, "redis.access")["fix"]
            findings = await look_here(installation, redis=url.replace("few:pw", "few:other"))
            assert "password" in by(findings, "redis.reach")["fix"]
        with acl_user(installation.redis, "~other:*", "+@all") as url:
            denied = by(await look_here(installation, redis=url), "redis.access")["text"]
            assert {"hset", "hget", "xadd"} <= set(denied.removeprefix("this user may not: ").split(", "))
            assert "wait" not in denied
        assert client.keys("sp:*") == []
    port = installation.kafka.partition(":")[2]
    findings = await look_here(installation, redis=f"redis://127.0.0.1:{port}/0")
    assert "something else than Redis" in by(findings, "redis.reach")["fix"]


async def test_one_of_two_kafka_addresses_is_none(installation: Installation) -> None:
    """All else is looked at by way of the other."""
    findings = await look_here(installation, kafka=f"nohost.invalid:9092,{installation.kafka}")
    assert by(findings, "kafka.reach")["level"] == "warning"
    assert "there is no host of that name" in by(findings, "kafka.reach")["text"]
    assert any(finding["check"] == "topics.partitions" for finding in findings)


class Elsewhere(TansuProcess):
    """A broker that sends its clients to an address that nobody has."""

    def command(self) -> list[str]:
        return [*super().command()[:-1], "tcp://kafka.nohost.invalid:29092"]


async def test_brokers_that_advertise_an_address_that_cannot_be_reached(tmp_path: Path) -> None:
    """The classic of containers: a client gets in, and no further."""
    with Elsewhere(directory=tmp_path) as broker:
        facts = await look_at_brokers(Brokers(f"127.0.0.1:{broker.port}"))
    assert facts.doors[0].error == ""
    (door,) = facts.advertised
    assert door.address == "kafka.nohost.invalid:29092"
    assert "there is no host of that name" in door.error


async def test_a_group_and_state_that_do_not_fit(installation: Installation) -> None:
    """A worker in the group; then Redis is emptied, though the group has read."""
    logs = generate(3, customers=20, events=100, days=2, partitions=3, end_ms=END_MS)
    await installation.publish(logs)
    worker = installation.worker().wait_ready()
    findings = await look_here(installation)
    (member,) = [one for one in findings if one["check"] == "group.members"]
    assert member["text"] == "1 worker, 3 of 3 shards each"
    await installation.wait_applied(100, worker)
    other = installation.directory / "other.yaml"
    other.write_text("segments:\n  - {key: a, name: A, version: 1, enter: orders_90d >= 2}\n")
    assert by(await look_here(installation, rules=other), "state.rules")["level"] == "warning"
    worker.terminate()
    with redis.Redis.from_url(installation.redis) as client:
        client.flushdb()
    findings = await look_here(installation)
    assert "have no state, though the group has read" in by(findings, "group.offsets")["text"]
