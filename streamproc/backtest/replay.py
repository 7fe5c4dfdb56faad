"""History through the engine, in memory: the worker's own shard under the event clock, without servers."""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple, Protocol

from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS

#: Records that one evaluation round may take, as many as a worker takes by default.
_CHUNK_RECORDS: Final = 2_000
#: No event of a history lies in the future.
_FAR_FUTURE_MS: Final = 2**60


class HistoricEvent(Protocol):
    """An event of a history: its topic, without a prefix, and its JSON."""

    @property
    def topic(self) -> str: ...
    @property
    def value(self) -> bytes: ...


class _Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Replay:
    """One replay of a history, in the order of its time.

    `events`, `refused`: how many were read, and not accepted, so far. `time_ms`: where the clock stands (epoch ms).
    """

    def __init__(self, definitions: Definitions) -> None:
        self._settings = Settings(clock="event", chunk_records=_CHUNK_RECORDS)
        self._definitions, self._metrics, self._store = definitions, Metrics(), MemoryStore()
        self._offsets = dict.fromkeys(SOURCES, 0)
        self.events = self.refused = self.time_ms = 0

    async def signals(self, events: Iterable[HistoricEvent], silence_ms: int) -> AsyncIterator[Signal]:
        """What a worker would have published, in its order, until so long after the day (UTC) of the last event.

        All customers are in one shard, so `ce_id`s are those of a worker with one partition.
        """
        head = await self._store.acquire(
            0, generation=1, member="backtest", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
        )  # fmt: skip
        shard = Shard(self._store, head, [], self._definitions, self._settings, self._metrics)
        for chunk in _chunks(events):
            self._put(shard, chunk)
            self.events += len(chunk)
            async for signal in self._step(shard, None):
                yield signal
        until_ms = (self.time_ms // DAY_MS + 1) * DAY_MS + silence_ms
        if self.time_ms:
            async for signal in self._step(shard, until_ms):
                yield signal

    def _put(self, shard: Shard, chunk: list[HistoricEvent]) -> None:
        for code, topic in enumerate(SOURCES):
            first = self._offsets[topic]
            values = [event.value for event in chunk if event.topic == topic]
            if values:
                records = [_Record(first + place, None, value) for place, value in enumerate(values)]
                self._offsets[topic] = first + len(records)
                shard.put(code, records, self._offsets[topic], _FAR_FUTURE_MS)

    async def _step(self, shard: Shard, until_ms: int | None) -> AsyncIterator[Signal]:
        """Apply what is queued, and at the end let time go on until an instant."""
        while (batch := await shard.take_ticks((), until_ms)) is not None:
            self.refused += len(batch.slice.failures) if batch.slice is not None else 0
            lives = await shard.step(batch)
            self.time_ms = shard.time_ms
            await self._forget_outbox(shard)
            for signal in lives.signals:
                yield signal

    async def _forget_outbox(self, shard: Shard) -> None:
        entries = await self._store.outbox_read(shard.head, None, _CHUNK_RECORDS * 1_000)
        if entries:
            await self._store.outbox_trim(shard.head, entries[-1].id)


def _chunks(events: Iterable[HistoricEvent]) -> Iterator[list[HistoricEvent]]:
    remaining = iter(events)
    while chunk := list(islice(remaining, _CHUNK_RECORDS)):
        yield chunk
