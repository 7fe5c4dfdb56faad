"""A shard lives the past again: up to an instant, muted, and with the states that a worker would have."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from streamproc.churn.model import load_model
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION, unpack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.plan import Plan
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import NEVER
from tests.reference.compose import call, encode
from tests.unit.test_pipeline import Record

START_MS = 1_780_000_000_000
UNTIL_MS = START_MS + 90_000
RULES = """
segments:
  - {key: seen, name: Seen, version: 1, enter: events_total >= 1}
  - {key: quiet, name: Quiet, version: 1, enter: recency >= 1m}
"""


def plan_of(told_partitions: int) -> Plan:
    return Plan(
        id="p", partitions=1, begins={}, ends={}, until_ms=[UNTIL_MS], rewinds=0, told_partitions=told_partitions
    )  # fmt: skip


async def rebuilt(
    tmp_path: Path, records: Sequence[bytes], *, told_partitions: int = 1, batch_records: int = 100
) -> tuple[MemoryStore, Definitions]:
    (tmp_path / "rules.yaml").write_text(RULES)
    definitions = Definitions(load_ruleset(tmp_path / "rules.yaml"), load_model(None))
    store = MemoryStore()
    head = await store.acquire(
        0, generation=1, member="m", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    shard = Shard(
        store, head, [], definitions, Settings(clock="event"), Metrics(), rebuild=plan_of(told_partitions)
    )
    shard.batch_records = batch_records
    log = [Record(offset, value) for offset, value in enumerate(records)]
    shard.put(SOURCES.index("events.web"), log, len(log), START_MS + 3_600_000)
    others = [SOURCES.index("events.app")]
    while (batch := await shard.take_past(others, UNTIL_MS)) is not None:
        await shard.step(batch)
    while (batch := await shard.take_past((), UNTIL_MS)) is not None:
        await shard.step(batch)
    return store, definitions


async def inside(store: MemoryStore, definitions: Definitions, customer: str) -> dict[str, int]:
    """The segments that a customer is in, and since when after the start, in seconds."""
    table = unpack([customer], [await store.get(0, customer.encode())])
    keys = {segment.id: segment.key for segment in definitions.ruleset.segments}
    return {
        keys[int(member["segment"])]: (int(member["entered_ms"]) - START_MS) // 1_000
        for member in table.members
        if member["entered_ms"] != NEVER and int(member["segment"]) in keys
    }


def page(customer: str, after_s: float) -> bytes:
    return encode(call("page", customer, START_MS + int(after_s * 1_000), f"{customer}-{after_s}", name="x"))


@pytest.mark.parametrize("batch_records", [1, 100])
async def test_nobody_is_told(tmp_path: Path, batch_records: int) -> None:
    """Time ends where it must: who is due later is left to workers. What is no event has been told of, too."""
    records = [page("early", 0), b"{", page("late", 40)]
    store, definitions = await rebuilt(tmp_path, records, batch_records=batch_records)
    assert await inside(store, definitions, "early") == {"seen": 1, "quiet": 60}
    assert await inside(store, definitions, "late") == {"seen": 41}
    head = await store.read_head(0)
    assert head is not None
    assert (head.time_ms, head.offsets["events.web"]) == (UNTIL_MS, 3)
    assert await store.outbox_length(0) == 0


async def test_what_no_worker_has_seen_is_told(tmp_path: Path) -> None:
    store, _ = await rebuilt(tmp_path, [page("a", 0), b"{"], told_partitions=0)
    assert await store.outbox_length(0) == 1


@pytest.mark.parametrize("batch_records", [1, 100])
async def test_a_producer_whose_clock_is_ahead_does_not_move_time(tmp_path: Path, batch_records: int) -> None:
    """Who was there just before the end is not called silent for an event of somebody else from the future."""
    records = [page("a", 0), page("ahead", 89.5), page("ahead", 300), page("b", 29.5), page("a", 85)]
    store, definitions = await rebuilt(tmp_path, records, batch_records=batch_records)
    assert set(await inside(store, definitions, "a")) == {"seen"}
    assert set(await inside(store, definitions, "ahead")) == {"seen"}
    assert set(await inside(store, definitions, "b")) == {"seen", "quiet"}
    head = await store.read_head(0)
    assert head is not None
    assert head.time_ms == UNTIL_MS
