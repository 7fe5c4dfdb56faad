"""What the state store promises, and the types it speaks.

Two implementations, one contract (tests/contract): `RedisStore`, and `MemoryStore`, its twin in this process.
Customer states and outbox records are opaque bytes here. docs/state.md describes the keys and the commit
protocol.

A shard is one partition of all source topics. Its life with a worker: `acquire` -> (`load`, `commit`)* ->
nothing; there is no release, the next `acquire` fences the old holder. After `Superseded` a worker drops
everything it has cached, acquires again and seeks to the offsets of the new head; it never goes on with the
old one, because after Redis went back in time the outbox ids of the lost commits are used again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import NamedTuple, Protocol

import xxhash

from streamproc.errors import StreamprocError


class StoreError(StreamprocError):
    """The store refused or failed; nothing was written unless the class says otherwise."""


class Fenced(StoreError):
    """A worker of a later generation of the consumer group has acquired the shard: rejoin the group."""


class Superseded(StoreError):
    """The shard is not where this head left it (another owner, or Redis went back in time): acquire again."""


class StateMissing(StoreError):
    """The shard has no head, and the caller did not allow to create one."""


class StateMismatch(StoreError):
    """The stored state has another layout version or another number of partitions."""


class StateCorrupt(StoreError):
    """A key holds what this program never writes there (another type, a state without a head)."""


class StoreUnavailable(StoreError):
    """Redis did not serve the request within the retries.

    A commit may have been applied or not, or may be yet: acquire again, which rules out the latter, and the
    head says which it was.
    """


class RedisConfigError(StoreError):
    """Redis is set up or addressed so that state would not be safe."""


def superseded(partition: int, what: str, stored: object, ours: object) -> Superseded:
    """The error that says which part of the head differs."""
    return Superseded(f"partition {partition}: {what} is {stored!r} in the store, {ours!r} here")


#: Head fields that have a meaning of their own; `extra` may not use them, nor the prefixes `off:` and `max:`.
RESERVED_FIELDS = frozenset(
    (
        *("layout", "partitions", "epoch", "owner", "generation", "member"),
        *("seq", "commit", "rewinds", "time_ms", "has"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where a shard stands: its fence (epoch, owner), its count of commits (seq), what moves with them."""

    partition: int
    layout: int
    partitions: int  #: number of partitions of the source topics
    epoch: int  #: raised by every acquire
    owner: str  #: token of this acquisition: Redis may go back in time and hand out an epoch twice
    generation: int  #: of the consumer group
    member: str  #: life of the consumer group; generations are compared only within one
    seq: int  #: commits so far
    commit: str  #: id of the last commit
    rewinds: int  #: how often Redis was found to have gone back in time
    time_ms: int | None  #: shard time; None before the first accepted event
    offsets: Mapping[str, int]  #: topic -> next offset to apply
    max_ms: Mapping[str, int]  #: topic -> greatest accepted event time; topics without one are absent
    has: frozenset[str]  #: which of the keys that never go again exist by now: "state", "minutes", "outbox"
    extra: Mapping[str, bytes]  #: what else the pipeline keeps with the shard (rules, counters)

    def since(self, held: "Head | None") -> "Head":
        """This freshly acquired head, knowing that this process held `held` before.

        `rewinds` is raised if Redis is behind `held`; the next commit stores it.
        """
        if held is None:
            return self
        rewinds = max(self.rewinds, held.rewinds)
        return replace(self, rewinds=rewinds + 1 if self.seq < held.seq else rewinds)


@dataclass(slots=True, kw_only=True)
class Commit:
    """All that changes in one atomic step. Values are absolute; what is not named stays as it is."""

    #: (customer id, packed state); of repeats the last one holds
    states: Sequence[tuple[bytes, bytes]] = ()
    #: due lists to delete; this happens before `due` is added
    consumed_minutes: Collection[int] = ()
    #: minute -> entries (keys.due_entry) to append to its list
    due: Mapping[int, Sequence[bytes]] = field(default_factory=dict)
    #: those of `due` that have a list already, and so must have one in the store
    listed: Collection[int] = ()
    #: records for Kafka, in order
    outbox: Sequence[bytes] = ()
    #: topic -> next offset
    offsets: Mapping[str, int] = field(default_factory=dict)
    #: topic -> greatest accepted event time
    max_ms: Mapping[str, int] = field(default_factory=dict)
    #: shard time; None leaves it
    time_ms: int | None = None
    extra: Mapping[str, bytes] = field(default_factory=dict)

    def id_for(self, head: Head) -> str:
        """16 hex digits that tell this commit on top of `head` from any other.

        A worker whose connection broke in the middle of a commit recognises its own commit by them.
        """
        due = sorted(self.due.items())
        small = (
            (head.partition, head.epoch, head.owner, head.seq, head.rewinds),
            (len(self.states), len(self.outbox)),
            (sorted(self.consumed_minutes), [(minute, len(entries)) for minute, entries in due]),
            (self.time_ms, *(sorted(each.items()) for each in (self.offsets, self.max_ms, self.extra))),
        )
        digest = xxhash.xxh3_64(repr(small).encode())
        for values in (chain.from_iterable(self.states), self.outbox, *(all_ for _, all_ in due)):
            digest.update(b"".join(values))
        return digest.hexdigest()

    def _makes(self) -> set[str]:
        made = {"state": self.states, "minutes": any(self.due.values()), "outbox": self.outbox}
        return {name for name, content in made.items() if content}

    def after(self, head: Head) -> Head:
        """The head once this commit is applied on top of `head`.

        Raises ValueError if `extra` uses a reserved name.
        """
        for name in self.extra:
            if name in RESERVED_FIELDS or name.startswith(("off:", "max:")):
                raise ValueError(f"the head field {name!r} is reserved")
        return replace(
            head,
            seq=head.seq + 1,
            commit=self.id_for(head),
            time_ms=head.time_ms if self.time_ms is None else self.time_ms,
            offsets={**head.offsets, **self.offsets},
            max_ms={**head.max_ms, **self.max_ms},
            has=head.has | self._makes(),
            extra={**head.extra, **self.extra},
        )


class OutboxEntry(NamedTuple):
    """A record on its way to Kafka. Its id is `<seq>-<i>`: number i of the commit that made seq `seq`."""

    id: str
    record: bytes


def place_of(id: str) -> tuple[int, int]:
    """Where the entry of that id stands in its outbox: its commit, and its number in it."""
    seq, i = id.split("-")
    return int(seq), int(i)


class Store(Protocol):
    """State of the shards of one installation.

    Methods that take a Head raise Superseded if it is no longer true. Every method raises StoreUnavailable
    when Redis cannot be reached or will not serve within the retries, and StateCorrupt when a key has the
    wrong type.
    """

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
        """Take the shard and fence off whoever held it.

        `offsets_if_new` gives the first offset of each source topic, used for topics the shard does not know
        yet. `member` names the life of the consumer group (its id and when it was first joined): a stored
        generation above `generation` counts only if the stored member is the same. Raises Fenced,
        StateMismatch, and StateMissing if there is no head and `create` is false.
        """

    async def reload(self, head: Head) -> Head:
        """The head as it is stored now, with the same owner and a seq not below `head`'s."""

    async def load(self, head: Head, customers: Sequence[bytes]) -> list[bytes | None]:
        """The packed states of these customers, in their order; None for an unknown customer."""

    async def commit(self, head: Head, commit: Commit) -> Head:
        """Apply `commit` on top of `head`, all of it or nothing; the new head, with seq + 1.

        The same commit again, while no other followed, changes nothing and gives the same head. So a broken
        connection is retried until the outcome is known.
        Raises ValueError if `commit.extra` uses a reserved name.
        """

    async def minutes(self, head: Head) -> list[int]:
        """The minutes (since 1970) that have a due list, rising."""

    async def due_entries(self, head: Head, minute: int) -> list[tuple[int, bytes]]:
        """(due_ms, customer id) for every entry of the list of `minute`, in the order they were added."""

    async def outbox_read(self, head: Head, after: str | None, limit: int) -> list[OutboxEntry]:
        """The oldest entries behind the id `after` (None: from the start), at most `limit`.

        Any head of the same acquisition will do here and in `outbox_trim`: the relay runs beside the commits.
        """

    async def await_replicas(self, head: Head, seq: int) -> None:
        """Return once the commit that made `seq` is on the replicas that must have it, so that a failover keeps it.

        Raises StoreUnavailable if that takes too long.
        """

    async def outbox_trim(self, head: Head, up_to_id: str) -> int:
        """Remove the entries up to and including `up_to_id`; how many there were."""

    async def outbox_length(self, partition: int) -> int:
        """Number of records that wait for Kafka."""

    async def scan(self, head: Head, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """One step of a walk over all customers: start with cursor 0, stop when 0 comes back.

        About `count` customers a step. Who is there from beginning to end is seen at least once; repeats
        happen.
        """

    async def browse(self, partition: int, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """As `scan`, without owning the shard: its worker may change states meanwhile."""

    async def get(self, partition: int, customer: bytes) -> bytes | None:
        """The packed state of one customer, without owning the shard."""

    async def read_head(self, partition: int) -> Head | None:
        """The stored head, without owning the shard."""

    async def customers(self, partition: int) -> int:
        """Number of customers of the shard."""

    async def reset_generation(self, partition: int) -> bool:
        """Let any generation acquire the shard next: the group was deleted. False if there is no head."""

    async def wipe(self, partition: int) -> int:
        """Delete the shard, head first, so that its owner is fenced; how many customers there were."""

    async def controls(self) -> dict[str, str]:
        """What `set_control` has said, by name."""

    async def set_control(self, name: str, value: str | None) -> None:
        """Say something to all workers; None: take it back."""

    async def check_server(self) -> list[str]:
        """Warnings about the server's set-up. Raises RedisConfigError for what makes state unsafe."""

    async def aclose(self) -> None:
        """Close the connections."""
