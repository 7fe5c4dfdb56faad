"""History through the engine, in memory: the worker's own shard under the event clock, without servers."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from streamproc.metrics import Metrics
from streamproc.pipeline import Batch, Shard
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS

#: Records that one evaluation round may take, as many as a worker takes by default.
_CHUNK_RECORDS: Final = 2_000


class HistoricEvent(NamedTuple):
    """An event of a history: its topic, without a prefix, and its JSON."""

    topic: str
    value: bytes


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Replay:
    """One replay of a history, in the order of its time. `wall_now_ms` decides what lies in the future, and is refused.

    `events`: how many were read so far; of these, `refused`, `repeats` and `too_late` were not counted. `time_ms`:
    where the clock stands (epoch ms).
    """

    def __init__(self, definitions: Definitions, wall_now_ms: int) -> None:
        self._settings = Settings(clock="event", chunk_records=_CHUNK_RECORDS)
        self._definitions, self._metrics, self._store = definitions, Metrics(), MemoryStore()
        self._wall_now_ms = wall_now_ms
        self._offsets = dict.fromkeys(SOURCES, 0)
        self.events = self.refused = self.repeats = self.too_late = self.time_ms = 0

    async def signals(self, history: Iterable[HistoricEvent], silence_ms: int) -> AsyncIterator[Signal]:
        """What a worker would have published, in its order, until so long after the day (UTC) of the last event.

        The events of one topic are its log, in the order given. All customers are in one shard, so `ce_id`s are those
        of a worker with one partition.
        """
        head = await self._store.acquire(
            0, generation=1, member="backtest", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
        )  # fmt: skip
        shard = Shard(self._store, head, [], self._definitions, self._settings, self._metrics)
        logs: dict[str, list[bytes]] = {topic: [] for topic in SOURCES}
        for event in history:
            logs[event.topic].append(event.value)
        unread = {topic: iter(log) for topic, log in logs.items() if log}
        while unread or len(shard.inbox):
            self._read(shard, unread)
            batch = await shard.take_ticks([SOURCES.index(topic) for topic in unread], None)
            if batch is not None:
                for signal in await self._step(shard, batch):
                    yield signal
        until_ms = (self.time_ms // DAY_MS + 1) * DAY_MS + silence_ms
        while self.time_ms and (batch := await shard.take_ticks((), until_ms)) is not None:
            for signal in await self._step(shard, batch):
                yield signal

    def _read(self, shard: Shard, unread: dict[str, Iterator[bytes]]) -> None:
        """Queue more of each topic of which little is queued: what comes next is known only once all have some."""
        for topic, remaining in list(unread.items()):
            code = SOURCES.index(topic)
            if shard.inbox.buffered(code) >= _CHUNK_RECORDS:
                continue
            first = self._offsets[topic]
            values = islice(remaining, _CHUNK_RECORDS)
            records = [_Record(offset, None, value) for offset, value in enumerate(values, first)]
            if records:
                self._offsets[topic] = first + len(records)
                shard.put(code, records, self._offsets[topic], self._wall_now_ms)
            else:
                del unread[topic]

    async def _step(self, shard: Shard, batch: Batch) -> list[Signal]:
        lives = await shard.step(batch)
        if batch.slice is not None:
            self.events += batch.slice.records
            self.refused += len(batch.slice.failures)
        self.repeats += lives.repeats
        self.too_late += lives.too_late
        self.time_ms = shard.time_ms
        await self._forget_outbox(shard)
        await asyncio.sleep(0)  # for Ctrl-C
        return lives.signals

    async def _forget_outbox(self, shard: Shard) -> None:
        entries = await self._store.outbox_read(shard.head, None, _CHUNK_RECORDS * 1_000)
        if entries:
            await self._store.outbox_trim(shard.head, entries[-1].id)
