"""Names of the Redis keys of one shard, and the form of an entry of a due list.

Every key of shard (source partition) p carries the hash tag `{p}`: Redis Cluster hashes only what stands
between the braces, so all keys of a shard live in one slot and can change in one transaction. docs/state.md
says what each key holds.
"""

import re
from dataclasses import dataclass

from streamproc.errors import StreamprocError

MINUTE_MS = 60_000
SECOND_MS = 1_000

#: The last member of `minutes`, behind all that are.
END = b"end"

#: What Kafka allows in a topic name. No colon, so that names cannot run into each other; no brace, because
#: the first brace of a key starts its hash tag.
_NAME = re.compile(r"[A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class ShardKeys:
    """The keys of one shard. `base` ends with the hash tag, for example `sp:prod:streamproc:{3}`."""

    base: str

    @property
    def head(self) -> bytes:
        """Hash: where the shard stands."""
        return f"{self.base}:head".encode()

    @property
    def state(self) -> bytes:
        """Hash: customer id -> packed state."""
        return f"{self.base}:state".encode()

    @property
    def minutes(self) -> bytes:
        """Sorted set: the minutes that have a due list; and from the first one on `END`, so that it never goes."""
        return f"{self.base}:minutes".encode()

    @property
    def outbox(self) -> bytes:
        """Stream: records that Kafka has not acknowledged yet."""
        return f"{self.base}:outbox".encode()

    @property
    def relayed(self) -> bytes:
        """String: the commit up to which the relay last asked the replicas."""
        return f"{self.base}:relayed".encode()

    def due(self, minute: int) -> bytes:
        """List: the customers to look at in this minute (minutes since 1970)."""
        return f"{self.base}:due:{minute}".encode()


@dataclass(frozen=True, slots=True)
class Keyspace:
    """All keys of one installation: a prefix (may be empty) and a consumer group.

    Raises StreamprocError if one of them holds a character that Kafka does not allow in a topic name.
    """

    prefix: str
    group: str

    def __post_init__(self) -> None:
        for what, name in (("prefix", self.prefix), ("group", self.group)):
            if not _NAME.fullmatch(name):
                raise StreamprocError(
                    f"the {what} {name!r} cannot be part of a Redis key",
                    fix="use letters, digits, dot, hyphen and underscore only",
                )
        if not self.group:
            raise StreamprocError("the group is empty", fix="set STREAMPROC_GROUP")

    @property
    def controls(self) -> bytes:
        """Hash: what operators say of campaigns. Of all shards, so it has no hash tag, and no commit writes it."""
        return f"sp:{self.prefix}:{self.group}:controls".encode()

    def shard(self, partition: int) -> ShardKeys:
        """The keys of source partition `partition`."""
        return ShardKeys(f"sp:{self.prefix}:{self.group}:{{{partition}}}")


def minute_of(due_ms: int) -> int:
    """The due list that an instant (epoch ms) belongs to, in minutes since 1970."""
    return due_ms // MINUTE_MS


def due_entry(due_ms: int, customer: bytes) -> bytes:
    """An entry of the list of `minute_of(due_ms)`: one byte, the second of the minute, then the customer id.

    Parts of a second are cut off: an entry may be early, never late.
    """
    return bytes((due_ms % MINUTE_MS // SECOND_MS,)) + customer


def read_due_entry(minute: int, entry: bytes) -> tuple[int, bytes]:
    """The instant (epoch ms, a whole second) and the customer of an entry of the list of `minute`."""
    return minute * MINUTE_MS + entry[0] * SECOND_MS, entry[1:]
