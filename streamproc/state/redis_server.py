"""Is this Redis set up so that customer state is safe in it?"""

from typing import Any

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from streamproc.state.redis_link import exchange
from streamproc.state.store import RedisConfigError

MIN_VERSION = (7, 0)


async def server_warnings(connection: AbstractConnection, where: str) -> list[str]:
    """What the operator should know. Raises RedisConfigError for what makes the state unsafe, all of it at
    once.
    """
    info = _parse_info((await exchange(connection, [(b"INFO",)]))[0])
    fatal: list[tuple[str, str]] = []
    warnings: list[str] = []

    version = info.get("redis_version", "0")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < MIN_VERSION:
        fatal.append((f"it is version {version}", "use Redis 7.0 or later, or Valkey"))
    if info.get("cluster_enabled") == "1":
        fatal.append(("it is a cluster node", "use a single primary (with replicas if you like)"))
    policy = info.get("maxmemory_policy") or await _configured(connection, "maxmemory-policy")
    if policy is None:
        warnings.append("cannot read maxmemory-policy; make sure it is noeviction")
    elif policy != "noeviction":
        fatal.append(
            (
                f"maxmemory-policy is {policy}, so it may evict customer states",
                "set maxmemory-policy noeviction",
            )
        )
    if info.get("aof_enabled") == "0":
        warnings.append(
            "appendonly is off: a restart goes back to the last snapshot, and the topics are read again from "
            "there (set appendonly yes, appendfsync everysec)"
        )
    if fatal:
        raise RedisConfigError(
            f"Redis at {where} cannot hold state: {'; '.join(what for what, _ in fatal)}",
            fix="; ".join(fix for _, fix in fatal),
        )
    return warnings


async def _configured(connection: AbstractConnection, name: str) -> str | None:
    """A configuration value; None where CONFIG is forbidden, as on managed servers."""
    try:
        reply: Any = (await exchange(connection, [(b"CONFIG", b"GET", name)]))[0]
    except ResponseError:
        return None
    return reply[1].decode() if reply else None


def _parse_info(text: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}
