"""What stands in the way of an installation, or soon will: findings, each with what to do about it.

The judging functions are pure; `streamproc doctor` asks Kafka and Redis and hands them what they said.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.store import Head
from streamproc.transport.topics import TopicInfo, Topics

Level = Literal["ok", "warning", "wrong"]

_DAY_MS: Final = 86_400_000
#: More signals than this in one outbox, and Kafka has not taken any for a while.
_OUTBOX_RECORDS: Final = 1_000
#: A shard whose time stands still for so long fires no timers.
_BEHIND_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `fix` is empty where nothing is to be done."""

    level: Level
    about: str
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What is known of one shard. `bounds`: topic without prefix -> first and next offset of its log."""

    partition: int
    head: Head | None
    outbox_records: int
    bounds: Mapping[str, tuple[int, int]]


def judge_topics(found: Mapping[str, TopicInfo | None], topics: Topics) -> Iterator[Finding]:
    """Missing ones, partition counts that differ, and settings by which Kafka loses records."""
    missing = [name for name, info in found.items() if info is None]
    if missing:
        fix = "create them: streamproc topics create --partitions 12"
        yield Finding("wrong", "topics", f"missing: {', '.join(missing)}", fix)
    there = {name: info for name, info in found.items() if info is not None}
    counts = {name: there[name].partitions for name in topics.keyed_by_customer if name in there}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        fix = "make those that differ anew with the number of the others; workers refuse to run until then"
        yield Finding("wrong", "topics", f"partition counts differ: {told}", fix)
    for name, info in there.items():
        yield from _judge_topic(name, info, is_source=name in topics.events)
    if not missing and len(set(counts.values())) == 1:
        yield Finding("ok", "topics", f"{len(there)}, with {next(iter(counts.values()))} partitions each")


def _judge_topic(name: str, info: TopicInfo, *, is_source: bool) -> Iterator[Finding]:
    if "compact" in info.config.get("cleanup.policy", ""):
        fix = f"set cleanup.policy=delete on {name}"
        yield Finding("wrong", name, "is compacted: all but the last record of a key are deleted", fix)
    retention_ms = int(info.config.get("retention.ms", -1))
    if is_source and 0 <= retention_ms < _DAY_MS:
        hours = retention_ms / 3_600_000
        fix = "raise retention.ms above the longest time that workers may be down, a week for example"
        yield Finding("warning", name, f"keeps records for {hours:.1f} h only", fix)


def judge_shards(shards: list[ShardFacts], partitions: int, now_ms: int, *, live: bool) -> Iterator[Finding]:
    """State against topics. `live`: shard times should be those of the wall clock."""
    for shard in shards:
        yield from _judge_shard(shard, partitions, now_ms, live=live)
    heads = [shard.head for shard in shards if shard.head is not None]
    if not heads:
        yield Finding("ok", "state", "none yet: no worker has committed anything")
        return
    lag = sum(
        max(end - head.offsets.get(topic, first), 0)
        for shard in shards
        if (head := shard.head) is not None
        for topic, (first, end) in shard.bounds.items()
    )
    rewinds = sum(head.rewinds for head in heads)
    lost = f"; Redis lost acknowledged writes {rewinds} times" if rewinds else ""
    yield Finding("ok", "state", f"{len(heads)} shards, {lag:,} records to be read{lost}")


def _judge_shard(shard: ShardFacts, partitions: int, now_ms: int, *, live: bool) -> Iterator[Finding]:
    head, about = shard.head, f"shard {shard.partition}"
    if head is None:
        return
    if head.layout != LAYOUT_VERSION:
        fix = "run the version that wrote it, or rebuild it under a new STREAMPROC_GROUP"
        yield Finding(
            "wrong", about, f"has state layout {head.layout}, this program reads {LAYOUT_VERSION}", fix
        )
    if head.partitions != partitions:
        fix = "make the topics anew with the old number, or rebuild the state under a new STREAMPROC_GROUP"
        text = f"is of topics with {head.partitions} partitions, they have {partitions} now"
        yield Finding("wrong", about, text, fix)
    for topic, (first, end) in shard.bounds.items():
        stored = head.offsets.get(topic)
        if stored is not None and stored < first:
            fix = "restore the records, or accept the loss: one start with STREAMPROC_LOST_RECORDS=skip"
            text = f"{first - stored} records of {topic} were removed by retention before they were read"
            yield Finding("wrong", about, text, fix)
        if stored is not None and stored > end:
            fix = (
                "rebuild the state under a new STREAMPROC_GROUP, or go on at the new end: "
                "one start with STREAMPROC_LOST_RECORDS=skip"
            )
            text = f"{topic} must go on at offset {stored}, but ends at {end}: it was made anew or cut back"
            yield Finding("wrong", about, text, fix)
    if shard.outbox_records > _OUTBOX_RECORDS:
        fix = "do brokers and, with STREAMPROC_REDIS_REPLICAS, replicas answer? See `relay waits` in the workers' logs"
        yield Finding("warning", about, f"{shard.outbox_records:,} signals wait to be sent", fix)
    if live and head.time_ms is not None and now_ms - head.time_ms > _BEHIND_MS:
        behind_s = (now_ms - head.time_ms) // 1000
        fix = "is a worker running, and does its lag fall? Timers fire when it has caught up"
        yield Finding("warning", about, f"its time is {behind_s:,} s behind", fix)
