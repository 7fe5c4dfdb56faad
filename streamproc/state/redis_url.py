"""STREAMPROC_REDIS: a URL of one server, of a Redis Cluster, or of the Sentinels that know the primary.

    redis://[user:password@]host:port/db                             one server; rediss:// with TLS; unix://path
    redis+cluster://[user:password@]host:port[,host:port...]         a cluster, asked first at these nodes
    redis+sentinel://[user:password@]host[:port][,...]/primary[/db]  Sentinels, and what they call the primary

rediss+cluster:// and rediss+sentinel:// are the same with TLS. User and password are those of the servers that hold
state; Sentinels that want one get sentinel_username and sentinel_password of the query.
"""

from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.connection import parse_url

from streamproc.state.store import RedisConfigError

Form = Literal["server", "cluster", "sentinel"]

_FORMS: Final[dict[str, tuple[str, Form]]] = {
    "redis+cluster": ("redis", "cluster"),
    "rediss+cluster": ("rediss", "cluster"),
    "redis+sentinel": ("redis", "sentinel"),
    "rediss+sentinel": ("rediss", "sentinel"),
}
_PORTS: Final = {"cluster": 6379, "sentinel": 26379}
_FIX: Final = (
    "STREAMPROC_REDIS=redis://[user:password@]host:port/db; redis+cluster://[user:password@]host:port,host:port; "
    "redis+sentinel://[user:password@]host:port,host:port/primary; rediss for TLS. Percent-encode special characters "
    "of the password"
)

Place = tuple[str, int]  # host, port


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where Redis is, and how a connection to a server of it is made."""

    form: Form
    #: What redis-py takes for a connection; of a cluster or by Sentinels, without host and port.
    options: dict[str, Any] = field(repr=False)
    #: Nodes of the cluster, or Sentinels, to ask.
    places: tuple[Place, ...] = ()
    #: What the Sentinels call the primary.
    primary: str = ""
    #: What redis-py takes for a connection to a Sentinel.
    sentinel: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        """For messages: without user and password."""
        places = ", ".join(f"{host}:{port}" for host, port in self.places)
        if self.form == "sentinel":
            return f"{self.primary} (Sentinels {places})"
        if self.form == "cluster":
            return places
        options = self.options
        return options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


def unusable(why: str = "") -> RedisConfigError:
    """The error for a URL that cannot be used; it never holds the URL, which has the password."""
    return RedisConfigError("the Redis URL cannot be used" + (f": {why}" if why else ""), fix=_FIX)


def parse_address(url: str) -> RedisAddress:
    """Raises RedisConfigError for what is no URL of Redis."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _FORMS:
            return RedisAddress("server", {**parse_url(url)})
        scheme, form = _FORMS[parts.scheme]
        user, at, hosts = parts.netloc.rpartition("@")
        places = tuple(_place(host, _PORTS[form]) for host in hosts.split(","))
        options: dict[str, Any] = {**parse_url(f"{scheme}://{user}{at}server{_query(parts)}")}
    except ValueError:
        raise unusable() from None
    del options["host"]
    names = [unquote(name) for name in parts.path.split("/")[1:] if name]
    if form == "cluster":
        if names not in ([], ["0"]) or options.pop("db", 0) != 0:
            raise unusable("a Redis Cluster has no databases but 0")
        return RedisAddress(form, options, places)
    return _by_sentinels(options, places, names)


def _by_sentinels(options: dict[str, Any], places: tuple[Place, ...], names: list[str]) -> RedisAddress:
    if not names:
        raise unusable("behind the Sentinels comes the name of the primary, as in /mymaster")
    primary, *db = names
    if len(db) > 1 or not all(number.isdecimal() for number in db):
        raise unusable("behind the name of the primary comes nothing but the number of a database")
    if db:
        options["db"] = int(db[0])
    sentinel = {name: options.pop(f"sentinel_{name}", None) for name in ("username", "password")}
    sentinel |= {name: value for name, value in options.items() if name.startswith("ssl_")}
    return RedisAddress("sentinel", options, places, primary, sentinel)


def _place(host: str, default_port: int) -> Place:
    parts = urlsplit(f"//{host.strip()}")
    if not parts.hostname or parts.path:
        raise ValueError
    return unquote(parts.hostname), parts.port or default_port


def _query(parts: SplitResult) -> str:
    return f"?{parts.query}" if parts.query else ""
