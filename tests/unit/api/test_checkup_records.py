"""Findings about the newest records and the offsets."""

from dataclasses import replace

import pytest
from aiokafka.structs import TopicPartition

from streamproc.api.checkup_records import judge_ages, judge_offsets, judge_samples, judge_stamps, places_of
from streamproc.transport.checks import GroupFacts
from streamproc.transport.samples import Sample
from streamproc.transport.topics import TopicInfo
from tests.unit.api.test_checkup_kafka import bad
from tests.unit.api.test_checkup_state import FACTS, NOW_MS

DAY_MS = 86_400_000
SOUND = Sample(records=100, newest_ms=NOW_MS - 10, oldest={0: (NOW_MS - 1_000, 99)})


def test_sound_records() -> None:
    (finding,) = judge_samples({"events.web": SOUND, "events.app": Sample()}, 4)
    assert (finding.level, finding.text[:14]) == ("ok", "the newest 100")


def test_no_records_and_one_partition_prove_nothing() -> None:
    (finding,) = judge_samples({"events.web": Sample()}, 4)
    assert "cannot be judged" in finding.text
    (finding,) = judge_samples({"events.web": SOUND}, 1)
    assert "one partition" in finding.text


@pytest.mark.parametrize(
    ("sample", "text", "fix"),
    [
        (replace(SOUND, elsewhere=75, by_crc32=75), "75 lie where CRC32", "partitioner=murmur2_random"),
        (replace(SOUND, elsewhere=75, by_crc32=20, keyless=75), "no key", "use the userId"),
        (
            replace(SOUND, elsewhere=75, by_crc32=20, by_key=75, other_keys=90),
            "of their key",
            "use the userId",
        ),
        (replace(SOUND, elsewhere=75, by_crc32=20), "may also have been raised", "murmur2_random"),
    ],
)
def test_records_astray_by_cause(sample: Sample, text: str, fix: str) -> None:
    (finding,) = judge_samples({"events.web": sample}, 4)
    assert (finding.check, finding.level, finding.about) == ("records.partitioner", "warning", "events.web")
    assert "75 of the newest 100" in finding.text
    assert text in finding.text
    assert fix in finding.fix


def test_records_without_a_customer_and_with_other_keys() -> None:
    found = bad(judge_samples({"a": replace(SOUND, nameless=3), "b": replace(SOUND, other_keys=9)}, 4))
    assert found == [("records.keys", "warning", "a"), ("records.keys", "warning", "b")]


@pytest.mark.parametrize(
    ("retention_ms", "by_brokers", "last", "trapped"),
    [
        (7 * DAY_MS, False, 99, True),
        (7 * DAY_MS, False, 49, False),  # all of it is read: a quiet topic
        (60 * DAY_MS, False, 99, False),
        (-1, False, 99, False),
        (7 * DAY_MS, True, 99, False),
    ],
)
def test_the_trap_of_a_replayed_history(
    retention_ms: int, by_brokers: bool, last: int, trapped: bool
) -> None:
    """Old records in a topic that counts retention by their own times, and that nobody has read."""
    sample = replace(SOUND, oldest={0: (NOW_MS - 30 * DAY_MS, last)}, are_of_brokers=by_brokers)
    topics = {"acme.events.web": TopicInfo(4, 1, {"retention.ms": str(retention_ms)})}
    found = bad(judge_ages({"acme.events.web": sample}, topics, [FACTS], "acme.", NOW_MS))
    assert found == ([("records.age", "wrong", "acme.events.web")] if trapped else [])


def test_a_few_strays_may_lie_by_chance_where_crc32_puts_them() -> None:
    (finding,) = judge_samples({"events.web": replace(SOUND, elsewhere=2, by_crc32=2)}, 4)
    assert "may also have been raised" in finding.text


@pytest.mark.parametrize(
    ("by_brokers", "whose"), [(True, "the brokers' clock"), (False, "a producer's clock")]
)
def test_stamps_from_the_future(by_brokers: bool, whose: str) -> None:
    sample = replace(SOUND, newest_ms=NOW_MS + 400_000, are_of_brokers=by_brokers)
    (finding,) = judge_stamps({"events.web": sample}, NOW_MS)
    assert (finding.check, finding.level) == ("clocks.kafka", "warning")
    assert "400.0 s ahead" in finding.text
    assert whose in finding.text


def told(offset: int) -> GroupFacts:
    return GroupFacts(committed={TopicPartition("acme.events.web", 0): offset})


def test_redis_as_far_as_kafka_was_told() -> None:
    (finding,) = judge_offsets(told(50), [FACTS], "acme.")
    assert finding.level == "ok"
    assert list(judge_offsets(GroupFacts(), [FACTS], "acme.")) == []


def test_redis_behind_and_redis_empty() -> None:
    """The one heals by itself; with the other, workers refuse to run."""
    assert bad(judge_offsets(told(51), [FACTS], "acme.")) == [("group.offsets", "warning", "offsets")]
    assert bad(judge_offsets(told(51), [replace(FACTS, head=None)], "acme.")) == [
        ("group.offsets", "wrong", "offsets")
    ]


def test_places() -> None:
    assert places_of(["a", "b"], 2) == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
