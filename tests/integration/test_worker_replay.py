"""A replay by real workers on real Kafka and Redis is exactly the reference's, whatever happens to them.

The long form of these tests is `make acceptance`.
"""

import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.integration.worker import Installation, Logs, assert_profile, shared, until
from tests.reference.lives import DAY_MS
from tests.reference.model import Result
from tests.reference.stream import generate

pytestmark = pytest.mark.usefixtures("require_apache_kafka")

END_MS = 1_780_272_000_000
UNTIL_MS = END_MS + 5 * DAY_MS


@dataclass(frozen=True)
class Stream:
    """Logs, and what must come of them."""

    logs: Logs
    result: Result

    @property
    def records(self) -> int:
        return sum(len(log) for log in self.logs.values())


def make_stream(folder: Path, *, events: int, customers: int) -> Stream:
    logs = generate(7, customers=customers, events=events, days=90, partitions=3, end_ms=END_MS)
    return Stream(logs, Installation("", "", "", folder).reference(logs, UNTIL_MS))


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """1,000 events of 200 customers over 90 days, with repeats, late and malformed ones."""
    return make_stream(tmp_path_factory.mktemp("stream"), events=1_000, customers=200)


@pytest.fixture(scope="module")
def short_stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    """The same with 150 events of 30 customers."""
    return make_stream(tmp_path_factory.mktemp("short"), events=150, customers=30)


async def test_one_worker(installation: Installation, stream: Stream) -> None:
    """Signals, failed events and every customer are the reference's, and nothing was sent twice."""
    await installation.publish(stream.logs)
    installation.run_until(UNTIL_MS)
    published = await installation.assert_same(stream.result)
    assert published.repeats == 0
    features = stream.result.features
    assert_profile(
        installation, stream.result, max(features, key=lambda one: features[one]["events_total"][0])
    )


async def test_chunks_of_one_record(installation: Installation, short_stream: Stream) -> None:
    """A commit for every record gives the same signals, to the byte, as commits of thousands."""
    other = replace(installation, prefix=installation.prefix + "b.")
    await other.create_topics()
    for each, chunk_records in ((installation, 1), (other, 2_000)):
        await each.publish(short_stream.logs)
        each.run_until(UNTIL_MS, chunk_records=chunk_records)
    published = await installation.assert_same(short_stream.result)
    assert published.signals() == (await other.published()).signals()


async def test_killed_workers(installation: Installation, stream: Stream) -> None:
    """SIGKILL at random moments: the same end, nothing missing, and what is sent again is the same to the byte."""
    await installation.publish(stream.logs)
    chance = random.Random(3)
    for moment in sorted(chance.sample(range(stream.records * 9 // 10), 3)):
        worker = installation.worker("--until", "2026-06-06", chunk_records=40)
        await installation.wait_applied(moment, worker)
        worker.kill()
    installation.run_until(UNTIL_MS, chunk_records=40)
    await installation.assert_same(stream.result)


async def test_three_workers(installation: Installation, stream: Stream) -> None:
    """Workers that join, leave and die share the shards, each whole, and lose nothing."""
    await installation.publish(stream.logs)
    first, second, third = (installation.worker(chunk_records=20) for _ in range(3))
    await until(lambda: shared([first, second, third], installation.partitions), within_s=60)
    first.kill()
    assert second.terminate()[0] == 0
    fourth = installation.worker("--until", "2026-06-06", chunk_records=20)
    assert third.terminate()[0] == 0
    assert fourth.wait(60) == 0, fourth.text
    await installation.assert_same(stream.result)
