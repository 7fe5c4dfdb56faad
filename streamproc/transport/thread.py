"""The thread that runs aiokafka, so that heartbeats survive a busy main loop."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CommitFailedError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streamproc.transport.assignor import ShardAssignor
from streamproc.transport.chunks import Chunk
from streamproc.transport.connect import tell_failures
from streamproc.transport.membership import Name
from streamproc.transport.owner import Progress
from streamproc.transport.reader import Reader

logger = logging.getLogger(__name__)

#: How long the broker may hold back an answer that has no data; Faust's 1.5 s would delay every first event,
#: and the clock of a shard knows the end of a topic no better than this.
FETCH_MAX_WAIT_MS = 50
#: A commit to Kafka is advisory; it must never hold up a seek or a shutdown.
_COMMIT_TIMEOUT_S = 3.0
_LEAVE_TIMEOUT_S = 5.0
#: The answer to a join comes after the rebalance timeout, where a member with a name is waited for.
_JOIN_SPARE_S = 10.0


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread with a `Reader` on its consumer. Also the `Log` of the seek sessions.

    Methods belong to the main loop unless they say otherwise.
    """

    #: Set once aiokafka has started.
    reader: Reader | None = None

    #: What the group knows this worker by; None: by nothing, membership is dynamic.
    name: Name | None = None

    def __init__(
        self,
        consumer: driver.Consumer,
        *,
        chunk_records: int,
        now_ms: Callable[[], int],
        on_name_taken: Callable[[], None],
        **kwargs: Any,
    ) -> None:
        """`on_name_taken` is called in the main loop, once another process has joined under our name."""
        self._chunk_records = chunk_records
        self._now_ms = now_ms
        self._on_name_taken = on_name_taken
        self._assignor_of_shards = ShardAssignor()
        super().__init__(consumer, **kwargs)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # aiokafka reads these when it starts; Faust's factory has no argument for them.
        consumer._fetch_max_wait_ms = FETCH_MAX_WAIT_MS
        consumer._isolation_level = "read_committed"
        consumer._partition_assignment_strategy = [self._assignor_of_shards]
        # A session may be half an hour; a broker that hangs must not be waited for so long.
        conf = self.app.conf
        request_s = min(conf.broker_request_timeout, conf.broker_rebalance_timeout + _JOIN_SPARE_S)
        consumer._request_timeout_ms = consumer._client._request_timeout_ms = int(request_s * 1000)
        return consumer

    async def on_start(self) -> None:
        """In the thread's loop."""
        self.thread_loop.set_exception_handler(tell_failures)
        await super().on_start()
        consumer = self._ensure_consumer()
        self.reader = Reader(consumer, chunk_records=self._chunk_records, now_ms=self._now_ms)
        if (instance := self.app.conf.consumer_group_instance_id) is not None:
            self.name = Name(consumer._coordinator, instance, self._tell_name_taken)

    def _tell_name_taken(self) -> None:
        self.parent_loop.call_soon_threadsafe(self._on_name_taken)

    async def subscribe(self, topics: Iterable[str]) -> None:
        # Faust subscribes again, 45 s late, whenever it stops an agent of a revoked partition; the same
        # topics would only cause another rebalance.
        if set(topics) != set(self._ensure_consumer().subscription()):
            await super().subscribe(topics)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """In the thread's loop, inside aiokafka's rebalance."""
        self._started_reader().forget()
        # Until the main loop has done its part, or stops: then it waits for this thread, and answers no more.
        await self.wait(super().on_partitions_revoked(revoked))

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """In the thread's loop, inside aiokafka's rebalance."""
        self._assignor_of_shards.remember(cast(set[TopicPartition], assigned), generation_id)
        await self.wait(super().on_partitions_assigned(assigned, generation_id))

    def _stopped_set(self) -> None:
        # After a crash the thread ends by itself, and its loop can no longer be told.
        if not self.thread_loop.is_closed():
            super()._stopped_set()

    async def on_thread_stop(self) -> None:
        """In the thread's loop: leave the group, but do not wait for its rebalance to end."""
        consumer = self._consumer
        if consumer is not None:
            leaving = asyncio.ensure_future(consumer.stop())
            done, _ = await asyncio.wait([leaving], timeout=_LEAVE_TIMEOUT_S)
            if not done:
                logger.warning("the group is rebalancing; leaving it without a word")
                leaving.cancel()
                await asyncio.wait([leaving])
                await consumer._fetcher.close()
                await consumer._client.close()
        # Not Faust's own step, which would stop the consumer once more.
        await super(driver.AIOKafkaConsumerThread, self).on_thread_stop()

    async def read(self, wanted: set[TP], timeout_s: float) -> list[Chunk]:
        """See `Reader.read`."""
        return cast(list[Chunk], await self.call_thread(self._started_reader().read, wanted, timeout_s))

    def wake(self) -> None:
        """See `Reader.wake`."""
        if self.reader is not None:
            self.thread_loop.call_soon_threadsafe(self.reader.wake)

    async def confirm_name(self) -> None:
        """See `Name.confirm`; a worker without a name has nothing to confirm."""
        if self.name is not None:
            await self.call_thread(self.name.confirm)

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """See `Reader.partition_counts`."""
        counts = await self.call_thread(self._started_reader().partition_counts, topics)
        return cast(dict[str, int], counts)

    async def committed(self, tps: set[TopicPartition]) -> dict[TopicPartition, Progress]:
        """See `Reader.committed`."""
        committed = await self.call_thread(self._started_reader().committed, tps)
        return cast(dict[TopicPartition, Progress], committed)

    async def log_bounds(self, tps: set[TopicPartition]) -> Mapping[TopicPartition, tuple[int, int]]:
        """See `Reader.log_bounds`."""
        bounds = await self.call_thread(self._started_reader().log_bounds, tps)
        return cast(Mapping[TopicPartition, tuple[int, int]], bounds)

    async def shown_end(self, tp: TopicPartition, offset: int) -> int | None:
        """See `Reader.shown_end`."""
        return cast(int | None, await self.call_thread(self._started_reader().shown_end, tp, offset))

    async def start_reading(
        self, starts: Mapping[TopicPartition, int], *, session: int, generation: int
    ) -> None:
        """See `Reader.seek`."""

        async def seek() -> None:
            self._started_reader().seek(starts, session=session, generation=generation)

        await self.call_thread(seek)

    def _started_reader(self) -> Reader:
        self._ensure_consumer()
        assert self.reader is not None
        return self.reader

    async def tell(self, progress: Mapping[TopicPartition, Progress]) -> bool:
        """Commit offsets and notes to Kafka; whether it took them."""
        return cast(bool, await self.call_thread(self._commit, progress))

    async def _commit(self, offsets: Mapping[Any, Any]) -> bool:
        """In the thread's loop: commit to Kafka, bounded, and never fatal as it is in Faust."""
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        wanted = {tp: OffsetAndMetadata(*progress) for tp, progress in offsets.items() if tp in assigned}
        try:
            async with asyncio.timeout(_COMMIT_TIMEOUT_S):
                if wanted:
                    await consumer.commit(wanted)
        except (KafkaError, TimeoutError) as error:
            # A rebalance under way is no news; whoever gets the partition commits again.
            level = logging.DEBUG if isinstance(error, CommitFailedError) else logging.WARNING
            logger.log(level, "offsets were not committed to Kafka: %r", error)
            return False
        return len(wanted) == len(offsets)  # a rebalance may have taken some away
