"""What stands in the way of an installation, or soon will: findings, each with what to do about it.

The judging functions are pure, here and in the modules beside (`checkup_kafka`, `checkup_records`, `checkup_redis`,
`checkup_rules`, `checkup_state`); `streamproc doctor` asks Kafka and Redis and hands them what they said.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Level = Literal["ok", "warning", "wrong"]

#: Every check by its name, on which scripts may rely, in the order of the report. Before the dot stands its area.
CHECKS: Final = MappingProxyType(
    {
        "settings.names": "variables that look like a setting and are none",
        "rules.file": "can the rules be read, with their cut-offs; what `segments lint` warns of",
        "rules.cutoffs": "is the file of cut-offs there, and how old are its values",
        "rules.model": "can the churn model be read, is it your own, how old is its fit",
        "kafka.reach": "does each broker of STREAMPROC_KAFKA let us in: name, port, TLS, user, password",
        "kafka.advertised": "can the brokers be reached at the addresses that they tell their clients",
        "kafka.versions": "do brokers and client speak the same versions of the protocol",
        "topics.present": "is every topic there, with a leader for each partition",
        "topics.access": "may the user see, read and write them",
        "topics.partitions": "has every topic that is keyed by customer the same number of partitions",
        "topics.replication": "does a topic survive the loss of a broker, and is it still written then",
        "topics.compaction": "does compaction delete records that are needed",
        "topics.retention": "do records last as long as an outage, and as the rules look back",
        "topics.timestamps": "by whose clock does retention count",
        "topics.size": "are the largest records and batches taken",
        "records.partitioner": "do the newest records lie where murmur2 of their customer id puts them",
        "records.keys": "have they the customer id as key, and a customer id at all",
        "records.age": "are there records that retention will remove as soon as it looks",
        "group.access": "may the user be in the consumer group",
        "group.members": "is a worker in the group, and nobody else; does each shard have one owner",
        "group.offsets": "is Redis at least as far as what Kafka was told",
        "redis.reach": "does Redis let us in: name, port, TLS, user, password",
        "redis.server": "version, and whether it is a primary that evicts nothing",
        "redis.access": "may the user do all that a worker does",
        "redis.persistence": "is every second of state on disk",
        "redis.memory": "is there room, and for the fork of a rewrite, too",
        "redis.replicas": "are they there, and close behind",
        "redis.latency": "how long one round trip takes",
        "state.layout": "was it written by this version, for as many partitions",
        "state.records": "does Kafka still have what is to be read next",
        "state.outbox": "do signals leave",
        "state.time": "do the shards' times keep up",
        "state.rules": "are the rules in force those of the file",
        "clocks.redis": "this machine's clock against that of Redis",
        "clocks.kafka": "this machine's clock against what brokers and producers stamped",
        "clocks.workers": "this machine's clock against the times of the shards",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `check`: a name of CHECKS. `fix` is empty where nothing is to be done."""

    check: str
    level: Level
    about: str
    text: str
    fix: str = ""

    @property
    def area(self) -> str:
        return self.check.partition(".")[0]


def in_order(findings: list[Finding]) -> list[Finding]:
    """As CHECKS has them."""
    places = {name: place for place, name in enumerate(CHECKS)}
    return sorted(findings, key=lambda finding: places[finding.check])


def listed(names: list[str], most: int = 5) -> str:
    """Some names, and how many there are besides."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
