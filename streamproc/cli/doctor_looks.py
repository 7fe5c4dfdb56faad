"""What `streamproc doctor` asks, in which order, and which judge it hands the answers to."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from streamproc.api.checkup import Finding, listed
from streamproc.api.checkup_kafka import judge_access, judge_brokers, judge_group, judge_topics
from streamproc.api.checkup_records import (
    judge_ages,
    judge_offsets,
    judge_samples,
    judge_stamps,
    places_of,
)
from streamproc.api.checkup_redis import judge_redis
from streamproc.api.checkup_rules import judge_cutoffs, judge_model, judge_rules, look_back_ms
from streamproc.api.checkup_state import ShardFacts, judge_shards
from streamproc.churn.model import load_model
from streamproc.clock import monotonic_s, wall_ms
from streamproc.errors import StreamprocError
from streamproc.in_force import mark_of
from streamproc.rules.cutoff_values import load_cutoffs
from streamproc.rules.load import PLAYBOOK, check_ruleset
from streamproc.rules.problems import RulesError
from streamproc.settings import Settings, misspelt
from streamproc.sources import SOURCES
from streamproc.state.keys import Keyspace
from streamproc.state.redis_checks import look_at_redis, why_not
from streamproc.state.redis_link import RedisLink
from streamproc.state.redis_server import examine
from streamproc.state.redis_servers import open_servers
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import RedisConfigError, StoreError
from streamproc.transitions.definitions import Definitions
from streamproc.transport.brokers import Brokers, brokers_of
from streamproc.transport.bulk import log_bounds
from streamproc.transport.checks import (
    GroupFacts,
    forbidden_topics,
    look_at_brokers,
    look_at_group,
    through,
)
from streamproc.transport.samples import Sample, sample_topics
from streamproc.transport.topics import TopicInfo, Topics, describe, leaderless

#: Where the rules cannot be read, what a state keeps anyway.
_LOOK_BACK_MS: Final = 90 * 86_400_000


class KafkaLook:
    """What Kafka was found to be, for what is asked of Redis."""

    def __init__(self) -> None:
        self.partitions = 0
        self.bounds: Mapping[tuple[str, int], tuple[int, int]] = {}
        self.group = GroupFacts()
        self.topics: Mapping[str, TopicInfo | None] = {}
        self.samples: Mapping[str, Sample] = {}


async def look(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """All findings. What cannot be asked, because something else is wrong, is left out."""
    findings = [
        Finding("settings.names", "warning", "settings", f"{variable} is not read", f"did you mean {meant}?")
        for variable, meant in misspelt(environment).items()
    ]
    definitions = _definitions(settings, findings)
    kafka = KafkaLook()
    needed_ms = look_back_ms(definitions.ruleset) if definitions else _LOOK_BACK_MS
    try:
        async for finding in _kafka(settings, kafka, needed_ms):
            findings.append(finding)  # one by one: those before an error stay
    except StreamprocError as error:
        findings.append(Finding("kafka.reach", "wrong", "Kafka", error.message, error.fix))
    try:
        async with _store(settings) as store:
            answers = await _redis(settings, findings)
            shards = await _shards(store, settings, kafka, findings) if answers else []
        if shards:
            in_force = mark_of(definitions) if definitions else None
            live = settings.clock == "live"
            findings += judge_shards(shards, kafka.partitions, wall_ms(), live=live, in_force=in_force)
            prefix = settings.topic_prefix
            findings += judge_offsets(kafka.group, shards, prefix)
            findings += judge_ages(kafka.samples, kafka.topics, shards, prefix, wall_ms())
    except StoreError as error:
        findings.append(Finding("redis.reach", "wrong", "Redis", *why_not(error)))
    except StreamprocError as error:
        findings.append(Finding("redis.reach", "wrong", "Redis", error.message, error.fix))
    return findings


def _definitions(settings: Settings, findings: list[Finding]) -> Definitions | None:
    """The rules and the model, and what is to be said of them; None: one of them cannot be read."""
    today = datetime.fromtimestamp(wall_ms() / 1000, UTC).date()
    ruleset = model = None
    try:
        values = load_cutoffs(settings.cutoffs_path)
        ruleset, problems = check_ruleset(settings.rules_path, values)
        if ruleset is None:
            raise RulesError([problem for problem in problems if problem.severity == "error"])
        findings += judge_rules(ruleset, problems, settings.rules or f"the packaged {PLAYBOOK}")
        findings += judge_cutoffs(ruleset, settings.cutoffs, values, today)
    except StreamprocError as error:
        findings.append(Finding("rules.file", "wrong", "rules", error.message, error.fix))
    try:
        model = load_model(settings.model_path)
        if ruleset is not None:
            findings += judge_model(model, settings.model, ruleset, today)
    except StreamprocError as error:
        findings.append(Finding("rules.model", "wrong", "model", error.message, error.fix))
    return Definitions(ruleset, model) if ruleset is not None and model is not None else None


async def _kafka(settings: Settings, kafka: KafkaLook, needed_ms: int) -> AsyncIterator[Finding]:
    brokers, topics = brokers_of(settings), Topics(settings.topic_prefix)
    cluster = await look_at_brokers(brokers)
    for finding in judge_brokers(cluster):
        yield finding
    if all(door.error for door in cluster.doors) or any(door.error for door in cluster.advertised):
        return
    brokers = through(brokers, cluster.doors)
    written = (*topics.signals, topics.failed, topics.rekey)
    hidden, unwritable = await forbidden_topics(brokers, topics.all, written, cluster.versions)
    for finding in judge_access(hidden, unwritable):
        yield finding
    found = await describe(brokers, settings.topic_prefix)
    without_leader = await leaderless(brokers, settings.topic_prefix)
    for finding in judge_topics(found, topics, needed_ms=needed_ms, leaderless=without_leader, hidden=hidden):
        yield finding
    kafka.partitions = _partitions(found, topics)
    try:
        places = places_of(topics.sources, kafka.partitions)
        kafka.group = await look_at_group(brokers, settings.group, places)
        for finding in judge_group(kafka.group, settings.group, topics, kafka.partitions):
            yield finding
    except StreamprocError as error:
        yield Finding("group.access", "warning", f"group {settings.group}", error.message, error.fix)
    if kafka.partitions:
        kafka.topics = found
        async for finding in _records(brokers, topics, kafka):
            yield finding


async def _records(brokers: Brokers, topics: Topics, kafka: KafkaLook) -> AsyncIterator[Finding]:
    try:
        kafka.bounds = await log_bounds(brokers, topics.sources, kafka.partitions)
        kafka.samples = await sample_topics(brokers, kafka.bounds, kafka.partitions)
    except StreamprocError as error:
        yield Finding("topics.access", "wrong", "records", error.message, error.fix)
        return
    for finding in (*judge_samples(kafka.samples, kafka.partitions), *judge_stamps(kafka.samples, wall_ms())):
        yield finding


async def _redis(settings: Settings, findings: list[Finding]) -> bool:
    """Add what is found of each primary for itself; whether any answers.

    Raises what the store raises if nobody says which they are.
    """
    servers = open_servers(settings.redis, attempts=1)
    try:
        links = await servers.primaries()
        looks = await asyncio.gather(*(_primary(settings, link, len(links)) for link in links))
    finally:
        await servers.aclose()
    for found in looks:
        findings += found
    return any(all(finding.check != "redis.reach" for finding in found) for found in looks)


async def _primary(settings: Settings, link: RedisLink, primaries: int) -> list[Finding]:
    """What is found of one primary; only why it does not let us in, if so."""
    about = "Redis" if primaries == 1 else f"Redis {link.where}"
    keys = Keyspace(settings.topic_prefix, settings.group).shard(0)
    replicas = None if settings.redis_replicas == "auto" else settings.redis_replicas
    try:
        facts = await look_at_redis(link, keys, wall_ms, monotonic_s)
    except StoreError as error:
        return [Finding("redis.reach", "wrong", about, *why_not(error))]
    found = list(judge_redis(facts, link.where, replicas, about))
    try:
        await examine(link)
    except RedisConfigError as error:  # what a worker refuses to start with
        found.append(Finding("redis.server", "wrong", about, error.message, error.fix))
    except StoreError as error:
        found.append(Finding("redis.reach", "wrong", about, *why_not(error)))
    return found


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[RedisStore]:
    store = RedisStore(settings.redis, prefix=settings.topic_prefix, group=settings.group, attempts=1)
    try:
        yield store
    finally:
        await store.aclose()


def _partitions(found: Mapping[str, TopicInfo | None], topics: Topics) -> int:
    """Partitions of the sources if they are all there and alike; else 0."""
    counts = {info.partitions if (info := found[name]) else 0 for name in topics.sources}
    return counts.pop() if len(counts) == 1 else 0


async def _shards(
    store: RedisStore, settings: Settings, kafka: KafkaLook, findings: list[Finding]
) -> list[ShardFacts]:
    """What is known of the shards whose server answers. Where the logs end is not known where Kafka did not say."""

    async def look_at(partition: int) -> ShardFacts | StoreError:
        places = {topic: (settings.topic_prefix + topic, partition) for topic in SOURCES}
        bounds = {topic: kafka.bounds[place] for topic, place in places.items() if place in kafka.bounds}
        try:
            head, waiting = await asyncio.gather(store.read_head(partition), store.outbox_length(partition))
        except StoreError as error:
            return error
        return ShardFacts(partition, head, waiting, bounds)

    shards: list[ShardFacts] = []
    unread: dict[tuple[str, str], list[str]] = {}  # by why and what to do
    for partition, facts in enumerate(await asyncio.gather(*map(look_at, range(kafka.partitions)))):
        if isinstance(facts, ShardFacts):
            shards.append(facts)
        else:
            unread.setdefault(why_not(facts), []).append(str(partition))
    for (why, fix), names in unread.items():
        text = f"the state of shards {listed(names)} cannot be read: {why}"
        findings.append(Finding("redis.reach", "wrong", "Redis", text, fix))
    return shards
