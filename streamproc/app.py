"""The composition root: the only place where the objects of a worker are built and joined."""

import asyncio
import gc
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, cast

import faust
import structlog
from aiokafka.structs import TopicPartition

from streamproc.agents import create_agents
from streamproc.api.access import create_guard
from streamproc.api.health import create_http_app, serving
from streamproc.clock import wall_ms
from streamproc.contracts.failures import FailureReason
from streamproc.errors import StreamprocError
from streamproc.gauges import Gauges
from streamproc.metrics import Metrics
from streamproc.process import export_process
from streamproc.quota import Controls
from streamproc.reloads import Reloads
from streamproc.settings import Settings
from streamproc.shards import Shards
from streamproc.sources import SOURCES
from streamproc.state.plan import Plan, keep_away, plan_in
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import StoreUnavailable
from streamproc.stopping import Stopping
from streamproc.transitions.definitions import Definitions
from streamproc.transport.batch import Consumer
from streamproc.transport.brokers import brokers_of
from streamproc.transport.chunks import Tail
from streamproc.transport.ends import LogEnds
from streamproc.transport.faust_app import batch_app
from streamproc.transport.outlet import Outlet, open_client
from streamproc.transport.owner import Progress
from streamproc.transport.settings import TransportSettings, faust_options
from streamproc.transport.topics import Topics, check_group, describe, leaderless
from streamproc.vitals import Heartbeat, RedisWatch

_log = structlog.get_logger(__name__)

#: How often the worker looks at what operators say of campaigns.
_CONTROLS_S = 1.0
#: Between two looks for partitions without a leader.
_LEADERS_S = 1.0
#: How long telling Kafka the last offsets may hold up the end.
_LAST_COMMIT_S = 5.0
#: Objects made and kept since the last look for reference cycles, at which there is another.
_GARBAGE_OBJECTS = 50_000
#: Signals wait so long for those of other shards, to be one request with them.
_LINGER_MS = 2


def _collect_garbage_seldom() -> None:
    """Look for reference cycles after many objects, and not among those that a worker keeps for good.

    A batch makes ten thousand tuples and leaves none: by default Python looked through them again and again, for a
    tenth of the worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GARBAGE_OBJECTS, 20, 20)


class Worker:
    """A worker: Faust app, shards, relay, HTTP. `until_ms`: drain, move time to this instant, and end.

    `rebuild`: go through the past instead, as far as it says; who tells what came of it comes later.
    """

    def __init__(
        self,
        settings: Settings,
        definitions: Definitions,
        until_ms: int | None = None,
        rebuild: Plan | None = None,
    ) -> None:
        """Connects to nothing. Raises StreamprocError for settings that cannot work together."""
        self.metrics = Metrics()
        export_process(self.metrics)
        self.started = asyncio.Event()
        self._settings = settings
        self._reloads = Reloads(settings, definitions, self.metrics)
        self._until_ms, self._rebuild = until_ms, rebuild
        self._brokers = brokers_of(settings)
        self._stopping = Stopping(self._left)
        self._shards: Shards | None = None

    def stop(self) -> None:
        """End soon, gracefully: commits in flight are finished."""
        self._stopping.asked.set()

    async def run(self) -> bool:
        """Live until stopped, until `until_ms` is reached, or until something makes it impossible to go on.

        Whether all shards were let go in order; if not, nothing is lost either. Raises StreamprocError for what the
        operator can mend. A worker that cannot come to an end ends the process.
        """
        settings = self._settings
        async with AsyncExitStack() as stack:
            stack.enter_context(self._stopping.listen())
            replicas = settings.redis_replicas
            store = RedisStore(
                settings.redis,
                prefix=settings.topic_prefix,
                group=settings.group,
                replicas=None if replicas == "auto" else replicas,
            )
            stack.push_async_callback(store.aclose)
            self._begin_series()
            redis = RedisWatch(store)
            await redis.look()
            await self._check_topics()
            producer = await stack.enter_async_context(open_client(self._brokers, linger_ms=_LINGER_MS))
            _collect_garbage_seldom()
            shards = Shards(
                store,
                Outlet(producer),
                self._reloads.definitions,
                settings,
                self.metrics,
                self._until_ms,
                self._rebuild,
            )
            self._shards = shards
            app = self._create_app(shards)
            heartbeat = Heartbeat(shards, redis)
            guard = create_guard(settings.http_host, settings.http_token)
            http_app = create_http_app(self.metrics, heartbeat.live, heartbeat.ready, guard)
            await stack.enter_async_context(serving(http_app, settings.http_host, settings.http_port))
            self._reloads.show()
            self._hear(await store.controls(), shards)
            ends = LogEnds(self._brokers)
            stack.push_async_callback(ends.aclose)
            gauges = Gauges(shards, lambda: cast(Consumer, app.consumer), ends, settings, self.metrics)
            watches = [self._watch_controls(store, shards), gauges.run(), redis.run()]
            if self._rebuild is None:  # of which all processes go by the same ones
                watches.append(self._reloads.watch(shards.redefine))
            tasks = [asyncio.create_task(watch) for watch in watches]
            for task in tasks:
                task.add_done_callback(shards.note_end)
            try:
                await app.start()
                self.started.set()
                await self._wait_for_end(app, shards)
                self._stopping.hurry()
                if not app.crashed:
                    # Afterwards the shards are released. A lost Redis is noticed by what Kafka was told.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(cast(Consumer, app.consumer).force_commit(), _LAST_COMMIT_S)
            finally:
                self._stopping.hurry()
                for task in tasks:  # they may ask a consumer that is not there any more
                    task.cancel()
                shards.stop_restarts()
                await app.stop()
                await shards.finish_leaving()
            if self._rebuild is not None and shards.done.is_set() and shards.failure is None:
                await shards.mark_built(self._rebuild)
        if shards.failure is not None:
            raise shards.failure
        return not shards.leaving

    def _left(self) -> dict[str, Any]:
        """What an end would leave undone."""
        if self._shards is None:
            return {"partitions": []}
        left = self._shards.held | self._shards.leaving
        return {
            "partitions": sorted(left),
            "signals_waiting": sum(held.relay.backlog for held in left.values()),
        }

    def _begin_series(self) -> None:
        """What alerts look at, before there is anything to count."""
        self.metrics.follow("wall_time_seconds", lambda: wall_ms() / 1000)
        for topic in SOURCES:
            self.metrics.begin("events_failed_total", topic, FailureReason.NOT_PROCESSED)
            self.metrics.begin("offsets_lost_total", self._settings.topic_prefix + topic)
        for outcome in ("loaded", "refused"):
            self.metrics.begin("rules_reloads_total", outcome)
        for reason in ("kafka", "redis"):
            self.metrics.begin("relay_waits_total", reason)

    async def _check_topics(self) -> None:
        """Raises StreamprocError if topics are missing, or the group is closed to us. Waits for leaders."""
        brokers, prefix = self._brokers, self._settings.topic_prefix
        topics = Topics(prefix)
        while True:
            found = await describe(brokers, prefix)
            needed = (*topics.sources, *topics.signals, topics.failed)
            missing = [name for name in needed if found[name] is None]
            if (
                not missing
                or not (waiting := await leaderless(brokers, prefix))
                or self._stopping.asked.is_set()
            ):
                break
            _log.warning("waiting for Kafka: partitions have no leader", topics=waiting)
            await asyncio.sleep(_LEADERS_S)
        if missing:
            raise StreamprocError(
                f"topics are missing: {', '.join(missing)}",
                fix="create them: streamproc topics create --partitions 12"
                + ("" if brokers.sasl is None else "; brokers hide topics that a user may not describe"),
            )
        await check_group(brokers, self._settings.group)

    def _create_app(self, shards: Shards) -> faust.App:
        settings = self._settings
        sources = Topics(settings.topic_prefix).sources
        app = batch_app(
            settings.group,
            owner=shards,
            settings=TransportSettings(
                sources=sources, chunk_records=settings.chunk_records, lost_policy=settings.lost_records
            ),
            now_ms=wall_ms,
            options=faust_options(
                self._brokers,
                session_timeout_s=settings.member_session_ms / 1000,
                heartbeat_interval_s=settings.heartbeat_ms / 1000,
                instance_id=settings.instance or None,
            ),
        )
        create_agents(app, sources, shards)
        shards.reader = _ConsumerReader(app)
        return app

    async def _wait_for_end(self, app: faust.App, shards: Shards) -> None:
        ends = [asyncio.create_task(event.wait()) for event in (self._stopping.asked, shards.done)]
        ends.append(asyncio.create_task(app._crashed.wait()))  # type: ignore[arg-type]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if app.crashed and not isinstance(shards.failure, StreamprocError):
            reason = getattr(app, "_crash_reason", None)
            if isinstance(reason, StreamprocError):
                raise reason  # and not what failed after it, because the consumer's thread had ended
            if shards.failure is None:
                raise StreamprocError(f"the worker failed: {reason!r}")

    async def _watch_controls(self, store: RedisStore, shards: Shards) -> None:
        """Hear within a second or two what operators say of campaigns."""
        while True:
            await asyncio.sleep(_CONTROLS_S)
            with suppress(StoreUnavailable):  # what was said last holds
                self._hear(await store.controls(), shards)

    def _hear(self, controls: Mapping[str, str], shards: Shards) -> None:
        """Raises StreamprocError if they say that this process must not go on."""
        if self._rebuild is None:
            keep_away(controls)
            shards.control(Controls.of(controls))
            return
        # What is paused today says nothing about what was asked for in the past.
        plan = plan_in(controls)
        if plan is None or plan.id != self._rebuild.id:
            raise StreamprocError(
                "this rebuild has been given up, or begun anew, by somebody else",
                fix="see who works on this group; streamproc rebuild joins what is under way",
            )


class _ConsumerReader:
    """The consumer as the shards see it. Faust makes the consumer when the app starts."""

    def __init__(self, app: faust.App) -> None:
        self._app = app

    @property
    def _consumer(self) -> Consumer:
        return cast(Consumer, self._app.consumer)

    def tail(self, tp: TopicPartition) -> Tail | None:
        return self._consumer.tail(tp)

    async def reseek(self, shards: set[int]) -> bool:
        return await self._consumer.reseek(shards)

    async def committed(self, shards: set[int]) -> dict[TopicPartition, Progress]:
        return await self._consumer.committed(shards)

    async def tell(self) -> bool:
        return await self._consumer.tell()

    async def ends(self) -> dict[TopicPartition, int]:
        return await self._consumer.ends()

    def partition_count(self) -> int:
        return self._consumer.partition_count()

    def assigned_shards(self) -> set[int]:
        return self._consumer.assigned_shards()
