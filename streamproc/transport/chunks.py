"""What the transport hands to an agent: consecutive records of one partition."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from aiokafka.structs import TopicPartition


class Record(Protocol):
    """The part of aiokafka's ConsumerRecord that the rest of the program may rely on."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int  # epoch ms, the producer's or the broker's
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True, repr=False)
class Chunk:
    """The records of one partition from `start_offset` up to, not including, `next_offset`.

    A session's chunks of a partition are handed over in order and without a hole: the first starts at the
    offset that the seek went to, each other one where the one before it ended. `records` is empty when Kafka
    moved the position past offsets that hold no data (transaction markers, compacted records).
    """

    topic: str
    partition: int
    records: Sequence[Record]
    start_offset: int
    next_offset: int
    #: Kafka's group generation in which the partition was sought.
    generation: int
    #: The seek session this chunk belongs to; `Consumer.is_current` tells whether it still counts.
    session: int

    @property
    def tp(self) -> TopicPartition:
        return TopicPartition(self.topic, self.partition)

    @property
    def first_offset(self) -> int:
        """Offset of the first record; `next_offset` if there is none."""
        return self.records[0].offset if self.records else self.next_offset

    def __repr__(self) -> str:
        place = f"{self.topic}[{self.partition}] {self.start_offset}..{self.next_offset}"
        return f"<Chunk {place} records={len(self.records)} session={self.session}>"


class Tail(NamedTuple):
    """How far a partition has been handed over, and whether that was everything.

    A shard has caught up with a partition if it has applied every record below `handed_next_offset` and
    `at_end` holds: then nothing that was in the log at `polled_at_ms` is missing.
    """

    #: The offset after the last chunk handed to an agent (the sought offset before the first one).
    handed_next_offset: int
    #: The broker's answer to the request sent at `polled_at_ms` showed no record from there on.
    at_end: bool
    #: Wall clock, epoch ms, at which the last answered fetch request was *sent*: an answer that lay unread in
    #: a stopped or starved process must not look fresh. 0 before the first answer.
    polled_at_ms: int
