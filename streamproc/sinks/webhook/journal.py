"""What the webhooks must not forget, in Redis: messages that wait, how far topics are read, whether we are wanted.

Who reads a partition claims it first; who is not its last claimant is refused (Superseded), and so is who reads on from
another offset than the one that is stored: Redis may have lost its last moments, and then the topic is read again from
where it stands. docs/state.md describes the keys.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from streamproc.sinks.webhook.message import Message, pack, unpack
from streamproc.state.keys import Keyspace
from streamproc.state.redis_link import Script, chunks
from streamproc.state.redis_server import examine
from streamproc.state.redis_servers import Servers, open_servers
from streamproc.state.store import StateCorrupt

T = TypeVar("T")

#: Of the newest that were given up, so many are kept.
DEAD_MAX: Final = 1_000
#: Messages of one request: some megabytes at most, of some kilobytes each.
_SOME: Final = 500


class Superseded(Exception):
    """The partition is not ours, or not where we left it: claim it anew and read on from what the claim returns."""


class DeadLetter(Struct, gc=False):
    """A message that was given up: when and why."""

    partition: int
    message: Message
    given_up_ms: int
    reason: str


class Disabled(Struct):
    """Since when nothing is sent to the receiver, and what it said."""

    since_ms: int
    detail: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A partition in our hands. `next_offset`: where to read on; None: nobody has read it yet."""

    partition: int
    owner: str
    next_offset: int | None
    messages: list[Message]


class Journal:
    """The journal of one installation, for the receiver at `url`. Connects when it is used.

    All methods raise StoreError, among them StoreUnavailable when Redis did not answer within the link's patience.
    """

    def __init__(self, servers: Servers, *, prefix: str, group: str, url: str, name: str = "") -> None:
        """`name`: the receiver's, if there are several. Raises StreamprocError for a prefix or a group that cannot be
        part of a key.
        """
        keyspace = Keyspace(prefix, group)
        # One hash tag: all keys live in one slot of a Redis Cluster.
        tag = f"webhook.{name}" if name else "webhook"
        self._base = f"sp:{keyspace.prefix}:{keyspace.group}:{{{tag}}}"
        self._link = servers.at(self._base.encode())
        self._receiver = hashlib.sha256(url.encode()).hexdigest()
        self._note = Script("note", "streamproc.sinks.webhook")

    @property
    def _reading(self) -> bytes:
        """Hash: `owner:<p>`, the last claimant of a partition; `next:<p>`, the next offset to read."""
        return f"{self._base}:reading".encode()

    def _pending(self, partition: int) -> bytes:
        """Hash: offset:id -> packed message."""
        return f"{self._base}:pending:{partition}".encode()

    @property
    def _dead(self) -> bytes:
        """Stream: dead letters, the newest last."""
        return f"{self._base}:dead".encode()

    @property
    def _disabled(self) -> bytes:
        """Hash: SHA-256 of a receiver's URL -> since when it is disabled, and why. (A URL may hold a token.)"""
        return f"{self._base}:disabled".encode()

    # -- partitions

    async def claim(self, partition: int) -> Claim:
        """Take a partition: from now on its former holder is refused."""
        owner = secrets.token_hex(8)
        _, stored = await self._link.ask(
            (b"HSET", self._reading, f"owner:{partition}", owner),
            (b"HGET", self._reading, f"next:{partition}"),
        )
        messages = [message async for message in self.pending(partition)]
        return Claim(partition, owner, None if stored is None else int(stored), messages)

    async def read_on(self, claim: Claim, known: int | None, after: int, messages: Sequence[Message]) -> None:
        """Messages of the topic wait from now on, and it is read to `after`; `known` was noted before.

        In one step, but for many messages: then the offset goes with the last of them. Raises Superseded.
        """
        batches = list(chunks(messages, _SOME)) or [()]
        for some in batches[:-1]:
            await self._write(claim, puts=some)
        await self._write(claim, puts=batches[-1], read=(known, after))

    async def postpone(self, claim: Claim, message: Message) -> None:
        """A message waits as it is now. Raises Superseded."""
        await self._write(claim, puts=[message])

    async def finish(self, claim: Claim, message: Message) -> None:
        """A message is delivered. Raises Superseded."""
        await self._write(claim, removes=[(message, None)])

    async def give_up(self, claim: Claim, letters: Sequence[DeadLetter]) -> None:
        """Messages are given up and kept as dead letters, the newest 1,000. Raises Superseded."""
        for some in chunks(letters, _SOME):
            await self._write(claim, removes=[(letter.message, letter) for letter in some])

    async def _write(
        self,
        claim: Claim,
        *,
        puts: Sequence[Message] = (),
        removes: Sequence[tuple[Message, DeadLetter | None]] = (),
        read: tuple[int | None, int] | None = None,
    ) -> None:
        known, after = ("", "") if read is None else ("" if read[0] is None else read[0], read[1])
        args: list[bytes | str | int] = [claim.partition, claim.owner, known, after, DEAD_MAX]
        args += [len(puts), len(removes)]
        for message in puts:
            args += [_field(message), pack(message)]
        for message, letter in removes:
            args += [_field(message), b"" if letter is None else msgspec.msgpack.encode(letter)]
        keys = (self._reading, self._pending(claim.partition), self._dead)
        status, *reply = await self._link.script(self._note, keys, args)
        if status != b"ok":
            raise Superseded(f"partition {claim.partition}: {b' '.join(reply).decode()}")

    # -- the receiver

    async def disabled(self) -> Disabled | None:
        """Whether the receiver has said that it wants nothing any more."""
        stored = await self._link.call(b"HGET", self._disabled, self._receiver)
        return None if stored is None else msgspec.msgpack.decode(stored, type=Disabled)

    async def disable(self, disabled: Disabled) -> None:
        """Nothing is to be sent to the receiver until it is enabled."""
        await self._link.call(b"HSET", self._disabled, self._receiver, msgspec.msgpack.encode(disabled))

    async def enable(self) -> bool:
        """Send again, whoever the receiver was that did not want it. Whether there was one."""
        return bool(await self._link.call(b"UNLINK", self._disabled))

    # -- to look at

    async def partitions(self) -> dict[int, int | None]:
        """The partitions that were ever claimed, and where each is read on."""
        flat: list[bytes] = await self._link.call(b"HGETALL", self._reading)
        fields = {name.decode(): value.decode() for name, value in _pairs(flat)}
        claimed = sorted(int(name.removeprefix("owner:")) for name in fields if name.startswith("owner:"))
        nexts = {partition: fields.get(f"next:{partition}") for partition in claimed}
        return {partition: None if at is None else int(at) for partition, at in nexts.items()}

    async def pending(self, partition: int) -> AsyncIterator[Message]:
        """The messages of a partition that wait, in no order."""
        cursor, seen = b"0", set()
        while True:
            cursor, flat = await self._link.call(b"HSCAN", self._pending(partition), cursor, b"COUNT", _SOME)
            for field, packed in _pairs(flat):
                if field not in seen:  # a scan may show one twice
                    seen.add(field)
                    yield _read(unpack, packed)
            if cursor == b"0":
                return

    async def dead(self) -> list[DeadLetter]:
        """What was given up, the newest last."""
        return [letter for _, letter in await self.dead_entries()]

    async def dead_entries(self) -> list[tuple[bytes, DeadLetter]]:
        """The same, each with what `forget` calls it."""
        entries = await self._link.call(b"XRANGE", self._dead, b"-", b"+")
        return [(entry, _read(_LETTERS.decode, fields[1])) for entry, fields in entries]

    async def forget(self, entries: Sequence[bytes]) -> None:
        """Dead letters that were delivered after all."""
        await self._link.call(b"XDEL", self._dead, *entries)

    async def check_server(self) -> list[str]:
        """Warnings about the server. Raises RedisConfigError if what is written there is not safe."""
        return await examine(self._link)


_LETTERS: Final = msgspec.msgpack.Decoder(DeadLetter)


@asynccontextmanager
async def open_journal(
    redis: str, *, prefix: str, group: str, url: str, name: str = ""
) -> AsyncIterator[Journal]:
    """The journal in the Redis at a URL; `url` and `name` are the receiver's. Raises StreamprocError."""
    servers = open_servers(redis)
    try:
        yield Journal(servers, prefix=prefix, group=group, url=url, name=name)
    finally:
        await servers.aclose()


def _field(message: Message) -> str:
    return f"{message.offset}:{message.id}"


def _pairs(flat: Sequence[bytes]) -> Iterator[tuple[bytes, bytes]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _read(decode: Callable[[bytes], T], packed: bytes) -> T:
    try:
        return decode(packed)
    except msgspec.DecodeError as error:
        raise StateCorrupt(
            f"Redis holds something that is no webhook message: {error}",
            fix="another version wrote it, or another program: see docs/state.md",
        ) from error
