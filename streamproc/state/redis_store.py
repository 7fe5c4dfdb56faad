"""The state store on Redis 7.0 or later, or Valkey. `store.Store` says what each method promises."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from streamproc.state.keys import Keyspace, ShardKeys, read_due_entry
from streamproc.state.redis_commit import Commits, Step
from streamproc.state.redis_head import check, check_owner, fence, ownership, parse_head
from streamproc.state.redis_link import RedisLink, Script, chunks
from streamproc.state.redis_node import Command
from streamproc.state.redis_replicas import Replicas
from streamproc.state.redis_server import examine
from streamproc.state.redis_servers import open_servers
from streamproc.state.refusals import Bid, refused
from streamproc.state.store import Commit, Head, OutboxEntry, place_of, superseded

#: Customers in one HMGET and entries in one LRANGE: some milliseconds of the server's time.
_CHUNK = 4_000


class RedisStore:
    """State in the Redis at `url` (`redis_url`), under the keys `sp:<prefix>:<group>:...`. Connects when it is used.

    A request waits `socket_timeout_s` for a reply and is tried `attempts` times within `patience_s` seconds.
    `replicas` must hold a commit before its signals leave; None: one, if any is connected.
    Raises RedisConfigError for a URL that cannot be used, StreamprocError for a prefix or group that cannot
    be part of a key.
    """

    def __init__(
        self,
        url: str,
        *,
        prefix: str,
        group: str,
        socket_timeout_s: float = 5.0,
        attempts: int = 6,
        patience_s: float = 30.0,
        replicas: int | None = None,
    ) -> None:
        self._keyspace = Keyspace(prefix, group)
        self._servers = open_servers(
            url, socket_timeout_s=socket_timeout_s, attempts=attempts, patience_s=patience_s
        )
        self._commits, self._replicas = Commits(), Replicas(replicas)
        self._acquire = Script("acquire")
        self._trim = Script("trim")
        self._reset_generation = Script("reset_generation")

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
        keys, link = self._shard(partition)
        owner = secrets.token_hex(8)
        args: list[bytes | str | int] = [owner, generation, member, partitions, layout, int(create)]
        for topic, offset in offsets_if_new.items():
            args += (topic, offset)
        status, *reply = await link.script(
            self._acquire, (keys.head, keys.state, keys.minutes, keys.outbox), args
        )
        head = parse_head(partition, reply) if status == b"ok" else None
        if head is None:
            bid = Bid(
                partition=partition,
                generation=generation,
                member=member,
                partitions=partitions,
                layout=layout,
            )
            raise refused(bid, status.decode(), [part.decode() for part in reply])
        return head

    async def reload(self, head: Head) -> Head:
        """See Store.reload."""
        stored = await self.read_head(head.partition)
        if stored is None:
            raise superseded(head.partition, "epoch", None, head.epoch)
        check(head.partition, ownership(head), list(ownership(stored).values()))
        if stored.seq < head.seq:
            raise superseded(head.partition, "seq", stored.seq, head.seq)
        return stored

    async def load(self, head: Head, customers: Sequence[bytes]) -> list[bytes | None]:
        """See Store.load. Every 4,000 customers are one request; all show the same seq, so they agree."""
        key = self._keyspace.shard(head.partition).state
        found: list[bytes | None] = []
        for some in chunks(customers, _CHUNK):
            found += await self._read(head, (b"HMGET", key, *some))
        return found

    async def commit(self, head: Head, commit: Commit) -> Head:
        """See Store.commit."""
        after = commit.after(head)
        keys, link = self._shard(head.partition)
        await self._commits.apply(Step(link, keys, head, commit, after))
        return after

    async def minutes(self, head: Head) -> list[int]:
        """See Store.minutes."""
        found = await self._read(head, _minutes(self._keyspace.shard(head.partition)))
        return [int(minute) for minute in found]

    async def due_entries(self, head: Head, minute: int) -> list[tuple[int, bytes]]:
        """See Store.due_entries."""
        key = self._keyspace.shard(head.partition).due(minute)
        found: list[bytes] = []
        while True:
            some = await self._read(head, (b"LRANGE", key, len(found), len(found) + _CHUNK - 1))
            found += some
            if len(some) < _CHUNK:
                return [read_due_entry(minute, entry) for entry in found]

    async def outbox_read(self, head: Head, after: str | None, limit: int) -> list[OutboxEntry]:
        """See Store.outbox_read."""
        key = self._keyspace.shard(head.partition).outbox
        start = "-" if after is None else f"({after}"
        entries = await self._read(
            head, (b"XRANGE", key, start, b"+", b"COUNT", limit), expected=ownership(head)
        )
        return [OutboxEntry(id.decode(), record) for id, (_, record) in entries]

    async def await_replicas(self, head: Head, seq: int) -> None:
        """See Store.await_replicas."""
        keys, link = self._shard(head.partition)
        await self._replicas.hold(link, keys, head, seq)

    async def outbox_trim(self, head: Head, up_to_id: str) -> int:
        """See Store.outbox_trim."""
        keys, link = self._shard(head.partition)
        seq, i = place_of(up_to_id)
        reply = await link.script(
            self._trim, (keys.head, keys.outbox), (head.epoch, head.owner, f"{seq}-{i + 1}")
        )
        (removed,) = check_owner(head, reply)
        return int(removed)

    async def outbox_length(self, partition: int) -> int:
        """See Store.outbox_length."""
        keys, link = self._shard(partition)
        return int(await link.call(b"XLEN", keys.outbox))

    async def scan(self, head: Head, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """See Store.scan."""
        key = self._keyspace.shard(head.partition).state
        following, flat = await self._read(head, (b"HSCAN", key, cursor, b"COUNT", count))
        return int(following), list(zip(flat[::2], flat[1::2], strict=True))

    async def browse(self, partition: int, cursor: int, count: int) -> tuple[int, list[tuple[bytes, bytes]]]:
        """See Store.browse."""
        keys, link = self._shard(partition)
        following, flat = await link.call(b"HSCAN", keys.state, cursor, b"COUNT", count)
        return int(following), list(zip(flat[::2], flat[1::2], strict=True))

    async def get(self, partition: int, customer: bytes) -> bytes | None:
        """See Store.get."""
        keys, link = self._shard(partition)
        value: bytes | None = await link.call(b"HGET", keys.state, customer)
        return value

    async def read_head(self, partition: int) -> Head | None:
        """See Store.read_head."""
        keys, link = self._shard(partition)
        return parse_head(partition, await link.call(b"HGETALL", keys.head))

    async def customers(self, partition: int) -> int:
        """See Store.customers."""
        keys, link = self._shard(partition)
        return int(await link.call(b"HLEN", keys.state))

    async def reset_generation(self, partition: int) -> bool:
        """See Store.reset_generation."""
        keys, link = self._shard(partition)
        found = await link.script(self._reset_generation, (keys.head,), ())
        return bool(found)

    async def wipe(self, partition: int) -> int:
        """See Store.wipe. A wipe cut short can be run again: the minutes go after the lists they name."""
        keys, link = self._shard(partition)
        await link.call(b"UNLINK", keys.head)
        minutes = await link.call(*_minutes(keys))
        for some in chunks(minutes, _CHUNK):
            await link.call(b"UNLINK", *(keys.due(int(minute)) for minute in some))
        forgotten = await self.customers(partition)
        await link.call(b"UNLINK", keys.state, keys.minutes, keys.outbox, keys.relayed)
        return forgotten

    async def controls(self) -> dict[str, str]:
        """See Store.controls."""
        key = self._keyspace.controls
        flat = await self._servers.at(key).call(b"HGETALL", key)
        texts = [part.decode() for part in flat]
        return dict(zip(texts[::2], texts[1::2], strict=True))

    async def set_control(self, name: str, value: str | None) -> None:
        """See Store.set_control."""
        key = self._keyspace.controls
        command: Command = (b"HDEL", key, name) if value is None else (b"HSET", key, name, value)
        await self._servers.at(key).call(*command)

    async def check_server(self) -> list[str]:
        """See Store.check_server. Of a cluster every primary is looked at, and each warning says whose it is."""
        links = await self._servers.primaries()
        found = await asyncio.gather(*map(examine, links))
        return [
            f"{link.where}: {warning}" if link.in_cluster else warning
            for link, warnings in zip(links, found, strict=True)
            for warning in warnings
        ]

    async def aclose(self) -> None:
        """See Store.aclose."""
        await self._servers.aclose()

    def _shard(self, partition: int) -> tuple[ShardKeys, RedisLink]:
        """The keys of a shard, and the way to the server that has them all."""
        keys = self._keyspace.shard(partition)
        return keys, self._servers.at(keys.head)

    async def _read(
        self, head: Head, command: Command, *, expected: Mapping[str, bytes] | None = None
    ) -> Any:
        """The reply to a reading command, given while the fence of `head` (or what is `expected`) held.

        The head is read right after it: seq only rises, so if it shows ours, nothing had changed before.
        (MULTI would refuse even reads when Redis is out of memory, and the relay must go on then.)
        """
        wanted = fence(head) if expected is None else expected
        keys, link = self._shard(head.partition)
        reply, stored = await link.ask(command, (b"HMGET", keys.head, *wanted))
        check(head.partition, wanted, stored)
        return reply


def _minutes(keys: ShardKeys) -> Command:
    """All but the end, whose score is infinite."""
    return (b"ZRANGE", keys.minutes, b"-inf", b"(+inf", b"BYSCORE")
