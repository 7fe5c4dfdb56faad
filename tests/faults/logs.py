"""What an operator, or retention, does to Kafka's topics; and where they end. Asked past all proxies."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import ConsumerRecord, TopicPartition

from streamproc.sources import SOURCES
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import read_topic
from streamproc.transport.topics import create_topics

#: Now and then aiokafka never gets an answer while a broker comes back; the next client does.
_ENDS_WITHIN_MS: Final = 5_000


@dataclass
class Logs:
    """The source topics of an installation.

    `archive`: records that were applied and that Kafka holds no longer. `lost`: offsets that were deleted unread, by
    topic and partition; a broker that is killed soon after may show them again.
    """

    bootstrap: str
    prefix: str
    partitions: int
    archive: list[ConsumerRecord] = field(default_factory=list)
    lost: dict[tuple[str, int], list[range]] = field(default_factory=lambda: defaultdict(list))

    async def create(self) -> None:
        """Make the topics that are missing."""
        await create_topics(Brokers(self.bootstrap), self.prefix, self.partitions)

    async def ends(self) -> dict[tuple[str, int], int]:
        """The end of every source partition."""
        places = [
            TopicPartition(self.prefix + topic, partition)
            for topic in SOURCES
            for partition in range(self.partitions)
        ]
        while True:
            async with AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap, request_timeout_ms=_ENDS_WITHIN_MS
            ) as consumer:
                with suppress(KafkaTimeoutError):
                    ends = await consumer.end_offsets(places)
                    break
        return {(place.topic.removeprefix(self.prefix), place.partition): end for place, end in ends.items()}

    async def keep(self, topic: str, partition: int, before: int) -> None:
        """Archive what is in a partition before an offset."""
        async for records in read_topic(Brokers(self.bootstrap), self.prefix + topic, self.partitions):
            if records[0].partition == partition:
                self.archive += [record for record in records if record.offset < before]

    async def delete_records(self, topic: str, partition: int, unread: int, before: int) -> None:
        """What retention does: the log begins at `before` now; what was there from `unread` on is lost."""
        self.lost[topic, partition].append(range(unread, before))
        place = TopicPartition(self.prefix + topic, partition)
        async with self._admin() as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=before)})

    async def recreate(self, topic: str) -> None:
        """Delete a topic and make it anew, empty: its offsets begin at 0 again."""
        for partition in range(self.partitions):
            self.lost.pop((topic, partition), None)
        async with self._admin() as admin:
            await admin.delete_topics([self.prefix + topic])
            while self.prefix + topic in await admin.list_topics():
                await asyncio.sleep(0.1)
        await self.create()

    async def add_partitions(self, topic: str, count: int) -> None:
        """Give a topic more partitions."""
        async with self._admin() as admin:
            await admin.create_partitions({self.prefix + topic: NewPartitions(count)})

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()
