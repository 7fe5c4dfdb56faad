"""Refused records: read from `events.failed`, find the originals in their topics, send them again.

The envelope holds a part of the record at most; the source topic is the truth.
"""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
from aiokafka.structs import ConsumerRecord as Record
from aiokafka.structs import TopicPartition

from streamproc.contracts.failed import FailedEvent, FailedEventData
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_bulk_producer, partition_counts, read_records, read_topic
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics

#: Header of a record that was sent again: the id of the refusal it answers.
REPLAY_HEADER: Final = "streamproc-replay-of"

_DECODER: Final = msgspec.json.Decoder(FailedEvent)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record of `events.failed`. at_ms: when it was written there; envelope: its whole value."""

    data: FailedEventData
    at_ms: int
    envelope: bytes


@dataclass(frozen=True, slots=True)
class Filter:
    """Which refusals are wanted; None, and 0 for `since_ms`: all."""

    reason: str | None = None
    topic: str | None = None  # without the prefix
    since_ms: int = 0

    def matches(self, refusal: Refusal) -> bool:
        """Whether it is one of the wanted."""
        data = refusal.data
        return (
            self.reason in (None, data.failure.reason.value)
            and self.topic in (None, data.source.topic)
            and refusal.at_ms >= self.since_ms
        )


class Replay(NamedTuple):
    """What became of refusals.

    sent: their originals were sent again. gone: Kafka has them no longer. sent_before: they were sent again
    earlier, and refused again; only that later refusal is among `sent`.
    """

    sent: list[Refusal]
    gone: list[Refusal]
    sent_before: list[Refusal]


async def read_refusals(brokers: Brokers, prefix: str, wanted: Filter) -> tuple[list[Refusal], int]:
    """The wanted refusals in the order in which they were written, each once; and how many cannot be read.

    Raises StreamprocError if there is no topic for them.
    """
    topic = Topics(prefix).failed
    counts = await partition_counts(brokers, prefix, [topic])
    refusals: dict[str, Refusal] = {}
    unreadable = 0
    async for records in read_topic(brokers, topic, counts[topic]):
        for record in records:
            try:
                event = _DECODER.decode(record.value or b"")
            except msgspec.DecodeError:
                unreadable += 1
                continue
            # Delivered at least once: a repeat has the same id and the same bytes.
            refusals.setdefault(event.data.id, Refusal(event.data, record.timestamp, record.value or b""))
    found = [refusal for refusal in refusals.values() if wanted.matches(refusal)]
    return sorted(found, key=lambda refusal: refusal.at_ms), unreadable


async def replay(brokers: Brokers, prefix: str, refusals: Sequence[Refusal], *, dry_run: bool) -> Replay:
    """Send the original records again, with key and headers, to their topics. `dry_run`: only find them.

    Raises StreamprocError if a topic is missing, or if Kafka does not take a record.
    """
    if not refusals:
        return Replay([], [], [])
    topics = sorted({prefix + refusal.data.source.topic for refusal in refusals})
    counts = await partition_counts(brokers, prefix, topics)
    originals = await _read_originals(brokers, prefix, refusals)
    answered = {_answers(record) for record in originals.values()}
    gone = [refusal for refusal in refusals if refusal.data.id not in originals]
    sent_before = [refusal for refusal in refusals if refusal.data.id in answered]
    left_out = {refusal.data.id for refusal in (*gone, *sent_before)}
    sent = [refusal for refusal in refusals if refusal.data.id not in left_out]
    if sent and not dry_run:
        async with open_bulk_producer(brokers, counts) as producer:
            await producer.send([_again(originals[refusal.data.id], refusal) for refusal in sent])
    return Replay(sent, gone, sent_before)


async def _read_originals(brokers: Brokers, prefix: str, refusals: Sequence[Refusal]) -> dict[str, Record]:
    """By the refusals' ids, those that Kafka still has."""
    wanted: dict[TopicPartition, dict[int, Refusal]] = defaultdict(dict)
    for refusal in refusals:
        source = refusal.data.source
        wanted[TopicPartition(prefix + source.topic, source.partition)][source.offset] = refusal
    originals = {}
    async for record in read_records(brokers, wanted):
        refusal = wanted[TopicPartition(record.topic, record.partition)][record.offset]
        # A topic that was deleted and made anew has other records at the same offsets.
        if hashlib.sha256(record.value or b"").hexdigest() == refusal.data.payload.sha256:
            originals[refusal.data.id] = record
    return originals


def _again(record: Record, refusal: Refusal) -> Outgoing:
    headers = [(name, value) for name, value in record.headers if name != REPLAY_HEADER]
    return Outgoing(
        record.topic,
        record.key,
        record.value,
        [*headers, (REPLAY_HEADER, refusal.data.id.encode())],
        record.partition if record.key is None else None,
    )


def _answers(record: Record) -> str:
    """The id of the refusal that the record was the answer to; empty for a record that nobody sent again."""
    return next((value.decode() for name, value in record.headers if name == REPLAY_HEADER), "")
