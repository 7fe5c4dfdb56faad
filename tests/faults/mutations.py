"""Deliberate bugs. A suite that does not notice them proves nothing: each must make a run of it fail.

They are put into a worker of the suite from outside (`FAULTS_MUTATION=name`); no user can switch them on.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from streamproc.clock import wall_ms
from streamproc.relay import Relay
from streamproc.shards import Shards
from streamproc.state import redis_commit, redis_store
from streamproc.transport.chunks import Chunk
from streamproc.transport.handover import Handover


def no_compare_and_set() -> None:
    """Commits are written whatever the head says: no look at epoch, owner, seq or offsets, no WATCH."""

    async def blind(connection: Any, steps: Sequence[Any]) -> None:
        for step in steps:
            await redis_commit.exchange(connection, [(b"MULTI",)])
            writes = redis_commit._writes(step.keys, step.head, step.commit, step.after)
            await redis_commit.execute(connection, list(writes))

    redis_commit.apply_steps = blind
    _forget_the_fence(("epoch", "owner", "seq"))


def no_epoch() -> None:
    """Anybody may write to a shard whose seq and offsets are as expected."""
    _forget_the_fence(("epoch", "owner"))


def no_type_check() -> None:
    """A key of the wrong type is noticed by the command that fails inside the transaction, which goes on."""
    redis_commit._check_types = lambda types, found: None


def trim_before_ack() -> None:
    """The outbox is trimmed when records were given to the producer, not when Kafka has them."""

    async def send_batch(self: Any) -> int:
        head = self._shard.head
        entries: Sequence[Any] = await self._store.outbox_read(head, None, 1_000)
        if entries:
            await self._store.outbox_trim(head, entries[-1].id)
            await self._send(entries)
        return len(entries)

    Relay.send_batch = send_batch  # type: ignore[method-assign]


def no_void() -> None:
    """What was fetched before a seek still counts after it: for the consumer, and for the shard it is handed to."""

    async def deliver(self: Any, chunk: Chunk) -> None:
        while (held := self.held.get(chunk.partition)) is None or held.stopping or not held.tasks:
            await asyncio.sleep(0.01)
        topic = self._code(chunk.topic)
        held.shard.put(topic, chunk.records, chunk.next_offset, wall_ms())
        held.received[topic] = chunk.next_offset
        held.stirred.set()

    Handover.is_current = lambda self, chunk: True  # type: ignore[method-assign]
    Shards.deliver = deliver  # type: ignore[method-assign]


MUTATIONS: Final[Mapping[str, Callable[[], None]]] = {
    mutation.__name__: mutation
    for mutation in (no_compare_and_set, no_epoch, no_type_check, trim_before_ack, no_void)
}


def _forget_the_fence(names: tuple[str, ...]) -> None:
    """Make the comparison of stored and expected head fields blind for some of them."""
    original = redis_store.check

    def check(partition: int, expected: Mapping[str, bytes | None], stored: Sequence[bytes | None]) -> None:
        seen = [(name, found) for name, found in zip(expected, stored, strict=True) if name not in names]
        original(partition, {name: expected[name] for name, _ in seen}, [found for _, found in seen])

    redis_store.check = check
    redis_commit.check = check
