"""What a check-up asks Redis. Nothing here changes anything."""

import socket
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoPermissionError, ResponseError

from streamproc.state.keys import ShardKeys
from streamproc.state.redis_link import RedisLink, Script
from streamproc.state.redis_node import Command
from streamproc.state.redis_server import server_info
from streamproc.state.store import StoreError

_ROUND_TRIPS: Final = 20


@dataclass(frozen=True, slots=True)
class RedisFacts:
    """What Redis says. Empty, or None: it does not tell us.

    info: the fields of INFO. settings: by CONFIG. denied: commands that a worker needs and the user may not give, by
    their names in an ACL. skew_ms: its clock less ours; known to half of round_trip_ms.
    """

    info: Mapping[str, str]
    settings: Mapping[str, str]
    denied: tuple[str, ...]
    round_trip_ms: float
    skew_ms: float | None


async def look_at_redis(
    link: RedisLink, keys: ShardKeys, wall_ms: Callable[[], int], monotonic_s: Callable[[], float]
) -> RedisFacts:
    """Ask the server of a shard. Raises what the store raises if it does not let us in."""

    async def look(connection: AbstractConnection) -> RedisFacts:
        info = await server_info(connection)
        settings = {}
        for name in ("appendfsync", "maxmemory", "save"):
            value = await _answer(connection, (b"CONFIG", b"GET", name))
            if isinstance(value, list) and value:
                settings[name] = value[1].decode()
        trips_ms, skews_ms = [], []
        for _ in range(_ROUND_TRIPS):
            began_s, began_ms = monotonic_s(), wall_ms()
            reply = await _answer(connection, (b"TIME",))
            if isinstance(reply, NoPermissionError):
                began_s = monotonic_s()
                await _answer(connection, (b"EXISTS", keys.head))
            trip_ms = (monotonic_s() - began_s) * 1000
            trips_ms.append(trip_ms)
            if isinstance(reply, list):
                theirs_ms = int(reply[0]) * 1000 + int(reply[1]) / 1000
                skews_ms.append(theirs_ms - began_ms - trip_ms / 2)
        return RedisFacts(
            info,
            settings,
            tuple(await _denied(connection, keys)),
            statistics.median(trips_ms),
            statistics.median(skews_ms) if skews_ms else None,
        )

    return await link.run(look)


def needed_commands(keys: ShardKeys) -> Iterator[tuple[str, Command]]:
    """What a worker asks of Redis, by its name in an ACL, but for transactions themselves.

    docs/state.md has the same list, for `users.acl`.
    """
    head, state, minutes, outbox = keys.head, keys.state, keys.minutes, keys.outbox
    yield from (
        ("type", ("TYPE", head)),
        ("hmget", ("HMGET", state, "a")),
        ("hget", ("HGET", state, "a")),
        ("hgetall", ("HGETALL", head)),
        ("hset", ("HSET", state, "a", "b")),
        ("hdel", ("HDEL", head, "a")),
        ("hlen", ("HLEN", state)),
        ("hscan", ("HSCAN", state, 0)),
        ("hexists", ("HEXISTS", state, "a")),
        ("exists", ("EXISTS", head)),
        ("unlink", ("UNLINK", keys.due(0))),
        ("rpush", ("RPUSH", keys.due(0), "a")),
        ("lrange", ("LRANGE", keys.due(0), 0, 0)),
        ("zadd", ("ZADD", minutes, 0, "a")),
        ("zrem", ("ZREM", minutes, "a")),
        ("zrange", ("ZRANGE", minutes, 0, 0)),
        ("xadd", ("XADD", outbox, "1-1", "r", "b")),
        ("xrange", ("XRANGE", outbox, "-", "+")),
        ("xlen", ("XLEN", outbox)),
        ("xtrim", ("XTRIM", outbox, "MINID", "1-1")),
        ("xdel", ("XDEL", outbox, "1-1")),
        ("xinfo|stream", ("XINFO", "STREAM", outbox)),
        ("set", ("SET", keys.relayed, "1")),
        ("wait", ("WAIT", 0, 1)),
        ("info", ("INFO",)),
        ("select", ("SELECT", 0)),
        ("evalsha", Script("mark").call((keys.head, keys.relayed), (0, "a", 0))),
        ("script|load", ("SCRIPT", "LOAD", "return 1")),
    )


async def _denied(connection: AbstractConnection, keys: ShardKeys) -> list[str]:
    """The commands that are refused for want of permission.

    They are queued in a transaction, which is when Redis looks at permissions, and the transaction is discarded.
    """
    denied = []
    first: dict[str, Command] = {"watch": ("WATCH", keys.head), "multi": ("MULTI",), "exec": ("EXEC",)}
    for name, command in first.items():
        if isinstance(await _answer(connection, command), NoPermissionError):
            denied.append(name)
    opened = await _answer(connection, ("MULTI",))
    if not isinstance(opened, Exception):  # or the commands would be carried out
        for name, command in needed_commands(keys):
            if isinstance(await _answer(connection, command), NoPermissionError):
                denied.append(name)
    closed = await _answer(connection, ("DISCARD",))
    if isinstance(closed, NoPermissionError):
        denied.append("discard")
    if isinstance(opened, Exception) or isinstance(closed, Exception):
        await connection.disconnect()  # with it goes what may be open
    return sorted(denied)


async def _answer(connection: AbstractConnection, command: Command) -> Any:
    """The reply, or the error that came instead."""
    await connection.send_command(*command)
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


#: What is in an error, or the class of what caused it, and what to do then; the first that fits.
_TELLTALES: Final[tuple[tuple[str | type[BaseException], str], ...]] = (
    (
        "WRONGPASS",
        "correct user and password in STREAMPROC_REDIS; percent-encode special characters of the password",
    ),
    ("invalid username-password", "correct user and password in STREAMPROC_REDIS"),
    (
        "Authentication required",
        "put user and password into STREAMPROC_REDIS: redis://user:password@host:port/0",
    ),
    ("no permissions", "give the ACL user the permissions that docs/state.md lists (The server)"),
    (socket.gaierror, "there is no host of that name: correct it in STREAMPROC_REDIS, or the DNS here"),
    ("Name or service not known", "correct the host in STREAMPROC_REDIS, or the DNS here"),
    (
        ConnectionRefusedError,
        "nothing listens there: start Redis, or correct host and port in STREAMPROC_REDIS",
    ),
    ("Protocol error", "something else than Redis answers there: correct host and port in STREAMPROC_REDIS"),
    (
        "Connection closed by server",
        "something else than Redis on that port, or one that speaks TLS (rediss://)",
    ),
    (
        "no reply within",
        "a firewall, or something else than Redis on that port, or one that speaks TLS (rediss://)",
    ),
)


def why_not(error: StoreError) -> tuple[str, str]:
    """Why Redis does not let us in: a text, and what to do, told apart further than by the store."""
    text, causes = error.message, _causes(error)
    for sign, fix in _TELLTALES:
        if sign in text if isinstance(sign, str) else any(isinstance(cause, sign) for cause in causes):
            return text, fix
    return text, error.fix


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        cause = cause.__cause__ or cause.__context__
    return found
