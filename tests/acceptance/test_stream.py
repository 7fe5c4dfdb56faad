"""90 days of 5,000 customers, replayed by real workers: exactly the reference, whatever happens to them.

STREAMPROC_ACCEPTANCE_EVENTS and STREAMPROC_ACCEPTANCE_CUSTOMERS make it smaller, to try something out.
"""

import asyncio
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.integration.worker import (
    ACCEPTANCE_RULES,
    Installation,
    Logs,
    Published,
    assert_profile,
    iso,
    shared,
)
from tests.integration.worker import until as eventually
from tests.oracle.compare import signal_bytes
from tests.oracle.engine import run_engine
from tests.reference.lives import DAY_MS
from tests.reference.model import Result
from tests.reference.stream import generate

pytestmark = [pytest.mark.usefixtures("require_apache_kafka"), pytest.mark.timeout(6 * 3600)]

EVENTS = int(os.environ.get("STREAMPROC_ACCEPTANCE_EVENTS", "200000"))
CUSTOMERS = int(os.environ.get("STREAMPROC_ACCEPTANCE_CUSTOMERS", "5000"))
PARTITIONS = 4
SEED = 20261122
END_MS = 1_780_272_000_000
#: The silence after the last event belongs to it: timers go on for five days.
UNTIL_MS = END_MS + 5 * DAY_MS
#: The longest one replay may take.
WITHIN_S = 3 * 3600
#: Profiles that are also read through the command line.
PROFILES = 10

Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Stream:
    """The logs, and what must come of them."""

    logs: Logs
    result: Result

    @property
    def records(self) -> int:
        return sum(map(len, self.logs.values()))


def reference_of(shard: int, logs: Logs) -> Result:
    """What must come of the logs of one shard."""
    nowhere = Installation("", "", "", Path(), partitions=PARTITIONS)
    return nowhere.reference({place: log for place, log in logs.items() if place[1] == shard}, UNTIL_MS)


@pytest.fixture(scope="session")
def stream() -> Stream:
    """The stream, and the reference's answer to it, made by as many processes as there are cores."""
    logs = generate(
        SEED,
        customers=CUSTOMERS,
        events=EVENTS,
        days=90,
        duplicates=0.10,
        out_of_order=0.20,
        malformed=0.01,
        partitions=PARTITIONS,
        end_ms=END_MS,
    )
    whole = Result()
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as processes:
        parts = processes.map(reference_of, range(PARTITIONS), [logs] * PARTITIONS)
        for shard, part in enumerate(parts):
            whole.signals[shard] = part.signals[shard]
            whole.failed += part.failed
            for name in ("features", "memberships", "bands", "risks"):
                getattr(whole, name).update(getattr(part, name))
            whole.duplicates += part.duplicates
    assert whole.duplicates >= EVENTS // 11
    assert len(whole.failed) == EVENTS // 100
    return Stream(logs, whole)


@pytest.fixture
async def loaded(installation: Installation, stream: Stream) -> Installation:
    """An installation of four partitions whose topics hold the stream."""
    loaded = replace(
        installation, prefix=installation.prefix + "a.", partitions=PARTITIONS, workers=installation.workers
    )
    await loaded.create_topics()
    await loaded.publish(stream.logs)
    return loaded


async def ends_exactly(
    loaded: Installation, stream: Stream, begin_s: float, record: Record, **figures: object
) -> Published:
    """Everything is as the reference has it; notes the figures."""
    seconds = time.monotonic() - begin_s
    published = await loaded.assert_same(stream.result)
    record("records", stream.records)
    record("signals", sum(map(len, published.signals().values())))
    record("failed", len(published.failures()))
    record("repeats", published.repeats)
    record("seconds", round(seconds))
    record("records_per_s", round(stream.records / seconds))
    for name, value in figures.items():
        record(name, value)
    return published


async def test_one_worker(loaded: Installation, stream: Stream, record_property: Record) -> None:
    """One undisturbed worker: nothing is sent twice; profiles say the same through the command line."""
    begin_s = time.monotonic()
    await asyncio.to_thread(loaded.run_until, UNTIL_MS, WITHIN_S)
    published = await ends_exactly(loaded, stream, begin_s, record_property, workers=1, kills=0)
    assert published.repeats == 0
    for customer in random.Random(SEED).sample(sorted(stream.result.features), PROFILES):
        assert_profile(loaded, stream.result, customer)


async def test_ten_kills(loaded: Installation, stream: Stream, record_property: Record) -> None:
    """SIGKILL at ten random moments: the same end, nothing missing, every repeat the same to the byte."""
    chance = random.Random(SEED)
    begin_s = time.monotonic()
    for moment in sorted(chance.sample(range(stream.records * 95 // 100), 10)):
        worker = loaded.worker("--until", iso(UNTIL_MS))
        await loaded.wait_applied(moment, worker, WITHIN_S)
        await asyncio.sleep(chance.random())
        worker.kill()
    await asyncio.to_thread(loaded.run_until, UNTIL_MS, WITHIN_S)
    await ends_exactly(loaded, stream, begin_s, record_property, workers=1, kills=10)


async def test_three_workers(loaded: Installation, stream: Stream, record_property: Record) -> None:
    """Three workers at a time that come, go and die: each shard is whole in one of them, and nothing is lost."""
    chance = random.Random(SEED + 1)
    begin_s = time.monotonic()
    workers = [loaded.worker() for _ in range(3)]
    await eventually(lambda: shared(workers, PARTITIONS), 120)
    kills = 0
    for moment in sorted(chance.sample(range(stream.records // 10, stream.records * 9 // 10), 6)):
        await loaded.wait_applied(moment, workers[0], WITHIN_S)
        leaving = workers.pop(chance.randrange(3))
        if chance.random() < 0.5:
            leaving.kill()
            kills += 1
        else:
            assert leaving.terminate(60)[0] == 0, leaving.text
        workers.append(loaded.worker())
        await eventually(lambda: shared(workers, PARTITIONS), 120)
    await loaded.wait_applied(stream.records, workers[0], WITHIN_S)
    assert shared(workers, PARTITIONS)
    for worker in workers:
        assert worker.terminate(60)[0] == 0, worker.text
    await asyncio.to_thread(loaded.run_until, UNTIL_MS, WITHIN_S)
    await ends_exactly(loaded, stream, begin_s, record_property, workers=3, kills=kills)


def signals_of_both_chunk_sizes(shard: int, logs: Logs) -> int:
    """Run one shard in commits of one record and of 2,000; how many signals there were. Raises if they differ."""
    definitions = Installation("", "", "", Path(), rules=ACCEPTANCE_RULES).definitions()
    mine = {place: list(log) for place, log in logs.items() if place[1] == shard}
    many = run_engine(mine, definitions, PARTITIONS, UNTIL_MS, chunk_records=2_000)
    one = run_engine(mine, definitions, PARTITIONS, UNTIL_MS, chunk_records=1)
    assert signal_bytes(one) == signal_bytes(many)
    assert one.features == many.features
    return sum(map(len, signal_bytes(many).values()))


def test_chunk_sizes(stream: Stream, record_property: Record) -> None:
    """Commits of one record and of 2,000 give the same signals to the byte (the engine on its in-memory store)."""
    begin_s = time.monotonic()
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as processes:
        signals = sum(
            processes.map(signals_of_both_chunk_sizes, range(PARTITIONS), [stream.logs] * PARTITIONS)
        )
    assert signals == sum(map(len, stream.result.signals.values()))
    record_property("records", stream.records)
    record_property("signals", signals)
    record_property("seconds", round(time.monotonic() - begin_s))
