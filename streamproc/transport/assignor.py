"""Which worker reads which shard, and the check that a worker was really given whole shards.

Faust's own assignor co-partitions as well, but keeps a worker idle whenever the shards do not divide evenly
(12 over 5 workers: 3, 3, 3, 3, 0), and gives way to one that splits shards at an innocent-looking setting.
"""

import logging
from collections.abc import Collection, Iterable, Mapping

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.structs import TopicPartition

from streamproc.errors import StreamprocError

logger = logging.getLogger(__name__)

_PROTOCOL_VERSION = 0


class CopartitionError(StreamprocError):
    """A shard's partitions are not all in one place."""


class Holding(msgspec.Struct, frozen=True):
    """What a member held last, sent with its wish to join."""

    generation: int = -1
    shards: tuple[int, ...] = ()


def balance(shards: int, claims: Mapping[str, Holding]) -> dict[str, list[int]]:
    """Give shards 0 .. `shards` - 1 to the claiming members: as even as can be, moving as few as can be.

    Of two members that claim a shard, the one of the later generation keeps it: the other one is back from
    the dead. The outcome depends on the arguments alone.
    """
    holder: dict[int, str] = {}
    for member in sorted(claims, key=lambda name: (claims[name].generation, name)):
        holder |= {shard: member for shard in claims[member].shards if 0 <= shard < shards}
    assigned: dict[str, list[int]] = {member: [] for member in sorted(claims)}
    for shard in sorted(holder):
        assigned[holder[shard]].append(shard)
    share, extra = divmod(shards, len(claims))
    fullest_first = sorted(assigned, key=lambda name: (-len(assigned[name]), name))
    quotas = {member: share + (rank < extra) for rank, member in enumerate(fullest_first)}
    for member, quota in quotas.items():
        del assigned[member][quota:]
    free = sorted(set(range(shards)) - {shard for kept in assigned.values() for shard in kept})
    for member, quota in quotas.items():
        missing = quota - len(assigned[member])
        assigned[member] += free[:missing]
        free = free[missing:]
    return assigned


class ShardAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's assignor interface over `balance`; one object per consumer, as it remembers what it held."""

    name = "streamproc-shards"

    def __init__(self) -> None:
        self._held = Holding()

    def remember(self, assigned: Collection[TopicPartition], generation: int) -> None:
        """Called at each assignment, so that the next one leaves the shards where they are."""
        self._held = Holding(generation, tuple(sorted({tp.partition for tp in assigned})))

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        return ConsumerProtocolMemberMetadata(
            _PROTOCOL_VERSION, sorted(topics), msgspec.msgpack.encode(self._held)
        )

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """aiokafka does not tell the generation here; see `remember`."""

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Runs on the group's leader. Members that do not read every source topic get nothing: in a rolling
        update an older version would take a shard and leave its newer topics unread."""
        topics = sorted(set().union(*(member.subscription for member in members.values())))
        able = {
            name: msgspec.msgpack.decode(member.user_data, type=Holding)
            for name, member in members.items()
            if set(member.subscription) == set(topics)
        }
        if len(able) < len(members):
            logger.error(
                "members with other source topics get no shards: %s", sorted(members.keys() - able.keys())
            )
        partitions = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
        # Unequal counts are assigned as far as they go; every member then refuses them by name.
        shards = max(map(len, partitions.values()), default=0)
        shares = balance(shards, able) if able else {}
        return {
            name: ConsumerProtocolMemberAssignment(
                _PROTOCOL_VERSION,
                [
                    (topic, [shard for shard in shares.get(name, []) if shard in partitions[topic]])
                    for topic in topics
                    if topic in member.subscription
                ],
                b"",
            )
            for name, member in members.items()
        }


def check_copartitioned(
    sources: Collection[str],
    assigned: Collection[TopicPartition],
    counts: Mapping[str, int],
) -> None:
    """Refuse an assignment in which a shard is not whole.

    `counts` gives each source topic's partition count; 0 or absent: the topic does not exist. Raises
    CopartitionError with what differs and what to do.
    """
    missing = [topic for topic in sources if not counts.get(topic)]
    if missing:
        raise CopartitionError(
            f"source topics do not exist: {', '.join(missing)}",
            fix="run `streamproc topics create` with the partition count of the others",
        )
    if len({counts[topic] for topic in sources}) > 1:
        found = ", ".join(f"{topic} has {counts[topic]}" for topic in sources)
        raise CopartitionError(
            f"the source topics must have the same number of partitions, but {found}",
            fix="give those that have fewer as many as the others (kafka-topics --alter --partitions N), then make the "
            "state anew: `streamproc rebuild --wipe`",
        )
    by_shard: dict[int, set[str]] = {}
    for tp in assigned:
        by_shard.setdefault(tp.partition, set()).add(tp.topic)
    for shard, topics in sorted(by_shard.items()):
        if topics != set(sources):
            absent = ", ".join(sorted(set(sources) - topics))
            raise CopartitionError(
                f"this worker was given partition {shard} of {', '.join(sorted(topics))}, but not of "
                f"{absent}",
                fix="stop the workers of the group that run another version or another program, "
                "or give this one a group of its own (STREAMPROC_GROUP)",
            )
