"""The topics: their names, their creation, and what the broker says about them."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAlreadyExistsError, for_code

from streamproc.errors import StreamprocError
from streamproc.transport.admin import open_admin
from streamproc.transport.brokers import Brokers

_CHANNEL_TOPICS = ("events.web", "events.app", "events.support")
_REKEY = "streamproc.rekey"
_SIGNAL_TOPICS = ("segments.changes", "churn.risk", "actions.reactivation")
_FAILED = "events.failed"
_OUTCOMES = "actions.outcomes"

#: Kafka's rule for topic names, applied to the prefix.
_PREFIX_PATTERN = re.compile(r"[a-zA-Z0-9._-]{0,200}")
#: A created topic is usable once every partition has a leader.
_LEADERS_TIMEOUT_S = 15.0
_LEADERS_POLL_S = 0.1
#: What decides whether old records survive, whose clock stamps them, and what is taken.
_SHOWN_CONFIGS = (
    *("retention.ms", "retention.bytes", "message.timestamp.type", "message.timestamp.before.max.ms"),
    *("cleanup.policy", "min.insync.replicas", "max.message.bytes"),
)


@dataclass(frozen=True, slots=True)
class Topics:
    """The topic names of one installation: the prefix and the name ("acme." + "events.web")."""

    prefix: str = ""

    def __post_init__(self) -> None:
        if not _PREFIX_PATTERN.fullmatch(self.prefix):
            raise StreamprocError(
                f"topic prefix {self.prefix!r} cannot be part of a Kafka topic name",
                fix="use letters, digits, '.', '_' and '-' only, at most 200 of them",
            )

    @property
    def channels(self) -> tuple[str, ...]:
        """web, app, support: in the order of the channel codes."""
        return tuple(self.prefix + name for name in _CHANNEL_TOPICS)

    @property
    def rekey(self) -> str:
        return self.prefix + _REKEY

    @property
    def events(self) -> tuple[str, ...]:
        """What others publish to: web, app, support, outcomes, in the order of the origins' codes."""
        return (*self.channels, self.outcomes)

    @property
    def sources(self) -> tuple[str, ...]:
        """What a worker reads; these must have the same partition count."""
        return (*self.events, self.rekey)

    @property
    def signals(self) -> tuple[str, ...]:
        return tuple(self.prefix + name for name in _SIGNAL_TOPICS)

    @property
    def failed(self) -> str:
        return self.prefix + _FAILED

    @property
    def outcomes(self) -> str:
        return self.prefix + _OUTCOMES

    @property
    def keyed_by_customer(self) -> tuple[str, ...]:
        """Topics in which a customer must always be on the partition of the same number."""
        return (*self.sources, *self.signals)

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.keyed_by_customer, self.failed)


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """What the broker says about an existing topic."""

    partitions: int
    replication: int
    #: Of `_SHOWN_CONFIGS`, those the broker reveals.
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Creation:
    """Topics made by `create_topics`, and those that had been there with the right partition count."""

    created: tuple[str, ...]
    existing: tuple[str, ...]


async def _partition_counts(admin: AIOKafkaAdminClient, names: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """(partitions, replication) of those of `names` that exist and whose partitions all have a leader."""
    # Asking for named topics would create them on a broker with auto.create.topics.enable.
    found = {}
    for topic in await admin.describe_topics():
        if topic["topic"] in names and not topic["error_code"]:
            partitions = topic["partitions"]
            if partitions and all(partition["leader"] >= 0 for partition in partitions):
                found[topic["topic"]] = (len(partitions), len(partitions[0]["replicas"]))
    return found


async def create_topics(
    brokers: Brokers,
    prefix: str = "",
    partitions: int = 12,
    replication: int = 1,
    *,
    source_retention_ms: int | None = None,
) -> Creation:
    """Create the topics that are missing and check the partition counts of those that exist.

    Sources and signals keep the broker's retention unless `source_retention_ms` is given for the sources
    (-1: for ever). Kafka expires records by their own timestamps, so a backfill that is produced with
    its old timestamps vanishes from a topic with ordinary retention before it is read. `streamproc.rekey` may
    carry such old records too, and nobody tunes it, so its records are stamped on arrival.

    Raises StreamprocError if no broker lets us in, if it refuses a topic, or if an existing topic's partition
    count differs; in the last case nothing is created.
    """
    topics = Topics(prefix)
    async with open_admin(brokers) as admin:
        found = await _partition_counts(admin, topics.all)
        _check_counts(topics, {name: count for name, (count, _) in found.items()}, partitions)
        missing = tuple(name for name in topics.all if name not in found)
        if missing:
            configs = _configs(topics, source_retention_ms)
            new = [
                NewTopic(name, partitions, replication, topic_configs=configs.get(name)) for name in missing
            ]
            await _send_creation(admin, new)
            await _wait_for_leaders(admin, missing)
    return Creation(created=missing, existing=tuple(name for name in topics.all if name in found))


def _configs(topics: Topics, source_retention_ms: int | None) -> dict[str, dict[str, str]]:
    kept = {} if source_retention_ms is None else {"retention.ms": str(source_retention_ms)}
    configs = {name: kept for name in topics.events if kept}
    # Who makes the state anew reads what was brought to its partition, too.
    return {**configs, topics.rekey: {"message.timestamp.type": "LogAppendTime", **kept}}


def _check_counts(topics: Topics, counts: Mapping[str, int], partitions: int) -> None:
    wrong = [
        f"{name} has {counts[name]}"
        for name in topics.keyed_by_customer
        if counts.get(name, partitions) != partitions
    ]
    if wrong:
        raise StreamprocError(
            f"{partitions} partitions were asked for, but {', '.join(wrong)}",
            fix="ask for the existing count (--partitions), or delete and recreate the topics that differ; "
            "a changed count moves customers to other partitions, so the state must then be rebuilt",
        )


async def _send_creation(admin: AIOKafkaAdminClient, new: list[NewTopic]) -> None:
    response = await admin.create_topics(new)
    refused: dict[str, list[str]] = {}
    for name, code, *details in response.topic_errors:
        # Someone else's creation between our look and our request is as good as ours.
        if code not in (0, TopicAlreadyExistsError.errno):
            refused.setdefault(details[0] or for_code(code).__name__, []).append(name)
    if refused:
        reasons = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in refused.items())
        raise StreamprocError(
            f"the broker refused to create {reasons}",
            fix="check the replication factor against the number of brokers, and the client's permissions",
        )


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: tuple[str, ...]) -> None:
    try:
        async with asyncio.timeout(_LEADERS_TIMEOUT_S):
            while len(await _partition_counts(admin, names)) < len(names):
                await asyncio.sleep(_LEADERS_POLL_S)
    except TimeoutError as error:
        raise StreamprocError(
            f"topics were created but have no leader after {_LEADERS_TIMEOUT_S:.0f} s: {', '.join(names)}",
            fix="look at the brokers' logs; the topics will do once they have leaders",
        ) from error


async def leaderless(brokers: Brokers, prefix: str = "") -> list[str]:
    """The topics of the installation that exist but have a partition without a leader, for the moment perhaps."""
    names = Topics(prefix).all
    async with open_admin(brokers) as admin:
        return sorted(
            topic["topic"]
            for topic in await admin.describe_topics()
            if topic["topic"] in names and any(partition["leader"] < 0 for partition in topic["partitions"])
        )


async def describe(brokers: Brokers, prefix: str = "") -> dict[str, TopicInfo | None]:
    """Every topic of the installation and what the broker says about it; None for a missing one."""
    topics = Topics(prefix)
    async with open_admin(brokers) as admin:
        found = await _partition_counts(admin, topics.all)
        configs = await _read_configs(admin, tuple(found))
    return {
        name: TopicInfo(*found[name], config=configs.get(name, {})) if name in found else None
        for name in topics.all
    }


async def _read_configs(admin: AIOKafkaAdminClient, names: tuple[str, ...]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    configs = {}
    for response in await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, n) for n in names]
    ):
        for error_code, _, _, name, entries in response.resources:
            if not error_code:
                configs[name] = {entry[0]: entry[1] for entry in entries if entry[0] in _SHOWN_CONFIGS}
    return configs


async def delete_topics(brokers: Brokers, prefix: str) -> None:
    """Delete the topics of an installation. Raises StreamprocError if no broker lets us in."""
    names = Topics(prefix).all
    async with open_admin(brokers) as admin:
        found = {topic["topic"] for topic in await admin.describe_topics()}
        await admin.delete_topics([name for name in names if name in found])


async def check_group(brokers: Brokers, group: str) -> None:
    """Raises StreamprocError if the user may not be in the consumer group: a consumer would wait without a word.

    Brokers that do not know users are not asked.
    """
    if brokers.protocol == "PLAINTEXT":
        return
    async with open_admin(brokers) as admin:
        try:
            await admin.find_coordinator(group)
        except GroupAuthorizationFailedError as error:
            raise StreamprocError(
                f"Kafka does not allow this user to be in the consumer group {group}",
                fix="give the user READ on the group; docs/security.md lists all permissions",
            ) from error
        except KafkaError:  # the first member of the first group makes the brokers' own topic
            return
