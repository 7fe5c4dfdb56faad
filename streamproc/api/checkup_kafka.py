"""Findings about the brokers, the topics and the consumer group."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from streamproc.api.checkup import Finding, listed
from streamproc.transport.assignor import ShardAssignor
from streamproc.transport.checks import ClusterFacts, GroupFacts
from streamproc.transport.topics import TopicInfo, Topics

_DAY_MS: Final = 86_400_000
#: What a re-keyed record may weigh, with room for its batch; and a batch of signals (transport/outlet.py).
_REKEY_BYTES: Final = 1_000_000
_BATCH_BYTES: Final = 131_072
#: Requests that matter, by number: what for, and the versions that would do: lowest, and highest that aiokafka speaks.
_VERSIONS: Final = {
    0: ("Produce, with headers", 3, 8),
    1: ("Fetch, with headers", 4, 11),
    3: ("Metadata", 1, 5),
    11: ("JoinGroup", 2, 5),
}


def judge_brokers(facts: ClusterFacts) -> Iterator[Finding]:
    """Whether each lets us in, at the addresses we were given and at those that they tell."""
    let_in = [door for door in facts.doors if not door.error]
    for door in facts.doors:
        if door.error:
            yield Finding("kafka.reach", "warning" if let_in else "wrong", "Kafka", door.error, door.fix)
    if not let_in:
        return
    yield Finding("kafka.reach", "ok", "Kafka", f"answers at {listed([door.address for door in let_in])}")
    yield from _judge_advertised(facts)
    unfit = [
        f"{what}: versions {lowest} to {highest} there, {least} to {most} here"
        for key, (what, least, most) in _VERSIONS.items()
        for lowest, highest in (facts.versions.get(key, (0, -1)),)
        if highest < least or lowest > most
    ]
    if unfit:
        fix = "use brokers of Apache Kafka 2.3 or later; of brokers that are too new, a newer streamproc"
        yield Finding("kafka.versions", "wrong", "Kafka", "; ".join(unfit), fix)
    else:
        yield Finding("kafka.versions", "ok", "Kafka", "speaks the requests that are needed")


def _judge_advertised(facts: ClusterFacts) -> Iterator[Finding]:
    closed = [door for door in facts.advertised if door.error]
    for door in closed:
        given = listed([each.address for each in facts.doors])
        text = f"{given} answers, but tells its clients to go on to {door.address}, and there: {door.error}"
        fix = (
            "set advertised.listeners of the brokers to names and ports that this machine can reach, "
            "and STREAMPROC_KAFKA to the listener that is meant for it"
        )
        yield Finding("kafka.advertised", "wrong", "Kafka", text, fix)
    if not closed:
        names = listed([door.address for door in facts.advertised])
        count = len(facts.advertised)
        text = f"{count} broker{'' if count == 1 else 's'}, reached as advertised: {names}"
        yield Finding("kafka.advertised", "ok", "Kafka", text)


def judge_access(hidden: Collection[str], unwritable: Collection[str]) -> Iterator[Finding]:
    """What the user may not see or write."""
    if hidden:
        fix = "give the user READ on the topics (docs/security.md lists what each command needs)"
        text = f"may not be seen by this user: {listed(sorted(hidden))}"
        yield Finding("topics.access", "wrong", "topics", text, fix)
    if unwritable:
        fix = "give the user WRITE on the topics (docs/security.md lists what each command needs)"
        text = f"may not be written by this user: {listed(sorted(unwritable))}"
        yield Finding("topics.access", "wrong", "topics", text, fix)


def judge_topics(
    found: Mapping[str, TopicInfo | None],
    topics: Topics,
    *,
    needed_ms: int,
    leaderless: Collection[str] = (),
    hidden: Collection[str] = (),
) -> Iterator[Finding]:
    """Missing ones, partition counts that differ, and settings by which Kafka loses or refuses records.

    `needed_ms`: how far back the rules look, which a rebuild must find again.
    """
    missing = [name for name, info in found.items() if info is None and name not in {*hidden, *leaderless}]
    if missing:
        fix = "create them: streamproc topics create --partitions 12"
        yield Finding("topics.present", "wrong", "topics", f"missing: {', '.join(missing)}", fix)
    if leaderless:
        fix = "a broker is down: start it, or look at its log; streamproc goes on by itself"
        text = f"without a leader for some partition: {listed(sorted(leaderless))}"
        yield Finding("topics.present", "wrong", "topics", text, fix)
    there = {name: info for name, info in found.items() if info is not None}
    counts = {name: there[name].partitions for name in topics.keyed_by_customer if name in there}
    if len(set(counts.values())) > 1:
        usual = Counter(counts.values()).most_common(1)[0][0]
        others = ", ".join(f"{name} {count}" for name, count in counts.items() if count != usual)
        fix = (
            f"make those anew with {usual} partitions, or all with one number: a customer must be on the partition of "
            "the same number everywhere; workers refuse to run until then"
        )
        text = f"partition counts differ: {others}, the others {usual}"
        yield Finding("topics.partitions", "wrong", "topics", text, fix)
    elif counts and not missing:
        text = f"{len(there)}, with {next(iter(counts.values()))} partitions each"
        yield Finding("topics.partitions", "ok", "topics", text)
    if not there:
        return
    silent = [name for name, info in there.items() if not info.config]
    if silent:
        text = f"no settings are told of {_some(silent, there)}: retention and compaction are not judged"
        fix = "give the user DESCRIBE_CONFIGS on the topics, or look at them with kafka-configs"
        yield Finding("topics.access", "warning", "topics", text, fix)
    yield from _judge_replication(there)
    yield from _judge_compaction(there)
    yield from _judge_retention({name: there[name] for name in topics.events if name in there}, needed_ms)
    yield from _judge_timestamps(there, topics)
    yield from _judge_sizes(there, topics)


def _judge_replication(there: Mapping[str, TopicInfo]) -> Iterator[Finding]:
    single = [name for name, info in there.items() if info.replication == 1]
    if single:
        text = f"{_some(single, there)} on one broker only: what is on its disk goes with it"
        fix = "with three brokers: streamproc topics create --replication 3; kafka-reassign-partitions for old ones"
        yield Finding("topics.replication", "warning", "topics", text, fix)
    for name, info in there.items():
        least = int(info.config.get("min.insync.replicas", 1))
        if least > info.replication:
            text = f"asks for {least} replicas in sync and has {info.replication}: nothing can be written"
            fix = f"set min.insync.replicas={max(1, info.replication - 1)} on {name}"
            yield Finding("topics.replication", "wrong", name, text, fix)
        elif least == info.replication > 1:
            text = f"asks for all of its {least} replicas: one broker that is down stops it"
            fix = f"set min.insync.replicas={info.replication - 1} on {name}"
            yield Finding("topics.replication", "warning", name, text, fix)


def _judge_compaction(there: Mapping[str, TopicInfo]) -> Iterator[Finding]:
    for name, info in there.items():
        if "compact" in info.config.get("cleanup.policy", ""):
            fix = f"set cleanup.policy=delete on {name}"
            text = "is compacted: all but the last record of a key are deleted"
            yield Finding("topics.compaction", "wrong", name, text, fix)


def _judge_retention(sources: Mapping[str, TopicInfo], needed_ms: int) -> Iterator[Finding]:
    """Of the topics of events. Against an outage, and against a rebuild."""
    days = needed_ms / _DAY_MS
    short: dict[int, list[str]] = {}
    for name, info in sources.items():
        kept_ms = int(info.config.get("retention.ms", -1))
        if 0 <= kept_ms < _DAY_MS:
            fix = f"set retention.ms={needed_ms} ({days:.0f} days), or at least the longest outage of the workers"
            text = f"keeps records for {kept_ms / 3_600_000:.1f} h only"
            yield Finding("topics.retention", "warning", name, text, fix)
        elif 0 <= kept_ms < needed_ms:
            short.setdefault(kept_ms, []).append(name)
        kept_bytes = int(info.config.get("retention.bytes", -1))
        if kept_bytes >= 0:
            fix = f"set retention.bytes=-1 on {name}, and give the brokers room for retention.ms"
            text = f"keeps {kept_bytes:,} bytes of a partition, however young: a burst removes what nobody has read"
            yield Finding("topics.retention", "warning", name, text, fix)
    for kept_ms, names in short.items():
        fix = (
            f"set retention.ms={needed_ms} on them, if state is to be rebuilt from Kafka; or keep backups of Redis, "
            "which do not need it"
        )
        text = (
            f"{listed(names)}: kept for {kept_ms / _DAY_MS:.0f} days, the rules look back {days:.0f}: after a rebuild, "
            "what is not known of a customer takes that long to be known again"
        )
        yield Finding("topics.retention", "warning", "topics", text, fix)


def _judge_timestamps(there: Mapping[str, TopicInfo], topics: Topics) -> Iterator[Finding]:
    rekey = there.get(topics.rekey)
    if rekey is not None and rekey.config.get("message.timestamp.type") == "CreateTime":
        fix = f"set message.timestamp.type=LogAppendTime on {topics.rekey}"
        text = "counts retention by the records' own times, and events that are brought to their partition may be old"
        yield Finding("topics.timestamps", "warning", topics.rekey, text, fix)
    trapped = [
        name
        for name in topics.events
        if name in there
        and there[name].config.get("message.timestamp.type") == "CreateTime"
        and int(there[name].config.get("retention.ms", -1)) >= 0
    ]
    strict = [
        name
        for name in topics.events
        if name in there
        and 0 <= int(there[name].config.get("message.timestamp.before.max.ms", -1)) < 90 * _DAY_MS
    ]
    if strict:
        text = f"{listed(strict)}: brokers refuse records whose own timestamp is old (message.timestamp.before.max.ms)"
        fix = "leave it at its default, or let producers of old events not set the record's timestamp"
        yield Finding("topics.timestamps", "warning", "topics", text, fix)
    if trapped:
        text = (
            f"{listed(trapped)}: CreateTime, so retention counts by the times that producers stamp; a history that is "
            "produced with its old times is removed before it is read (streamproc publish stamps the time of sending)"
        )
        yield Finding("topics.timestamps", "ok", "topics", text)


def _judge_sizes(there: Mapping[str, TopicInfo], topics: Topics) -> Iterator[Finding]:
    for name in (*topics.signals, topics.failed, topics.rekey):
        info = there.get(name)
        limit = int(info.config.get("max.message.bytes", 1 << 30)) if info else 1 << 30
        needed = _REKEY_BYTES + 48_576 if name == topics.rekey else _BATCH_BYTES
        if limit < needed:
            text = f"takes batches of {limit:,} bytes at most, and those of streamproc have up to {needed:,}"
            fix = f"set max.message.bytes=1048588 (the default) on {name}"
            yield Finding("topics.size", "wrong", name, text, fix)


def judge_group(facts: GroupFacts, group: str, topics: Topics, partitions: int) -> Iterator[Finding]:
    """Who is in the consumer group, and who has which shard."""
    about = f"group {group}"
    if facts.denied:
        fix = "give the user READ on the group; docs/security.md lists all permissions"
        yield Finding("group.access", "wrong", about, "this user may not be in it", fix)
        return
    if not facts.members:
        yield Finding("group.members", "ok", about, "no worker is in it now")
        return
    if facts.state == "Stable" and facts.protocol not in ("", ShardAssignor.name):
        who = listed([member.name for member in facts.members])
        text = f"is used by something else: {who} ({facts.protocol})"
        fix = "give it another group id, or streamproc another STREAMPROC_GROUP"
        yield Finding("group.members", "wrong", about, text, fix)
        return
    if facts.state != "Stable":
        text = f"{len(facts.members)} workers are sharing out the shards ({facts.state})"
        fix = "look again in a minute; if it stays, workers come and go: see their logs"
        yield Finding("group.members", "warning", about, text, fix)
        return
    if not any(member.topics or member.held for member in facts.members):
        text = f"{len(facts.members)} in it; the brokers do not tell what they read"
        yield Finding("group.members", "ok", about, text)
        return
    yield from _judge_members(facts, about, topics, partitions)


def _judge_members(facts: GroupFacts, about: str, topics: Topics, partitions: int) -> Iterator[Finding]:
    wanted = frozenset(topics.sources)
    others = [member.name for member in facts.members if member.topics != wanted]
    if others:
        text = f"reads other topics than this installation: {listed(others)}"
        fix = "one version and one STREAMPROC_TOPIC_PREFIX for all workers of a group"
        yield Finding("group.members", "wrong", about, text, fix)
    owners: dict[int, set[str]] = {shard: set() for shard in range(partitions)}
    for number, member in enumerate(facts.members):
        for place in member.held:
            owners.setdefault(place.partition, set()).add(f"{number}")
    split = [str(shard) for shard, names in owners.items() if len(names) > 1]
    idle = [str(shard) for shard, names in owners.items() if not names]
    if split or idle:
        what = [f"shards {listed(split)} are split over workers"] if split else []
        what += [f"shards {listed(idle)} have no worker"] if idle else []
        fix = "stop what is no streamproc worker of this version; workers share out the shards anew"
        yield Finding("group.members", "wrong", about, "; ".join(what), fix)
    if not (others or split or idle):
        shares = sorted(len({place.partition for place in member.held}) for member in facts.members)
        spread = f"{shares[0]}" if shares[0] == shares[-1] else f"{shares[0]} to {shares[-1]}"
        text = f"{len(shares)} worker{'' if len(shares) == 1 else 's'}, {spread} of {partitions} shards each"
        spare = "" if shares[0] else "; more workers than shards, the idle ones wait in reserve"
        yield Finding("group.members", "ok", about, text + spare)


def _some(names: list[str], there: Mapping[str, TopicInfo]) -> str:
    return "all" if len(names) == len(there) else listed(names)
