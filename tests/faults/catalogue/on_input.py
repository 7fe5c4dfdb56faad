"""Faults of those who write to the topics and those who read from them."""

import asyncio
import random

from aiokafka import AIOKafkaConsumer

from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from tests.faults.hostile import not_an_event
from tests.faults.load import BAD, TOPICS
from tests.faults.scene import PREFIX, Scene
from tests.faults.verdict import OUT

_RECORDS = 300


async def poisoned(scene: Scene, chance: random.Random) -> None:
    """A burst of records that are no events, some of them as large as Kafka takes them."""
    counts = dict.fromkeys((PREFIX + topic for topic in TOPICS), scene.partitions)
    async with open_bulk_producer(Brokers(scene.logs.bootstrap), counts) as producer:
        await producer.send(
            [
                Outgoing(
                    PREFIX + chance.choice(TOPICS),
                    chance.choice([None, b"", b"c000001", chance.randbytes(40)]),
                    not_an_event(chance),
                    [BAD],
                )
                for _ in range(_RECORDS)
            ]
        )
        await producer.flush()


async def slow_consumer(scene: Scene, chance: random.Random) -> None:
    """Somebody reads the signals far more slowly than they come, and goes away in the middle."""
    consumer = AIOKafkaConsumer(
        *(PREFIX + topic for topic in OUT),
        bootstrap_servers=scene.logs.bootstrap,
        group_id="slow",
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=10_000,
    )
    await consumer.start()
    try:
        for _ in range(chance.randint(10, 40)):
            await asyncio.wait_for(consumer.getone(), 10)
            await asyncio.sleep(0.1)
    finally:
        await consumer.stop()
