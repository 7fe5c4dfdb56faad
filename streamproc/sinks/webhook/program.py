"""`streamproc webhooks`: a process of its own, so that a slow receiver holds up nothing but its own messages."""

import asyncio
import random
import signal
from collections.abc import Collection
from contextlib import AsyncExitStack
from typing import Final

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from streamproc.api.access import create_guard
from streamproc.api.health import Health, create_http_app, serving
from streamproc.clock import wall_ms
from streamproc.contracts.signal_types import ACTION_TOPIC
from streamproc.errors import StreamprocError
from streamproc.metrics import WEBHOOKS, Metrics
from streamproc.process import export_process
from streamproc.settings import Settings
from streamproc.sinks.webhook.backlog import Backlog
from streamproc.sinks.webhook.delivery import Delivery, Manner
from streamproc.sinks.webhook.endpoint import campaigns_of, group_of, journal_of, post_of
from streamproc.sinks.webhook.journal import Journal
from streamproc.sinks.webhook.reader import Reader, Wanted
from streamproc.sinks.webhook.schedule import RESULTS
from streamproc.sinks.webhook.signing import parse_secrets
from streamproc.state.store import StoreUnavailable
from streamproc.transport.brokers import Brokers, brokers_of
from streamproc.transport.connect import start
from streamproc.transport.membership import check_heartbeat
from streamproc.transport.topics import check_group, describe

_log = structlog.get_logger(__name__)

_TICK_S: Final = 1.0
#: So often offsets are told to Kafka and asked of it, and failures are told to the log.
_TELL_TICKS: Final = 5
_SHOWN: Final = 3
#: What is under way at the end has so long.
_END_S: Final = 5.0


async def run_webhooks(settings: Settings, events: Collection[str]) -> None:
    """Deliver the signals of these events until SIGINT or SIGTERM.

    Raises StreamprocError for what the operator can mend.
    """
    brokers, topic = brokers_of(settings), settings.topic_prefix + ACTION_TOPIC
    secrets = parse_secrets(settings.webhook_secret)
    metrics = Metrics(catalogue=WEBHOOKS)
    export_process(metrics)
    for result in RESULTS:
        metrics.begin("webhook_attempts_total", result)
    for reason in ("expired", "too_long", "unreadable"):
        metrics.begin("webhook_given_up_total", reason)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
            stack.callback(loop.remove_signal_handler, number)
        post = await stack.enter_async_context(post_of(settings, parallel=settings.webhook_parallel))
        journal = await stack.enter_async_context(journal_of(settings))
        for warning in await journal.check_server():
            _log.warning("redis", warning=warning)
        await _check_topic(brokers, settings.topic_prefix, topic, group_of(settings))
        backlog = Backlog()
        delivery = Delivery(
            post,
            journal,
            backlog,
            Manner(secrets, settings.webhook_pause_ms, settings.webhook_parallel),
            metrics,
            chance=random.random,
        )
        delivery.disabled = await journal.disabled()
        consumer = _consumer(settings, brokers)
        wanted = Wanted(
            topic,
            frozenset(events),
            campaigns_of(settings),
            settings.webhook_patience_ms,
            settings.webhook_backlog,
        )
        reader = Reader(consumer, journal, backlog, delivery, wanted, metrics)
        watch = _Watch(journal, backlog, delivery, reader, metrics)
        guard = create_guard(settings.http_host, settings.http_token)
        http_app = create_http_app(metrics, watch.live, watch.ready, guard)
        await stack.enter_async_context(serving(http_app, settings.http_host, settings.http_port))
        consumer.subscribe([topic], listener=reader)
        stack.push_async_callback(consumer.stop)
        await start(consumer, brokers)
        await _live(stop, reader, delivery, watch)
        await reader.commit()


async def _live(stop: asyncio.Event, reader: Reader, delivery: Delivery, watch: "_Watch") -> None:
    """Until stopped, or until a part cannot go on. Then nothing more is started, and what is under way ends."""
    sending, reading = asyncio.create_task(delivery.run()), asyncio.create_task(reader.run())
    watching, stopping = asyncio.create_task(watch.run()), asyncio.create_task(stop.wait())
    parts = (sending, reading, watching, stopping)
    try:
        ended, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in ended:
            part.result()
    except KafkaError as error:
        raise StreamprocError(
            f"Kafka does not serve the webhooks: {error!r}",
            fix="look at the brokers' logs and at the permissions of this user (docs/security.md)",
        ) from error
    finally:
        for part in (reading, watching, stopping):
            part.cancel()
        await asyncio.wait((reading, watching, stopping))
        await delivery.stop(_END_S)
        sending.cancel()


def _consumer(settings: Settings, brokers: Brokers) -> AIOKafkaConsumer:
    check_heartbeat(settings.member_session_ms / 1000, settings.heartbeat_ms / 1000)
    return AIOKafkaConsumer(
        **brokers.client_options(),
        group_id=group_of(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=settings.member_session_ms,
        heartbeat_interval_ms=settings.heartbeat_ms,
    )


async def _check_topic(brokers: Brokers, prefix: str, topic: str, group: str) -> None:
    if (await describe(brokers, prefix))[topic] is None:
        raise StreamprocError(
            f"there is no topic {topic}", fix="create it: streamproc topics create --partitions 12"
        )
    await check_group(brokers, group)


class _Watch:
    """Once a second: is the receiver enabled, whose time is over, what do the metrics say."""

    def __init__(
        self, journal: Journal, backlog: Backlog, delivery: Delivery, reader: Reader, metrics: Metrics
    ) -> None:
        self._journal, self._backlog, self._delivery = journal, backlog, delivery
        self._reader, self._metrics = reader, metrics
        self._problem = ""

    def live(self) -> Health:
        """Who can answer is alive: if a part cannot go on, the process ends, and waiting for servers is no death."""
        return Health(True, f"{len(self._backlog)} webhooks wait")

    def ready(self) -> Health:
        """Whether Kafka has given us our partitions, and Redis answers."""
        if not self._reader.joined:
            return Health(False, "Kafka has assigned no partitions yet")
        if waiting := self._reader.waiting:
            return Health(False, f"partitions {waiting} are not claimed yet")
        return Health(not self._problem, self._problem or "running")

    async def run(self) -> None:
        """For ever. Raises StoreError for what does not pass by itself."""
        ticks = 0
        while True:
            self._measure()
            try:
                await self._look()
                self._problem = ""
            except StoreUnavailable as error:
                self._problem = error.message
            ticks += 1
            if ticks % _TELL_TICKS == 0:
                self._tell_failures()
                await self._reader.commit()
                if (unread := await self._reader.unread()) is not None:
                    self._metrics.set("webhook_unread_records", unread)
            await asyncio.sleep(_TICK_S)

    async def _look(self) -> None:
        self._delivery.give_up_ended()
        before = self._delivery.disabled
        disabled = await self._journal.disabled()
        if disabled is None and before is not None:
            _log.info("the receiver is enabled again")
            self._delivery.enable()
        elif disabled is not None and self._delivery.disabled is None:
            _log.warning("the receiver is disabled", answer=disabled.detail)
            self._delivery.disabled = disabled

    def _measure(self) -> None:
        oldest_ms = self._backlog.oldest_ms
        age_s = 0 if oldest_ms is None else max(wall_ms() - oldest_ms, 0) / 1000
        self._metrics.set("webhook_backlog_records", len(self._backlog))
        self._metrics.set("webhook_oldest_seconds", age_s)
        self._metrics.set("webhook_full", int(self._reader.is_full))
        self._metrics.set("webhook_disabled", int(self._delivery.disabled is not None))

    def _tell_failures(self) -> None:
        failures, self._delivery.failures = self._delivery.failures, type(self._delivery.failures)()
        if failures:
            answers = [f"{count} x {detail}" for detail, count in failures.most_common(_SHOWN)]
            _log.warning(
                "webhooks failed and are tried again",
                attempts=failures.total(),
                answers=answers,
                waiting=len(self._backlog),
            )
