"""Outbox → Kafka: send what was committed, wait for the acks, trim.

Every record leaves at least once and in the order it was committed; one that is sent again has the same bytes. Trimming
is fenced and absolute, so a stalled former owner cannot remove what its successor has not sent. What this process has
committed is sent from its memory; the outbox in Redis is read for what was there before.
"""

import asyncio
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, Protocol

import structlog
from aiokafka.errors import KafkaError

from streamproc.clock import monotonic_s
from streamproc.contracts.outbox import unpack
from streamproc.contracts.versions import raise_version
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.state.store import OutboxEntry, Store, StoreUnavailable, place_of
from streamproc.transport.outlet import Outgoing

_log = structlog.get_logger(__name__)

BATCH_RECORDS: Final = 1_000
#: Records in memory that wait for Kafka; beyond them they are forgotten, and read from Redis when it is their turn.
KNOWN_MAX: Final = 4_000
_BACKOFF_MIN_S: Final = 0.1
_BACKOFF_MAX_S: Final = 10.0
_KAFKA_FIX: Final = "do the brokers answer, have the topics out leaders, and may this user write to them?"


class Producer(Protocol):
    """What the relay needs of Kafka."""

    async def send(self, records: Sequence[Outgoing]) -> None:
        """Return once all are acknowledged by all replicas in sync. Raises KafkaError."""


class Relay:
    """Empties the outbox of one shard. `run` lives as long as the shard is owned."""

    def __init__(
        self,
        store: Store,
        shard: Shard,
        producer: Producer,
        topic_prefix: str,
        metrics: Metrics,
        tell: Callable[[int, int], Awaitable[bool]],
        acked: set[OutboxEntry],
        backlog: int,
        on_trimmed: Callable[[], None] = lambda: None,
    ) -> None:
        """`tell(partition, seq)` returns once Kafka's group knows of the commit; False: this relay is to end.

        `acked`: what Kafka has acknowledged but Redis could not trim, by this relay or the one before it in this
        process. It is not sent again. `backlog`: records that are in the outbox now. `on_trimmed`: called when it has
        become smaller.
        """
        self._store, self._shard, self._producer, self._tell = store, shard, producer, tell
        self._prefix, self._metrics, self._acked = topic_prefix, metrics, acked
        self._on_trimmed = on_trimmed
        self._committed = asyncio.Event()
        self._committed.set()  # there may be records from before
        self._stopping = asyncio.Event()
        #: The end of the outbox, in order; all of it, unless there is more in Redis (`_has_unknown`).
        self._known: deque[OutboxEntry] = deque()
        self._has_unknown = True
        self._overflows = 0
        #: The last commit of this process with signals, and up to which they may be seen outside.
        self._committed_seq = self._cleared_seq = -1
        self._uncleared = asyncio.Event()
        self._clearing = asyncio.Lock()
        #: Commits of this process that Kafka has not acknowledged: (the place of their last record, since when).
        self._unacked: deque[tuple[tuple[int, int], float]] = deque()
        self._acks = asyncio.Event()
        #: Records in the outbox: what was there at the beginning and committed since, less what was trimmed.
        self.backlog = backlog

    def committed(self, seq: int, records: Sequence[bytes]) -> None:
        """These records have come into the outbox by the commit that made `seq`."""
        if not records:
            return
        self.backlog += len(records)
        self._unacked.append(((seq, len(records) - 1), monotonic_s()))
        self._known.extend(OutboxEntry(f"{seq}-{i}", record) for i, record in enumerate(records))
        if len(self._known) > KNOWN_MAX:
            self._known.clear()
            self._has_unknown = True
            self._overflows += 1
        self._committed_seq = seq
        self._committed.set()
        self._uncleared.set()

    def owes(self, seq: int) -> bool:
        """Whether Kafka has not acknowledged yet all that came by this and earlier commits of this process."""
        return bool(self._unacked) and self._unacked[0][0][0] <= seq

    async def wait_acked(self, seq: int, within_s: float) -> None:
        """Return once Kafka has all that came by this and earlier commits of this process, or after so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self.owes(seq):
                    self._acks.clear()
                    await self._acks.wait()

    def stop(self) -> None:
        """End `run` once the batch on its way is sent and trimmed, so that the next owner does not send it again."""
        self._stopping.set()
        self._committed.set()

    async def run(self) -> None:
        """Send until stopped. Raises Superseded when the shard is no longer ours; waits out everything else."""
        ahead = asyncio.create_task(self._clear_ahead())
        try:
            await self._send_all()
        finally:
            ahead.cancel()

    async def _send_all(self) -> None:
        backoff_s = _BACKOFF_MIN_S
        while not self._stopping.is_set():
            await self._committed.wait()
            self._committed.clear()
            try:
                while not self._stopping.is_set() and await self.send_batch():
                    backoff_s = _BACKOFF_MIN_S
                backoff_s = _BACKOFF_MIN_S
            except (KafkaError, StoreUnavailable) as error:
                reason = "kafka" if isinstance(error, KafkaError) else "redis"
                self._metrics.count("relay_waits_total", 1, reason)
                _log.warning(
                    "relay waits",
                    partition=self._shard.head.partition,
                    error=error.message if isinstance(error, StoreUnavailable) else repr(error),
                    fix=error.fix if isinstance(error, StoreUnavailable) else _KAFKA_FIX,
                    retry_in_s=round(backoff_s, 1),
                )
                self._committed.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), backoff_s)
                backoff_s = min(backoff_s * 2, _BACKOFF_MAX_S)

    async def send_batch(self) -> int:
        """Send the oldest records and trim them once all are acknowledged; how many there were.

        Raises KafkaError or what the store raises; then the same records are sent again by the next call.
        """
        head = self._shard.head
        overflows, has_unknown = self._overflows, self._has_unknown
        if has_unknown:
            asked_s = monotonic_s()
            entries: Sequence[OutboxEntry] = await self._store.outbox_read(head, None, BATCH_RECORDS)
            self._metrics.observe("redis_seconds", monotonic_s() - asked_s, "outbox_read")
        else:
            entries = self._first_known()
        unsent = [entry for entry in entries if entry not in self._acked] if self._acked else entries
        if unsent:
            last = place_of(unsent[-1].id)
            seq, _ = last
            if not await self._clear(seq):
                return 0
            await self._send(unsent)
            self._acked.update(unsent)
            self._note_acked(last)
        if entries:
            asked_s = monotonic_s()
            self.backlog = max(0, self.backlog - await self._store.outbox_trim(head, entries[-1].id))
            self._metrics.observe("redis_seconds", monotonic_s() - asked_s, "outbox_trim")
            self._acked.clear()
            self._forget(entries[-1])
            self._on_trimmed()
        if has_unknown and len(entries) < BATCH_RECORDS and overflows == self._overflows:
            self._has_unknown = False  # what came since that was read is known
        self._metrics.set("outbox_records", self.backlog, str(head.partition))
        return len(entries)

    def _first_known(self) -> list[OutboxEntry]:
        """The next records in memory: those that may leave at once, or else all."""
        entries = list(islice(self._known, BATCH_RECORDS))
        cleared = bisect_left(entries, (self._cleared_seq + 1, 0), key=lambda entry: place_of(entry.id))
        return entries[:cleared] or entries

    async def _clear(self, seq: int) -> bool:
        """Return once signals of commits up to `seq` may be seen outside; False: this relay is to end.

        What a failover may take back must not be seen; and Kafka is told before, or a Redis that lost this commit
        could not be told from one that did not.
        """
        if seq <= self._cleared_seq:
            return True
        async with self._clearing:  # perhaps by both who send and who clears ahead
            if seq > self._cleared_seq:
                head = self._shard.head
                await self._store.await_replicas(head, seq)
                if not await self._tell(head.partition, seq):
                    return False
                self._cleared_seq = seq
        return True

    async def _clear_ahead(self) -> None:
        """Clear commits while signals of those before are on their way."""
        while True:
            await self._uncleared.wait()
            self._uncleared.clear()
            with suppress(Exception):  # who sends asks again, and says what is wrong
                await self._clear(self._committed_seq)

    def _note_acked(self, last: tuple[int, int]) -> None:
        """Kafka has all records up to this place."""
        now_s = monotonic_s()
        while self._unacked and self._unacked[0][0] <= last:
            _, since_s = self._unacked.popleft()
            self._metrics.observe("commit_to_ack_seconds", now_s - since_s)
        self._acks.set()

    def _forget(self, last: OutboxEntry) -> None:
        """Records up to this one are gone."""
        gone = place_of(last.id)
        while self._known and place_of(self._known[0].id) <= gone:
            self._known.popleft()

    async def _send(self, entries: Sequence[OutboxEntry]) -> None:
        rewinds = self._shard.head.rewinds
        records = [unpack(entry.record) for entry in entries]
        if rewinds:
            records = [raise_version(record, rewinds) for record in records]
        await self._producer.send(
            [
                Outgoing(self._prefix + record.topic, record.key, record.value, record.headers)
                for record in records
            ]
        )
        for topic, count in Counter(record.topic for record in records).items():
            self._metrics.count("relayed_total", count, topic)
