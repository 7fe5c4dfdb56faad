"""What the peers came to, read from where each keeps it; and what they should have come to."""

import json
import struct
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from redis.asyncio import Redis

from benchmarks.peers.task import Task
from streamproc.transport.brokers import Brokers
from streamproc.transport.bulk import read_topic

MINUTE_MS: Final = 60_000


class Totals(NamedTuple):
    """A customer's minute. Money in cents: the peers add up floats, which are exact to a cent after rounding."""

    events: int
    cents: int
    last_ms: int


#: What the aggregations of quix_window.py are called in its state.
QUIX_STATES: Final = ("events/Count", "money/Sum/money", "last_ms/Max/at_ms")

#: By customer and minute since 1970.
Windows = dict[tuple[str, int], Totals]


def totals(events: float, money: float, last_ms: float) -> Totals:
    """From what a peer kept."""
    return Totals(int(events), round(money * 100), int(last_ms))


async def recomputed(brokers: Brokers, topics: Iterable[str], partitions: int) -> Windows:
    """The right result: everything in the topics, added up here."""
    windows: Windows = {}
    for topic in topics:
        async for records in read_topic(brokers, topic, partitions):
            add(windows, (record.value for record in records))
    return windows


def add(windows: Windows, values: Iterable[bytes]) -> None:
    """Count some events."""
    for value in values:
        event = json.loads(value)
        at_ms = round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000)
        cents = round(event["properties"]["revenue"] * 100) if event.get("event") == "Order Completed" else 0
        window = (event["userId"], at_ms // MINUTE_MS)
        so_far = windows.get(window, Totals(0, 0, 0))
        windows[window] = Totals(so_far.events + 1, so_far.cents + cents, max(so_far.last_ms, at_ms))


def difference(found: Windows, right: Windows) -> str:
    """What is wrong with a peer's result; empty if it is right in every window."""
    if found == right:
        return ""
    wrong = [window for window in sorted({*found, *right}) if found.get(window) != right.get(window)]
    first = wrong[0]
    return (
        f"{_sums(found)} instead of {_sums(right)}; {len(wrong):,} windows differ, the first that of {first[0]} at "
        f"{datetime.fromtimestamp(first[1] * 60, UTC):%H:%M}: {found.get(first)} instead of {right.get(first)}"
    )


def _sums(windows: Windows) -> str:
    events = sum(window.events for window in windows.values())
    cents = sum(window.cents for window in windows.values())
    return f"{events:,} events with {cents / 100:,.2f} in {len(windows):,} windows"


# -- Where each keeps its result


async def in_redis(_: Brokers, task: Task) -> Windows:
    """The hashes and sorted sets of faust_redis.py, which are then deleted."""
    windows: Windows = {}
    async with Redis.from_url(task.redis, decode_responses=True) as redis:
        last_ms: dict[tuple[str, int], float] = {}
        async for key in redis.scan_iter(f"{task.name}:last:*", count=10_000):
            members: list[Any] = await redis.zrange(key, 0, -1, withscores=True)
            last_ms |= {(who, int(key.rpartition(":")[2])): ms for who, ms in members}
            await redis.unlink(key)
        async for keys in _in_batches(redis.scan_iter(f"{task.name}:*", count=10_000)):
            pipe = redis.pipeline(transaction=False)
            for key in keys:
                pipe.hgetall(key)
            pipe.unlink(*keys)
            for key, kept in zip(keys, await pipe.execute(), strict=False):
                customer, minute = key.removeprefix(f"{task.name}:").split(":")
                window = (customer, int(minute))
                windows[window] = totals(int(kept["events"]), float(kept.get("money", 0)), last_ms[window])
    return windows


async def _in_batches(keys: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    batch = []
    async for key in keys:
        batch.append(key)
        if len(batch) == 1000:
            yield batch
            batch = []
    if batch:
        yield batch


async def in_faust_table(brokers: Brokers, task: Task) -> Windows:
    """The changelog of faust_table.py's table."""
    latest = await _latest(brokers, f"{task.name}-windows-changelog", task.partitions)
    return dict(faust_window(key, value) for key, value in latest.items())


def faust_window(key: bytes, value: bytes) -> tuple[tuple[str, int], Totals]:
    """`[customer, [from, to]]`, in seconds; `[events, money, last_ms]`."""
    customer, (begin_s, _) = json.loads(key)
    return (customer, int(begin_s) // 60), totals(*json.loads(value))


async def in_quix_window(brokers: Brokers, task: Task) -> Windows:
    """The changelog of quix_window.py's window; what its topic is called besides, is up to Quix."""
    client = AIOKafkaAdminClient(**brokers.client_options())
    await client.start()
    try:
        names = await client.list_topics()
    finally:
        await client.close()
    (topic,) = (name for name in names if name.startswith(f"changelog__{task.name}--"))
    latest = await _latest(brokers, topic, task.partitions)
    windows = (item for item in latest.items() if not item[0].endswith(b"|__latest_timestamp__"))
    return dict(quix_window(key, value) for key, value in windows)


def quix_window(key: bytes, value: bytes) -> tuple[tuple[str, int], Totals]:
    """`"customer"|from|to`, in milliseconds of 8 bytes; what the aggregations keep, by their state's names."""
    customer, (begin_ms,) = json.loads(key[:-18]), struct.unpack(">Q", key[-17:-9])
    kept = json.loads(value)
    return (customer, begin_ms // MINUTE_MS), totals(*(kept[name] for name in QUIX_STATES))


async def in_bytewax_file(_: Brokers, task: Task) -> Windows:
    """The file that bytewax_window.py ends with."""
    windows: Windows = {}
    with (Path(task.folder) / "windows.jsonl").open() as lines:
        for line in lines:
            customer, (minute, kept) = json.loads(line)
            windows[customer, minute] = totals(*kept)
    return windows


async def in_kafka_streams_store(brokers: Brokers, task: Task) -> Windows:
    """The changelog of KafkaStreamsWindow.java's store."""
    latest = await _latest(brokers, f"{task.name}-windows-changelog", task.partitions)
    return dict(kafka_streams_window(key, value) for key, value in latest.items())


def kafka_streams_window(key: bytes, value: bytes) -> tuple[tuple[str, int], Totals]:
    """The customer, 8 bytes of milliseconds, 4 bytes of nothing; Totals as JSON."""
    kept: dict[str, Any] = json.loads(value)
    (begin_ms,) = struct.unpack(">Q", key[-12:-4])
    return (key[:-12].decode(), begin_ms // MINUTE_MS), totals(kept["events"], kept["money"], kept["lastMs"])


async def _latest(brokers: Brokers, topic: str, partitions: int) -> dict[bytes, bytes]:
    """The last value of every key of a changelog, without the deleted."""
    latest: dict[bytes, bytes] = {}
    async for records in read_topic(brokers, topic, partitions):
        latest.update((record.key, record.value) for record in records)
    return {key: value for key, value in latest.items() if value is not None}
