"""A worker on the batch transport whose state is one SQLite file: what the transport is tested with.

The file stands for the state store: a commit applies a chunk's records and moves the shard's offsets in one
transaction, if epoch and offsets are what the worker thinks they are. Applying a record twice is an error of
the database. Run as a program, it is one worker of a group:

    python -m tests.integration.transport_worker BOOTSTRAP GROUP PREFIX DATABASE
"""

import asyncio
import contextlib
import json
import logging
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import faust
from aiokafka.structs import TopicPartition

from streamproc.transport.batch import Consumer
from streamproc.transport.brokers import Brokers
from streamproc.transport.chunks import Chunk
from streamproc.transport.faust_app import batch_app, chunk_topic
from streamproc.transport.owner import Fenced, Progress
from streamproc.transport.settings import LostPolicy, TransportSettings, faust_options
from streamproc.transport.topics import Topics

SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (shard INTEGER PRIMARY KEY, epoch INTEGER, generation INTEGER, offsets TEXT);
CREATE TABLE IF NOT EXISTS applied (
    topic TEXT, shard INTEGER, offset INTEGER, value BLOB, worker TEXT, PRIMARY KEY (topic, shard, offset)
);
"""


def now_ms() -> int:
    return int(time.time() * 1000)


class Refused(Exception):
    """The store is not where this worker thought it was."""


class Store:
    """The database, as one worker sees it."""

    def __init__(self, path: Path, worker: str) -> None:
        self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(SCHEMA)
        self._worker = worker

    @contextlib.contextmanager
    def _transaction(self) -> Any:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def acquire(self, shard: int, generation: int) -> tuple[int, dict[str, int]]:
        """(epoch, next offset by topic) of the shard, now this worker's."""
        with self._transaction():
            found = self._db.execute(
                "SELECT epoch, generation, offsets FROM heads WHERE shard = ?", (shard,)
            ).fetchone()
            epoch, last_generation, offsets = found or (0, -1, "{}")
            if generation < last_generation:
                raise Fenced(f"shard {shard} belongs to generation {last_generation}")
            self._db.execute(
                "REPLACE INTO heads VALUES (?, ?, ?, ?)", (shard, epoch + 1, generation, offsets)
            )
        return epoch + 1, json.loads(offsets)

    def commit(self, chunk: Chunk, epoch: int, held: int | None) -> None:
        """Apply `chunk`, whose topic the worker holds at offset `held`."""
        with self._transaction():
            [[stored_epoch, offsets_json]] = self._db.execute(
                "SELECT epoch, offsets FROM heads WHERE shard = ?", (chunk.partition,)
            )
            offsets = json.loads(offsets_json)
            if stored_epoch != epoch or offsets.get(chunk.topic) != held:
                raise Refused(f"{chunk}: {stored_epoch}, {offsets.get(chunk.topic)}")
            offsets[chunk.topic] = chunk.next_offset
            self._db.execute(
                "UPDATE heads SET offsets = ? WHERE shard = ?", (json.dumps(offsets), chunk.partition)
            )
            self._db.executemany(
                "INSERT INTO applied VALUES (?, ?, ?, ?, ?)",
                [(chunk.topic, chunk.partition, r.offset, r.value, self._worker) for r in chunk.records],
            )

    def fence(self, shard: int) -> None:
        """Take the shard away from its worker, as another worker would."""
        self._db.execute("UPDATE heads SET epoch = epoch + 1 WHERE shard = ?", (shard,))

    def set_offset(self, shard: int, topic: str, offset: int) -> None:
        """Pretend that a worker has got to `offset`."""
        with self._transaction():
            self._db.execute("REPLACE INTO heads VALUES (?, 0, -1, ?)", (shard, json.dumps({topic: offset})))

    def applied(self) -> dict[tuple[str, int], list[int]]:
        """Offsets in the order in which they were applied, by partition."""
        found: dict[tuple[str, int], list[int]] = {}
        for topic, shard, offset in self._db.execute(
            "SELECT topic, shard, offset FROM applied ORDER BY rowid"
        ):
            found.setdefault((topic, shard), []).append(offset)
        return found

    def count(self) -> int:
        [[count]] = self._db.execute("SELECT count(*) FROM applied")
        return int(count)

    def forget_workers(self) -> None:
        """Let `workers` name only those that apply something from now on."""
        self._db.execute("UPDATE applied SET worker = ''")

    def workers(self) -> dict[str, set[int]]:
        """The shards each worker has applied something of."""
        found: dict[str, set[int]] = {}
        for worker, shard in self._db.execute(
            "SELECT DISTINCT worker, shard FROM applied WHERE worker <> ''"
        ):
            found.setdefault(worker, set()).add(shard)
        return found


class Shard:
    """One partition of every source topic: takes a chunk per topic, applies them in the order taken."""

    def __init__(self, owner: "StoreOwner", number: int, epoch: int, stored: Mapping[str, int]) -> None:
        self.number = number
        self.handed: dict[str, int] = {}
        self._owner = owner
        self._epoch = epoch
        self._stored = dict(stored)
        self._session = -1
        self._waiting: dict[str, Chunk] = {}
        self._changed = asyncio.Condition()
        self._open = True
        self._task = asyncio.create_task(self._apply_all())

    def start(self, starts: Mapping[str, int], session: int) -> None:
        self.handed = dict(starts)
        self._session = session

    async def put(self, chunk: Chunk) -> None:
        """Take a chunk once the one before of its topic is being applied; at once after the release."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open or chunk.topic not in self._waiting)
            if self._open and chunk.session == self._session:
                self._waiting[chunk.topic] = chunk
                self._changed.notify_all()

    async def close(self) -> None:
        """Finish the commit under way and let waiting agents go."""
        async with self._changed:
            self._open = False
            self._changed.notify_all()
        await self._task

    async def _apply_all(self) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._open or self._next_topic() is not None)
                topic = self._next_topic()
                if not self._open or topic is None:
                    return
                chunk = self._waiting.pop(topic)
                self._changed.notify_all()
            await self._apply(chunk)

    def _next_topic(self) -> str | None:
        return self._owner.choose(self)

    def waiting(self) -> Mapping[str, Chunk]:
        return self._waiting

    async def _apply(self, chunk: Chunk) -> None:
        owner = self._owner
        if chunk.session != self._session or not owner.consumer.is_current(chunk):
            return
        await owner.before_commit(chunk)
        if chunk.start_offset != self.handed[chunk.topic]:
            owner.holes.append(f"{chunk}, expected {self.handed[chunk.topic]}")
        try:
            owner.store.commit(chunk, self._epoch, self._stored.get(chunk.topic))
        except Refused:
            owner.refused += 1
            self._session = -1  # what is on its way has holes before it
            self._waiting.clear()
            owner.reseek(self.number)
            return
        self._stored[chunk.topic] = self.handed[chunk.topic] = chunk.next_offset


class StoreOwner:
    """Implements the transport's `Owner` over a Store."""

    consumer: Consumer

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shards: dict[int, Shard] = {}
        self.holes: list[str] = []
        self.lost: dict[TopicPartition, int] = {}
        self.acquired: list[tuple[int, set[int]]] = []
        self.refused = 0
        self._reseeks: set[asyncio.Task[bool]] = set()
        self._sources: tuple[str, ...] = ()

    def attach(self, consumer: Consumer, sources: tuple[str, ...]) -> None:
        self.consumer = consumer
        self._sources = sources

    def choose(self, shard: Shard) -> str | None:
        """The topic whose waiting chunk `shard` applies next; None: wait for more."""
        return min(shard.waiting(), default=None)

    async def before_commit(self, chunk: Chunk) -> None:
        """A place for tests to be slow, or worse."""

    def reseek(self, shard: int) -> None:
        task = asyncio.create_task(self.consumer.reseek({shard}))
        self._reseeks.add(task)
        task.add_done_callback(self._reseeks.discard)

    async def acquire(self, shards: set[int], generation: int) -> Mapping[TopicPartition, int | None]:
        self.acquired.append((generation, shards))
        stored: dict[TopicPartition, int | None] = {}
        for number in shards:
            if number in self.shards:
                await self.shards.pop(number).close()
            epoch, offsets = self.store.acquire(number, generation)
            self.shards[number] = Shard(self, number, epoch, offsets)
            stored |= {TopicPartition(topic, number): offsets.get(topic) for topic in self._sources}
        return stored

    def started(self, starts: Mapping[TopicPartition, int], session: int) -> None:
        for number in {tp.partition for tp in starts}:
            topics = {tp.topic: offset for tp, offset in starts.items() if tp.partition == number}
            self.shards[number].start(topics, session)

    async def release(self, shards: set[int]) -> None:
        for number in shards & self.shards.keys():
            await self.shards.pop(number).close()

    def committed_offsets(self) -> Mapping[TopicPartition, Progress]:
        return {
            TopicPartition(topic, shard.number): Progress(offset, "")
            for shard in self.shards.values()
            for topic, offset in shard.handed.items()
        }

    def on_lost(self, tp: TopicPartition, count: int) -> None:
        self.lost[tp] = count


def build(
    bootstrap: str,
    group: str,
    prefix: str,
    owner: StoreOwner,
    *,
    chunk_records: int = 500,
    lost_policy: LostPolicy = "fail",
    **timeouts: float,
) -> faust.App:
    """An app whose agent hands every chunk to its shard."""
    topics = Topics(prefix)
    options = {"session_timeout_s": 6, "heartbeat_interval_s": 0.5, "rebalance_timeout_s": 10} | timeouts
    app = batch_app(
        group,
        owner=owner,
        settings=TransportSettings(
            sources=topics.sources, chunk_records=chunk_records, lost_policy=lost_policy
        ),
        now_ms=now_ms,
        options=faust_options(Brokers(bootstrap), **options),  # type: ignore[arg-type]
    )

    @app.agent(chunk_topic(app, *topics.sources), isolated_partitions=True)
    async def chunks(stream: Any) -> None:
        async for chunk in stream:
            shard = owner.shards.get(chunk.partition)
            if shard is not None:
                await shard.put(chunk)

    owner.attach(app.consumer, topics.sources)  # type: ignore[arg-type]
    return app


@asynccontextmanager
async def running(app: faust.App) -> AsyncIterator[faust.App]:
    """The app in this process and event loop."""
    await app.start()
    try:
        yield app
    finally:
        await app.stop()


async def until(condition: Callable[[], bool], *, timeout_s: float = 30) -> None:
    """Return when `condition` holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.05)


class SometimesFailing(StoreOwner):
    """Refuses now and then, as a store does to a worker it has fenced, and is slow now and then."""

    async def before_commit(self, chunk: Chunk) -> None:
        if random.random() < 0.05:
            await asyncio.sleep(random.random() * 0.02)


def main() -> None:
    """One worker process; ends on SIGTERM or SIGINT."""
    bootstrap, group, prefix, database = sys.argv[1:5]
    logging.basicConfig(level="INFO", format="%(asctime)s %(name)s %(levelname)s %(message)s")
    store = Store(Path(database), worker=sys.argv[5])
    app = build(bootstrap, group, prefix, SometimesFailing(store))
    faust.Worker(app, loglevel=None, override_logging=False, quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
