"""The Redis servers behind STREAMPROC_REDIS: one, a cluster, or the primary that Sentinels name."""

from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from redis.asyncio.connection import ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streamproc.state.redis_cluster import RedisCluster
from streamproc.state.redis_link import Patience, RedisLink
from streamproc.state.redis_node import RedisNode
from streamproc.state.redis_tls import check_certificates
from streamproc.state.redis_url import Place, RedisAddress, parse_address, unusable

#: The longest that one Sentinel may take, so that a dead one leaves time to ask the others.
_SENTINEL_WITHIN_S: Final = 1.0


#: Retries are decided here, not inside redis-py; and nobody needs to know which library we use.
_QUIET: Final[dict[str, Any]] = {"protocol": 2, "retry": Retry(NoBackoff(), 0), "driver_info": None}

P = TypeVar("P", bound=ConnectionPool)


class Servers(Protocol):
    """All servers of one URL."""

    def at(self, key: bytes) -> RedisLink:
        """The way to the server that holds `key`; the same for all keys that may change in one transaction."""

    async def primaries(self) -> list[RedisLink]:
        """The way to each server that keys are written to, by what is so now. Raises StoreError."""

    async def aclose(self) -> None:
        """Close all connections."""


def open_servers(
    url: str, *, socket_timeout_s: float = 5.0, attempts: int = 6, patience_s: float = 30.0
) -> Servers:
    """The servers at `url` (see `redis_url`); nothing is connected yet.

    A request is tried `attempts` times within `patience_s` seconds; one attempt may take `socket_timeout_s`, unless the
    URL says otherwise. Raises RedisConfigError for a URL that cannot be used; the message never holds the URL.
    """
    address = parse_address(url)
    patience = Patience(attempts, patience_s)
    options = _complete(address.options, socket_timeout_s)
    if address.form == "server":
        return OneServer(RedisNode(_pool(options), address.where, within_s=_within_s(options)), patience)
    if address.form == "sentinel":
        pool = _by_sentinels(address, options)
        node = RedisNode(pool, address.where, within_s=_within_s(options))
        return OneServer(node, patience, pool.sentinel_manager)

    def connect(place: Place) -> RedisNode:
        pool = _pool({**options, "host": place[0], "port": place[1]})
        return RedisNode(pool, f"{place[0]}:{place[1]}", within_s=_within_s(options), in_cluster=True)

    return RedisCluster(address.places, connect, patience)


class OneServer:
    """All keys are on one server, which `sentinels` may name: see Servers."""

    def __init__(self, node: RedisNode, patience: Patience, sentinels: Sentinel | None = None) -> None:
        self._node, self._sentinels = node, sentinels
        self._link = RedisLink(node, patience)

    def at(self, _: bytes) -> RedisLink:
        """See Servers.at."""
        return self._link

    async def primaries(self) -> list[RedisLink]:
        """See Servers.primaries."""
        return [self._link]

    async def aclose(self) -> None:
        """See Servers.aclose."""
        await self._node.aclose()
        if self._sentinels is not None:
            await self._sentinels.aclose()


def _complete(options: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """What redis-py is to be told of every connection; `socket_timeout` is ours."""
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        **options,
        **_QUIET,
        "decode_responses": False,
    }


def _within_s(options: dict[str, Any]) -> float | None:
    within_s: float | None = options["socket_timeout"]
    return within_s


def _pool(options: dict[str, Any]) -> ConnectionPool:
    return _checked(lambda: ConnectionPool(**_timed_as_a_whole(options)))


def _by_sentinels(address: RedisAddress, options: dict[str, Any]) -> SentinelConnectionPool:
    encrypts = options.get("connection_class") is SSLConnection
    timeouts = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), _SENTINEL_WITHIN_S)
    asking = {**address.sentinel, **timeouts, **_QUIET, "ssl": encrypts}
    own = {name: value for name, value in _timed_as_a_whole(options).items() if name != "connection_class"}

    def make() -> SentinelConnectionPool:
        sentinels = Sentinel(address.places, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]
        return SentinelConnectionPool(address.primary, sentinels, ssl=encrypts, **own)  # type: ignore[no-untyped-call]

    return _checked(make)


def _timed_as_a_whole(options: dict[str, Any]) -> dict[str, Any]:
    """Without redis-py's timeout of a reply: there is one for all of an operation."""
    return {**options, "socket_timeout": None}


def _checked(make: Callable[[], P]) -> P:
    """A pool of connections. Raises RedisConfigError for options that redis-py does not know."""
    try:
        pool = make()
        connection = pool.make_connection()  # type: ignore[no-untyped-call]  # does not connect
    except (TypeError, ValueError, RedisError):
        raise unusable() from None
    check_certificates(connection)
    return pool
