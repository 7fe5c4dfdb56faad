"""The load: a process that publishes events at a steady rate until it is told to stop, whatever the broker does.

What was published is told by the topics alone, when all is over: a send that failed may have arrived.
`python -m tests.faults.load BOOTSTRAP PREFIX PARTITIONS SEED RATE CUSTOMERS [HISTORY_MS]`: with a history, events are
as old as that or younger, half of them no older than an hour.
"""

import asyncio
import random
import signal
import sys
import time
import zlib
from collections.abc import Iterator
from typing import Final

from streamproc.errors import StreamprocError
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import partition_of

TOPICS: Final = ("events.web", "events.app", "events.support")
OUTCOMES: Final = "actions.outcomes"
#: Carried by records that are no events: they must all be in events.failed.
BAD: Final = ("x-faults", b"bad")
#: Shares of the records.
ORDERS, BAD_RECORDS, LATE, FUTURE, REPEATS, MISPLACED, TARDY = 0.06, 0.01, 0.01, 0.005, 0.05, 0.01, 0.01
#: Messages that somebody else has sent.
DELIVERED: Final = 0.02
MONEY: Final = 12.5
_TARDY_MS: Final = (5_000, 20_000)
_HOUR_MS: Final = 3_600_000
_LATE_MS, _FUTURE_MS = 10 * 86_400_000, _HOUR_MS
_TICK_S: Final = 0.05
_POISON: Final = (
    b"",
    b"\xff\xfe\x00",
    b"{",
    b"[]",
    b"null",
    b'{"type":"track"}',
    b'{"type":"track","event":5}',
)


def customer_id(number: int) -> str:
    return f"c{number:06}"


def consents(number: int) -> bool:
    """Every other customer, to e-mail and push messages, with the first thing they say."""
    return number % 2 == 0


def identify(number: int, at_ms: int) -> bytes:
    granted = "true" if consents(number) else "false"
    return (
        f'{{"type":"identify","userId":"{customer_id(number)}","messageId":"i{number}",'
        f'"timestamp":"{iso(at_ms)}","traits":{{"consent":{{"email":{granted},"push":{granted}}}}}}}'
    ).encode()


def delivered(number: int, message: int, at_ms: int) -> bytes:
    return (
        f'{{"type":"track","event":"Action Delivered","userId":"{customer_id(number)}","messageId":"d{message}",'
        f'"timestamp":"{iso(at_ms)}","properties":{{"channel":"push"}}}}'
    ).encode()


def iso(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000)) + f".{at_ms % 1000:03}Z"


class Load:
    """Endless records, the same for the same seed but for their timestamps."""

    def __init__(self, prefix: str, partitions: int, seed: int, customers: int, history_ms: int = 0) -> None:
        self._prefix, self._partitions, self._customers = prefix, partitions, customers
        self._history_ms = history_ms
        self._chance = random.Random(seed)
        self._place = [partition_of(customer_id(n).encode(), partitions) for n in range(customers)]
        self._number = 0
        self._recent: list[Outgoing] = []
        self._said_hello: set[int] = set()

    def records(self, count: int, now_ms: int) -> Iterator[Outgoing]:
        for _ in range(count):
            yield from self._next(now_ms)

    def _next(self, now_ms: int) -> Iterator[Outgoing]:
        chance, draw = self._chance, self._chance.random()
        if draw < REPEATS and self._recent:
            yield chance.choice(self._recent)
            return
        draw = chance.random()
        customer = chance.randrange(self._customers)
        topic = self._prefix + TOPICS[customer % len(TOPICS)]
        if customer not in self._said_hello:
            self._said_hello.add(customer)
            # Where it belongs: what is re-keyed may come after the events that follow.
            hello = identify(customer, now_ms)
            yield Outgoing(topic, customer_id(customer).encode(), hello, (), self._place[customer])
        if draw < BAD_RECORDS:
            yield Outgoing(topic, customer_id(customer).encode(), chance.choice(_POISON), [BAD])
            return
        self._number += 1
        if chance.random() < DELIVERED:
            yield Outgoing(
                self._prefix + OUTCOMES,
                customer_id(customer).encode(),
                delivered(customer, self._number, now_ms),
                (),
                self._place[customer],
            )
        at_ms, headers = now_ms, []
        if draw < BAD_RECORDS + LATE:
            at_ms -= _LATE_MS
        elif draw > 1 - TARDY:
            at_ms -= chance.randint(*_TARDY_MS)  # about when the customer fell silent, or before
        elif draw < BAD_RECORDS + LATE + FUTURE:
            at_ms, headers = at_ms + _FUTURE_MS, [BAD]
        elif self._history_ms:
            at_ms -= int(chance.random() * chance.choice((_HOUR_MS, self._history_ms)))
        is_order = chance.random() < ORDERS
        event = "Order Completed" if is_order else "Product Viewed"
        properties = f'{{"revenue":{MONEY},"currency":"USD"}}' if is_order else "{}"
        value = (
            f'{{"type":"track","event":"{event}","userId":"{customer_id(customer)}",'
            f'"messageId":"m{self._number}","timestamp":"{iso(at_ms)}","properties":{properties}}}'
        )
        record = self._to(customer, topic, value.encode(), headers)
        self._recent.append(record)
        if len(self._recent) > 200:
            self._recent.pop(chance.randrange(100))
        yield record

    def _to(
        self, customer: int, topic: str, value: bytes, headers: list[tuple[str, bytes]] | None = None
    ) -> Outgoing:
        """Mostly to the partition of the key, sometimes to that by CRC32, librdkafka's default."""
        place = self._place[customer]
        key = customer_id(customer).encode()
        if self._chance.random() < MISPLACED:
            place = zlib.crc32(key) % self._partitions
        return Outgoing(topic, key, value, headers or (), place)


async def run(bootstrap: str, load: Load, counts: dict[str, int], rate: int) -> None:
    """Publish until SIGTERM. A broker that is away is waited for."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    owed = 0.0
    while not stop.is_set():
        try:
            async with open_bulk_producer(Brokers(bootstrap), counts) as producer:
                then_s = time.monotonic()
                while not stop.is_set():
                    now_s = time.monotonic()
                    # After a pause of the broker the load goes on at its rate; it does not catch up.
                    owed += min(now_s - then_s, 1.0) * rate
                    then_s = now_s
                    due, owed = int(owed), owed % 1
                    await producer.send(list(load.records(due, int(time.time() * 1000))))
                    await asyncio.sleep(_TICK_S)
        except (StreamprocError, OSError) as error:
            print("load:", error, file=sys.stderr, flush=True)
            await asyncio.sleep(0.3)


if __name__ == "__main__":
    bootstrap_, prefix_, *numbers = sys.argv[1:]
    partitions_, seed_, rate_, customers_, *history_ = map(int, numbers)
    made = Load(prefix_, partitions_, seed_, customers_, *history_)
    asyncio.run(run(bootstrap_, made, {prefix_ + topic: partitions_ for topic in (*TOPICS, OUTCOMES)}, rate_))
