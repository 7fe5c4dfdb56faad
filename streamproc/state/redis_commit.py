"""The commit on Redis: look, then leap.

1. WATCH head, state and minutes; read what the head says and the type of every key; open a transaction. MULTI
   goes here and not with the writes: were it refused there, they would be carried out one by one.
2. If anything differs: stop, nothing was written. If the head shows this very commit: it was applied before.
3. Send all writes and EXEC: Redis carries out all of them, or none because a watched key has changed since
   step 1.

Neither EXEC nor a script rolls back, so nothing inside EXEC may fail: types are checked, the keys that only a
commit writes are watched, out of memory and read-only refuse the whole transaction while it is queued, and
outbox ids rise with seq, which `acquire` has checked. (A script that does the same costs the server twice the
CPU, because every argument becomes a Lua string; docs/state.md has the figures.)
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from redis.asyncio.connection import AbstractConnection

from streamproc.state.keys import ShardKeys
from streamproc.state.redis_head import check, fence
from streamproc.state.redis_link import Command, chunks, exchange, execute
from streamproc.state.refusals import gone
from streamproc.state.store import Commit, Head, StateCorrupt, Superseded

#: Elements of one command: far below Redis's million, so that no command grows without bound.
_CHUNK = 4_000
#: Looks before we give up because a watched key keeps changing. A shard has one owner: one change is rare.
_LOOKS = 3


async def apply_commit(
    connection: AbstractConnection, keys: ShardKeys, head: Head, commit: Commit, after: Head
) -> None:
    """Bring the shard from `head` to `after`; nothing if it is there already. Safe to repeat.

    Raises Superseded if the shard is at neither of them, StateCorrupt if a key has the wrong type.
    """
    writes = list(_writes(keys, head, commit, after))
    for _ in range(_LOOKS):
        if await _look(connection, keys, head, commit, after):
            return
        if await execute(connection, writes):
            return
    raise Superseded(f"partition {head.partition}: somebody else keeps writing to the shard")


async def _look(
    connection: AbstractConnection, keys: ShardKeys, head: Head, commit: Commit, after: Head
) -> bool:
    """True if the commit is applied already; if not, everything is as expected and a transaction is open."""
    types = _types(keys, commit)
    applied: dict[str, bytes | None] = {"commit": after.commit.encode(), **fence(after)}
    topics = [f"off:{topic}" for topic in after.offsets]
    before: dict[str, bytes | None] = {
        **fence(head),
        **{f"off:{topic}": _number(head.offsets.get(topic)) for topic in after.offsets},
    }
    replies = await exchange(
        connection,
        [
            (b"WATCH", keys.head, keys.state, keys.minutes),
            *[(b"TYPE", key) for key in types],
            (b"HMGET", keys.head, *applied, *topics),
            (b"MULTI",),
        ],
    )
    _check_types(types, replies[1:-2])
    stored = dict(zip((*applied, *topics), replies[-2], strict=True))
    if {name: stored[name] for name in applied} == applied:
        await exchange(connection, [(b"DISCARD",)])
        return True
    check(head.partition, before, [stored[name] for name in before])
    _check_kept(head, keys, dict(zip(types, replies[1:-2], strict=True)))
    return False


def _types(keys: ShardKeys, commit: Commit) -> dict[bytes, bytes]:
    """Key -> type it must have (or not exist), for every key that the commit writes."""
    types = {keys.head: b"hash", keys.state: b"hash", keys.minutes: b"zset", keys.outbox: b"stream"}
    return types | {keys.due(minute): b"list" for minute in (*commit.consumed_minutes, *commit.due)}


def _check_types(types: dict[bytes, bytes], found: Sequence[bytes]) -> None:
    for (key, wanted), is_type in zip(types.items(), found, strict=True):
        if is_type not in (wanted, b"none"):
            raise StateCorrupt(
                f"the key {key.decode()} is a {is_type.decode()}, expected a {wanted.decode()}",
                fix="something else writes to this Redis; docs/state.md lists our keys",
            )


def _check_kept(head: Head, keys: ShardKeys, found: dict[bytes, bytes]) -> None:
    """Raises StateCorrupt if a key is gone that no commit ever deletes."""
    for name, key in (("state", keys.state), ("outbox", keys.outbox)):
        if name in head.has and found[key] == b"none":
            raise gone(head.partition, key)


def _writes(keys: ShardKeys, head: Head, commit: Commit, after: Head) -> Iterator[Command]:
    """All writes, in order: minutes are consumed before entries are due."""
    for states in chunks(commit.states, _CHUNK):
        yield (b"HSET", keys.state, *chain.from_iterable(states))
    for minutes in chunks(tuple(commit.consumed_minutes), _CHUNK):
        yield (b"UNLINK", *map(keys.due, minutes))
        yield (b"ZREM", keys.minutes, *minutes)
    due = {minute: entries for minute, entries in commit.due.items() if entries}
    for minute, entries in due.items():
        for some in chunks(entries, _CHUNK):
            yield (b"RPUSH", keys.due(minute), *some)
    for minutes in chunks(tuple(due), _CHUNK):
        yield (b"ZADD", keys.minutes, *chain.from_iterable((minute, minute) for minute in minutes))
    for i, record in enumerate(commit.outbox):
        yield (b"XADD", keys.outbox, f"{after.seq}-{i}", b"r", record)
    yield (b"HSET", keys.head, *_head_fields(commit, after))


def _head_fields(commit: Commit, after: Head) -> Iterator[bytes | str | int]:
    """Field, value, field, value ... of what this commit changes in the head."""
    yield from ("seq", after.seq, "commit", after.commit, "rewinds", after.rewinds)
    yield from ("has", " ".join(sorted(after.has)))
    if commit.time_ms is not None:
        yield from ("time_ms", commit.time_ms)
    for prefix, numbers in (("off:", commit.offsets), ("max:", commit.max_ms)):
        for topic, number in numbers.items():
            yield from (prefix + topic, number)
    for name, value in commit.extra.items():
        yield from (name, value)


def _number(value: int | None) -> bytes | None:
    return None if value is None else b"%d" % value
