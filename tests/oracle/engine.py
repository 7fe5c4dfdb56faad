"""The engine on the in-memory store, fed with the same logs as the reference, and its output in the same words."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from streamproc.contracts.outbox import OutRecord, unpack
from streamproc.contracts.signal_types import BANDS
from streamproc.features.frame import Frame
from streamproc.features.registry import Feature
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.layout import unpack as unpack_states
from streamproc.state.memory_store import MemoryStore
from streamproc.together import Together
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import NEVER

_KINDS = {
    "Audience Entered": "entered",
    "Audience Exited": "exited",
    "Churn Risk Changed": "churn",
    "Reactivation Requested": "requested",
    "Reactivation Suppressed": "suppressed",
    "Reactivation Ended": "ended",
}


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
    restart_every: int = 0,
    together: bool = False,
) -> Run:
    """Replay logs under the event clock. `restart_every`: forget everything but the store after so many commits.

    `together`: all shards at the same time, evaluated in one go.
    """
    settings = Settings(clock="event", chunk_records=chunk_records, due_customers=due_customers)
    replay = _Replay(
        logs, definitions, partitions, until_ms, wall_now_ms, settings, fetch_records, restart_every, together
    )
    return asyncio.run(replay.run())


@dataclass
class _Replay:
    logs: Mapping[tuple[str, int], list[Any]]
    definitions: Definitions
    partitions: int
    until_ms: int
    wall_now_ms: int
    settings: Settings
    fetch_records: int
    restart_every: int
    is_together: bool
    together: Together = field(default_factory=Together)
    store: MemoryStore = field(default_factory=MemoryStore)
    result: Run = field(default_factory=Run)
    generation: int = 0

    async def run(self) -> Run:
        shards = [self.live(partition) for partition in range(self.partitions)]
        if self.is_together:
            await asyncio.gather(*shards)
        else:
            for shard in shards:
                await shard
        return self.result

    async def live(self, partition: int) -> None:
        shard, read = await self.acquire(partition)
        commits = 0
        while True:
            self.fetch(shard, partition, read)
            waiting = [code for code, topic in enumerate(SOURCES) if read[code] < self.end(topic, partition)]
            batch = await shard.take_ticks(waiting, self.until_ms)
            if batch is None and not waiting and len(shard.inbox) == 0:
                break
            if batch is None:
                continue
            lives = await shard.step(batch)
            self.result.repeats += lives.repeats
            self.result.too_late += lives.too_late
            commits += 1
            if self.restart_every and commits % self.restart_every == 0:
                shard, read = await self.acquire(partition)
        await self.summarize(shard)

    async def acquire(self, partition: int) -> tuple[Shard, list[int]]:
        """A shard as a worker gets it, and the offset to read each topic from."""
        self.generation += 1
        head = await self.store.acquire(
            partition,
            generation=self.generation,
            member="oracle",
            partitions=self.partitions,
            layout=LAYOUT_VERSION,
            offsets_if_new={},
            create=True,
        )
        minutes = await self.store.minutes(head)
        advance = self.together.advance if self.is_together else None
        shard = Shard(self.store, head, minutes, self.definitions, self.settings, Metrics(), advance=advance)
        return shard, [head.offsets.get(topic, 0) for topic in SOURCES]

    def end(self, topic: str, partition: int) -> int:
        return len(self.logs.get((topic, partition), ()))

    def fetch(self, shard: Shard, partition: int, read: list[int]) -> None:
        """Hand the shard some records of each topic of which it has few."""
        for code, topic in enumerate(SOURCES):
            log = self.logs.get((topic, partition), [])
            if read[code] < len(log) and shard.inbox.buffered(code) < self.fetch_records:
                records = log[read[code] : read[code] + self.fetch_records]
                read[code] += len(records)
                shard.put(code, records, read[code], self.wall_now_ms)

    async def summarize(self, shard: Shard) -> None:
        partition = shard.head.partition
        entries = await self.store.outbox_read(shard.head, None, 10_000_000)
        self.result.records[partition] = [unpack(entry.record) for entry in entries]
        cursor, found = 0, []
        while True:
            cursor, some = await self.store.scan(shard.head, cursor, 10_000)
            found += some
            if cursor == 0:
                break
        self.result.learn(found, shard.time_ms, self.definitions)


def values_of(frame: Frame, feature: Feature) -> list[Any]:
    """The values of all customers, texts as such; -1: none."""
    if feature.unit == "text":
        return [frame.text(feature, row) or -1 for row in range(frame.n)]
    return list(frame.value(feature).tolist())


def as_said(record: OutRecord) -> dict[str, Any]:
    """A signal in the words of the reference."""
    value = json.loads(record.value)
    headers = dict(record.headers)
    properties, context = value["properties"], value["context"]["streamproc"]
    kind = _KINDS[value["event"]]
    if kind in ("entered", "exited"):
        key = properties["audience_key"]
    elif kind == "churn":
        key = properties["band"]
    else:
        key = properties["campaign"]
    is_audience = kind in ("entered", "exited")
    return {
        "topic": record.topic,
        "customer": record.key.decode(),
        "at_ms": instant_ms(value["timestamp"]),
        "kind": kind,
        "key": key,
        "previous": properties.get("previous_band"),
        "risk": properties.get("risk"),
        "rule_version": context.get("rule_version", context.get("model_version")),
        "entry_seq": context["entry_seq"] if is_audience else None,
        "entered_at_ms": instant_ms(context["entered_at"]) if is_audience else None,
        "abort_type": properties.get("abort_type"),
        "cause": context["cause"],
        "causation_id": headers["ce_causationid"].decode(),
        "version": context["version"],
        "action": None if is_audience or kind == "churn" else action_as_said(properties, kind),
    }


def action_as_said(properties: dict[str, Any], kind: str) -> dict[str, Any]:
    """What is said of an action, but for its id."""
    names = (
        "entry", "step", "steps", "channel", "variant", "holdout", "reason", "offer", "waited_for", "outranked_by",
        "closes",
    )  # fmt: skip
    said = {name: properties[name] for name in names}
    said["expires_ms"] = instant_ms_or_none(properties["expires_at"])
    if kind == "ended":
        said |= {name: properties[name] for name in ("outcome", "goal", "requests")}
        said["first_requested_ms"] = instant_ms_or_none(properties["first_requested_at"])
        said["converted_ms"] = instant_ms_or_none(properties["converted_at"])
    return said


def instant_ms_or_none(text: str | None) -> int | None:
    return None if text is None else instant_ms(text)


def instant_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
