"""Findings about the state in Redis, against the topics it was made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streamproc.api.checkup import Finding, listed
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.store import Head

#: More signals than this in one outbox, and Kafka has not taken any for a while.
_OUTBOX_RECORDS: Final = 1_000
#: A shard whose time stands still for so long fires no timers.
_BEHIND_MS: Final = 60_000
#: A worker's clock may be ahead of ours by this much and nobody would notice.
_AHEAD_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """What is known of one shard. `bounds`: topic without prefix -> first and next offset of its log."""

    partition: int
    head: Head | None
    outbox_records: int
    bounds: Mapping[str, tuple[int, int]]


def judge_shards(
    shards: list[ShardFacts], partitions: int, now_ms: int, *, live: bool, in_force: bytes | None = None
) -> Iterator[Finding]:
    """State against topics. `live`: shard times should be those of the wall clock.

    `in_force`: what the heads would call the rules and the model of the settings; None: they cannot be read.
    """
    for shard in shards:
        yield from _judge_shard(shard, partitions)
    heads = [shard.head for shard in shards if shard.head is not None]
    if not heads:
        yield Finding("state.records", "ok", "state", "none yet: no worker has committed anything")
        return
    if live:
        yield from _judge_times(heads, now_ms)
    if in_force is not None:
        yield from _judge_rules(heads, in_force)
    lag = sum(
        max(end - head.offsets.get(topic, first), 0)
        for shard in shards
        if (head := shard.head) is not None
        for topic, (first, end) in shard.bounds.items()
    )
    rewinds = sum(head.rewinds for head in heads)
    lost = f"; Redis lost acknowledged writes {rewinds} times" if rewinds else ""
    yield Finding("state.records", "ok", "state", f"{len(heads)} shards, {lag:,} records to be read{lost}")


def _judge_shard(shard: ShardFacts, partitions: int) -> Iterator[Finding]:
    head, about = shard.head, f"shard {shard.partition}"
    if head is None:
        return
    if head.layout != LAYOUT_VERSION:
        fix = "run the version that wrote it, or make it anew from the topics: streamproc rebuild --wipe"
        text = f"has state layout {head.layout}, this program reads {LAYOUT_VERSION}"
        yield Finding("state.layout", "wrong", about, text, fix)
    if head.partitions != partitions:
        fix = "make the topics anew with the old number, or the state from the topics: streamproc rebuild --wipe"
        text = f"is of topics with {head.partitions} partitions, they have {partitions} now"
        yield Finding("state.layout", "wrong", about, text, fix)
    for topic, (first, end) in shard.bounds.items():
        stored = head.offsets.get(topic)
        if stored is not None and stored < first:
            fix = "restore the records, or accept the loss: one start with STREAMPROC_LOST_RECORDS=skip"
            text = f"{first - stored} records of {topic} were removed by retention before they were read"
            yield Finding("state.records", "wrong", about, text, fix)
        if stored is not None and stored > end:
            fix = (
                "make the state anew from the topics (streamproc rebuild --wipe), or go on at the new end: one start "
                "with STREAMPROC_LOST_RECORDS=skip"
            )
            text = f"{topic} must go on at offset {stored}, but ends at {end}: it was made anew or cut back"
            yield Finding("state.records", "wrong", about, text, fix)
    if shard.outbox_records > _OUTBOX_RECORDS:
        fix = "do brokers and, with STREAMPROC_REDIS_REPLICAS, replicas answer? See `relay waits` in the workers' logs"
        text = f"{shard.outbox_records:,} signals wait to be sent"
        yield Finding("state.outbox", "warning", about, text, fix)


def _judge_times(heads: list[Head], now_ms: int) -> Iterator[Finding]:
    """Which shards' times stand still or are ahead, all in one: a worker that is down stops many."""
    ages_ms = {head.partition: now_ms - head.time_ms for head in heads if head.time_ms is not None}
    late = {partition: age_ms for partition, age_ms in ages_ms.items() if age_ms > _BEHIND_MS}
    if late:
        partition, most_ms = max(late.items(), key=lambda item: item[1])
        fix = "is a worker running, and does its lag fall? Timers fire when it has caught up"
        about = f"shard {partition}" if len(late) == 1 else f"{len(late)} shards"
        text = f"its time is {most_ms // 1000:,} s behind"
        if len(late) > 1:
            text = f"their times are up to {most_ms // 1000:,} s behind (shard {partition})"
        yield Finding("state.time", "warning", about, text, fix)
    ahead = [head for head in heads if ages_ms.get(head.partition, 0) < -_AHEAD_MS]
    if ahead:
        most_ms = -min(ages_ms[head.partition] for head in ahead)
        names = listed([str(head.partition) for head in ahead])
        text = f"the time of shards {names} is {most_ms / 1000:,.1f} s ahead of this machine's clock"
        fix = "set the clocks of the workers' machines and of this one by NTP (chronyc tracking)"
        yield Finding("clocks.workers", "warning", "clocks", text, fix)
    elif ages_ms:
        yield Finding("clocks.workers", "ok", "clocks", "no shard's time is ahead of this machine's clock")


def _judge_rules(heads: list[Head], in_force: bytes) -> Iterator[Finding]:
    """Only of shards whose head says by which rules they are evaluated."""
    known = [head for head in heads if head.extra.get("in_force") is not None]
    other = [str(head.partition) for head in known if head.extra["in_force"] != in_force]
    if other:
        text = f"shards {listed(other)} run under other rules, cut-offs or model than the settings here name"
        fix = (
            "a running worker takes a changed file up within seconds. If this stays: do STREAMPROC_RULES, _CUTOFFS and "
            "_MODEL name the same files here and there (streamproc config show), and is every worker of this version?"
        )
        yield Finding("state.rules", "warning", "state", text, fix)
    elif known:
        yield Finding("state.rules", "ok", "state", "evaluated under the rules and the model of the settings")
