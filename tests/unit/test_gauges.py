"""Gauges of a worker: lag that does not freeze where a shard stands still, and goes away with the shard."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from streamproc.churn.model import load_model
from streamproc.gauges import Gauges
from streamproc.metrics import Metrics
from streamproc.rules.load import load_ruleset
from streamproc.settings import Settings
from streamproc.shards import Shards
from streamproc.sources import SOURCES
from streamproc.state.memory_store import MemoryStore
from streamproc.transitions.definitions import Definitions
from streamproc.transport.owner import Progress, Unavailable
from streamproc.transport.reader import Poll
from tests.unit.test_relay import Broker
from tests.unit.test_shards import Reader

START_MS = 1_780_000_000_000
WEB = TopicPartition("events.web", 0)


@dataclass
class Feed:
    """A consumer of two partitions. `polls`: what fetches have shown."""

    assigned: set[int] = field(default_factory=lambda: {0})
    polls: dict[TopicPartition, Poll] = field(default_factory=dict)
    kafka_knows: dict[TopicPartition, Progress] = field(default_factory=dict)
    refused: int = 0
    away: bool = False

    def poll(self, tp: TopicPartition) -> Poll | None:
        return self.polls.get(tp)

    def partition_count(self) -> int:
        return 2

    def assigned_shards(self) -> set[int]:
        return self.assigned

    async def committed(self, shards: set[int]) -> Mapping[TopicPartition, Progress]:
        if self.away:
            raise KafkaError("no coordinator")
        return {tp: progress for tp, progress in self.kafka_knows.items() if tp.partition in shards}

    def commit_failures(self) -> int:
        return self.refused


@dataclass
class Ends:
    """Kafka, asked apart. `asked`: how often."""

    offsets: dict[TopicPartition, int] = field(default_factory=dict)
    away: bool = False
    asked: int = 0

    async def ask(self, places: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        self.asked += 1
        if self.away:
            raise Unavailable("no broker")
        return {tp: self.offsets.get(tp, 0) for tp in places}


class Scene:
    """A worker's shards without a Kafka, and its gauges."""

    def __init__(self, clock: str = "live") -> None:
        self.now_ms = START_MS
        self.metrics, self.feed, self.ends = Metrics(), Feed(), Ends()
        definitions = Definitions(load_ruleset(None), load_model(None))
        settings = Settings(clock=clock)  # type: ignore[arg-type]
        self.shards = Shards(MemoryStore(), Broker(), definitions, settings, self.metrics)
        self.shards.reader = Reader(self.shards, assigned=self.feed.assigned)
        self.gauges = Gauges(
            self.shards, lambda: self.feed, self.ends, settings, self.metrics, lambda: self.now_ms
        )

    def value(self, name: str, **labels: str) -> float | None:
        registry: CollectorRegistry = self.metrics.registry
        return registry.get_sample_value(f"streamproc_{name}", labels)

    def lag(self) -> float | None:
        return self.value("lag_records", topic="events.web", partition="0")


def reads(scene: Scene, end: int) -> None:
    """Fetches of all topics are answered just now."""
    for topic in SOURCES:
        place = TopicPartition(topic, 0)
        scene.feed.polls[place] = Poll(scene.now_ms, end if place == WEB else 0)


@pytest.fixture
async def held() -> Scene:
    """Shard 0, which has applied 10 records of the web."""
    scene = Scene()
    await scene.shards.acquire({0}, generation=1)
    shard = scene.shards.held[0].shard
    await shard.settle({topic: 10 if topic == WEB.topic else 0 for topic in SOURCES})
    return scene


async def test_a_shard_that_is_read_needs_no_question(held: Scene) -> None:
    reads(held, 25)
    await held.gauges.look()
    assert (held.lag(), held.value("lag_age_seconds"), held.ends.asked) == (15, 0, 0)
    assert (held.value("partitions"), held.value("uncounted_shards")) == (2, 0)


async def test_lag_grows_while_the_consumer_stands_still(held: Scene) -> None:
    """No fetch is sent any more, and Kafka is asked apart."""
    reads(held, 25)
    await held.gauges.look()
    for seconds, end in ((5, 40), (10, 90)):
        held.now_ms = START_MS + seconds * 1_000
        held.ends.offsets[WEB] = end
        await held.gauges.look()
        assert (held.lag(), held.value("lag_age_seconds")) == (end - 10, 0)
    assert held.ends.asked == 2


async def test_lag_is_absent_and_not_old_when_kafka_does_not_answer(held: Scene) -> None:
    reads(held, 25)
    held.ends.away = True
    await held.gauges.look()
    held.now_ms += 30_000
    await held.gauges.look()
    assert (held.lag(), held.value("lag_age_seconds")) == (15, 30)
    held.now_ms += 1
    await held.gauges.look()
    assert held.lag() is None
    assert held.value("lag_age_seconds") == pytest.approx(30.001)


async def test_a_shard_that_waits_has_its_lag_and_falls_behind(held: Scene) -> None:
    """Redis is away, say: the shard was given back, but not the partition."""
    held.shards.held[0].shard.time_ms = START_MS - 1_000
    reads(held, 25)
    await held.gauges.look()
    assert held.value("shard_lag_seconds", partition="0") == 1
    await held.shards.release({0})
    held.feed.polls.clear()
    held.now_ms += 60_000
    held.ends.offsets[WEB] = 500
    await held.gauges.look()
    assert held.lag() == 490
    assert held.value("shard_lag_seconds", partition="0") == 61
    assert held.value("waiting_shards") == 1


async def test_of_a_shard_that_never_began_kafka_knows_the_offsets() -> None:
    scene = Scene()
    scene.ends.offsets[WEB] = 100
    scene.feed.away = True
    await scene.gauges.look()
    assert scene.lag() is None
    scene.feed.away = False
    scene.feed.kafka_knows[WEB] = Progress(60, "")
    await scene.gauges.look()
    assert scene.lag() == 40


async def test_nothing_is_said_of_what_somebody_else_has(held: Scene) -> None:
    reads(held, 25)
    held.shards.held[0].shard.time_ms = START_MS
    await held.gauges.look()
    await held.shards.release({0})
    held.feed.assigned.clear()
    held.feed.polls.clear()
    held.now_ms += 60_000
    await held.gauges.look()
    assert held.lag() is None
    assert held.value("shard_lag_seconds", partition="0") is None
    assert (held.value("lag_age_seconds"), held.value("assigned_shards")) == (0, 0)


async def test_replayed_time_is_not_behind_the_clock() -> None:
    scene = Scene(clock="event")
    await scene.shards.acquire({0}, generation=1)
    scene.shards.held[0].shard.time_ms = START_MS - 86_400_000
    await scene.gauges.look()
    assert scene.value("shard_lag_seconds", partition="0") is None


async def test_refused_commits_are_counted_once(held: Scene) -> None:
    held.feed.refused = 3
    await held.gauges.look()
    await held.gauges.look()
    assert held.value("kafka_commit_failures_total") == 3


async def test_the_outbox_grows_while_kafka_takes_nothing(held: Scene) -> None:
    held.shards.held[0].relay.committed(1, [b"a", b"b"])
    await held.gauges.look()
    assert held.value("outbox_records", partition="0") == 2


async def test_every_segment_and_band_has_a_size(held: Scene) -> None:
    reads(held, 10)
    await held.gauges.look()
    keys = {segment.key for segment in held.shards.definitions.ruleset.segments}
    assert {held.value("segment_customers", segment=key) for key in keys} == {0}
    assert held.value("band_customers", band="none") == 0
    held.shards.held[0].shard.sizes = None
    await held.gauges.look()
    assert held.value("uncounted_shards") == 1


async def test_a_kafka_that_stops_to_answer_is_told_once_and_so_is_its_return(held: Scene) -> None:
    """Without a word while nothing is known, as when a rebalance has taken all partitions away."""

    async def looks(seconds: int) -> None:
        for _ in range(0, seconds, 5):
            await held.gauges.look()
            held.now_ms += 5_000

    with capture_logs() as logs:
        reads(held, end=10)
        held.ends.away = held.feed.away = True
        await looks(60)
        held.feed.assigned.clear()
        await held.shards.release({0})
        await looks(30)
        held.feed.assigned.add(0)
        held.ends.away = held.feed.away = False
        await looks(30)
    told = [line for line in logs if "Kafka" in line["event"]]
    assert [line["event"] for line in told] == ["waiting for Kafka", "Kafka answers again"]
    assert (told[0]["partitions"], told[0]["brokers"]) == ([0], "localhost:9092")
    assert "brokers up" in told[0]["fix"]


async def test_a_short_silence_is_no_news(held: Scene) -> None:
    with capture_logs() as logs:
        reads(held, end=10)
        held.ends.away = True
        await held.gauges.look()
        held.now_ms += 9_000
        await held.gauges.look()
        held.ends.away = False
        held.now_ms += 9_000
        await held.gauges.look()
    assert [line for line in logs if "Kafka" in line["event"]] == []
