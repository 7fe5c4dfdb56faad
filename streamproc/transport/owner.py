"""What the transport asks of the part of the program that owns the state."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from aiokafka.structs import TopicPartition


class Fenced(Exception):
    """The shards belong to a later generation of the group, and this worker does not know of it yet."""


class Unavailable(Exception):
    """What is needed to say where to read on (the state store, the brokers) does not answer now."""


class Progress(NamedTuple):
    """What Kafka is told about a source partition: the next offset, and a note of the owner's beside it."""

    offset: int
    note: str


class Owner(Protocol):
    """Owns the offsets. All methods are called on the worker's main event loop.

    A *shard* is one partition number of all source topics; it is acquired and released as a whole.
    """

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        """Become the only writer of `shards` and say where to read on.

        Called at every assignment, also for shards held before it, and by `Consumer.reseek`. Returns the next
        offset of every source partition of these shards; None: never read, start at the beginning. May be
        cancelled by the next rebalance and must bear being called again. The transport's seek deadline bounds
        it. Fenced makes the transport wait for the rebalance, Unavailable makes it call `on_unsought`; anything
        else it raises stops the worker.
        """

    def on_unsought(self, shards: set[int]) -> None:
        """These shards were assigned but could not be sought, and stay unread: call `Consumer.reseek` later."""

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None:
        """The partitions have been sought; only chunks of `session`, from these offsets on, count now.

        A shard may have been released while it was sought; then this says nothing about it.

        `starts` differs from what `acquire` returned where that was None, or lost and skipped.
        """

    async def release(self, shards: set[int]) -> None:
        """Finish the commit in flight and let go. Chunks handed over before are void from now on, and agents
        waiting to hand over one must be let go at once. Bounded to a fifth of the rebalance timeout, then
        abandoned (the fencing epoch keeps that safe).
        """

    def committed_offsets(self) -> Mapping[TopicPartition, Progress]:
        """What is durable now. Kafka shows the offsets to lag monitors, and keeps the notes for the owner."""

    def on_lost(self, tp: TopicPartition, count: int) -> None:
        """Policy `skip` jumped over up to `count` records of `tp` that Kafka no longer holds."""
