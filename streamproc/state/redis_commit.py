"""The commit on Redis: look, then leap.

1. WATCH head, state and minutes; read what the head says and the type of every key; open a transaction. MULTI
   goes here and not with the writes: were it refused there, they would be carried out one by one.
2. If anything differs: stop, nothing was written. If the head shows this very commit: it was applied before.
3. Send all writes and EXEC: Redis carries out all of them, or none because a watched key has changed since
   step 1.

Shards that are ready at the same time take these steps together, on one connection; in a cluster side by side, each on
a connection of its own, since a transaction has the keys of one slot.

Neither EXEC nor a script rolls back, so nothing inside EXEC may fail: types are checked, the keys that only a
commit writes are watched, out of memory and read-only refuse the whole transaction while it is queued, and
outbox ids rise with seq, which `acquire` has checked. (A script that does the same costs the server twice the
CPU, because every argument becomes a Lua string; docs/state.md has the figures.)
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from streamproc.gathering import Gathering
from streamproc.state.keys import END, ShardKeys
from streamproc.state.redis_head import check, fence
from streamproc.state.redis_link import RedisLink, chunks
from streamproc.state.redis_node import Command, exchange, execute
from streamproc.state.refusals import gone
from streamproc.state.store import Commit, Head, StateCorrupt, Superseded

#: Elements of one command: far below Redis's million, so that no command grows without bound.
_CHUNK = 4_000
#: Looks before we give up because a watched key keeps changing. A shard has one owner: one change is rare.
_LOOKS = 3
#: States that shards may commit in one transaction: some milliseconds of the server's time.
_STATES_MAX: Final = 4_000


@dataclass(frozen=True, slots=True)
class Step:
    """A commit that brings a shard from the head `head` to `after`, through `link`."""

    link: RedisLink
    keys: ShardKeys
    head: Head
    commit: Commit
    after: Head


class Commits:
    """Commits of some shards.

    Those that are ready at the same time and may be one transaction, because their link is the same, are one: it costs
    two round trips. In a cluster others go side by side, and none waits for a node that is not its own.
    """

    def __init__(self) -> None:
        self._steps: dict[RedisLink, Gathering[Step, None]] = {}

    async def apply(self, step: Step) -> None:
        """Carry a step out; nothing if that was done already.

        Raises Superseded if the shard is at neither of its heads, StateCorrupt if a key has the wrong type.
        """
        steps = self._steps.get(step.link)
        if steps is None:
            steps = self._steps[step.link] = Gathering(
                _apply, weigh=lambda one: len(one.commit.states), most=_STATES_MAX
            )
        await steps.ask(step)


async def _apply(steps: list[Step]) -> Sequence[BaseException | None]:
    """Carry out steps through one link."""
    if len(steps) > 1:
        try:
            await steps[0].link.once(lambda connection: apply_steps(connection, steps))
        except (Superseded, RedisError):
            pass  # alone, each learns what of that is meant for it; what was done already is not done again
        else:
            return [None] * len(steps)
    return await asyncio.gather(*map(_apply_alone, steps), return_exceptions=True)


async def _apply_alone(step: Step) -> None:
    await step.link.run(lambda connection: apply_steps(connection, [step]))


async def apply_steps(connection: AbstractConnection, steps: Sequence[Step]) -> None:
    """Carry out steps of different shards, all or none; nothing of those that were done already. Safe to repeat.

    Raises Superseded if a shard is at neither of its heads, StateCorrupt if a key has the wrong type.
    """
    writes = {id(step): list(_writes(step.keys, step.head, step.commit, step.after)) for step in steps}
    for _ in range(_LOOKS):
        left = await _look(connection, steps)
        if not left:
            return
        if await execute(connection, list(chain.from_iterable(writes[id(step)] for step in left))):
            return
    shards = ", ".join(str(step.head.partition) for step in steps)
    raise Superseded(f"partition {shards}: somebody else keeps writing to the shard")


async def _look(connection: AbstractConnection, steps: Sequence[Step]) -> list[Step]:
    """The steps that are still to be done: all is as they expect, and a transaction is open if there are any."""
    looks = [_questions(step) for step in steps]
    replies = iter(await exchange(connection, [*chain.from_iterable(looks), (b"MULTI",)]))
    left = [
        step
        for step, questions in zip(steps, looks, strict=True)
        if not _is_done(step, [next(replies) for _ in questions])
    ]
    if not left:
        await exchange(connection, [(b"DISCARD",)])
    return left


def _questions(step: Step) -> list[Command]:
    keys = step.keys
    return [
        (b"WATCH", keys.head, keys.state, keys.minutes),
        *[(b"TYPE", key) for key in _types(keys, step.commit)],
        (b"HMGET", keys.head, *_applied(step), *_topics(step)),
    ]


def _is_done(step: Step, replies: Sequence[Any]) -> bool:
    """Whether a step was carried out before. If not, everything is as it expects, or an error is raised."""
    _, *found, values = replies
    types, applied, head = _types(step.keys, step.commit), _applied(step), step.head
    _check_types(types, found)
    stored = dict(zip((*applied, *_topics(step)), values, strict=True))
    if {name: stored[name] for name in applied} == applied:
        return True
    before: dict[str, bytes | None] = {
        **fence(head),
        **{f"off:{topic}": _number(head.offsets.get(topic)) for topic in step.after.offsets},
    }
    check(head.partition, before, [stored[name] for name in before])
    _check_kept(step, dict(zip(types, found, strict=True)))
    return False


def _applied(step: Step) -> dict[str, bytes | None]:
    """What the head says once the step is done."""
    return {"commit": step.after.commit.encode(), **fence(step.after)}


def _topics(step: Step) -> list[str]:
    return [f"off:{topic}" for topic in step.after.offsets]


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


def _check_kept(step: Step, found: dict[bytes, bytes]) -> None:
    """Raises StateCorrupt if a key is gone that no commit ever deletes, or a due list that none has deleted."""
    keys = step.keys
    kept = {"state": keys.state, "minutes": keys.minutes, "outbox": keys.outbox}
    needed = [key for name, key in kept.items() if name in step.head.has]
    for key in (*needed, *map(keys.due, step.commit.listed)):
        if found[key] == b"none":
            raise gone(step.head.partition, key)


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
    if "minutes" in after.has - head.has:
        yield (b"ZADD", keys.minutes, b"+inf", END)
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
