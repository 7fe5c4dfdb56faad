"""The limit of the stack: an aiokafka consumer that fetches and does nothing; or, with `decode`, reads each event.

One of the peers: see benchmarks/peers.
"""

import asyncio
import sys
from collections.abc import Callable

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.peers.task import Task, given, report
from streamproc.contracts.events import Event


async def run(task: Task, read: Callable[[bytes], Event] | None) -> None:
    places = [TopicPartition(topic, part) for topic in task.topics for part in range(task.partitions)]
    done = 0
    report(lambda: done)
    async with AIOKafkaConsumer(bootstrap_servers=task.bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign(places)
        while True:
            # As aiokafka's documentation has it. With `max_records=500` and 4 MiB a partition it takes 0.6 times the
            # CPU: else an object is made of everything that was fetched before the first of them is looked at.
            for records in (await consumer.getmany(timeout_ms=200)).values():
                if read is not None:
                    for record in records:
                        read(record.value)
                done += len(records)


if __name__ == "__main__":
    decode = msgspec.json.Decoder(Event).decode
    asyncio.run(run(given(), decode if sys.argv[1:] == ["decode"] else None))
