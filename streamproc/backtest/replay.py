"""A partition's history through the worker's own shard, under the event clock, in memory and without servers.

For those who want the states in a store; `lives` is faster for those who do not.
"""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from streamproc.backtest.blocks import LISTED, Refused
from streamproc.backtest.history import Logs
from streamproc.metrics import Metrics
from streamproc.pipeline import Batch, Shard
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal

#: Records of a topic that are queued at a time, and that one batch may take: more cost less each, up to about here.
_CHUNK_RECORDS: Final = 8_000


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Replay:
    """The history of one of so many partitions. `wall_now_ms` decides what lies in the future, and is refused.

    `events`: how many were read so far; of these, `refused`, `repeats` and `too_late` were not counted. `time_ms`:
    where the clock stands (epoch ms); 0: no event was accepted. `first_refused`: some of the refused. `store`: has the
    states.
    """

    def __init__(
        self, definitions: Definitions, wall_now_ms: int, partition: int = 0, partitions: int = 1
    ) -> None:
        self.partition = partition
        self.events = self.refused = self.repeats = self.too_late = self.time_ms = 0
        self.first_refused: list[Refused] = []
        self._settings = Settings(clock="event", chunk_records=_CHUNK_RECORDS)
        self._definitions, self._wall_now_ms, self._partitions = definitions, wall_now_ms, partitions
        self.store = MemoryStore()
        self._shard: Shard | None = None

    async def through(self, logs: Logs) -> AsyncIterator[list[Signal]]:
        """What a worker would publish of these logs, batch by batch in its order. To be called once."""
        shard = self._shard = await self._begin()
        unread = {topic: iter(enumerate(log.values)) for topic, log in logs.items() if log.values}
        while unread or len(shard.inbox):
            for topic, values in list(unread.items()):
                code = SOURCES.index(topic)
                # What comes next is known only once something of each topic is there.
                if shard.inbox.buffered(code) >= _CHUNK_RECORDS:
                    continue
                records = [_Record(offset, None, value) for offset, value in islice(values, _CHUNK_RECORDS)]
                if records:
                    shard.put(code, records, records[-1].offset + 1, self._wall_now_ms)
                else:
                    del unread[topic]
            batch = await shard.take_ticks([SOURCES.index(topic) for topic in unread], None)
            if batch is not None:
                yield await self._step(shard, batch, logs)

    async def until(self, until_ms: int) -> AsyncIterator[list[Signal]]:
        """What silence does up to an instant, behind the logs."""
        shard = self._shard
        assert shard is not None
        while self.time_ms and (batch := await shard.take_ticks((), until_ms)) is not None:
            yield await self._step(shard, batch, {})

    async def _begin(self) -> Shard:
        head = await self.store.acquire(
            self.partition, generation=1, member="backtest", partitions=self._partitions, layout=LAYOUT_VERSION,
            offsets_if_new={}, create=True,
        )  # fmt: skip
        shard = Shard(self.store, head, [], self._definitions, self._settings, Metrics())
        shard.batch_records = _CHUNK_RECORDS
        return shard

    async def _step(self, shard: Shard, batch: Batch, logs: Logs) -> list[Signal]:
        lives = await shard.step(batch)
        if batch.slice is not None:
            self.events += batch.slice.records
            self.refused += len(batch.slice.failures)
            for topic, failure, record in batch.slice.failures[: LISTED - len(self.first_refused)]:
                self.first_refused.append(Refused(logs[SOURCES[topic]].lines[record.offset], failure))
        self.repeats += lives.repeats
        self.too_late += lives.too_late
        self.time_ms = shard.time_ms
        await self._forget_outbox(shard)
        await asyncio.sleep(0)  # for Ctrl-C
        return lives.signals

    async def _forget_outbox(self, shard: Shard) -> None:
        entries = await self.store.outbox_read(shard.head, None, np.iinfo(np.int64).max)
        if entries:
            await self.store.outbox_trim(shard.head, entries[-1].id)
