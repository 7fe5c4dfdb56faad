"""Findings about brokers, topics and the consumer group, from what Kafka said."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from aiokafka.structs import TopicPartition

from streamproc.api.checkup import CHECKS, Finding
from streamproc.api.checkup_kafka import judge_access, judge_brokers, judge_group, judge_topics
from streamproc.transport.assignor import ShardAssignor
from streamproc.transport.checks import ClusterFacts, Door, GroupFacts, Member
from streamproc.transport.topics import TopicInfo, Topics

TOPICS = Topics("acme.")
DAY_MS = 86_400_000
NEEDED_MS = 90 * DAY_MS
VERSIONS = {0: (3, 12), 1: (4, 17), 3: (0, 13), 11: (2, 9)}


def info(**config: str) -> TopicInfo:
    sound = {
        "retention.ms": str(NEEDED_MS),
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2",
        "max.message.bytes": "1048588",
    }
    return TopicInfo(4, 3, sound | {name.replace("_", "."): value for name, value in config.items()})


def bad(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    """Check, level and what it is about, of those that are not well; each has its fix."""
    found = list(findings)
    assert {finding.check for finding in found} <= set(CHECKS)
    assert all(finding.fix for finding in found if finding.level != "ok")
    return [(finding.check, finding.level, finding.about) for finding in found if finding.level != "ok"]


def topics(name: str | None = None, one: TopicInfo | None = None) -> dict[str, TopicInfo | None]:
    """Sound ones, but for one."""
    return {**dict.fromkeys(TOPICS.all, info()), **({name: one} if name else {})}


def test_sound_brokers() -> None:
    facts = ClusterFacts((Door("k1:9092"),), (Door("k1:9092"), Door("k2:9092")), VERSIONS)
    found = list(judge_brokers(facts))
    assert bad(found) == []
    assert "2 brokers" in found[1].text


def test_one_of_two_addresses_is_closed() -> None:
    """A warning, with its own words; if all are, it is wrong, and nothing else is said."""
    closed = Door("k2:9092", "nothing listens", "start it")
    facts = ClusterFacts((Door("k1:9092"), closed), (), VERSIONS)
    assert bad(judge_brokers(facts)) == [("kafka.reach", "warning", "Kafka")]
    (finding,) = judge_brokers(ClusterFacts((closed,)))
    assert (finding.level, finding.text, finding.fix) == ("wrong", "nothing listens", "start it")


def test_an_advertised_address_that_cannot_be_reached() -> None:
    """The classic of containers: it answers at one address, and sends its clients to another."""
    facts = ClusterFacts((Door("localhost:9092"),), (Door("kafka:29092", "no such host", "DNS"),), VERSIONS)
    (finding,) = [finding for finding in judge_brokers(facts) if finding.level != "ok"]
    assert finding.check == "kafka.advertised"
    assert "localhost:9092 answers, but" in finding.text
    assert "kafka:29092" in finding.text
    assert "advertised.listeners" in finding.fix


@pytest.mark.parametrize("versions", [{**VERSIONS, 0: (0, 2)}, {**VERSIONS, 1: (12, 20)}])
def test_brokers_too_old_and_too_new(versions: dict[int, tuple[int, int]]) -> None:
    facts = ClusterFacts((Door("k:1"),), (Door("k:1"),), versions)
    assert bad(judge_brokers(facts)) == [("kafka.versions", "wrong", "Kafka")]


def test_sound_topics() -> None:
    (finding,) = judge_topics(topics(), TOPICS, needed_ms=NEEDED_MS)
    assert finding.text == "9, with 4 partitions each"


def test_missing_hidden_and_leaderless_topics_are_told_apart() -> None:
    found = topics() | dict.fromkeys(("acme.events.app", "acme.events.web", "acme.churn.risk"))
    judged = list(
        judge_topics(
            found, TOPICS, needed_ms=NEEDED_MS, leaderless=["acme.churn.risk"], hidden=["acme.events.web"]
        )
    )
    assert [finding.text for finding in judged if finding.check == "topics.present"] == [
        "missing: acme.events.app",
        "without a leader for some partition: acme.churn.risk",
    ]
    (finding,) = judge_access(["acme.events.web"], [])
    assert "may not be seen by this user: acme.events.web" in finding.text


def test_topics_that_may_not_be_written() -> None:
    assert bad(judge_access([], ["acme.churn.risk"])) == [("topics.access", "wrong", "topics")]


def test_partition_counts_must_not_differ() -> None:
    found = topics("acme.events.app", replace(info(), partitions=6))
    (finding,) = [one for one in judge_topics(found, TOPICS, needed_ms=NEEDED_MS) if one.level != "ok"]
    assert finding.level == "wrong"
    assert "acme.events.app 6, the others 4" in finding.text


@pytest.mark.parametrize(
    ("name", "one", "expected"),
    [
        ("acme.events.web", info(cleanup_policy="compact,delete"), ("topics.compaction", "wrong")),
        ("acme.segments.changes", info(cleanup_policy="compact"), ("topics.compaction", "wrong")),
        ("acme.events.web", info(retention_ms="3600000"), ("topics.retention", "warning")),
        ("acme.events.web", info(retention_ms=str(7 * DAY_MS)), ("topics.retention", "warning")),
        ("acme.events.web", info(retention_ms="-1"), None),
        ("acme.events.web", info(retention_bytes="1000000"), ("topics.retention", "warning")),
        ("acme.segments.changes", info(retention_ms="3600000"), None),
        (
            "acme.streamproc.rekey",
            info(message_timestamp_type="CreateTime"),
            ("topics.timestamps", "warning"),
        ),
        ("acme.events.web", info(message_timestamp_type="CreateTime"), None),
        (
            "acme.events.web",
            replace(info(), config={"message.timestamp.before.max.ms": "3600000"}),
            ("topics.timestamps", "warning"),
        ),
        ("acme.events.web", replace(info(), replication=1), ("topics.replication", "wrong")),
        ("acme.events.web", info(min_insync_replicas="3"), ("topics.replication", "warning")),
        ("acme.churn.risk", info(max_message_bytes="65536"), ("topics.size", "wrong")),
        ("acme.streamproc.rekey", info(max_message_bytes="131072"), ("topics.size", "wrong")),
        ("acme.events.web", info(max_message_bytes="65536"), None),
    ],
)
def test_settings_by_which_records_are_lost_or_refused(
    name: str, one: TopicInfo, expected: tuple[str, str] | None
) -> None:
    found = bad(judge_topics(topics(name, one), TOPICS, needed_ms=NEEDED_MS))
    assert (expected in [(check, level) for check, level, _ in found]) if expected else found == []


def test_brokers_that_tell_no_settings_are_not_taken_for_sound() -> None:
    found = bad(judge_topics(dict.fromkeys(TOPICS.all, TopicInfo(4, 3)), TOPICS, needed_ms=NEEDED_MS))
    assert found == [("topics.access", "warning", "topics")]


def test_retention_for_a_rebuild_names_what_the_rules_need() -> None:
    """Topics that are kept for the same time are one finding."""
    found = {name: info(retention_ms=str(7 * DAY_MS)) for name in TOPICS.all}
    judged = judge_topics(found, TOPICS, needed_ms=NEEDED_MS)
    (finding,) = [one for one in judged if one.check == "topics.retention"]
    assert "kept for 7 days, the rules look back 90" in finding.text
    assert f"retention.ms={NEEDED_MS}" in finding.fix


def member(name: str, shards: Iterable[int], sources: Iterable[str] = TOPICS.sources) -> Member:
    held = tuple(TopicPartition(topic, shard) for topic in TOPICS.sources for shard in shards)
    return Member(name, frozenset(sources), held)


def group(*members: Member, state: str = "Stable", protocol: str = ShardAssignor.name) -> GroupFacts:
    return GroupFacts(state, protocol, members)


def test_a_group_of_two_workers() -> None:
    (finding,) = judge_group(group(member("a", [0, 1, 2]), member("b", [3])), "g", TOPICS, 4)
    assert (finding.level, finding.text) == ("ok", "2 workers, 1 to 3 of 4 shards each")


def test_an_empty_group() -> None:
    (finding,) = judge_group(group(state="Empty", protocol=""), "g", TOPICS, 4)
    assert finding.level == "ok"
    assert "no worker" in finding.text


def test_a_broker_that_does_not_tell_what_members_read() -> None:
    """Tansu does not."""
    (finding,) = judge_group(group(Member("a", frozenset(), ())), "g", TOPICS, 4)
    assert finding.level == "ok"


@pytest.mark.parametrize(
    ("facts", "expected", "says"),
    [
        (GroupFacts(denied=True), ("group.access", "wrong"), "may not be in it"),
        (group(member("a", []), protocol="range"), ("group.members", "wrong"), "something else: a (range)"),
        (group(member("a", [0]), state="PreparingRebalance"), ("group.members", "warning"), "sharing out"),
        (
            group(member("a", range(4)), member("old", [], ["x"])),
            ("group.members", "wrong"),
            "other topics than this installation: old",
        ),
        (
            group(member("a", [0, 1]), member("b", [1, 2, 3])),
            ("group.members", "wrong"),
            "shards 1 are split",
        ),
        (group(member("a", [0, 1, 2])), ("group.members", "wrong"), "shards 3 have no worker"),
    ],
)
def test_what_is_wrong_with_a_group(facts: GroupFacts, expected: tuple[str, str], says: str) -> None:
    found = list(judge_group(facts, "g", TOPICS, 4))
    assert [(check, level) for check, level, _ in bad(found)] == [expected]
    assert says in found[0].text
