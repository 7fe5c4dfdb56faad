"""The limit of the stack: an aiokafka consumer that fetches and does nothing; or, with `decode`, reads each event.

One of the peers: see benchmarks/peers.
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.peers.task import Task, given, report
from streamproc.contracts.events import Event

#: As fast as a loop over `getmany` was found to be. More at once is slower, and without a limit takes twice the CPU: it
#: makes an object of everything that was fetched, some ten thousand records, before the first of them is looked at.
_RECORDS_MAX: Final = 500
_PARTITION_BYTES_MAX: Final = 4 * 1_048_576


async def run(task: Task, read: Callable[[bytes], Event] | None) -> None:
    places = [TopicPartition(topic, part) for topic in task.topics for part in range(task.partitions)]
    done = 0
    report(lambda: done)
    async with AIOKafkaConsumer(
        bootstrap_servers=task.bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_PARTITION_BYTES_MAX,
    ) as consumer:
        consumer.assign(places)
        while True:
            for records in (await consumer.getmany(timeout_ms=200, max_records=_RECORDS_MAX)).values():
                if read is not None:
                    for record in records:
                        read(record.value)
                done += len(records)


if __name__ == "__main__":
    decode = msgspec.json.Decoder(Event).decode
    asyncio.run(run(given(), decode if sys.argv[1:] == ["decode"] else None))
