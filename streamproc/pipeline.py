"""THE WAY OF THE DATA: one shard, from records to one atomic commit.

    records → decode → apply order → load → dedupe → windows → features → rules, churn → transitions → actions
            → states + timers + outbox + offsets in one step

Due customers go the same way without events. Nothing here knows Faust or a Kafka client.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.rulings import Rulings
from streamproc.campaign_counts import count_campaigns
from streamproc.clock import monotonic_s, wall_ms
from streamproc.in_force import segment_names, swept_mark_of, told_of
from streamproc.instants.advance import Course, Lives, Plan, live_plan, tick_plan
from streamproc.instants.inbox import NO_TIME, Inbox, Slice
from streamproc.intake import Intake
from streamproc.metrics import Metrics
from streamproc.quota import Quota
from streamproc.settings import Settings
from streamproc.sizes import FIELD, Sizes, band_changes, band_counts, sizes_of
from streamproc.sources import SOURCES, Sorted, sort_slice
from streamproc.state.layout import pack, unpack
from streamproc.state.plan import Plan as Rebuild
from streamproc.state.store import Commit, Head, Store, StoreError
from streamproc.timers import Entries, Timers
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import TICK_MS
from streamproc.transitions.restate import restate
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

Advance = Callable[[Course], Awaitable[Lives]]
Ints = NDArray[np.int64]

#: Under the live clock a shard without events and timers commits its time this often.
_IDLE_COMMIT_MS: Final = 10_000
#: Beside events, a batch takes only this part of the timers: very many that fall due at once must not delay them.
_EVENTS_FIRST: Final = 48
#: What the head says while a sweep that restates everything is not over.
_TO_RESTATE: Final = b"1"

#: Of how many records of a batch it is looked at how long they took.
_TIMED_RECORDS: Final = 4

_SIGNAL_LABELS: Final = attrgetter("topic", "kind", "key", "cause")


@dataclass(slots=True)
class Batch:
    """What one commit is made from: a slice of events (or none), and the customers due meanwhile.

    limit_ms: up to where the customers live. passed_ms: up to where nobody else is due; earlier where an instant has
    more customers than make sense at once, and the others follow. by_ticks: events are evaluated at the ends of their
    ticks; else those of a customer together, at once.
    """

    slice: Slice | None
    due: list[str]
    limit_ms: int
    passed_ms: int
    recheck: list[str]  # customers to evaluate because the rules changed
    by_ticks: bool = False


class Shard:
    """One shard of the stream, owned by this worker. Single-threaded: one call of `step` at a time."""

    def __init__(
        self,
        store: Store,
        head: Head,
        minutes: Sequence[int],
        definitions: Definitions,
        settings: Settings,
        metrics: Metrics,
        *,
        is_rewound: bool = False,
        restate: bool = False,
        unprocessable: Set[tuple[int, int]] = frozenset(),
        advance: Advance | None = None,
        rebuild: Rebuild | None = None,
    ) -> None:
        """`is_rewound`: `head.rewinds` is not what Redis has. `restate`: the sweep is to say anew what holds.

        `unprocessable`: (topic, offset) of records on which the program has failed; they are refused. `advance`: makes
        lives of a course, perhaps together with those of other shards. `rebuild`: the past is lived again, and nobody
        is told of it.
        """
        self.head = head
        self._is_rewound, self._rebuild = is_rewound, rebuild
        self.is_restating = rebuild is None and (restate or head.extra.get("restate") == _TO_RESTATE)
        #: Of what is committed; None: unknown.
        self.sizes: Sizes | None = sizes_of(head)
        self.time_ms = self._passed_ms = head.time_ms if head.time_ms is not None else 0
        #: Records that a batch may have.
        self.batch_records = settings.chunk_records
        #: What the last step put into the outbox.
        self.sent: Sequence[bytes] = ()
        self.inbox = Inbox(
            len(SOURCES), {SOURCES.index(topic): max_ms for topic, max_ms in head.max_ms.items()}
        )
        self._store, self._settings, self._metrics = store, settings, metrics
        corrects_skew = settings.clock == "live" or rebuild is not None  # as workers do
        self._intake = Intake(metrics, unprocessable, corrects_skew=corrects_skew)
        self._advance = advance or _alone
        self._timers = Timers(store, minutes)
        self.quota = Quota(
            definitions.ruleset.campaigns,
            head.partition,
            head.partitions,
            head.extra,
            breaks=settings.clock == "live",
        )
        self.definitions = definitions
        self.redefine(definitions)

    def redefine(self, definitions: Definitions) -> None:
        """Put rules and model in force. Segments that these rules lack can still be left by those inside."""
        names = segment_names(self.head)
        names.update(self.definitions.retired)  # a commit under way may not have told the head yet
        ruleset = definitions.ruleset
        own = (*ruleset.segments, *ruleset.watches)
        names.update((segment.id, (segment.key, segment.version)) for segment in own)
        self.definitions = replace(definitions, retired=names)
        self._extra = told_of(self.definitions)
        self.quota.redefine(definitions.ruleset.campaigns, self.head.partition, self.head.partitions)
        if self.is_restating:
            self._extra["restate"] = _TO_RESTATE

    def is_swept(self) -> bool:
        """Whether every customer has been evaluated under the rules in force."""
        if self.is_restating:
            return False
        return self.head.seq == 0 or self.head.extra.get("swept") == swept_mark_of(self.definitions)

    async def finish_sweep(self) -> None:
        """Remember that all customers have been evaluated under the rules in force, and all restated if need be."""
        done = {"swept": swept_mark_of(self.definitions)}
        if self.is_restating:
            done["restate"] = b""
        self.head = await self._store.commit(self.head, Commit(extra=done))
        self.is_restating = False
        self._extra.pop("restate", None)

    @property
    def has_untold(self) -> bool:
        """Whether the head does not know yet which rules are in force."""
        told = self.head.extra
        return self.head.seq > 0 and any(told.get(name) != value for name, value in self._extra.items())

    async def tell(self) -> None:
        """Let the head know which rules are in force, where no batch does."""
        self.head = await self._store.commit(self.head, Commit(extra=self._extra_of_commit(self.sizes)))

    async def settle(self, starts: Mapping[str, int]) -> None:
        """Commit where reading starts (topic -> offset) if it is not where it had ended, and what Redis has lost.

        Otherwise the next seek might give up other records, or the next owner not know of the loss.
        """
        moved = {topic: offset for topic, offset in starts.items() if self.head.offsets.get(topic) != offset}
        if moved or self._is_rewound:
            commit = Commit(offsets=moved, extra=self._extra_of_commit(self.sizes))
            self.head = await self._store.commit(self.head, commit)

    def put(self, topic: int, records: Sequence[Any], next_offset: int, wall_now_ms: int) -> None:
        """Decode records of a source topic and queue them. Bad records become failures, never exceptions.

        `wall_now_ms` decides what lies in the future.
        """
        decoded = self._intake.decode(topic, records, self.definitions.ruleset.meanings, wall_now_ms)
        self.inbox.put(topic, records, decoded, next_offset)

    def fails_on(self, topic: int, record: Any, wall_now_ms: int) -> bool:
        """Whether a record makes `put` raise, which none should."""
        return self._intake.fails_on(topic, record, self.definitions.ruleset.meanings, wall_now_ms)

    async def take_ticks(self, waiting: Sequence[int], until_ms: int | None) -> Batch | None:
        """The next batch under the event clock; None: nothing to do before more records come.

        `waiting`: topics that have not shown their end. `until_ms`: where to move time once all is drained.
        """
        limit = self.batch_records
        last_ms = self.inbox.last_ms(limit, waiting)
        if last_ms is None:
            if until_ms is None or waiting:
                return None
            target_ms = max(until_ms, self._last_evaluation_ms())
            if target_ms <= self.time_ms:
                return None
            due, limit_ms, _ = await self._pop_due(target_ms, self._settings.due_customers)
            return Batch(None, due, limit_ms, limit_ms, [])
        target_ms = max(last_ms, self.time_ms) // TICK_MS * TICK_MS
        due, limit_ms, _ = await self._pop_due(target_ms, self._settings.due_customers)
        taken = self.inbox.take(limit, waiting, limit_ms + TICK_MS - 1)
        return Batch(taken, due, limit_ms, limit_ms, [], by_ticks=True)

    async def take_past(self, waiting: Sequence[int], until_ms: int) -> Batch | None:
        """The next batch of a rebuild; None: nothing to do before more records come.

        As under the event clock, but time goes no further than to `until_ms`: what comes due after it is left to
        workers. Events that would move it further (of producers whose clocks are ahead) are taken as under the live
        clock, before time moves on to whoever would be silent without them.
        """
        last_apply_ms = until_ms // TICK_MS * TICK_MS - TICK_MS
        last_ms = self.inbox.last_ms(self.batch_records, waiting)
        if last_ms is not None and self.time_ms <= last_apply_ms:
            target_ms = min(max(last_ms, self.time_ms) // TICK_MS * TICK_MS, last_apply_ms)
            due, limit_ms, _ = await self._pop_due(target_ms, self._settings.due_customers)
            taken = self.inbox.take(self.batch_records, waiting, limit_ms + TICK_MS - 1)
            if taken is not None or due or limit_ms > self.time_ms:
                return Batch(taken, due, limit_ms, limit_ms, [], by_ticks=True)
        if waiting:
            return None
        if (taken := self.inbox.take(self.batch_records, ())) is not None:
            return Batch(taken, [], self.time_ms, self._passed_ms, [])
        if until_ms <= self.time_ms:
            return None
        due, limit_ms, _ = await self._pop_due(until_ms, self._settings.due_customers)
        return Batch(None, due, limit_ms, limit_ms, [])

    async def take_live(
        self, time_ms: int, *, with_timers: bool = True, expects_events: bool = False
    ) -> Batch | None:
        """The next batch under the live clock: all that is queued, and who is due up to the shard's time.

        Without timers, time stands still. `expects_events`: more may come while the batch is under way.
        """
        taken = self.inbox.take(self.batch_records, ())
        if not with_timers:
            return Batch(taken, [], self.time_ms, self._passed_ms, []) if taken is not None else None
        most = self._settings.due_customers
        if taken is not None or expects_events:
            most = -(-most // _EVENTS_FIRST)
        due, limit_ms, passed_ms = await self._pop_due(max(time_ms, self.time_ms), most, whole=False)
        if taken is None and not due and limit_ms - self.time_ms < _IDLE_COMMIT_MS:
            return None
        return Batch(taken, due, limit_ms, passed_ms, [])

    async def take_scanned(self, cursor: int, count: int) -> tuple[int, Batch]:
        """Some of all customers, to evaluate them under edited rules; and the cursor to go on with, 0 at the end."""
        cursor, found = await self._store.scan(self.head, cursor, count)
        recheck = [customer.decode() for customer, _ in found]
        return cursor, Batch(None, [], self.time_ms, self._passed_ms, recheck)

    async def step(self, batch: Batch) -> Lives:
        """The whole way of one batch, ending in its commit.

        Raises what the store raises; then nothing has happened, and the shard must be acquired anew.
        """
        started_s = monotonic_s()
        loaded = await self._load(batch)
        table, rows = loaded.table(), loaded.rows
        bands, missed = band_counts(table), self._missed(batch, table)
        records = sort_slice(batch.slice, table, rows, self.head.partition, self.head.partitions)
        lives, rulings = await self._live(batch, loaded, table, records.own)
        if self.is_restating and batch.recheck:
            self._restate(batch, lives)
        told = Counter(map(_SIGNAL_LABELS, lives.signals))
        sizes = None if self.sizes is None else self.sizes.moved(told, band_changes(bands, lives.done))
        commit = self._commit_of(batch, lives, records, sizes)
        committing_s = monotonic_s()
        self.head = await self._store.commit(self.head, commit)
        self.time_ms, self._passed_ms, self.sent = batch.limit_ms, batch.passed_ms, commit.outbox
        self.sizes = sizes
        self._count(batch, lives, records, told)
        self._time(batch, committing_s - started_s, monotonic_s() - committing_s)
        self._metrics.count("timers_missed_total", missed)
        count_campaigns(self._metrics, rulings)
        return lives

    def _missed(self, batch: Batch, table: CustomerTable) -> int:
        """How many of the customers of a sweep are still due at an instant up to which nobody should be."""
        return int((table.head["next_check_ms"] <= self._passed_ms).sum()) if batch.recheck else 0

    async def _live(
        self, batch: Batch, loaded: "_Loaded", table: CustomerTable, kept: Ints
    ) -> tuple[Lives, Rulings]:
        """What comes of a batch, once budgets and the breaker let it be. `table`: what was loaded."""
        rulings = self.quota.rulings()
        while True:
            lives = await self._advance(self._course(batch, table, loaded.rows, kept, rulings))
            narrower = await self.quota.overdrawn(rulings, batch.limit_ms, self._customers)
            if narrower is None:
                break
            rulings, table = narrower, loaded.table()
        self._extra |= self.quota.settle(rulings, batch.limit_ms)
        return lives, rulings

    async def _customers(self) -> int:
        return await self._store.customers(self.head.partition)

    async def fails_without_records(self, batch: Batch) -> bool:
        """Whether a batch that failed would do so without its records too, and a timer is to blame.

        Commits nothing, but this shard must not be used any more.
        """
        timers = replace(batch, slice=None)
        try:
            loaded = await self._load(timers)
            rulings = self.quota.rulings()
            lives = self._course(timers, loaded.table(), loaded.rows, loaded.rows, rulings).alone()
            self._commit_of(timers, lives, Sorted(loaded.rows, [], []), self.sizes)
        except StoreError:
            raise
        except Exception:
            return True
        return False

    async def _load(self, batch: Batch) -> "_Loaded":
        """The customers of a batch, each once."""
        customers = batch.slice.events.customer if batch.slice else []
        row_of: dict[str, int] = {}
        for customer in (*customers, *batch.due, *batch.recheck):
            row_of.setdefault(customer, len(row_of))
        ids, blobs, asked_s = list(row_of), [], monotonic_s()
        if ids:
            blobs = await self._store.load(self.head, [customer.encode() for customer in ids])
            self._metrics.observe("redis_seconds", monotonic_s() - asked_s, "load")
        rows = np.fromiter((row_of[customer] for customer in customers), np.int64, len(customers))
        return _Loaded(ids, blobs, rows)

    def _course(self, batch: Batch, table: CustomerTable, rows: Ints, kept: Ints, rulings: Rulings) -> Course:
        """What the customers are to go through from the shard's time up to the batch's limit."""
        origin = Origin(SOURCES, self.head.partition, self.head.rewinds, rulings)
        if batch.recheck:
            fingerprint = self.definitions.fingerprint
            outdated = (table.head["rules"] != fingerprint) & (table.head["cause_offset"] == NEVER)
            table.head["next_check_ms"][outdated] = batch.limit_ms
        if batch.slice is None or not len(kept):
            nothing = np.empty(0, np.int64)
            plan = Plan(nothing, nothing, nothing, batch.limit_ms, closed=True)
            return Course(table, None, plan, self.definitions, origin, self._rebuild is None)
        events = batch.slice.events.take(kept)
        if batch.by_ticks:
            plan = tick_plan(rows[kept], batch.slice.max_ms[kept], self.time_ms)
            plan = replace(plan, limit_ms=batch.limit_ms)
        else:
            plan = live_plan(rows[kept], events.ts_ms, len(table), batch.limit_ms)
        return Course(table, events, plan, self.definitions, origin, self._rebuild is None)

    def _restate(self, batch: Batch, lives: Lives) -> None:
        origin = Origin(SOURCES, self.head.partition, self.head.rewinds)
        for done in lives.done:
            rows = np.flatnonzero(done.rows)
            table = done.table.take(rows)
            table.origin = np.zeros(len(table), np.int64)  # there, it may stand among those of other shards
            now_ms = np.full(len(table), batch.limit_ms, np.int64)
            lives.signals += restate(table, now_ms, self.definitions, origin)
            done.table.head["version"][rows] = table.head["version"]  # it counts what was said

    def _commit_of(self, batch: Batch, lives: Lives, sorted_records: Sorted, sizes: Sizes | None) -> Commit:
        """One atomic step: states, timers, outbox, offsets, time. `sizes`: those after it."""
        entries = Entries()
        states: list[tuple[bytes, bytes]] = []
        for table, rows in lives.done:
            kept = rows & (table.head["first_seen_ms"] != INF)
            self._timers.schedule(table, kept, batch.limit_ms, entries)
            ids = [table.ids[row].encode() for row in np.flatnonzero(kept).tolist()]
            states += zip(ids, pack(table, kept), strict=True)
        taken = batch.slice
        return Commit(
            states=states,
            consumed_minutes=self._timers.consumed(batch.passed_ms),
            due=entries.due,
            listed=entries.listed,
            outbox=self._outbox_of(lives, sorted_records),
            offsets={SOURCES[topic]: offset for topic, offset in taken.next_offset.items()} if taken else {},
            max_ms={SOURCES[topic]: ms for topic, ms in taken.log_max_ms.items() if ms != NO_TIME}
            if taken
            else {},
            time_ms=batch.passed_ms,
            extra=self._extra_of_commit(sizes),
        )

    def _outbox_of(self, lives: Lives, records: Sorted) -> list[bytes]:
        """What is sent. Of a rebuild, what no worker can have sent: no signals."""
        rebuild = self._rebuild
        if rebuild is None:
            moved = (*records.rekeyed, *records.failed)
            return [*(signal.packed for signal in lives.signals), *(record.pack() for record in moved)]
        rekeyed = records.rekeyed if rebuild.moves_strays else ()
        failed = records.failed if rebuild.tells_failures else ()
        return [record.pack() for record in (*rekeyed, *failed)]

    def _extra_of_commit(self, sizes: Sizes | None) -> dict[str, bytes]:
        """What the head keeps beside: segment names, and on the first commit that there is nothing to sweep."""
        wanted = self._extra if sizes is None else {**self._extra, FIELD: sizes.encode()}
        extra = {name: value for name, value in wanted.items() if self.head.extra.get(name) != value}
        return {**extra, "swept": swept_mark_of(self.definitions)} if self.head.seq == 0 else extra

    async def _pop_due(self, limit_ms: int, most: int, *, whole: bool = True) -> tuple[list[str], int, int]:
        """Who is due; from the shard's time on. See `Timers.pop`."""
        due, reached_ms, passed_ms = await self._timers.pop(
            self.head, passed_ms=self._passed_ms, limit_ms=limit_ms, most=most, whole=whole
        )
        return due, max(reached_ms, self.time_ms), passed_ms

    def _last_evaluation_ms(self) -> int:
        """The evaluation instant of the last record applied."""
        latest_ms = max(self.head.max_ms.values(), default=NO_TIME)
        return 0 if latest_ms == NO_TIME else latest_ms // TICK_MS * TICK_MS + TICK_MS

    def _count(
        self, batch: Batch, lives: Lives, records: Sorted, told: Mapping[tuple[str, str, str, bytes], int]
    ) -> None:
        metrics, partition = self._metrics, str(self.head.partition)
        if batch.slice is not None:
            topics, counts = np.unique(batch.slice.events.topic, return_counts=True)
            for topic, count in zip(topics, counts, strict=True):
                metrics.count("events_accepted_total", int(count), SOURCES[topic])
            for topic, failure, _ in batch.slice.failures:
                metrics.count("events_failed_total", 1, SOURCES[topic], failure.reason)
        metrics.count("events_repeated_total", lives.repeats)
        metrics.count("events_too_late_total", lives.too_late)
        metrics.count("events_rekeyed_total", len(records.rekeyed))
        metrics.count("evaluations_total", lives.evaluations)
        metrics.count("swept_customers_total", len(batch.recheck))
        metrics.count("timers_due_total", len(batch.due))
        for (topic, kind, key, cause), count in told.items():
            metrics.count("signals_total", count, topic, kind, key)
            if kind in ("entered", "exited") and cause:
                metrics.count("segment_moves_total", count, key, kind, cause.decode().strip('"'))
        metrics.count("commits_total", 1, "applied")
        metrics.set("campaigns_held", int(self.quota.is_held), partition)
        metrics.set("shard_time_seconds", self.time_ms / 1000, partition)

    def _time(self, batch: Batch, prepare_s: float, commit_s: float) -> None:
        metrics = self._metrics
        metrics.observe("prepare_seconds", prepare_s)
        metrics.observe("commit_seconds", commit_s)
        metrics.observe("redis_seconds", commit_s, "commit")
        if batch.slice is not None and self._settings.clock == "live":
            records, now_ms = batch.slice.raw, wall_ms()
            for record in records[:: -(-len(records) // _TIMED_RECORDS) or 1]:
                metrics.observe("event_to_commit_seconds", max(now_ms - record.timestamp, 0) / 1000)


class _Loaded(NamedTuple):
    """Customers as Redis has them, and the row of every event's customer: int64[n events]."""

    ids: list[str]
    blobs: Sequence[bytes | None]
    rows: Ints

    def table(self) -> CustomerTable:
        """Of which evaluating uses one up."""
        return unpack(self.ids, self.blobs)


async def _alone(course: Course) -> Lives:
    return course.alone()
