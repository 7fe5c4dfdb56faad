"""The demo: a history goes through a real worker, and you watch what comes out.

Everything is as in production: topics, a worker process, signals read back from Kafka. Only the clock is another
one: the event clock moves through months in seconds.
"""

import asyncio
import signal
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition
from rich.console import Console
from rich.live import Live

from streamproc.clock import monotonic_s
from streamproc.contracts.instants import to_iso
from streamproc.settings import Settings
from streamproc.simulate.embedded import Child, embedded_servers, free_port
from streamproc.simulate.external import remove_state
from streamproc.simulate.history import History, spoilt
from streamproc.simulate.probe import follow_metrics
from streamproc.simulate.screen import View, dashboard, progress_line
from streamproc.state.redis_store import RedisStore
from streamproc.transport.brokers import Brokers, brokers_of
from streamproc.transport.bulk import open_bulk_producer, open_consumer, partition_counts
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics, create_topics, delete_topics

PARTITIONS: Final = 4

_FRAME_S: Final = 0.4
_LINE_S: Final = 5.0
#: The rate shown is that of the last seconds: commits are large, so events come in bursts.
_RATE_S: Final = 5.0
_POLL_MS: Final = 100
#: Polls without a record after which, with the worker gone, everything has come.
_QUIET_POLLS: Final = 3
#: A group of one needs no patience, and brokers make joiners wait for a part of it.
_SESSION_TIMEOUT_MS: Final = 6_000
#: Records per commit. Small ones cost time, but the figures on the screen move.
_CHUNK_RECORDS: Final = 500
_HEARTBEAT_MS: Final = 1_000

_RUNNING: Final = "changed by what customers do, and by what they do not: silence counts, too"
_SILENT: Final = "nobody sends anything any more: all that happens now is the work of time"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo takes place. http_port: of its worker. embedded: the servers are gone with the demo."""

    kafka: Brokers
    redis: str = field(repr=False)  # the URL may hold a password
    prefix: str
    group: str
    http_port: int
    directory: Path
    embedded: bool

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/metrics"

    @property
    def variables(self) -> dict[str, str]:
        """What other commands need in their environment to see the demo.

        The way to servers of the user's own, with its passwords, is there already.
        """
        servers = {"STREAMPROC_KAFKA": self.kafka.bootstrap, "STREAMPROC_REDIS": self.redis}
        return {
            **(servers if self.embedded else {}),
            "STREAMPROC_TOPIC_PREFIX": self.prefix,
            "STREAMPROC_GROUP": self.group,
            "STREAMPROC_CLOCK": "event",
        }


@asynccontextmanager
async def embedded_place() -> AsyncIterator[Place]:
    """Servers of our own, that are gone with the context."""
    with tempfile.TemporaryDirectory(prefix="streamproc-") as name:
        async with embedded_servers(Path(name)) as servers:
            yield _place(Brokers(servers.kafka), servers.redis, "", Path(name), embedded=True)


@asynccontextmanager
async def external_place(settings: Settings) -> AsyncIterator[Place]:
    """The servers of the settings, with a prefix that nobody else has; the context removes what was made there."""
    prefix, brokers = f"demo-{uuid4().hex[:8]}.", brokers_of(settings)
    with tempfile.TemporaryDirectory(prefix="streamproc-") as name:
        place = _place(brokers, settings.redis, prefix, Path(name), embedded=False)
        try:
            yield place
        finally:
            await delete_topics(brokers, prefix)
            await remove_state(place.redis, prefix, place.group, PARTITIONS)


def _place(kafka: Brokers, redis: str, prefix: str, directory: Path, *, embedded: bool) -> Place:
    return Place(kafka, redis, prefix, f"{prefix}streamproc", free_port(), directory, embedded)


async def publish_history(place: Place, history: History) -> int:
    """Create the topics and publish the history, with a few spoilt events; how many records there were."""
    topics = Topics(place.prefix)
    await create_topics(place.kafka, place.prefix, PARTITIONS, source_retention_ms=-1)
    counts = await partition_counts(place.kafka, place.prefix, topics.channels)
    records = [
        Outgoing(place.prefix + item.topic, item.customer.encode(), item.value)
        for item in (*history.events, *spoilt(history))
    ]
    async with open_bulk_producer(place.kafka, counts) as producer:
        await producer.send(records)
    return len(records)


@asynccontextmanager
async def worker(place: Place, environment: Mapping[str, str], until_ms: int | None) -> AsyncIterator[Child]:
    """`streamproc worker` under the event clock; `until_ms`: it ends by itself when it has come so far."""
    command = [sys.executable, "-m", "streamproc", "worker"]
    if until_ms is not None:
        command += ["--until", to_iso(until_ms)]
    own = {
        **place.variables,
        "STREAMPROC_HTTP_HOST": "127.0.0.1",
        "STREAMPROC_HTTP_PORT": str(place.http_port),
        "STREAMPROC_SESSION_TIMEOUT_MS": str(_SESSION_TIMEOUT_MS),
        "STREAMPROC_HEARTBEAT_MS": str(_HEARTBEAT_MS),
        "STREAMPROC_CHUNK_RECORDS": str(_CHUNK_RECORDS),
    }
    child = Child(
        "the worker", command, place.directory / "worker.log", {**inherited(place, environment, own), **own}
    )
    try:
        yield child
    finally:
        await child.stop()


def inherited(place: Place, environment: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """The environment without what `own` says, be it in a file, and without the way into other servers."""
    return {
        name: value
        for name, value in environment.items()
        if name.removesuffix("_FILE") not in own
        and not (place.embedded and name.startswith("STREAMPROC_KAFKA_"))
    }


async def watch(place: Place, child: Child, view: View, show: Callable[[], None]) -> None:
    """Keep the view up to date and shown until the worker has ended and all its signals have been read.

    Raises StreamprocError if the worker failed, or if it ended before it was done.
    """
    topics = Topics(place.prefix)
    names = (*topics.signals, topics.failed)
    places = [TopicPartition(name, partition) for name in names for partition in range(PARTITIONS)]
    begin_s = monotonic_s() - view.elapsed_s
    probing = asyncio.create_task(_probe(place, view))
    quiet = 0
    try:
        async with open_consumer(place.kafka, places) as consumer:
            while child.exit_code() is None or quiet < _QUIET_POLLS:
                taken = await _take(consumer, view, place.prefix)
                quiet = 0 if taken or child.exit_code() is None else quiet + 1
                view.elapsed_s = monotonic_s() - begin_s
                show()
    finally:
        probing.cancel()
    if child.exit_code() != 0:
        raise child.failure(f"ended with {child.exit_code()}")
    if not await _is_done(place, view.history.until_ms):
        raise child.failure("was stopped before it was done")
    view.applied, view.time_ms, view.status = len(view.history.events), view.history.until_ms, "done"
    show()


async def _is_done(place: Place, until_ms: int) -> bool:
    """Whether all shards have come so far in time; a worker that is told to stop ends as orderly as a done one."""
    store = RedisStore(place.redis, prefix=place.prefix, group=place.group)
    try:
        heads = [await store.read_head(partition) for partition in range(PARTITIONS)]
    finally:
        await store.aclose()
    return all(head is not None and (head.time_ms or 0) >= until_ms for head in heads)


async def _take(consumer: AIOKafkaConsumer, view: View, prefix: str) -> int:
    """Add the signals that have come; how many."""
    chunks = await consumer.getmany(timeout_ms=_POLL_MS)
    for place, records in chunks.items():
        for record in records:
            view.tally.add(place.topic.removeprefix(prefix), record.value or b"")
    return sum(map(len, chunks.values()))


async def _probe(place: Place, view: View) -> None:
    """Note how far the worker is, by its own metrics."""
    seen: deque[tuple[float, int]] = deque()
    async for reading in follow_metrics(place.metrics_url, _FRAME_S):
        seen.append((monotonic_s(), reading.applied))
        while seen[-1][0] - seen[0][0] > _RATE_S:
            seen.popleft()
        (begin_s, before), (end_s, applied) = seen[0], seen[-1]
        view.applied = applied
        view.per_second = (applied - before) / (end_s - begin_s) if end_s > begin_s else 0.0
        if reading.times_ms:
            view.time_ms = min(reading.times_ms.values())
            view.status = _RUNNING if view.time_ms <= view.history.last_ms else _SILENT


@contextmanager
def showing(console: Console, view: View) -> Iterator[Callable[[], None]]:
    """Gives a function that shows the view if it is time to: as a dashboard, without a terminal as a line."""
    shown_s = -_LINE_S

    def due(interval_s: float) -> bool:
        nonlocal shown_s
        is_due = monotonic_s() - shown_s >= interval_s
        shown_s = monotonic_s() if is_due else shown_s
        return is_due

    def print_line() -> None:
        if due(_LINE_S):
            console.print(progress_line(view), highlight=False, soft_wrap=True)

    if not console.is_terminal:
        yield print_line
        return
    # Drawn by the event loop, not by Live's own thread: the view changes between two awaits only.
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def draw() -> None:
            if due(_FRAME_S):
                live.update(dashboard(view, console.width, console.height), refresh=True)

        yield draw


async def until_interrupted() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted.set)
    try:
        await interrupted.wait()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
