"""The relay sends in order, trims only what is acknowledged, and sends again what is not."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.contracts.outbox import OutRecord
from streamproc.metrics import Metrics
from streamproc.pipeline import Shard
from streamproc.relay import BATCH_RECORDS, KNOWN_MAX, Relay
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit, Head, OutboxEntry, StoreUnavailable, Superseded
from streamproc.transport.outlet import Outgoing


@dataclass
class Broker:
    """Acknowledges what it is sent.

    `failing`: how many acknowledgements go wrong first; `held`: acknowledgements come once this is set.
    """

    failing: int = 0
    held: asyncio.Event | None = None
    sent: list[tuple[str, bytes | None, bytes | None]] = field(default_factory=list)

    async def send(self, records: Sequence[Outgoing]) -> None:
        self.sent += [(record.topic, record.key, record.value) for record in records]
        if self.failing:
            self.failing -= 1
            raise KafkaConnectionError
        if self.held is not None:
            await self.held.wait()


@dataclass
class Holder:
    """The part of a shard that a relay looks at."""

    head: Head


async def outbox_of(*values: bytes) -> tuple[MemoryStore, Holder]:
    store = MemoryStore()
    head = await acquire(store, generation=1)
    records = [OutRecord("segments.changes", b"k", [("ce_id", b"1")], value) for value in values]
    return store, Holder(await store.commit(head, Commit(outbox=[record.pack() for record in records])))


async def acquire(store: MemoryStore, generation: int) -> Head:
    return await store.acquire(
        0, generation=generation, member="g", partitions=1, layout=1, offsets_if_new={}, create=True
    )


def relay_of(
    store: MemoryStore,
    holder: Holder,
    broker: Broker,
    *,
    told: bool = True,
    acked: set[OutboxEntry] | None = None,
    metrics: Metrics | None = None,
) -> Relay:
    async def tell(partition: int, seq: int) -> bool:
        return told

    return Relay(
        store,
        cast(Shard, holder),
        broker,
        "acme.",
        metrics or Metrics(),
        tell,
        set() if acked is None else acked,
        backlog=0,
    )


async def test_sends_in_order_and_trims() -> None:
    store, holder = await outbox_of(b"1", b"2", b"3")
    broker = Broker()
    assert await relay_of(store, holder, broker).send_batch() == 3
    assert broker.sent == [("acme.segments.changes", b"k", value) for value in (b"1", b"2", b"3")]
    assert await store.outbox_length(0) == 0


async def test_a_commit_is_timed_until_kafka_has_its_last_signal() -> None:
    """Once, even where an attempt fails, or where it takes two batches."""
    store, metrics = MemoryStore(), Metrics()
    holder = Holder(await acquire(store, generation=1))
    relay = relay_of(store, holder, Broker(failing=1), metrics=metrics)

    def timed() -> float | None:
        return metrics.registry.get_sample_value("streamproc_commit_to_ack_seconds_count")

    assert await relay.send_batch() == 0  # nothing was there before
    for count in (1, BATCH_RECORDS):
        records = [
            OutRecord("segments.changes", b"k", [("ce_id", b"1")], b"%d" % n).pack() for n in range(count)
        ]
        holder.head = await store.commit(holder.head, Commit(outbox=records))
        relay.committed(holder.head.seq, records)
    with pytest.raises(KafkaError):
        await relay.send_batch()
    assert timed() == 0
    assert await relay.send_batch() == BATCH_RECORDS
    assert timed() == 1
    assert await relay.send_batch() == 1
    assert timed() == 2


async def test_what_is_not_acknowledged_is_kept_and_sent_again() -> None:
    store, holder = await outbox_of(b"1", b"2")
    broker = Broker(failing=1)
    relay = relay_of(store, holder, broker)
    with pytest.raises(KafkaError):
        await relay.send_batch()
    assert await store.outbox_length(0) == 2
    assert await relay.send_batch() == 2
    assert [value for _, _, value in broker.sent] == [b"1", b"2", b"1", b"2"]


async def test_what_is_left_from_before_a_rewind_leaves_with_a_version_of_now() -> None:
    """Newer signals of the customer may have left from a future that this Redis never knew."""
    store = MemoryStore()
    head = await acquire(store, generation=1)
    body = b'{"context":{"streamproc":{"version":5}}}'
    record = OutRecord("segments.changes", b"k", [("ce_sequence", b"%020d" % 5)], body)
    holder = Holder(replace(await store.commit(head, Commit(outbox=[record.pack()])), rewinds=2))
    broker = Broker()
    await relay_of(store, holder, broker).send_batch()
    assert broker.sent == [("acme.segments.changes", b"k", body.replace(b":5}", b":%d}" % (2 << 32 | 5)))]


async def test_what_is_acknowledged_but_not_trimmed_is_not_sent_again() -> None:
    """Redis was away for the trim; the shard may have started over since, with a relay of its own."""
    store, holder = await outbox_of(b"1", b"2")
    broker, acked = Broker(), set[OutboxEntry]()
    trim = store.outbox_trim

    async def away(head: Head, up_to_id: str) -> int:
        raise StoreUnavailable("away")

    store.outbox_trim = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await relay_of(store, holder, broker, acked=acked).send_batch()
    store.outbox_trim = trim  # type: ignore[method-assign]
    holder.head = await store.commit(holder.head, Commit(outbox=[OutRecord("t", b"k", [], b"3").pack()]))
    assert await relay_of(store, holder, broker, acked=acked).send_batch() == 3
    assert [value for _, _, value in broker.sent] == [b"1", b"2", b"3"]
    assert await store.outbox_length(0) == 0


async def test_run_waits_out_a_broker_that_is_down() -> None:
    store, holder = await outbox_of(b"1")
    broker = Broker(failing=2)
    running = asyncio.create_task(relay_of(store, holder, broker).run())
    async with asyncio.timeout(10):
        while await store.outbox_length(0):
            await asyncio.sleep(0.01)
    running.cancel()
    assert len(broker.sent) == 3


async def test_a_former_owner_trims_nothing() -> None:
    store, holder = await outbox_of(b"1")
    await acquire(store, generation=2)
    with pytest.raises(Superseded):
        await relay_of(store, holder, Broker()).send_batch()
    assert await store.outbox_length(0) == 1


async def test_stop_finishes_the_batch_on_its_way() -> None:
    """What Kafka has taken is trimmed: the next owner does not send it again."""
    store, holder = await outbox_of(b"1", b"2")
    acknowledged = asyncio.Event()
    broker = Broker(held=acknowledged)
    relay = relay_of(store, holder, broker)
    running = asyncio.create_task(relay.run())
    while len(broker.sent) < 2:
        await asyncio.sleep(0)
    relay.stop()
    await asyncio.sleep(0.05)
    assert not running.done()
    acknowledged.set()
    async with asyncio.timeout(10):
        await running
    assert await store.outbox_length(0) == 0


async def test_stop_does_not_wait_for_a_broker_that_is_down() -> None:
    store, holder = await outbox_of(b"1")
    broker = Broker(failing=1_000)
    relay = relay_of(store, holder, broker)
    running = asyncio.create_task(relay.run())
    while len(broker.sent) < 3:
        await asyncio.sleep(0.01)
    relay.stop()
    async with asyncio.timeout(0.2):
        await running
    assert await store.outbox_length(0) == 1


async def test_nothing_is_sent_of_a_commit_that_kafka_does_not_know() -> None:
    """If Redis lost it afterwards, nobody would notice that the signals came from a lost future."""
    store, holder = await outbox_of(b"1")
    broker = Broker()
    assert await relay_of(store, holder, broker, told=False).send_batch() == 0
    assert broker.sent == []
    assert await store.outbox_length(0) == 1


async def test_a_commit_is_cleared_while_what_came_before_is_on_its_way() -> None:
    """And leaves with no more than that: what is not cleared yet does not hold it up."""
    store = MemoryStore()
    holder = Holder(await acquire(store, generation=1))
    broker, told, slow = Broker(held=asyncio.Event()), list[int](), asyncio.Event()

    async def tell(partition: int, seq: int) -> bool:
        told.append(seq)
        if seq == 3:
            await slow.wait()
        return True

    relay = Relay(store, cast(Shard, holder), broker, "", Metrics(), tell, set(), backlog=0)
    running = asyncio.create_task(relay.run())

    async def commit(value: int) -> None:
        holder.head = await store.commit(holder.head, Commit(outbox=packed(value)))
        relay.committed(holder.head.seq, packed(value))

    async def until(sent: int) -> None:
        async with asyncio.timeout(5):
            while len(broker.sent) < sent:
                await asyncio.sleep(0)

    await commit(1)
    await until(1)
    for value in (2, 3):
        await commit(value)
        await asyncio.sleep(0.01)
    assert told == [1, 2, 3]
    assert len(broker.sent) == 1
    assert broker.held is not None
    broker.held.set()
    await until(2)
    await relay.wait_acked(2, within_s=5)
    assert not relay.owes(2)
    await relay.wait_acked(3, within_s=0.01)
    assert relay.owes(3)
    slow.set()
    await until(3)
    await relay.wait_acked(3, within_s=5)
    assert not relay.owes(3)
    assert [value for _, _, value in broker.sent] == [b"1", b"2", b"3"]
    relay.stop()
    async with asyncio.timeout(5):
        await running
    assert await store.outbox_length(0) == 0


class Reads(MemoryStore):
    """A store that counts how often its outbox is read."""

    reads = 0

    async def outbox_read(self, head: Head, after: str | None, limit: int) -> list[OutboxEntry]:
        self.reads += 1
        return await super().outbox_read(head, after, limit)


def packed(*values: int) -> list[bytes]:
    return [OutRecord("t", b"k", [], b"%d" % value).pack() for value in values]


async def test_what_this_process_has_committed_is_not_read_again() -> None:
    store = Reads()
    holder = Holder(await acquire(store, generation=1))
    broker = Broker()
    relay = relay_of(store, holder, broker)
    assert await relay.send_batch() == 0
    for value in range(3):
        holder.head = await store.commit(holder.head, Commit(outbox=packed(value)))
        relay.committed(holder.head.seq, packed(value))
        assert await relay.send_batch() == 1
    assert store.reads == 1
    assert [value for _, _, value in broker.sent] == [b"0", b"1", b"2"]
    assert await store.outbox_length(0) == relay.backlog == 0


@settings(deadline=None)
@given(
    st.integers(0, 2),
    st.lists(st.sampled_from(("commit", "commit much", "send", "kafka fails", "redis fails")), max_size=30),
)
async def test_every_record_leaves_in_order_whatever_fails(before: int, steps: list[str]) -> None:
    """Once at least, and only once unless Kafka had failed; what is sent again is so in its order."""
    store, committed = MemoryStore(), 0
    holder = Holder(await acquire(store, generation=1))
    broker = Broker()

    async def commit(count: int) -> list[bytes]:
        nonlocal committed
        records = packed(*range(committed, committed + count))
        committed += count
        holder.head = await store.commit(holder.head, Commit(outbox=records))
        return records

    if before:
        await commit(before * (BATCH_RECORDS - 1))
    relay = relay_of(store, holder, broker)
    trim = store.outbox_trim

    async def away(head: Head, up_to_id: str) -> int:
        raise StoreUnavailable("away")

    for step in steps:
        if step.startswith("commit"):
            count = KNOWN_MAX // 2 if step == "commit much" else 2
            relay.committed(holder.head.seq + 1, await commit(count))
            continue
        broker.failing = step == "kafka fails"
        store.outbox_trim = away if step == "redis fails" else trim  # type: ignore[method-assign]
        with suppress(KafkaError, StoreUnavailable):
            await relay.send_batch()
    broker.failing, store.outbox_trim = 0, trim  # type: ignore[method-assign]
    while await relay.send_batch():
        pass
    values = [int(value or b"") for _, _, value in broker.sent]
    firsts = list(dict.fromkeys(values))
    assert firsts == list(range(committed))
    if "kafka fails" not in steps:
        assert values == firsts
    assert await store.outbox_length(0) == 0
