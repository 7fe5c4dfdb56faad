"""Findings about the newest records of the source topics, and what was committed of them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aiokafka.structs import TopicPartition

from streamproc.api.checkup import Finding, listed
from streamproc.api.checkup_state import ShardFacts
from streamproc.transport.checks import GroupFacts
from streamproc.transport.samples import Sample
from streamproc.transport.topics import TopicInfo

#: Most of the strays must be where a cause would put them before we name it.
_MOST: Final = 0.9
#: Fewer may lie where CRC32 would put them by chance.
_FEW: Final = 5
#: Producers' and brokers' clocks are told from ours by records, which take time to come here.
_AHEAD_MS: Final = 1_000
#: Events so far ahead of the worker's clock are refused (contracts/decode.py).
_REFUSED_AHEAD_MS: Final = 300_000
_DAY_MS: Final = 86_400_000

_MURMUR2: Final = (
    "set partitioner=murmur2_random in its librdkafka (confluent-kafka in Python, Go, .NET; rdkafka in PHP, Ruby); "
    "Java's, KafkaJS's and aiokafka's default is right. Meanwhile workers bring these events home (streamproc.rekey), "
    "which costs a second read and write each"
)


def judge_samples(samples: Mapping[str, Sample], partitions: int) -> Iterator[Finding]:
    """Where customers lie, and by which key they were sent."""
    looked = sum(sample.records for sample in samples.values())
    if not looked:
        yield Finding("records.partitioner", "ok", "records", "none yet, so producers cannot be judged")
        return
    astray = {topic: sample for topic, sample in samples.items() if sample.elsewhere}
    for topic, sample in astray.items():
        yield _astray(topic, sample)
    if not astray:
        text = f"the newest {looked:,} lie where murmur2 of their customer id puts them"
        if partitions == 1:
            text = "one partition: nothing can lie on a wrong one"
        yield Finding("records.partitioner", "ok", "records", text)
    for topic, sample in samples.items():
        if sample.nameless:
            text = f"{sample.nameless} of the newest {sample.records} records have no customer id: to events.failed"
            fix = "streamproc failed list says what is wrong with each; streamproc validate checks a file"
            yield Finding("records.keys", "warning", topic, text, fix)
        if sample.other_keys and not sample.elsewhere:
            text = f"{sample.other_keys} of the newest {sample.records} records have another key than their customer id"
            yield Finding("records.keys", "warning", topic, text, _BY_ID)


_BY_ID: Final = (
    "let the producer use the userId (or anon: and the anonymousId) as the record's key, as it stands"
)


def _astray(topic: str, sample: Sample) -> Finding:
    """Why some of the records lie elsewhere, as far as it can be told."""
    strays = sample.elsewhere
    text = f"{strays} of the newest {sample.records} records are not where murmur2 of their customer id puts them"
    if sample.keyless >= _MOST * strays:
        why = "they have no key, so the producer spreads them"
        return Finding("records.partitioner", "warning", topic, f"{text}: {why}", _BY_ID)
    if sample.by_key >= _MOST * strays:
        why = "it is that of their key, which is not the customer id"
        return Finding("records.partitioner", "warning", topic, f"{text}: {why}", _BY_ID)
    if sample.by_crc32 >= _MOST * strays and strays >= _FEW:
        why = f"{sample.by_crc32} lie where CRC32 puts them, librdkafka's default"
        fix = f"find the producer of {topic} and {_MURMUR2}"
        return Finding("records.partitioner", "warning", topic, f"{text}: {why}", fix)
    why = (
        f"{sample.by_crc32} lie where CRC32 (librdkafka's default) puts them, {sample.by_key} where their key does, "
        f"{sample.keyless} have no key; the number of partitions may also have been raised"
    )
    fix = f"key by customer id everywhere; find the producers of {topic} and {_MURMUR2}"
    return Finding("records.partitioner", "warning", topic, f"{text}: {why}", fix)


def judge_stamps(samples: Mapping[str, Sample], now_ms: int) -> Iterator[Finding]:
    """The clocks of brokers and producers, by the newest of the records."""
    ahead_ms = {
        topic: sample.newest_ms - now_ms for topic, sample in samples.items() if sample.newest_ms is not None
    }
    for topic, ms in ahead_ms.items():
        if ms > _AHEAD_MS:
            yield _ahead(topic, samples[topic], ms)
    if ahead_ms and max(ahead_ms.values()) <= _AHEAD_MS:
        text = "no record is stamped ahead of this machine's clock (brokers do not tell theirs)"
        yield Finding("clocks.kafka", "ok", "clocks", text)


def judge_ages(
    samples: Mapping[str, Sample],
    found: Mapping[str, TopicInfo | None],
    shards: Sequence[ShardFacts],
    prefix: str,
    now_ms: int,
) -> Iterator[Finding]:
    """Records that nobody has read yet and that retention will remove, by their own timestamps.

    In a quiet topic the newest may be older than retention: Kafka keeps the segment that it writes to.
    """
    heads = {shard.partition: shard.head for shard in shards}
    for topic, sample in samples.items():
        info = found.get(topic)
        kept_ms = int(info.config.get("retention.ms", -1)) if info else -1
        unread = [
            stamp_ms
            for partition, (stamp_ms, last) in sample.oldest.items()
            if (head := heads.get(partition)) is None
            or head.offsets.get(topic.removeprefix(prefix), 0) <= last
        ]
        if sample.are_of_brokers or kept_ms < 0 or not unread or now_ms - min(unread) <= kept_ms:
            continue
        text = (
            f"has unread records that are {(now_ms - min(unread)) / _DAY_MS:.0f} days old by their own timestamps, and "
            f"keeps {kept_ms / _DAY_MS:.1f} days: Kafka removes them when it next looks, read or not"
        )
        fix = f"set retention.ms=-1 on {topic} until the history is read, or message.timestamp.type=LogAppendTime"
        yield Finding("records.age", "wrong", topic, text, fix)


def _ahead(topic: str, sample: Sample, ahead_ms: int) -> Finding:
    whose = "the brokers' clock" if sample.are_of_brokers else "a producer's clock"
    text = f"the newest record of {topic} is stamped {ahead_ms / 1000:,.1f} s ahead of this machine's clock, by {whose}"
    if not sample.are_of_brokers:
        text += f"; an event whose own time is more than {_REFUSED_AHEAD_MS // 60_000} min ahead is refused"
    fix = "set the clocks of producers, brokers and workers by NTP (chronyc tracking)"
    return Finding("clocks.kafka", "warning", "clocks", text, fix)


def judge_offsets(group: GroupFacts, shards: Sequence[ShardFacts], prefix: str) -> Iterator[Finding]:
    """What Kafka was told of the group, against Redis, which decides where to read on."""
    told: dict[int, dict[str, int]] = {}
    for place, offset in group.committed.items():
        told.setdefault(place.partition, {})[place.topic.removeprefix(prefix)] = offset
    gone, back = [], []
    for shard in shards:
        mine = told.get(shard.partition, {})
        if mine and shard.head is None:
            gone.append(str(shard.partition))
        elif shard.head is not None and any(
            offset > shard.head.offsets.get(topic, 0) for topic, offset in mine.items()
        ):
            back.append(str(shard.partition))
    if gone:
        text = (
            f"shards {listed(gone)} have no state, though the group has read from them: workers refuse them"
        )
        fix = "restore Redis from its backup, or make the state anew from the topics: streamproc rebuild"
        yield Finding("group.offsets", "wrong", "offsets", text, fix)
    if back:
        text = f"Redis is behind what Kafka was told of shards {listed(back)}: it lost acknowledged writes"
        fix = "nothing is lost for good: the next worker reads on from Redis. See why Redis went back"
        yield Finding("group.offsets", "warning", "offsets", text, fix)
    if told and not gone and not back:
        yield Finding("group.offsets", "ok", "offsets", "Redis is at least as far as Kafka was told")


def places_of(topics: Sequence[str], partitions: int) -> list[TopicPartition]:
    """Every partition of these topics."""
    return [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
