"""Records on their way out: to a file or to Kafka, at once or at a rate."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Final

from streamproc.clock import monotonic_s
from streamproc.simulate.lives.records import EventRecord, line
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_bulk_producer, partition_counts
from streamproc.transport.outlet import Outgoing
from streamproc.transport.topics import Topics

#: Without a rate, so many records go out at once; with one, what a tenth of a second has.
_PART: Final = 2000
_PARTS_PER_S: Final = 10

#: Told what has gone out.
Went = Callable[[Sequence[EventRecord]], None]


async def to_file(records: Iterator[EventRecord], rate: float | None, file: IO[bytes], went: Went) -> None:
    """As lines for `streamproc publish`. rate: events per second at most; None: as fast as possible."""

    async def put(part: Sequence[EventRecord]) -> None:
        file.write(b"".join(map(line, part)))
        file.flush()

    await _play(records, rate, put, went)


async def to_kafka(
    records: Iterator[EventRecord], rate: float | None, brokers: Brokers, prefix: str, went: Went
) -> None:
    """To the channels' topics of an installation, by murmur2 of the key; `rate` as above.

    Raises StreamprocError if a topic is missing, no broker lets us in, or Kafka refuses records.
    """
    counts = await partition_counts(brokers, prefix, Topics(prefix).channels)
    async with open_bulk_producer(brokers, counts) as producer:

        async def put(part: Sequence[EventRecord]) -> None:
            await producer.send([Outgoing(prefix + item.topic, item.key, item.value) for item in part])

        await _play(records, rate, put, went)


async def _play(
    records: Iterator[EventRecord],
    rate: float | None,
    put: Callable[[Sequence[EventRecord]], Awaitable[None]],
    went: Went,
) -> None:
    """Part by part. A part is made when its time has come."""
    size = _PART if rate is None else max(1, int(rate / _PARTS_PER_S))
    due_s = monotonic_s()
    while part := list(islice(records, size)):
        await put(part)
        went(part)
        due_s = max(due_s + len(part) / rate, monotonic_s()) if rate else 0.0
        await asyncio.sleep(max(0.0, due_s - monotonic_s()))  # also without a rate: Ctrl-C must get through
