"""Is this Redis set up so that customer state is safe in it?"""

from collections.abc import Iterator, Mapping
from typing import Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from streamproc.state.redis_errors import CLUSTER_FIX, SENTINEL_FIX
from streamproc.state.redis_link import RedisLink
from streamproc.state.redis_node import exchange
from streamproc.state.store import RedisConfigError

MIN_VERSION = (7, 0)
_NEARLY_FULL: Final = 0.9


async def examine(link: RedisLink) -> list[str]:
    """Warnings about the server that the link leads to. Raises RedisConfigError if it is not fit to hold state."""
    info = await link.run(server_info)
    return server_warnings(info, link.where, in_cluster=link.in_cluster)


async def server_info(connection: AbstractConnection) -> dict[str, str]:
    """INFO, with `maxmemory_policy` asked for elsewhere if INFO keeps silent about it."""
    info = _fields((await exchange(connection, [(b"INFO",)]))[0])
    if "maxmemory_policy" not in info:
        try:
            reply: list[bytes] = (await exchange(connection, [(b"CONFIG", b"GET", b"maxmemory-policy")]))[0]
        except ResponseError:  # managed servers forbid CONFIG
            return info
        if reply:
            info["maxmemory_policy"] = reply[1].decode()
    return info


def connected_replicas(info: bytes) -> int:
    """How many replicas the server feeds, by its `INFO replication`."""
    return int(_fields(info).get("connected_slaves", 0))


def _fields(info: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in info.decode().splitlines())
    return {name: value for name, colon, value in lines if colon}


def server_warnings(info: Mapping[str, str], where: str, *, in_cluster: bool = False) -> list[str]:
    """What the operator should know. Raises RedisConfigError for all that makes state unsafe, at once.

    `in_cluster`: it is meant to be a node of a cluster.
    """
    if info.get("redis_mode") == "sentinel":
        raise RedisConfigError(f"Redis at {where} is a Sentinel", fix=SENTINEL_FIX)
    wrong: list[tuple[str, str]] = []
    version = info.get("redis_version", "unknown")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < MIN_VERSION:
        wrong.append((f"its version is {version}", "use Redis 7.0 or later, or Valkey"))
    if info.get("cluster_enabled") == "1" and not in_cluster:
        wrong.append(("it is a cluster node", CLUSTER_FIX))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        wrong.append(
            (f"it may evict customer states (maxmemory-policy {policy})", "set maxmemory-policy noeviction")
        )
    if wrong:
        raise RedisConfigError(
            f"Redis at {where} cannot hold state: {'; '.join(what for what, _ in wrong)}",
            fix="; ".join(fix for _, fix in wrong),
        )
    return list(_warnings(info))


def _warnings(info: Mapping[str, str]) -> Iterator[str]:
    """Texts without figures: a worker that looks again and again logs each once."""
    if "maxmemory_policy" not in info:
        yield "Redis does not tell its maxmemory-policy: make sure that it is noeviction"
    if info.get("aof_enabled") == "0":
        yield (
            "appendonly is off: a restart goes back to the last snapshot, and the topics are read again from "
            "there (set appendonly yes, appendfsync everysec)"
        )
    if info.get("aof_last_write_status", "ok") != "ok":
        yield "it cannot write its append-only file and refuses commits: free its disk"
    if info.get("role") == "slave":
        yield "it is a replica and refuses commits: point STREAMPROC_REDIS to the primary"
    limit = int(info.get("maxmemory", 0))
    if limit and int(info.get("used_memory", 0)) > _NEARLY_FULL * limit:
        yield "nearly all of its maxmemory is used, and then it refuses commits: raise maxmemory"
    if int(info.get("evicted_keys", 0)):
        yield "it has evicted keys since it was started; if any was ours, its shard is refused at the next commit"
