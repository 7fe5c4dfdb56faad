"""Findings of a check-up, from what Kafka and Redis said."""

from dataclasses import replace

import pytest

from streamproc.api.checkup import Finding, ShardFacts, judge_shards, judge_topics
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.store import Head
from streamproc.transport.topics import TopicInfo, Topics

TOPICS = Topics("acme.")
NOW_MS = 1_790_000_000_000
HEAD = Head(
    partition=0,
    layout=LAYOUT_VERSION,
    partitions=4,
    epoch=1,
    owner="o",
    generation=1,
    member="g",
    seq=5,
    commit="c",
    rewinds=0,
    time_ms=NOW_MS - 500,
    offsets={"events.web": 50},
    max_ms={},
    has=frozenset(("state",)),
    extra={},
)
FACTS = ShardFacts(0, HEAD, 0, {"events.web": (10, 60), "events.app": (0, 0)})


def info(**config: str) -> TopicInfo:
    return TopicInfo(4, 1, {"retention.ms": "604800000", "cleanup.policy": "delete", **config})


def bad(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.level != "ok"]


def test_sound_topics() -> None:
    (finding,) = judge_topics(dict.fromkeys(TOPICS.all, info()), TOPICS)
    assert finding == Finding("ok", "topics", "9, with 4 partitions each")


def test_missing_topics_are_named() -> None:
    found = {**dict.fromkeys(TOPICS.all, info()), "acme.events.app": None}
    (finding,) = judge_topics(found, TOPICS)
    assert (finding.level, finding.text) == ("wrong", "missing: acme.events.app")
    assert "topics create" in finding.fix


def test_partition_counts_must_not_differ() -> None:
    found = {**dict.fromkeys(TOPICS.all, info()), "acme.events.app": replace(info(), partitions=6)}
    (finding,) = bad(list(judge_topics(found, TOPICS)))
    assert finding.level == "wrong"
    assert "acme.events.app 6" in finding.text


@pytest.mark.parametrize(
    ("name", "config", "level"),
    [
        ("acme.events.web", {"cleanup.policy": "compact,delete"}, "wrong"),
        ("acme.segments.changes", {"cleanup.policy": "compact"}, "wrong"),
        ("acme.events.web", {"retention.ms": "3600000"}, "warning"),
        ("acme.events.web", {"retention.ms": "-1"}, None),
        ("acme.segments.changes", {"retention.ms": "3600000"}, None),
    ],
)
def test_settings_by_which_records_are_lost(name: str, config: dict[str, str], level: str | None) -> None:
    found = {**dict.fromkeys(TOPICS.all, info()), name: info(**config)}
    assert [(f.level, f.about) for f in bad(list(judge_topics(found, TOPICS)))] == (
        [(level, name)] if level else []
    )


def test_a_sound_shard() -> None:
    (finding,) = judge_shards([FACTS], 4, NOW_MS, live=True)
    assert finding == Finding("ok", "state", "1 shards, 10 records to be read")


def test_no_state_yet() -> None:
    (finding,) = judge_shards([replace(FACTS, head=None)], 4, NOW_MS, live=True)
    assert finding.level == "ok"
    assert "no worker" in finding.text


@pytest.mark.parametrize(
    ("facts", "level", "names"),
    [
        (replace(FACTS, head=replace(HEAD, layout=LAYOUT_VERSION - 1)), "wrong", "layout"),
        (replace(FACTS, head=replace(HEAD, partitions=12)), "wrong", "12 partitions"),
        (replace(FACTS, bounds={"events.web": (57, 60)}), "wrong", "7 records of events.web"),
        (replace(FACTS, bounds={"events.web": (0, 3)}), "wrong", "ends at 3"),
        (replace(FACTS, outbox_records=20_000), "warning", "20,000 signals"),
        (replace(FACTS, head=replace(HEAD, time_ms=NOW_MS - 3_600_000)), "warning", "3,600 s behind"),
    ],
)
def test_what_is_wrong_with_a_shard(facts: ShardFacts, level: str, names: str) -> None:
    (finding,) = bad(list(judge_shards([facts], 4, NOW_MS, live=True)))
    assert (finding.level, finding.about) == (level, "shard 0")
    assert names in finding.text
    assert finding.fix


def test_history_is_not_behind() -> None:
    facts = replace(FACTS, head=replace(HEAD, time_ms=0))
    assert bad(list(judge_shards([facts], 4, NOW_MS, live=False))) == []


def test_losses_of_redis_are_told() -> None:
    (finding,) = judge_shards([replace(FACTS, head=replace(HEAD, rewinds=2))], 4, NOW_MS, live=True)
    assert "2 times" in finding.text
