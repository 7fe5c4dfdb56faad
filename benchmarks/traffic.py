"""A process that produces events at a steady rate and times what comes of them, both by one clock.

    TRAFFIC='{...}' python -m benchmarks.traffic

Every tenth event is the first of a customer nobody has seen, which always causes a signal; the others are of known
customers. Of each newcomer it notes the instant just before the event is given to the producer, and that at which a
record with the newcomer's key comes out of the topics it listens to: the signals, or (the echo) the sources themselves.
It writes one JSON object to stdout when it is over.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.workload import draw, name, templates
from streamproc.clock import monotonic_s, wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import BulkProducer, open_bulk_producer
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import partitions_of
from streamproc.transport.topics import Topics

#: One in so many events is a newcomer's first.
NEWCOMER_EVERY: Final = 10
_TICK_S: Final = 0.005
#: How long the last newcomers are waited for.
_PATIENCE_S: Final = 15.0


class Order(msgspec.Struct):
    """What to do. series: no two runs on the same topics may have the same. echo: listen to the sources."""

    bootstrap: str
    prefix: str
    partitions: int
    per_s: int
    warm_s: float
    s: float
    customers: int
    series: str
    echo: bool


class Timed(msgspec.Struct):
    """What came of it, after the warm-up.

    at_s: when each newcomer's event was produced, on the monotonic clock of the machine; took_s: until its signal was
    seen. missing: newcomers without a signal. sent, span_s: events and how long sending took. late_p99_s: how far
    behind its own timetable it produced.
    """

    at_s: list[float]
    took_s: list[float]
    missing: int
    sent: int
    span_s: float
    late_p99_s: float


class Traffic:
    """Events of known customers and newcomers, stamped at the instant they are sent."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.produced_s: dict[bytes, float] = {}
        self.seen: list[tuple[float, float]] = []
        self._bodies = [(topic, orjson.dumps(_anonymous(event))[:-1]) for topic, event in templates()]
        self._who = draw("uniform", order.customers, 100_000, seed=2)

    async def send(self, producer: BulkProducer) -> Timed:
        """Keep to the timetable; what is late is made up for at once."""
        order, sent, late_s = self.order, 0, []
        begin_s = monotonic_s()
        total = int(order.per_s * (order.warm_s + order.s))
        while sent < total:
            now_s = monotonic_s()
            due = min(total, int((now_s - begin_s) * order.per_s) + 1)
            if due > sent:
                late_s.append(now_s - begin_s - sent / order.per_s)
                await producer.send(self._events(sent, due))
                sent = due
            await asyncio.sleep(_TICK_S)
        span_s = monotonic_s() - begin_s
        deadline_s = monotonic_s() + _PATIENCE_S
        while self.produced_s and monotonic_s() < deadline_s:
            await asyncio.sleep(_TICK_S)
        kept = [(at_s, took_s) for at_s, took_s in self.seen if at_s - begin_s >= order.warm_s]
        missing = sum(at_s - begin_s >= order.warm_s for at_s in self.produced_s.values())
        return Timed(
            [at_s for at_s, _ in kept], [took_s for _, took_s in kept], missing, sent, span_s,
            float(np.quantile(late_s, 0.99)),
        )  # fmt: skip

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        """Note when the records of newcomers come."""
        while True:
            chunks = await consumer.getmany(timeout_ms=200)
            now_s = monotonic_s()
            for records in chunks.values():
                for record in records:
                    if (at_s := self.produced_s.pop(record.key, None)) is not None:
                        self.seen.append((at_s, now_s - at_s))

    def _events(self, begin: int, end: int) -> list[Outgoing]:
        order, stamp = self.order, to_iso(wall_ms())
        keys = [
            f"n-{order.series}-{i}".encode() if i % NEWCOMER_EVERY == 0
            else name(self._who[i % len(self._who)]).encode()
            for i in range(begin, end)
        ]  # fmt: skip
        places = partitions_of(keys, order.partitions).tolist()
        made = []
        for i, key, place in zip(range(begin, end), keys, places, strict=True):
            topic, body = self._bodies[i % len(self._bodies)]
            own = f',"userId":"{key.decode()}","messageId":"{order.series}-{i}","timestamp":"{stamp}"}}'
            made.append(Outgoing(order.prefix + topic, key, body + own.encode(), (), place))
        now_s = monotonic_s()
        self.produced_s.update((key, now_s) for key in keys if key.startswith(b"n-"))
        return made


def _anonymous(event: dict[str, object]) -> dict[str, object]:
    own = ("userId", "anonymousId", "messageId", "timestamp")
    return {field: value for field, value in event.items() if field not in own}


async def run(order: Order) -> Timed:
    """Send and listen."""
    topics = Topics(order.prefix)
    heard: Sequence[str] = topics.channels if order.echo else topics.signals
    places = [TopicPartition(topic, part) for topic in heard for part in range(order.partitions)]
    traffic = Traffic(order)
    async with AIOKafkaConsumer(bootstrap_servers=order.bootstrap) as consumer:
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        listening = asyncio.create_task(traffic.listen(consumer))
        counts = dict.fromkeys(topics.channels, order.partitions)
        async with open_bulk_producer(Brokers(order.bootstrap), counts) as producer:
            timed = await traffic.send(producer)
        listening.cancel()
        return timed


async def start(order: Order) -> Timed:
    """Do it in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.traffic",
        env={**os.environ, "TRAFFIC": msgspec.json.encode(order).decode()},
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    if process.returncode:
        raise ChildProcessError(f"the traffic ended with {process.returncode}")
    return msgspec.json.decode(out, type=Timed)


if __name__ == "__main__":
    given = msgspec.json.decode(os.environ["TRAFFIC"], type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(asyncio.run(run(given))))
