"""The engine on the in-memory store, fed with the same logs as the reference, and its output in the same words."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from streamproc.contracts.outbox import OutRecord, unpack
from streamproc.contracts.signal_types import BANDS
from streamproc.features.frame import Frame
from streamproc.features.registry import Feature
from streamproc.metrics import Metrics
from streamproc.pipeline import Batch, Shard
from streamproc.quota import Controls
from streamproc.settings import Settings
from streamproc.sizes import NO_BAND, Sizes
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.layout import unpack as unpack_states
from streamproc.state.store import Superseded
from streamproc.together import Together
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.evaluate import TICK_MS
from streamproc.windows.panes import NEVER
from tests.oracle.mishaps import FragileStore, Killed, Mishap, Topics, in_turn, relay
from tests.oracle.said import as_said, instant_ms


@dataclass
class Run:
    """What the engine published and knows, per shard and per customer, as `tests.reference.model.Result` says it."""

    records: dict[int, list[OutRecord]] = field(default_factory=dict)
    features: dict[str, dict[str, tuple[int, bool]]] = field(default_factory=dict)
    memberships: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)
    bands: dict[str, str | None] = field(default_factory=dict)
    repeats: int = 0
    too_late: int = 0

    def signals(self, shard: int) -> list[dict[str, Any]]:
        """The signals of a shard in published order."""
        return [as_said(record) for record in self.records[shard] if record.topic in SIGNAL_TOPICS]

    def failed(self) -> set[tuple[str, int, int]]:
        """Coordinates of the failed events."""
        sources = [
            json.loads(record.value)["data"]["source"]
            for records in self.records.values()
            for record in records
            if record.topic == "events.failed"
        ]
        assert len(sources) == len({(s["topic"], s["partition"], s["offset"]) for s in sources})
        return {(source["topic"], source["partition"], source["offset"]) for source in sources}

    def learn(self, found: Sequence[tuple[bytes, bytes]], now_ms: int, definitions: Definitions) -> None:
        """Take in the stored states of customers, with their features as of `now_ms`."""
        ids = [customer.decode() for customer, _ in found]
        table = unpack_states(ids, [blob for _, blob in found])
        frame = Frame(table, np.full(len(ids), now_ms))
        columns = {
            feature.name: (values_of(frame, feature), frame.exact(feature).tolist())
            for feature in definitions.ruleset.features.values()
        }
        keys = {segment.id: segment.key for segment in definitions.ruleset.segments}
        for row, customer in enumerate(ids):
            self.features[customer] = {
                name: (values[row], exact[row]) for name, (values, exact) in columns.items()
            }
            band = int(table.head["band"][row])
            self.bands[customer] = None if band == NEVER else BANDS[band]
            self.memberships[customer] = {}
        for member in table.members:
            if member["entered_ms"] != NEVER and int(member["segment"]) in keys:  # else it is a watch
                inside = self.memberships[ids[member["row"]]]
                inside[keys[int(member["segment"])]] = (int(member["entered_ms"]), int(member["entry_seq"]))

    def sizes(self, customers: Sequence[str]) -> Sizes:
        """Of the segments and bands that the states of some customers say they are in."""
        segments = Counter(key for customer in customers for key in self.memberships[customer])
        bands = Counter(self.bands[customer] or NO_BAND for customer in customers)
        return Sizes(dict(segments), {band: bands[band] for band in (NO_BAND, *BANDS)} if customers else {})


SIGNAL_TOPICS = ("segments.changes", "churn.risk", "actions.reactivation")


def run_engine(
    logs: Mapping[tuple[str, int], list[Any]],
    definitions: Definitions,
    partitions: int,
    until_ms: int,
    *,
    wall_now_ms: int = 1_800_000_000_000,
    chunk_records: int = 2_000,
    due_customers: int = 5_000,
    fetch_records: int = 500,
    controls: Mapping[str, list[tuple[int, int, str]]] = MappingProxyType({}),
    mishaps: Sequence[Mishap] = (),
    together: bool = False,
) -> Run:
    """Replay logs under the event clock.

    `controls`: by campaign, what operators say of it, from when to when. `mishaps`: what befalls one batch after the
    other. `together`: all shards at the same time, evaluated in one go.
    """
    settings = Settings(clock="event", chunk_records=chunk_records, due_customers=due_customers)
    other = Settings(clock="event", chunk_records=4 * chunk_records, due_customers=4 * due_customers)
    replay = _Replay(
        logs=logs,
        definitions=definitions,
        partitions=partitions,
        until_ms=until_ms,
        wall_now_ms=wall_now_ms,
        settings=(settings, other) if mishaps else (settings,),
        fetch_records=fetch_records,
        controls=controls,
        mishaps=mishaps,
        is_together=together,
    )
    return asyncio.run(replay.run())


@dataclass(kw_only=True)
class _Replay:
    """What all shards of a run have in common. `settings`: of the workers, who take shards from each other in turn."""

    logs: Mapping[tuple[str, int], list[Any]]
    definitions: Definitions
    partitions: int
    until_ms: int
    wall_now_ms: int
    settings: tuple[Settings, ...]
    fetch_records: int
    controls: Mapping[str, list[tuple[int, int, str]]]
    mishaps: Sequence[Mishap]
    is_together: bool
    together: Together = field(default_factory=Together)
    store: FragileStore = field(default_factory=FragileStore)
    result: Run = field(default_factory=Run)
    generation: int = 0

    async def run(self) -> Run:
        shards = [
            _Life(self, partition, in_turn(self.mishaps)).live() for partition in range(self.partitions)
        ]
        if self.is_together:
            await asyncio.gather(*shards)
        else:
            for shard in shards:
                await shard
        return self.result

    def spells(self) -> Iterator[tuple[int, Controls]]:
        """Up to which instant operators say the same."""
        said = [(key, *one) for key, of_one in self.controls.items() for one in of_one]
        turns = sorted({at_ms for _, *turns, _ in said for at_ms in turns if at_ms < self.until_ms})
        for begin_ms, end_ms in pairwise((0, *turns, None)):
            modes = {key: mode for key, since_ms, until_ms, mode in said if since_ms <= begin_ms < until_ms}
            yield self.until_ms if end_ms is None else end_ms - TICK_MS, Controls.of(modes)


@dataclass
class _Life:
    """One shard, in the hands of one worker after the other."""

    replay: _Replay
    partition: int
    mishaps: Iterator[Mishap]
    controls: Controls = field(default_factory=Controls)
    topics: Topics = field(default_factory=Topics)

    async def live(self) -> None:
        await self.acquire()
        for until_ms, controls in self.replay.spells():
            self.controls = self.shard.quota.controls = controls
            await self.live_until(until_ms)
        await self.summarize()

    async def live_until(self, until_ms: int) -> None:
        ends = [self.end(topic, until_ms) for topic in SOURCES]
        while True:
            self.fetch(ends)
            waiting = [code for code, end in enumerate(ends) if self.read[code] < end]
            batch = await self.shard.take_ticks(waiting, until_ms)
            if batch is not None:
                await self.step(batch, next(self.mishaps))
            elif not waiting and len(self.shard.inbox) == 0:
                break

    async def step(self, batch: Batch, mishap: Mishap) -> None:
        replay, shard = self.replay, self.shard
        replay.store.mishap = self.topics.mishap = mishap
        if mishap == "taken":
            await self.acquire()
            with pytest.raises(Superseded):
                await shard.step(batch)
            return
        try:
            lives = await shard.step(batch)
            if replay.mishaps:
                await relay(replay.store, shard, self.topics)
        except Killed:
            await self.acquire()
            return
        replay.result.repeats += lives.repeats
        replay.result.too_late += lives.too_late
        if mishap == "idle":
            await self.acquire()

    async def acquire(self) -> None:
        """A shard as a worker gets it, and the offset to read each topic from."""
        replay = self.replay
        replay.generation += 1
        settings = replay.settings[replay.generation % len(replay.settings)]
        head = await replay.store.acquire(
            self.partition,
            generation=replay.generation,
            member=f"oracle-{replay.generation % 2}",
            partitions=replay.partitions,
            layout=LAYOUT_VERSION,
            offsets_if_new={},
            create=True,
        )
        minutes = await replay.store.minutes(head)
        advance = replay.together.advance if replay.is_together else None
        self.shard = Shard(
            replay.store, head, minutes, replay.definitions, settings, Metrics(), advance=advance
        )
        self.shard.quota.controls = self.controls
        self.read = [head.offsets.get(topic, 0) for topic in SOURCES]

    def end(self, topic: str, until_ms: int) -> int:
        """Where the log ends for one who does not look beyond an instant."""
        log = self.replay.logs.get((topic, self.partition), [])
        if until_ms == self.replay.until_ms:
            return len(log)
        times = accumulate((instant_ms(json.loads(record.value)["timestamp"]) for record in log), max)
        return sum(at_ms < until_ms for at_ms in times)

    def fetch(self, ends: Sequence[int]) -> None:
        """Hand the shard some records of each topic of which it has few."""
        replay, read = self.replay, self.read
        for code, topic in enumerate(SOURCES):
            if read[code] < ends[code] and self.shard.inbox.buffered(code) < replay.fetch_records:
                log = replay.logs[topic, self.partition]
                records = log[read[code] : min(read[code] + replay.fetch_records, ends[code])]
                read[code] += len(records)
                self.shard.put(code, records, read[code], replay.wall_now_ms)

    async def summarize(self) -> None:
        replay, head = self.replay, self.shard.head
        self.topics.mishap = "none"
        if replay.mishaps:
            await relay(replay.store, self.shard, self.topics)
        entries = await replay.store.outbox_read(head, None, 10_000_000)
        replay.result.records[self.partition] = [
            *self.topics.once(),
            *(unpack(entry.record) for entry in entries),
        ]
        cursor, found = 0, []
        while True:
            cursor, some = await replay.store.scan(head, cursor, 10_000)
            found += some
            if cursor == 0:
                break
        replay.result.learn(found, self.shard.time_ms, replay.definitions)
        assert self.shard.sizes == replay.result.sizes([customer.decode() for customer, _ in found])


def values_of(frame: Frame, feature: Feature) -> list[Any]:
    """The values of all customers, texts as such; -1: none."""
    if feature.unit == "text":
        return [frame.text(feature, row) or -1 for row in range(frame.n)]
    return list(frame.value(feature).tolist())
