"""What the consumer thread does differently from Faust's; where a broker would answer, its consumer is made up."""

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streamproc.transport import thread as thread_module
from streamproc.transport.assignor import ShardAssignor
from streamproc.transport.batch import Consumer
from streamproc.transport.owner import Progress
from streamproc.transport.thread import FETCH_MAX_WAIT_MS, ConsumerThread

WEB = TopicPartition("web", 0)
GONE = TopicPartition("web", 1)


class Closing:
    """A part of aiokafka's consumer that can be closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


class KafkaConsumer:
    """As much of aiokafka's consumer as commits and stops; WEB is assigned."""

    def __init__(self, *, refusal: Exception | None = None, stop_s: float = 0) -> None:
        self.commits: list[Mapping[TopicPartition, OffsetAndMetadata]] = []
        self.stops = 0
        self._refusal, self._stop_s = refusal, stop_s
        self._fetcher, self._client = Closing(), Closing()

    def assignment(self) -> set[TopicPartition]:
        return {WEB}

    async def commit(self, offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
        if self._refusal is not None:
            raise self._refusal
        self.commits.append(offsets)

    async def stop(self) -> None:
        self.stops += 1
        await asyncio.sleep(self._stop_s)


def thread_on(consumer: Consumer, kafka: KafkaConsumer) -> ConsumerThread:
    """The consumer's thread as if it had started, on `kafka`."""
    thread = consumer._thread
    thread._consumer = cast(Any, kafka)
    return thread


async def test_a_worker_reads_committed_records_at_once_and_whole_shards(batch_consumer: Consumer) -> None:
    """What aiokafka will find when it starts, whatever Faust asked for."""
    kafka = batch_consumer._thread._create_worker_consumer(batch_consumer.transport)
    try:
        assert kafka._isolation_level == "read_committed"
        assert kafka._fetch_max_wait_ms == FETCH_MAX_WAIT_MS
        assert [type(assignor) for assignor in kafka._partition_assignment_strategy] == [ShardAssignor]
    finally:
        await kafka.stop()


@pytest.mark.parametrize(
    ("batch_consumer", "request_ms"),
    [
        ({"session_timeout_s": 10}, 60_000),
        ({"session_timeout_s": 45}, 60_000),
        ({"session_timeout_s": 1_800}, 70_000),
    ],
    indirect=["batch_consumer"],
)
async def test_a_long_session_does_not_make_requests_wait_as_long(
    batch_consumer: Consumer, request_ms: int
) -> None:
    """But longer than a rebalance may take: until then the answer to a join is owed."""
    kafka = batch_consumer._thread._create_worker_consumer(batch_consumer.transport)
    try:
        assert kafka._session_timeout_ms == batch_consumer.app.conf.broker_session_timeout * 1000
        assert kafka._request_timeout_ms == kafka._client._request_timeout_ms == request_ms
        assert batch_consumer._seek_sessions._deadline_s == 30
    finally:
        await kafka.stop()


async def test_offsets_are_committed_with_their_notes(batch_consumer: Consumer) -> None:
    """For the partitions that are assigned; Kafka would refuse the others with all the rest, and does not know them."""
    kafka = KafkaConsumer()
    thread = thread_on(batch_consumer, kafka)
    assert await thread._commit({WEB: Progress(1001, "0/7")})
    assert not await thread._commit({WEB: Progress(1002, "0/8"), GONE: Progress(5, "0/2")})
    assert not await thread._commit({GONE: Progress(5, "0/2")})
    assert kafka.commits == [
        {WEB: OffsetAndMetadata(1001, "0/7")},
        {WEB: OffsetAndMetadata(1002, "0/8")},
    ]


@pytest.mark.parametrize(
    "refusal",
    [CommitFailedError("no"), IllegalStateError("no"), KafkaConnectionError("no"), TimeoutError()],
    ids=lambda refusal: type(refusal).__name__,
)
async def test_a_refused_commit_stops_nothing(
    batch_consumer: Consumer, refusal: KafkaError | TimeoutError
) -> None:
    """The offsets in Kafka are for monitors."""
    thread = thread_on(batch_consumer, KafkaConsumer(refusal=refusal))
    assert not await thread._commit({WEB: Progress(1001, "")})
    assert not thread.crashed


async def test_stopping_leaves_the_group(batch_consumer: Consumer) -> None:
    """In aiokafka's own way, once."""
    kafka = KafkaConsumer()
    await thread_on(batch_consumer, kafka).on_thread_stop()
    assert kafka.stops == 1


async def test_a_group_that_cannot_be_left_is_not_waited_for(
    batch_consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance may take a minute; the connections are closed without it."""
    monkeypatch.setattr(thread_module, "_LEAVE_TIMEOUT_S", 0.01)
    kafka = KafkaConsumer(stop_s=60)
    async with asyncio.timeout(10):
        await thread_on(batch_consumer, kafka).on_thread_stop()
    assert kafka._fetcher.closed
    assert kafka._client.closed


async def test_only_a_changed_set_of_topics_is_subscribed(
    batch_consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same set again would cause a rebalance for nothing."""
    asked: list[Any] = []

    async def call_thread(method: Any, *args: Any, **kwargs: Any) -> None:
        asked.append(kwargs["topics"])

    thread = batch_consumer._thread
    monkeypatch.setattr(thread, "call_thread", call_thread)
    thread._consumer = cast(
        Any, SimpleNamespace(subscription=lambda: frozenset({"web"}), subscribe=lambda **_: None)
    )
    await thread.subscribe(["web"])
    await thread.subscribe(["web", "app"])
    assert asked == [{"web", "app"}]
