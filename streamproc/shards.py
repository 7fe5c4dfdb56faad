"""The shards this worker owns: acquired with their offsets, run until they are released, fenced by their store.

A shard's loop is all there is to a shard's life: take a batch (events, or customers due), send it down the pipeline,
wake the relay. Its failures end in one place: forget everything, acquire again, read on from where Redis says.
"""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any, Final

import structlog
from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.held import NEVER_MS, Held, Reader
from streamproc.metrics import Metrics
from streamproc.pipeline import Batch, Shard
from streamproc.relay import Producer, Relay
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.store import Fenced as StoreFenced
from streamproc.state.store import Head, Store, StoreError, StoreUnavailable
from streamproc.transitions.definitions import Definitions
from streamproc.transport.chunks import Chunk
from streamproc.transport.owner import Fenced

_log = structlog.get_logger(__name__)

#: How often a shard with nothing to do looks at the clock and at the ends of its topics.
_IDLE_S: Final = 0.05
#: Between two attempts to reach Redis, on top of the store's own retries.
_STORE_PAUSE_S: Final = 2.0
#: Queued records per topic, in chunks, at which an agent has to wait.
_QUEUED_CHUNKS: Final = 4
#: How long a released shard may take to finish what it is sending; what it does not trim is sent again.
_LEAVE_S: Final = 5.0
#: Customers per step of a sweep; one step for every batch of events, so that neither starves.
_SWEEP_CUSTOMERS: Final = 500


class Shards:
    """Owner of the offsets (`transport.owner.Owner`): acquires, runs and releases shards.

    `until_ms`: drain the topics, move time to this instant, and be done (`done`).
    """

    def __init__(
        self,
        store: Store,
        producer: Producer,
        definitions: Definitions,
        settings: Settings,
        metrics: Metrics,
        until_ms: int | None = None,
    ) -> None:
        self.held: dict[int, Held] = {}
        self.done = asyncio.Event()
        self.reader: Reader | None = None
        self.failure: BaseException | None = None
        self._store, self._producer, self._definitions = store, producer, definitions
        self._settings, self._metrics, self._until_ms = settings, metrics, until_ms
        self._reseeks: dict[int, asyncio.Task[None]] = {}
        self._last_heads: dict[int, Head] = {}

    # -- the owner's side of the transport

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        """See Owner.acquire."""
        assert self.reader is not None
        await self.release(shards)
        committed = await self.reader.committed(shards)
        known = {tp.partition for tp in committed}
        offsets: dict[TopicPartition, int | None] = {}
        for partition in sorted(shards):
            try:
                head = await self._store.acquire(
                    partition,
                    generation=generation,
                    member=self._settings.group,
                    partitions=self.reader.partition_count(),
                    layout=LAYOUT_VERSION,
                    offsets_if_new={},
                    create=partition not in known,
                )
            except StoreFenced as error:
                raise Fenced(error.message) from error
            for topic in SOURCES:
                tp = TopicPartition(self._settings.topic_prefix + topic, partition)
                offsets[tp] = head.offsets.get(topic)
            self.held[partition] = await self._hold(self._noting_rewinds(head, offsets, committed))
        self._metrics.count("rebalances_total")
        self._metrics.set("assigned_shards", len(self.held))
        return offsets

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None:
        """See Owner.started."""
        for tp, offset in starts.items():
            held = self.held[tp.partition]
            held.session = session
            held.received[self._code(tp.topic)] = offset
        for held in self.held.values():
            if not held.tasks:
                held.tasks = [
                    asyncio.create_task(self._guard(held, self._run(held))),
                    asyncio.create_task(self._guard(held, held.relay.run())),
                ]

    async def release(self, shards: set[int]) -> None:
        """See Owner.release."""
        leaving = [self.held.pop(partition) for partition in shards if partition in self.held]
        for held in leaving:
            self._last_heads[held.partition] = held.shard.head
            held.let_go()
            held.relay.stop()
        for held in leaving:
            await held.ended(_LEAVE_S)
            partition = str(held.partition)
            for gauge in ("shard_time_seconds", "outbox_records"):
                self._metrics.forget(gauge, partition)
        self._metrics.set("assigned_shards", len(self.held))

    def committed_offsets(self) -> Mapping[TopicPartition, int]:
        """See Owner.committed_offsets."""
        return {
            TopicPartition(self._settings.topic_prefix + topic, partition): offset
            for partition, held in self.held.items()
            for topic, offset in held.shard.head.offsets.items()
        }

    def on_lost(self, tp: TopicPartition, count: int) -> None:
        """See Owner.on_lost."""
        self._metrics.count("offsets_lost_total", count, tp.topic)

    # -- the agents' side

    async def deliver(self, chunk: Chunk) -> None:
        """Queue a chunk; waits while its shard has enough of that topic. A chunk of an earlier seek is dropped."""
        topic = self._code(chunk.topic)
        most = _QUEUED_CHUNKS * self._settings.chunk_records
        while (held := self._holder(chunk)) is not None and held.shard.inbox.buffered(topic) >= most:
            held.room.clear()
            await held.room.wait()
        if held is None:
            return
        if chunk.start_offset != held.received[topic]:
            self._start_over(
                held, f"a chunk of {chunk.topic} went missing before offset {chunk.start_offset}"
            )
        else:
            held.shard.put(topic, chunk.records, chunk.next_offset, wall_ms())
            held.received[topic] = chunk.next_offset
            held.stirred.set()

    def redefine(self, definitions: Definitions) -> None:
        """Put new rules or a new model in force, and re-evaluate everybody in the background."""
        self._definitions = definitions
        for held in self.held.values():
            held.shard.redefine(definitions)
            held.sweep_cursor = 0
            held.stirred.set()

    # -- a shard's life

    def _noting_rewinds(
        self,
        head: Head,
        offsets: Mapping[TopicPartition, int | None],
        committed: Mapping[TopicPartition, int],
    ) -> Head:
        """Notice a Redis that lost acknowledged writes: it is behind what this worker, or Kafka, was told.

        The source is read again from there. Signals sent from the lost future are superseded: versions rise.
        """
        partition = head.partition
        found = head.since(self._last_heads.get(partition))
        behind = [
            tp
            for tp, offset in committed.items()
            if tp.partition == partition and offset > (offsets[tp] or 0)
        ]
        if behind and found.rewinds == head.rewinds:
            found = replace(head, rewinds=head.rewinds + 1)
        if found.rewinds != head.rewinds:
            self._metrics.count("rewinds_total")
            _log.warning(
                "Redis lost acknowledged writes; reading again", partition=partition, rewinds=found.rewinds
            )
        return found

    async def _hold(self, head: Head) -> Held:
        minutes = await self._store.minutes(head)
        shard = Shard(self._store, head, minutes, self._definitions, self._settings, self._metrics)
        relay = Relay(self._store, shard, self._producer, self._settings.topic_prefix, self._metrics)
        assert self.reader is not None
        sweep_cursor = None if shard.is_swept() else 0
        return Held(shard, relay, self.reader, self._settings, sweep_cursor=sweep_cursor)

    async def _run(self, held: Held) -> None:
        while not held.stopping:
            waiting = held.waiting()
            batch = await held.next_batch(waiting, self._until_ms)
            if batch is None and held.sweep_cursor is None:
                if self._until_ms is not None and not waiting:
                    await self._settle(held)
                held.stirred.clear()
                try:
                    await asyncio.wait_for(held.stirred.wait(), _IDLE_S)
                except TimeoutError:
                    continue
                continue
            if batch is not None:
                await self._step(held, batch)
            if held.sweep_cursor is not None:
                await self._sweep(held, held.sweep_cursor)

    async def _step(self, held: Held, batch: Batch) -> None:
        held.room.set()
        held.drained_ms = NEVER_MS
        await held.shard.step(batch)
        held.relay.wake()
        await asyncio.sleep(0)  # the other shards, the relay and the web server want their turn

    async def _sweep(self, held: Held, cursor: int) -> None:
        """Evaluate some of all customers under the rules now in force."""
        definitions = self._definitions
        next_cursor, batch = await held.shard.take_scanned(cursor, _SWEEP_CUSTOMERS)
        await self._step(held, batch)
        if self._definitions is definitions:  # else it starts anew
            held.sweep_cursor = next_cursor or None
            if next_cursor == 0:
                await held.shard.finish_sweep()

    async def _settle(self, held: Held) -> None:
        """`--until`: nothing is left to do here; it is over once Kafka has everything and all shards are as far.

        What one shard sent last may be for another (re-keyed events): so all topics must have shown their ends
        once more after the last outbox was empty.
        """
        if held.drained_ms == NEVER_MS:
            if await self._store.outbox_length(held.partition):
                return
            held.drained_ms = wall_ms()
        last_ms = max(other.drained_ms for other in self.held.values())
        if all(other.has_shown_ends(last_ms) for other in self.held.values()):
            self.done.set()

    async def _guard(self, held: Held, work: Coroutine[Any, Any, None]) -> None:
        """Run a shard's task; when it fails, go back to what the store says, or give up the worker."""
        try:
            await work
        except StoreError as error:
            if held.stopping:
                return
            unavailable = isinstance(error, StoreUnavailable)
            self._metrics.count("store_unavailable_total" if unavailable else "superseded_total")
            self._start_over(held, error.message)
        except Exception as error:
            if not held.stopping:
                self._fail(error)

    def _start_over(self, held: Held, why: str) -> None:
        """Take no more of this session; acquire and seek the shard again."""
        if held.stopping:
            return
        held.let_go()
        partition = held.partition
        _log.warning("shard starts over", partition=partition, why=why)
        self._reseeks[partition] = asyncio.create_task(self._reseek(partition))

    async def _reseek(self, partition: int) -> None:
        """Start a shard over, in a task of its own: the seek waits for the one that failed."""
        assert self.reader is not None
        try:
            await self._until_store_answers()
            await self.reader.reseek({partition})
        except Exception as error:
            self._fail(error)

    async def _until_store_answers(self) -> None:
        """Redis may be away for long: the worker waits for it, and reads nothing meanwhile."""
        while True:
            try:
                await self._store.read_head(0)
                return
            except StoreUnavailable as error:
                _log.warning("waiting for Redis", error=error.message)
                await asyncio.sleep(random.uniform(_STORE_PAUSE_S / 2, _STORE_PAUSE_S))

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.done.set()

    # -- chunks

    def _holder(self, chunk: Chunk) -> Held | None:
        held = self.held.get(chunk.partition)
        return held if held is not None and held.session == chunk.session and not held.stopping else None

    def _code(self, topic: str) -> int:
        return SOURCES.index(topic.removeprefix(self._settings.topic_prefix))
