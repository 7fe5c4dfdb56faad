"""What a shard in a worker's hands does next: here, whether its timers wait."""

from types import SimpleNamespace
from typing import cast

import pytest

from streamproc.clock import monotonic_s
from streamproc.contracts.outbox import OutRecord
from streamproc.held import Held, Reader
from streamproc.pace import Traffic
from streamproc.pipeline import Batch, Shard
from streamproc.settings import Settings
from streamproc.state.memory_store import MemoryStore
from streamproc.state.store import Commit
from tests.unit.test_relay import Broker, Holder, acquire, relay_of

SIGNAL = OutRecord("segments.changes", b"k", [("ce_id", b"1")], b"{}").pack()


async def held_by() -> tuple[Held, MemoryStore]:
    """A shard that has no Kafka to read from."""
    store = MemoryStore()
    shard = SimpleNamespace(head=await acquire(store, generation=1), sent=())
    relay = relay_of(store, cast(Holder, shard), Broker())
    return Held(cast(Shard, shard), relay, cast(Reader, None), Settings(), Traffic()), store


async def fire(held: Held, store: MemoryStore, signals: int = 1) -> None:
    """Timers of a customer."""
    shard = cast(SimpleNamespace, held.shard)
    shard.sent = [SIGNAL] * signals
    shard.head = await store.commit(shard.head, Commit(outbox=shard.sent))
    held.stepped(Batch(None, ["c"], 0, 0, []))


async def test_beside_events_timers_wait_until_kafka_has_the_last_portion_but_one() -> None:
    held, store = await held_by()
    held.traffic.note(monotonic_s())
    await fire(held, store)
    assert not held.timers_wait  # the next may be computed while these are sent
    await fire(held, store)
    assert held.timers_wait
    await held.relay.send_batch()
    assert not held.timers_wait


async def test_without_events_timers_wait_for_many_signals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamproc.held._SIGNALS_AHEAD_MAX", 3)
    held, store = await held_by()
    for _ in range(3):
        await fire(held, store)
        assert not held.timers_wait
    await fire(held, store)
    assert held.timers_wait


async def test_events_are_noted() -> None:
    held, _ = await held_by()
    held.stepped(Batch(None, [], 0, 0, []))
    assert not held.traffic.flows(monotonic_s())
    held.stepped(cast(Batch, SimpleNamespace(slice=object(), due=[], recheck=[])))
    assert held.traffic.flows(monotonic_s())
