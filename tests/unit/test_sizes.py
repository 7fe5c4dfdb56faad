"""Sizes of segments and bands: kept batch by batch, they are what a walk over all customers would find."""

from collections import Counter
from pathlib import Path

from streamproc.churn.model import load_model
from streamproc.contracts.signal_types import BANDS
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.rules.load import load_ruleset
from streamproc.sizes import NO_BAND, Sizes, sizes_of
from streamproc.state.layout import unpack
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit, Head
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.memberships import read_memberships
from tests.reference.compose import call, encode
from tests.unit.test_pipeline import QUIET_MS, RULES, START_MS, Record, events, put, shard_of, step

OTHER_RULES = """
segments:
  - {key: quiet, name: Quiet, version: 2, enter: recency >= 30s}
  - {key: known, name: Known, version: 1, enter: events_total >= 1}
"""


def definitions_of(directory: Path, rules: str) -> Definitions:
    path = directory / "rules.yaml"
    path.write_text(rules)
    return Definitions(load_ruleset(path), load_model(None))


async def counted(store: MemoryStore, shard: Shard) -> Sizes:
    """What all states of the shard say, one by one."""
    _, found = await store.scan(shard.head, 0, 10_000)
    states = dict(found)
    table = unpack([customer.decode() for customer in states], list(states.values()))
    plan = shard.definitions.plan
    inside = read_memberships(table, plan).inside
    segments = {
        segment.key: int(inside[place].sum())
        for place, segment in enumerate(shard.definitions.ruleset.segments)
        if inside[place].any()
    }
    names = (NO_BAND, *BANDS)
    bands = Counter(names[band + 1] for band in table.head["band"].tolist())
    return Sizes(segments, {name: bands[name] for name in names})


async def test_sizes_are_those_of_the_states(tmp_path: Path) -> None:
    """Through events, silence, returns, edited rules and another owner."""
    store, metrics = MemoryStore(), Metrics()
    definitions = definitions_of(tmp_path, RULES)
    shard = await shard_of(store, definitions, 1_000, metrics)
    put(shard, list(events()))
    await step(shard, START_MS)
    assert shard.sizes == await counted(store, shard)
    assert shard.sizes is not None
    assert shard.sizes.segments == {"seen": 20}
    assert sum(shard.sizes.bands.values()) == 20

    await step(shard, QUIET_MS)
    back = [
        Record(20 + n, encode(call("page", f"u-{n}", QUIET_MS + 1_000, f"b{n}", name="x"))) for n in range(5)
    ]
    put(shard, back)
    await step(shard, QUIET_MS + 1_000)
    assert shard.sizes == await counted(store, shard)
    assert shard.sizes.segments == {"seen": 20, "quiet": 15}

    shard = await shard_of(store, definitions_of(tmp_path, OTHER_RULES), 1_000, metrics)
    assert shard.sizes is not None
    assert shard.sizes.segments == {"seen": 20, "quiet": 15}
    _, batch = await shard.take_scanned(0, 1_000)
    await shard.step(batch)
    assert shard.sizes == await counted(store, shard)
    assert shard.sizes.segments == {"quiet": 15, "known": 20}
    assert shard.sizes == sizes_of(await store.reload(shard.head))

    def moves(segment: str, kind: str, cause: str) -> float | None:
        labels = {"segment": segment, "kind": kind, "cause": cause}
        return metrics.registry.get_sample_value("streamproc_segment_moves_total", labels)

    assert moves("seen", "entered", "event") == 20
    assert moves("quiet", "entered", "time") == 20
    assert moves("quiet", "exited", "event") == 5
    assert moves("seen", "exited", "definition") == 20
    assert metrics.registry.get_sample_value("streamproc_timers_missed_total") == 0
    assert (metrics.registry.get_sample_value("streamproc_timers_due_total") or 0) >= 20


async def test_a_timer_that_got_lost_shows_in_a_sweep(tmp_path: Path) -> None:
    store, metrics = MemoryStore(), Metrics()
    shard = await shard_of(store, definitions_of(tmp_path, RULES), 1_000, metrics)
    put(shard, list(events()))
    await step(shard, START_MS)
    shard._passed_ms = shard.time_ms = QUIET_MS + 5_000  # as if nobody had been due meanwhile
    _, batch = await shard.take_scanned(0, 1_000)
    await shard.step(batch)
    assert metrics.registry.get_sample_value("streamproc_timers_missed_total") == 20


async def test_rules_that_come_during_a_commit_leave_sizes_right(tmp_path: Path) -> None:
    """They are reloaded at any moment; what the shard says next must not be the sizes of before."""
    store = MemoryStore()
    shard = await shard_of(store, definitions_of(tmp_path, RULES), 1_000)
    other = definitions_of(tmp_path, OTHER_RULES)
    commit = store.commit

    async def while_reloading(head: Head, made: Commit) -> Head:
        shard.redefine(other)
        return await commit(head, made)

    store.commit = while_reloading  # type: ignore[method-assign]
    put(shard, list(events()))
    await step(shard, START_MS)
    assert shard.has_untold
    await shard.tell()
    assert shard.sizes == sizes_of(await store.reload(shard.head))
    assert shard.sizes is not None
    assert shard.sizes.segments == {"seen": 20}


async def test_states_that_were_never_counted_have_no_sizes(tmp_path: Path) -> None:
    """Those of a version that did not keep them; to guess would be worse."""
    store = MemoryStore()
    shard = await shard_of(store, definitions_of(tmp_path, RULES), 1_000)
    await store.commit(shard.head, Commit(offsets={"events.web": 0}))
    old = await shard_of(store, shard.definitions, 1_000)
    assert old.sizes is None
    put(old, list(events()))
    await step(old, START_MS)
    assert old.sizes is None
    assert "sizes" not in old.head.extra
