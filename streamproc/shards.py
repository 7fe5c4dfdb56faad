"""The shards this worker owns: acquired with their offsets, run until they are released, fenced by their store.

A shard's loop is all there is to a shard's life: take a batch (events, or customers due), send it down the pipeline,
wake the relay. Its failures end in one place: forget everything, acquire again, read on from where Redis says.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from streamproc.claims import Claims, Taken
from streamproc.clock import monotonic_s, wall_ms
from streamproc.ending import Ending
from streamproc.gathering import Shared
from streamproc.held import NEVER_MS, Held, Reader
from streamproc.in_force import later_segments
from streamproc.isolation import Isolation, Unprocessable
from streamproc.metrics import Metrics
from streamproc.pace import Pace, Traffic
from streamproc.pipeline import Batch, Shard
from streamproc.quota import Controls
from streamproc.relay import Producer, Relay
from streamproc.restarts import Restarts
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.plan import Plan
from streamproc.state.rewinds import note_of
from streamproc.state.store import Commit, OutboxEntry, Store, StoreError, StoreUnavailable, Superseded
from streamproc.together import Rounds, Together
from streamproc.transitions.definitions import Definitions
from streamproc.transport.chunks import Chunk
from streamproc.transport.owner import Progress, Unavailable

_log = structlog.get_logger(__name__)

#: How often a shard with nothing to do looks at the clock and at the ends of its topics.
_IDLE_S: Final = 0.05
#: Queued records per topic, in chunks, at which an agent has to wait.
_QUEUED_CHUNKS: Final = 4
#: About how long a reply of Redis takes.
_REPLY_S: Final = 0.002
#: How long acquiring one shard may take before it is put off.
_ACQUIRE_WITHIN_S: Final = 10.0
#: Records in a shard's outbox beyond which it takes nothing in until Kafka has taken some.
_OUTBOX_RECORDS_MAX: Final = 50_000
#: How long a released shard may take to finish what it is sending; what it does not trim is sent again.
_LEAVE_S: Final = 5.0
#: How long a small round waits for Kafka to have its signals, of a shard that made no more than so many.
_ACKED_WITHIN_S: Final = 0.02
_FEW_SIGNALS: Final = 50
#: Customers per step of a sweep; one step for every batch of events, so that neither starves.
_SWEEP_CUSTOMERS: Final = 500


class Shards:
    """Owner of the offsets (`transport.owner.Owner`): acquires, runs and releases shards.

    `until_ms`: drain the topics, move time to this instant, and be done (`done`). `rebuild`: go as far as it says
    instead, and tell nobody what comes of it.
    """

    def __init__(
        self,
        store: Store,
        producer: Producer,
        definitions: Definitions,
        settings: Settings,
        metrics: Metrics,
        until_ms: int | None = None,
        rebuild: Plan | None = None,
    ) -> None:
        self.held: dict[int, Held] = {}
        self.done = asyncio.Event()
        self.reader: Reader | None = None
        self.failure: BaseException | None = None
        self._store, self._producer, self.definitions = store, producer, definitions
        self._settings, self._metrics = settings, metrics
        self._until_ms, self._rebuild = until_ms, rebuild
        self._restarts = Restarts(self.held, store, self.release, self._fail)
        self._claims = Claims(store, settings, metrics, rebuild)
        self._isolation = Isolation(settings.chunk_records)
        self._ending = Ending(self.held, store, settings.topic_prefix, rebuild)
        self._acked: dict[int, set[OutboxEntry]] = {}
        self._telling = Shared(self._tell_of_all)
        self._together, self._rounds = Together(), Rounds()
        self._controls = Controls()
        #: Of the group, at the last assignment.
        self._generation: int | None = None
        self._pace, self._traffic = Pace(settings.sweep_per_s), Traffic()
        #: Being let go: those of which something is still under way, or was when it was waited for no longer.
        self.leaving: dict[int, Held] = {}

    # -- the owner's side of the transport

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        """See Owner.acquire."""
        assert self.reader is not None
        if generation != self._generation:  # else shards start over, and the group is at rest
            self._generation = generation
            self._metrics.count("rebalances_total")
        await self.release(shards)
        try:
            async with asyncio.timeout(_ACQUIRE_WITHIN_S):
                return await self._acquire(self.reader, shards, generation)
        except (StoreUnavailable, KafkaError, TimeoutError) as error:
            raise Unavailable(f"shards {sorted(shards)} cannot be acquired: {error}") from error

    async def _acquire(
        self, reader: Reader, shards: set[int], generation: int
    ) -> Mapping[TopicPartition, int | None]:
        committed = await reader.committed(shards)
        offsets: dict[TopicPartition, int | None] = {}
        for partition in sorted(shards):
            taken = await self._claims.take(
                partition, generation=generation, partitions=reader.partition_count(), committed=committed
            )
            offsets |= taken.offsets
            self.held[partition] = await self._hold(taken)
        self._metrics.set("assigned_shards", len(self.held))
        return offsets

    def on_unsought(self, shards: set[int]) -> None:
        """See Owner.on_unsought."""
        assert self.reader is not None
        for partition in shards:
            self._restarts.begin(partition, self.reader)

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None:
        """See Owner.started."""
        begun = {tp.partition for tp in starts} & self.held.keys()
        for tp, offset in starts.items():
            if tp.partition in begun:
                held = self.held[tp.partition]
                held.session = session
                held.received[self._code(tp.topic)] = offset
        _log.info("shards start", partitions=sorted(begun))
        for partition in begun:
            held = self.held[partition]
            if not held.tasks:
                begins = {SOURCES[code]: offset for code, offset in held.received.items()}
                held.tasks = [
                    asyncio.create_task(self._guard(held, self._run(held, begins))),
                    asyncio.create_task(self._guard(held, held.relay.run())),
                ]

    async def release(self, shards: set[int]) -> None:
        """See Owner.release."""
        leaving = [self.held.pop(partition) for partition in shards if partition in self.held]
        for held in leaving:
            self.leaving[held.partition] = held
            held.let_go()
            held.relay.stop()
        try:
            await asyncio.gather(*(held.ended(_LEAVE_S) for held in leaving))
        finally:
            for held in leaving:
                self._claims.remember(held.shard.head)
                self._forget_gauges(held.partition)
            self._note_release(leaving)
        self._metrics.set("assigned_shards", len(self.held))

    async def finish_leaving(self) -> None:
        """Wait for shards whose release was cut short, as Faust does with one of a rebalance when the worker ends."""
        left = list(self.leaving.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE_S):
                await asyncio.gather(*(held.ended(_LEAVE_S) for held in left))
        self._note_release(left)

    def _note_release(self, released: list[Held]) -> None:
        ended = {held.partition for held in released if held.has_ended}
        for held in released:
            if held.has_ended and self.leaving.get(held.partition) is held:
                del self.leaving[held.partition]
        if released:
            _log.info(
                "shards let go",
                partitions=sorted(ended),
                unfinished=sorted({held.partition for held in released} - ended),
                signals_waiting=sum(held.relay.backlog for held in released),
            )

    def _forget_gauges(self, partition: int) -> None:
        for gauge in ("shard_time_seconds", "outbox_records", "campaigns_held"):
            self._metrics.forget(gauge, str(partition))

    def committed_offsets(self) -> Mapping[TopicPartition, Progress]:
        """See Owner.committed_offsets. A rebuild leaves what Kafka knows of the work that it takes over."""
        if self._rebuild is not None:
            return {}
        return {
            TopicPartition(self._settings.topic_prefix + topic, partition): Progress(
                offset, note_of(held.shard.head, held.sent_seq)
            )
            for partition, held in self.held.items()
            for topic, offset in held.shard.head.offsets.items()
        }

    def on_lost(self, tp: TopicPartition, count: int) -> None:
        """See Owner.on_lost."""
        self._metrics.count("offsets_lost_total", count, tp.topic)

    def waiting(self) -> set[int]:
        """Shards that are assigned to this worker and do not run."""
        assigned = set() if self.reader is None else self.reader.assigned_shards()
        return (assigned | self.held.keys()) - {shard for shard, held in self.held.items() if held.runs}

    def stop_restarts(self) -> None:
        """Start no shard over any more: the worker ends."""
        self._restarts.stop()

    def note_end(self, task: asyncio.Task[None]) -> None:
        """A task of the worker that should never end has ended: if by an error, so does the worker."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)

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
        share = held.share_of(topic, chunk)
        if share is None:
            return
        chunk = share
        if chunk.start_offset != held.received[topic]:
            self._start_over(
                held, f"a chunk of {chunk.topic} went missing before offset {chunk.start_offset}"
            )
            return
        try:
            self._put(held, topic, chunk)
        except Exception as error:  # Faust would start the agent again, without the chunk and without a word
            self._fail(error)
            return
        held.received[topic] = chunk.next_offset
        held.stirred.set()

    def _put(self, held: Held, topic: int, chunk: Chunk) -> None:
        """Queue a chunk; records that cannot even be decoded because of a defect of ours are set aside."""
        try:
            held.shard.put(topic, chunk.records, chunk.next_offset, wall_ms())
        except Exception as error:
            culprits = [record for record in chunk.records if held.shard.fails_on(topic, record, wall_ms())]
            if not culprits or self._isolation.is_hopeless(held.partition):
                raise
            _log.error(
                "a defect of streamproc: records cannot be decoded",
                partition=held.partition,
                topic=chunk.topic,
                offsets=[record.offset for record in culprits],
                exc_info=error,
            )
            self._isolation.blame(held.partition, ((topic, record.offset) for record in culprits))
            held.shard.put(topic, chunk.records, chunk.next_offset, wall_ms())

    def redefine(self, definitions: Definitions) -> None:
        """Put new rules or a new model in force, and re-evaluate everybody in the background.

        Nobody, if what decides about customers is the same: cut-offs that a new sample has left where they were.
        """
        is_same = definitions.fingerprint == self.definitions.fingerprint
        self.definitions = definitions
        for held in self.held.values():
            held.shard.redefine(definitions)
            held.sweep_cursor = held.sweep_cursor if is_same else 0
            held.stirred.set()

    def control(self, controls: Controls) -> None:
        """Let campaigns hear what operators say."""
        if controls == self._controls:
            return
        self._controls = controls
        for held in self.held.values():
            held.shard.quota.controls = controls
        _log.info("campaigns are told", modes=dict(controls.modes), released_ms=controls.released_ms)

    # -- a shard's life

    async def _hold(self, taken: Taken) -> Held:
        head, partition = taken.head, taken.head.partition
        minutes = await self._store.minutes(head)
        shard = Shard(
            self._store,
            head,
            minutes,
            self.definitions,
            self._settings,
            self._metrics,
            is_rewound=taken.is_rewound,
            restate=taken.restate,
            unprocessable=self._isolation.unprocessable(partition),
            advance=self._together.advance,
            rebuild=self._rebuild,
        )
        shard.batch_records = self._isolation.limit(partition)
        shard.quota.controls = self._controls
        if not taken.is_continued:
            self._acked.pop(partition, None)  # the same entry has another version now
        acked = self._acked.setdefault(partition, set())
        prefix = self._settings.topic_prefix
        backlog = await self._store.outbox_length(head.partition)
        relay = Relay(
            self._store, shard, self._producer, prefix, self._metrics, self._tell, acked, backlog,
            on_trimmed=lambda: self._resume_timers(partition),
        )  # fmt: skip
        assert self.reader is not None
        if head.time_ms is not None:
            self._metrics.set("shard_time_seconds", head.time_ms / 1000, str(head.partition))
        if later := later_segments(head, self.definitions):
            _log.warning(
                "the rules of this worker are older than those of the shard's last one; all go by the older ones again",
                partition=partition,
                versions=later,
                fix="give all workers the same rules; to go back for good, raise the versions",
            )
        sweep_cursor = None if shard.is_swept() else 0
        return Held(
            shard,
            relay,
            self.reader,
            self._settings,
            self._traffic,
            self._rebuild,
            sent_seq=head.seq,  # by whoever held it before
            sweep_cursor=sweep_cursor,
        )

    def _resume_timers(self, partition: int) -> None:
        held = self.held.get(partition)
        if held is not None and not held.timers_wait:
            held.stirred.set()

    async def _tell(self, partition: int, seq: int) -> bool:
        """Return once Kafka knows that the shard has come as far as its commit `seq`; False if it is to be let go.

        One request tells of all shards, so that many relays cost no more than one.
        """
        assert self.reader is not None
        while (held := self.held.get(partition)) is not None:
            held.sent_seq = max(held.sent_seq, seq)
            told = held.told_seq >= seq or await self._telling.ask()
            if held.told_seq >= seq:
                return True
            if held.stopping:
                return False
            # Refused; or Redis has shown the relay a commit whose reply has not reached the shard yet.
            await asyncio.sleep(_REPLY_S if told else _IDLE_S)
        return False

    async def _tell_of_all(self) -> bool:
        assert self.reader is not None
        # These very ones: another may have taken the place of one before Kafka has answered.
        reached = [(one, min(one.shard.head.seq, one.sent_seq)) for one in self.held.values()]
        told = await self.reader.tell()
        if told:
            for one, told_seq in reached:
                one.told_seq = max(one.told_seq, told_seq)
        return told

    async def _run(self, held: Held, begins: Mapping[str, int]) -> None:
        """Live. `begins`: topic -> where its reading begins; chunks may have come since."""
        await held.shard.settle(begins)
        while not held.stopping:
            if held.relay.backlog > _OUTBOX_RECORDS_MAX:
                await asyncio.sleep(_IDLE_S)
                continue
            async with self._rounds.turn(min(len(held.shard.inbox), held.shard.batch_records)) as round_:
                waiting = held.waiting()
                batch = await held.next_batch(waiting, self._until(held))
                # What holds is said anew once the events are read again.
                is_early = bool(waiting) and held.shard.is_restating
                may_sweep = not is_early and not held.timers_wait and self._pace.is_open(monotonic_s())
                cursor = held.sweep_cursor if may_sweep else None
                if batch is not None:
                    await self._step(held, batch)
                    if round_.is_small and len(held.shard.sent) <= _FEW_SIGNALS:
                        await held.relay.wait_acked(held.shard.head.seq, _ACKED_WITHIN_S)
                if cursor is not None:
                    await self._sweep(held, cursor)
                if batch is None and cursor is None and held.shard.has_untold:
                    await held.shard.tell()
            if batch is None and cursor is None:
                is_idle = not waiting and held.sweep_cursor is None
                if self._until(held) is not None and is_idle and await self._is_over(held):
                    self.done.set()
                held.stirred.clear()
                with suppress(TimeoutError):
                    await asyncio.wait_for(held.stirred.wait(), _IDLE_S)

    def _until(self, held: Held) -> int | None:
        return self._until_ms if self._rebuild is None else self._rebuild.until_ms[held.partition]

    async def mark_built(self, plan: Plan) -> None:
        """Let the store know of all shards that were let go that they are built; of those that are still ours."""
        for head in self._claims.last:
            with suppress(Superseded):
                await self._store.commit(head, Commit(extra=plan.mark_for(head)))

    async def _is_over(self, idle: Held) -> bool:
        assert self.reader is not None
        return not self._restarts.under_way and await self._ending.is_reached(idle, self.reader)

    async def _step(self, held: Held, batch: Batch) -> None:
        held.room.set()
        held.drained_ms = NEVER_MS
        try:
            await held.shard.step(batch)
        except StoreError:
            raise
        except Exception as error:
            if await held.shard.fails_without_records(batch):
                raise
            raise Unprocessable(batch, error) from error
        if batch.slice is not None:
            self._isolation.committed(held.partition, held.shard.head.offsets)
        held.shard.batch_records = self._isolation.limit(held.partition)
        held.stepped(batch)
        await asyncio.sleep(0)  # the other shards, the relay and the web server want their turn

    async def _sweep(self, held: Held, cursor: int) -> None:
        """Evaluate some of all customers under the rules now in force."""
        definitions = self.definitions
        next_cursor, batch = await held.shard.take_scanned(cursor, _SWEEP_CUSTOMERS)
        self._pace.spend(len(batch.recheck), monotonic_s())
        await self._step(held, batch)
        if self.definitions is definitions:  # else it starts anew
            held.sweep_cursor = next_cursor or None
            if next_cursor == 0:
                await held.shard.finish_sweep()

    async def _guard(self, held: Held, work: Coroutine[Any, Any, None]) -> None:
        """Run a shard's task; when it fails, go back to what the store says, or give up the worker."""
        try:
            await work
        except (StoreUnavailable, Superseded) as error:
            if held.stopping:
                return
            unavailable = isinstance(error, StoreUnavailable)
            self._metrics.count("store_unavailable_total" if unavailable else "superseded_total")
            self._start_over(held, error.message, error.fix)
        except Unprocessable as error:
            if held.stopping:
                return
            if self._isolation.narrow(held.partition, error.batch.slice):
                limit = self._isolation.limit(held.partition)
                _log.error(
                    "a defect of streamproc: a batch failed; looking for the record",
                    partition=held.partition,
                    next_batch_records=limit,
                    exc_info=error.reason,
                )
                self._start_over(held, f"a batch failed: {error}", at_once=True)
            else:
                self._fail(error.reason)
        except Exception as error:
            if not held.stopping:
                self._fail(error)

    def _start_over(self, held: Held, why: str, fix: str = "", *, at_once: bool = False) -> None:
        """Take no more of this session; acquire and seek the shard again."""
        if held.stopping:
            return
        held.let_go()
        _log.warning("shard starts over", partition=held.partition, why=why, **({"fix": fix} if fix else {}))
        assert self.reader is not None
        self._restarts.begin(held.partition, self.reader, at_once=at_once)

    def _fail(self, error: BaseException) -> None:
        if self.failure is None:  # what fails after it, because the worker ends, says nothing
            self.failure = error
        self.done.set()

    # -- chunks

    def _holder(self, chunk: Chunk) -> Held | None:
        held = self.held.get(chunk.partition)
        return held if held is not None and held.session == chunk.session and not held.stopping else None

    def _code(self, topic: str) -> int:
        return SOURCES.index(topic.removeprefix(self._settings.topic_prefix))
