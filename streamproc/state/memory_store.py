"""The state store in this process: the twin of `RedisStore`, for fast tests and for backtests.

Its methods never wait in between, so each of them is atomic. Two workers that share one `MemoryStore` behave
like two workers on one Redis.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from streamproc.state.keys import read_due_entry
from streamproc.state.refusals import Bid, gone, refused
from streamproc.state.store import Commit, Head, OutboxEntry, place_of, superseded


@dataclass(slots=True)
class _Shard:
    head: Head
    states: dict[bytes, bytes] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)  # customers in the order they came; places never change
    due: dict[int, list[bytes]] = field(default_factory=dict)
    outbox: dict[tuple[int, int], bytes] = field(default_factory=dict)  # (seq, i) -> record, ids rising


class MemoryStore:
    """State of all shards in dictionaries. `store.Store` says what each method promises."""

    def __init__(self) -> None:
        self._shards: dict[int, _Shard] = {}
        self._controls: dict[str, str] = {}

    async def acquire(
        self,
        partition: int,
        *,
        generation: int,
        member: str,
        partitions: int,
        layout: int,
        offsets_if_new: Mapping[str, int],
        create: bool,
    ) -> Head:
        """See Store.acquire."""
        bid = Bid(
            partition=partition, generation=generation, member=member, partitions=partitions, layout=layout
        )
        shard = self._shards.get(partition)
        if shard is None:
            if not create:
                raise refused(bid, "missing")
            shard = self._shards[partition] = _Shard(_first_head(bid))
        head = shard.head
        if head.layout != layout:
            raise refused(bid, "layout", [str(head.layout)])
        if head.partitions != partitions:
            raise refused(bid, "partitions", [str(head.partitions)])
        if head.member == member and head.generation > generation:
            raise refused(bid, "fenced", [str(head.generation)])
        shard.head = replace(
            head,
            epoch=head.epoch + 1,
            owner=secrets.token_hex(8),
            generation=generation,
            member=member,
            offsets={**offsets_if_new, **head.offsets},
        )
        return shard.head

    async def reload(self, head: Head) -> Head:
        """See Store.reload."""
        shard = self._owned(head)
        if shard.head.seq < head.seq:
            raise superseded(head.partition, "seq", shard.head.seq, head.seq)
        return shard.head

    async def load(self, head: Head, customers: Sequence[bytes]) -> list[bytes | None]:
        """See Store.load."""
        states = self._held(head).states
        return [states.get(customer) for customer in customers]

    async def commit(self, head: Head, commit: Commit) -> Head:
        """See Store.commit."""
        after = commit.after(head)
        shard = self._owned(head)
        if (shard.head.seq, shard.head.commit) == (after.seq, after.commit):
            return after
        shard = self._held(head)
        if shard.head.offsets != head.offsets:
            raise superseded(head.partition, "offsets", shard.head.offsets, head.offsets)
        for minute in commit.listed:
            if minute not in shard.due:
                raise gone(head.partition, f"due:{minute}".encode())
        for customer, packed in commit.states:
            if customer not in shard.states:
                shard.seen.append(customer)
            shard.states[customer] = packed
        for minute in commit.consumed_minutes:
            shard.due.pop(minute, None)
        for minute, entries in commit.due.items():
            if entries:
                shard.due.setdefault(minute, []).extend(entries)
        shard.outbox.update(((after.seq, i), record) for i, record in enumerate(commit.outbox))
        shard.head = replace(after, generation=shard.head.generation)  # it may have been reset meanwhile
        return after

    async def minutes(self, head: Head) -> list[int]:
        """See Store.minutes."""
        return sorted(self._held(head).due)

    async def due_entries(self, head: Head, minute: int) -> list[tuple[int, bytes]]:
        """See Store.due_entries."""
        return [read_due_entry(minute, entry) for entry in self._held(head).due.get(minute, ())]

    async def outbox_read(self, head: Head, after: str | None, limit: int) -> list[OutboxEntry]:
        """See Store.outbox_read."""
        outbox = self._owned(head).outbox
        start = (-1, -1) if after is None else place_of(after)
        keys = [key for key in outbox if key > start][:limit]
        return [OutboxEntry(f"{seq}-{i}", outbox[seq, i]) for seq, i in keys]

    async def await_replicas(self, head: Head, seq: int) -> None:
        """See Store.await_replicas. There are none."""
        shard = self._owned(head)
        if shard.head.seq < seq:
            raise superseded(head.partition, "seq", shard.head.seq, seq)

    async def outbox_trim(self, head: Head, up_to_id: str) -> int:
        """See Store.outbox_trim."""
        shard = self._owned(head)
        last = place_of(up_to_id)
        gone = [key for key in shard.outbox if key <= last]
        for key in gone:
            del shard.outbox[key]
        return len(gone)

    async def outbox_length(self, partition: int) -> int:
        """See Store.outbox_length."""
        shard = self._shards.get(partition)
        return len(shard.outbox) if shard else 0

    async def scan(self, head: Head, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """See Store.scan."""
        return _part(self._held(head), cursor, count)

    async def browse(self, partition: int, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """See Store.browse."""
        shard = self._shards.get(partition)
        return _part(shard, cursor, count) if shard else (0, [])

    async def get(self, partition: int, customer: bytes) -> bytes | None:
        """See Store.get."""
        shard = self._shards.get(partition)
        return shard.states.get(customer) if shard else None

    async def read_head(self, partition: int) -> Head | None:
        """See Store.read_head."""
        shard = self._shards.get(partition)
        return shard.head if shard else None

    async def customers(self, partition: int) -> int:
        """See Store.customers."""
        shard = self._shards.get(partition)
        return len(shard.states) if shard else 0

    async def reset_generation(self, partition: int) -> bool:
        """See Store.reset_generation."""
        shard = self._shards.get(partition)
        if shard is None:
            return False
        shard.head = replace(shard.head, generation=0)
        return True

    async def wipe(self, partition: int) -> int:
        """See Store.wipe."""
        shard = self._shards.pop(partition, None)
        return len(shard.states) if shard else 0

    async def controls(self) -> dict[str, str]:
        """See Store.controls."""
        return dict(self._controls)

    async def set_control(self, name: str, value: str | None) -> None:
        """See Store.set_control."""
        if value is None:
            self._controls.pop(name, None)
        else:
            self._controls[name] = value

    async def check_server(self) -> list[str]:
        """See Store.check_server."""
        return ["state is kept in memory and ends with this process"]

    async def aclose(self) -> None:
        """See Store.aclose."""

    def _held(self, head: Head) -> _Shard:
        """The shard, if `head` is where it stands."""
        shard = self._owned(head)
        if shard.head.seq != head.seq:
            raise superseded(head.partition, "seq", shard.head.seq, head.seq)
        return shard

    def _owned(self, head: Head) -> _Shard:
        """The shard, if the holder of `head` owns it."""
        shard = self._shards.get(head.partition)
        if shard is None:
            raise superseded(head.partition, "epoch", None, head.epoch)
        if shard.head.epoch != head.epoch:
            raise superseded(head.partition, "epoch", shard.head.epoch, head.epoch)
        if shard.head.owner != head.owner:
            raise superseded(head.partition, "owner", shard.head.owner, head.owner)
        return shard


def _first_head(bid: Bid) -> Head:
    """The head of a new shard, before its first owner."""
    return Head(
        partition=bid.partition,
        layout=bid.layout,
        partitions=bid.partitions,
        epoch=0,
        owner="",
        generation=0,
        member="",
        seq=0,
        commit="",
        rewinds=0,
        time_ms=None,
        offsets={},
        max_ms={},
        has=frozenset(),
        extra={},
    )


def _part(shard: _Shard, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Some of its customers, and the cursor to go on with."""
    end = cursor + count
    found = [
        (customer, shard.states[customer]) for customer in shard.seen[cursor:end] if customer in shard.states
    ]
    return end if end < len(shard.seen) else 0, found
