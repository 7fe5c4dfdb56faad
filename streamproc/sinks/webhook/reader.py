"""From Kafka to the backlog: partitions are claimed, read from where Redis says, and noted there before they count.

What is committed to Kafka is the first message of a partition that is neither delivered nor given up. So if Redis loses
everything, the topic is read again from there, and nothing that waited is lost.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streamproc.clock import wall_ms
from streamproc.metrics import Metrics
from streamproc.sinks.webhook.backlog import Backlog
from streamproc.sinks.webhook.delivery import Delivery
from streamproc.sinks.webhook.journal import Claim, Journal, Superseded
from streamproc.sinks.webhook.message import Message, Unreadable, message_of
from streamproc.state.store import StoreUnavailable

_log = structlog.get_logger(__name__)

_POLL_MS: Final = 500
_RECORDS_MAX: Final = 500
#: Bodies that wait in memory, all together; the number of messages is bounded by a setting.
_BYTES_MAX: Final = 64 * 1024 * 1024
#: Reading goes on when so much of the backlog's room is free again.
_ROOM_FREE: Final = 0.1
#: Attempts under way when a partition is taken away: less than Kafka waits for us.
_LET_GO_S: Final = 3.0
#: What is only told or asked for others to see must not hold us up.
_ASIDE_S: Final = 5.0
_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is read: from which topic, which events, for how long each is tried, how many may wait.

    campaigns: keys; none: all.
    """

    topic: str
    events: Collection[str]
    campaigns: Collection[str]
    patience_ms: int
    messages_max: int


class _Held:
    """A partition in our hands: its claim, the offset noted in Redis, and where the next record is expected."""

    def __init__(self, claim: Claim, next_offset: int) -> None:
        self.claim, self.noted, self.next_offset = claim, claim.next_offset, next_offset
        #: The offset at which records were found instead: believed if found there twice.
        self.found: int | None = None


class Reader(ConsumerRebalanceListener):  # type: ignore[misc]
    """Reads the topic into the backlog while there is room, and claims what Kafka assigns."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        journal: Journal,
        backlog: Backlog,
        delivery: Delivery,
        wanted: Wanted,
        metrics: Metrics,
    ) -> None:
        self.joined = False
        self.is_full = False
        self._consumer, self._journal, self._backlog = consumer, journal, backlog
        self._delivery, self._wanted, self._metrics = delivery, wanted, metrics
        self._held: dict[TopicPartition, _Held] = {}
        self._unclaimed: set[TopicPartition] = set()

    @property
    def waiting(self) -> list[int]:
        """Partitions that are ours by Kafka's word but not claimed yet."""
        return sorted(place.partition for place in self._unclaimed)

    async def run(self) -> None:
        """Read for ever. Raises StoreError, or KafkaError, for what does not pass by itself."""
        while True:
            try:
                while self._delivery.superseded:
                    self._unclaimed.add(TopicPartition(self._wanted.topic, self._delivery.superseded.pop()))
                for place in tuple(self._unclaimed):
                    await self._claim(place)
                await self._poll()
            except StoreUnavailable as error:
                self._metrics.count("webhook_waits_total")
                _log.warning("waiting for Redis", error=error.message)
                await asyncio.sleep(_PAUSE_S)
            except IllegalStateError:  # the partition has just been taken away
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise
                _log.warning("waiting for Kafka", error=repr(error))
                await asyncio.sleep(_PAUSE_S)

    async def commit(self) -> None:
        """Tell Kafka how far everything is delivered or given up; for lag monitors, and in case Redis is lost."""
        await self._tell(self._finished())

    def _finished(self) -> dict[TopicPartition, int]:
        """How far everything is delivered or given up."""
        return {
            place: low if (low := self._backlog.lowest(place.partition)) is not None else held.next_offset
            for place, held in self._held.items()
        }

    async def _tell(self, offsets: dict[TopicPartition, int]) -> None:
        if not offsets:
            return
        try:
            await asyncio.wait_for(self._consumer.commit(offsets), _ASIDE_S)
        except (CommitFailedError, IllegalStateError):  # a rebalance is under way: the next owner will tell
            return
        except (KafkaError, TimeoutError) as error:
            _log.warning("Kafka does not take offsets", error=repr(error))

    async def unread(self) -> int | None:
        """Records of the partitions in our hands that are not read yet; None: Kafka does not say."""
        held = dict(self._held)
        try:
            ends: dict[TopicPartition, int] = await asyncio.wait_for(
                self._consumer.end_offsets(list(held)), _ASIDE_S
            )
        except (KafkaError, TimeoutError):
            return None
        unread: int = sum(max(end - held[place].next_offset, 0) for place, end in ends.items())
        return unread

    # -- what Kafka calls

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Nothing is taken from them until they are claimed."""
        self._unclaimed = set(assigned)
        self._consumer.pause(*self._unclaimed)
        self.joined = True

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """What is under way is brought to an end; the rest is left to the next owner."""
        places = [place for place in revoked if place in self._held]
        finished = self._finished()
        await self._let_go(places, _LET_GO_S)
        await self._tell(finished)
        self._unclaimed.clear()

    # -- claims

    async def _claim(self, place: TopicPartition) -> None:
        if place not in self._consumer.assignment():
            self._unclaimed.discard(place)
            return
        self._consumer.pause(place)
        if place in self._held:
            _log.warning(
                "a partition is claimed anew: Redis or somebody else has changed it",
                partition=place.partition,
            )
            await self._let_go([place], 0)
        claim = await self._journal.claim(place.partition)
        start = claim.next_offset
        if start is None:
            start = await self._consumer.committed(place)
        if start is None:
            start = (await self._consumer.beginning_offsets([place]))[place]
        if place not in self._consumer.assignment() or place not in self._unclaimed:
            return
        self._unclaimed.discard(place)
        self._held[place] = _Held(claim, start)
        self._delivery.claims[place.partition] = claim
        self._backlog.add(place.partition, claim.messages)
        self._delivery.wake()
        self._consumer.seek(place, start)
        if not self.is_full:
            self._consumer.resume(place)

    async def _let_go(self, places: Sequence[TopicPartition], within_s: float) -> None:
        """Begin nothing more of these partitions; what is under way has so long to end, and is noted until then."""
        for place in places:
            self._held.pop(place, None)
            self._backlog.drop(place.partition)
        await self._delivery.abandon([place.partition for place in places], within_s)
        for place in places:
            self._delivery.claims.pop(place.partition, None)

    # -- records

    async def _poll(self) -> None:
        room = self._look_for_room()
        polled = await self._consumer.getmany(
            timeout_ms=_POLL_MS, max_records=max(min(room, _RECORDS_MAX), 1)
        )
        for place, records in polled.items():
            held = self._held.get(place)
            if held is not None and self._is_next(place, held, records[0].offset):
                await self._take(place, held, records)

    def _look_for_room(self) -> int:
        """How many messages may be read. Without room reading pauses until there is some: Kafka holds the rest."""
        most = self._wanted.messages_max
        room = most - len(self._backlog) if self._backlog.bytes < _BYTES_MAX else 0
        if self.is_full and room >= max(most * _ROOM_FREE, 1):
            _log.info("there is room in the backlog: reading goes on", messages=len(self._backlog))
            self.is_full = False
            self._consumer.resume(*self._held.keys() & self._consumer.assignment())
        elif not self.is_full and room <= 0:
            _log.warning(
                "the backlog is full: reading pauses, Kafka holds the rest",
                messages=len(self._backlog),
                bytes=self._backlog.bytes,
            )
            self.is_full = True
            self._consumer.pause(*self._held.keys() & self._consumer.assignment())
        return room

    def _is_next(self, place: TopicPartition, held: _Held, offset: int) -> bool:
        """Whether records from this offset are those to go on with; else they are asked for again.

        A fetch may have begun before a seek. What is found in the same place a second time is what Kafka has.
        """
        if offset in (held.next_offset, held.found):
            if offset != held.next_offset:
                self._tell_gap(place, held.next_offset, offset)
            held.found = None
            return True
        held.found = offset
        self._consumer.seek(place, held.next_offset)
        return False

    def _tell_gap(self, place: TopicPartition, expected: int, offset: int) -> None:
        where = f"{place.topic}/{place.partition}"
        if offset > expected:
            self._metrics.count("webhook_offsets_lost_total", offset - expected)
            _log.error(
                "Kafka no longer has records that were not read", place=where, records=offset - expected
            )
        else:
            _log.warning("the topic was made anew: it is read from its beginning", place=where, offset=offset)

    async def _take(self, place: TopicPartition, held: _Held, records: Sequence[ConsumerRecord]) -> None:
        now_ms = wall_ms()
        messages = [message for record in records if (message := self._message(record, now_ms)) is not None]
        late = [message for message in messages if message.ends_ms <= now_ms]
        live = [message for message in messages if message.ends_ms > now_ms]
        after = records[-1].offset + 1
        try:
            await self._journal.read_on(held.claim, held.noted, after, live)
        except Superseded:
            self._delivery.superseded.add(place.partition)
            return
        except StoreUnavailable:
            with suppress(IllegalStateError):
                self._consumer.seek(place, held.next_offset)
            raise
        if late:
            self._metrics.count("webhook_given_up_total", len(late), "expired")
            _log.info("signals had expired before they were read", signals=len(late))
        if self._held.get(place) is not held:  # taken away meanwhile; the next owner finds them in Redis
            return
        held.noted = held.next_offset = after
        self._backlog.add(place.partition, live)
        self._delivery.wake()

    def _message(self, record: ConsumerRecord, now_ms: int) -> Message | None:
        wanted = self._wanted
        try:
            return message_of(
                record.offset,
                record.key,
                record.value,
                events=wanted.events,
                campaigns=wanted.campaigns,
                now_ms=now_ms,
                patience_ms=wanted.patience_ms,
            )
        except Unreadable as error:
            self._metrics.count("webhook_given_up_total", 1, "unreadable")
            place = f"{record.topic}/{record.partition}/{record.offset}"
            _log.error("a record is no signal, and is left out", place=place, error=str(error))
            return None
