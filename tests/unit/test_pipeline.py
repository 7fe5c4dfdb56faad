"""A shard under the live clock: an instant at which many are due is split, and nothing is seen of that outside."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from streamproc.churn.model import load_model
from streamproc.in_force import later_segments
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.sources import SOURCES
from streamproc.state.layout import LAYOUT_VERSION
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Head, Superseded
from streamproc.transitions.definitions import Definitions
from tests.reference.compose import call, encode

START_MS = 1_780_000_000_000
QUIET_MS = START_MS + 60_000
CUSTOMERS = 20
RULES = """
segments:
  - {key: seen, name: Seen, version: 1, enter: events_total >= 1}
  - {key: quiet, name: Quiet, version: 1, enter: recency >= 1m}
"""


class Record(NamedTuple):
    offset: int
    value: bytes
    key: bytes | None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@pytest.fixture
def definitions(tmp_path: Path) -> Definitions:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return Definitions(load_ruleset(path), load_model(None))


async def shard_of(
    store: MemoryStore, definitions: Definitions, due_customers: int, metrics: Metrics | None = None
) -> Shard:
    head: Head = await store.acquire(
        0, generation=1, member="m", partitions=1, layout=LAYOUT_VERSION, offsets_if_new={}, create=True
    )
    settings = Settings(clock="live", due_customers=due_customers)
    return Shard(store, head, await store.minutes(head), definitions, settings, metrics or Metrics())


def events() -> Iterator[Record]:
    for number in range(CUSTOMERS):
        yield Record(number, encode(call("page", f"u-{number}", START_MS, f"m{number}", name="x")))


def put(shard: Shard, records: list[Record]) -> None:
    shard.put(SOURCES.index("events.web"), records, records[-1].offset + 1, START_MS + 3_600_000)


async def step(shard: Shard, time_ms: int, *, with_timers: bool = True) -> list[bytes] | None:
    batch = await shard.take_live(time_ms, with_timers=with_timers)
    return None if batch is None else [signal.packed for signal in (await shard.step(batch)).signals]


async def filled(definitions: Definitions, due_customers: int) -> tuple[MemoryStore, Shard]:
    store = MemoryStore()
    shard = await shard_of(store, definitions, due_customers)
    put(shard, list(events()))
    await step(shard, START_MS)
    return store, shard


async def whole_instant(definitions: Definitions) -> list[bytes]:
    _, shard = await filled(definitions, 1_000)
    found = await step(shard, QUIET_MS)
    assert found is not None
    assert len(found) == CUSTOMERS
    return found


async def test_an_instant_is_split_into_batches(definitions: Definitions) -> None:
    _, shard = await filled(definitions, 3)
    found, times = [], set()
    while shard.head.time_ms != QUIET_MS:
        signals = await step(shard, QUIET_MS)
        assert signals is not None
        assert len(signals) <= 3
        found += signals
        times.add(shard.head.time_ms)
    assert found == await whole_instant(definitions)
    assert times == {QUIET_MS - 1_000, QUIET_MS}


@pytest.mark.parametrize("batches", [1, 3, 6])
async def test_a_crash_in_between_loses_and_repeats_nothing(definitions: Definitions, batches: int) -> None:
    store, shard = await filled(definitions, 3)
    found = []
    for _ in range(batches):
        found += await step(shard, QUIET_MS) or []
    shard = await shard_of(store, definitions, 3)
    while shard.head.time_ms != QUIET_MS:
        found += await step(shard, QUIET_MS) or []
    assert sorted(found) == sorted(await whole_instant(definitions))


async def test_events_are_taken_where_timers_wait(definitions: Definitions) -> None:
    _, shard = await filled(definitions, 3)
    await step(shard, QUIET_MS)
    assert await step(shard, QUIET_MS, with_timers=False) is None
    late = encode(call("page", "new", QUIET_MS - 500, "late", name="x"))
    put(shard, [Record(CUSTOMERS, late)])
    signals = await step(shard, QUIET_MS, with_timers=False)
    assert signals is not None
    assert len(signals) == 1
    assert shard.head.time_ms == QUIET_MS - 1_000


async def test_where_events_are_expected_timers_go_in_small_portions(definitions: Definitions) -> None:
    """Very many that fall due at once must not delay the events that come meanwhile; none is left out for it."""
    _, shard = await filled(definitions, 3)
    alone = await shard.take_live(QUIET_MS)
    assert alone is not None
    _, shard = await filled(definitions, 3)
    found = []
    while (batch := await shard.take_live(QUIET_MS, expects_events=True)) is not None:
        assert len(batch.due) < len(alone.due)
        found += [signal.packed for signal in (await shard.step(batch)).signals]
    assert sorted(found) == sorted(await whole_instant(definitions))


async def test_who_was_evaluated_at_the_instant_is_not_taken_back(definitions: Definitions) -> None:
    """An event from before it does not undo at an earlier instant what was said at this one."""
    _, shard = await filled(definitions, 3)
    first = await step(shard, QUIET_MS)
    assert first is not None
    again = encode(call("identify", "u-0", QUIET_MS - 700, "again"))
    put(shard, [Record(CUSTOMERS, again)])
    assert await step(shard, QUIET_MS, with_timers=False) == []


CAMPAIGN = """
campaigns:
  - {key: hello, name: Hello, version: 1, on: enter seen, channel: email, reason: Hi, reentry: never, expires_after: 1d}
"""


async def test_campaigns_are_counted_once_committed(tmp_path: Path) -> None:
    """What a batch decided whose commit failed is decided again, and counted then."""
    path = tmp_path / "rules.yaml"
    path.write_text(RULES + CAMPAIGN)
    store, metrics = MemoryStore(), Metrics()
    asked = Definitions(load_ruleset(path), load_model(None))
    shard = await shard_of(store, asked, 1_000, metrics)
    put(shard, list(events()))
    owner = await shard_of(store, asked, 1_000, metrics)
    labels = {"campaign": "hello", "reason": "no_consent"}
    with pytest.raises(Superseded):
        await step(shard, START_MS)
    assert metrics.registry.get_sample_value("streamproc_campaign_suppressed_total", labels) is None
    put(owner, list(events()))
    await step(owner, START_MS)
    assert metrics.registry.get_sample_value("streamproc_campaign_suppressed_total", labels) == CUSTOMERS


async def test_older_rules_know_that_they_are(definitions: Definitions, tmp_path: Path) -> None:
    """Where a segment was in force in a later version; what is new or removed is no sign of age."""
    path = tmp_path / "later.yaml"
    path.write_text(RULES.replace("quiet, name: Quiet, version: 1", "quiet, name: Quiet, version: 3"))
    later = Definitions(load_ruleset(path), load_model(None))
    _, shard = await filled(later, 100)
    assert later_segments(shard.head, definitions) == {"quiet": "1 here, 3 before"}
    assert later_segments(shard.head, later) == {}
    _, shard = await filled(definitions, 100)
    assert later_segments(shard.head, later) == {}


async def test_it_is_told_how_long_events_took(
    definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From their timestamps in Kafka; of a replay that would say nothing."""
    monkeypatch.setattr("streamproc.pipeline.wall_ms", lambda: START_MS + 2_000)
    metrics = Metrics()
    shard = await shard_of(MemoryStore(), definitions, 1_000, metrics)
    put(shard, [record._replace(timestamp=START_MS) for record in events()])
    await step(shard, START_MS)
    value = metrics.registry.get_sample_value
    taken = value("streamproc_event_to_commit_seconds_count")
    assert taken == 4
    assert value("streamproc_event_to_commit_seconds_sum") == 2 * taken
    assert value("streamproc_redis_seconds_count", {"operation": "load"}) == 1
    assert value("streamproc_redis_seconds_count", {"operation": "commit"}) == 1
