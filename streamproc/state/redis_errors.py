"""Redis's errors: which pass by themselves, and what they mean, in words a user can act on."""

from typing import Final

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AskError,
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterCrossSlotError,
    ClusterDownError,
    ClusterError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError,
    TryAgainError,
)

from streamproc.state.redis_tls import distrust
from streamproc.state.store import RedisConfigError, StateCorrupt, StoreError, StoreUnavailable

_DENIED = (AuthenticationError, AuthorizationError, NoPermissionError)
_PASSING = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, MasterDownError)
#: Of a cluster: a slot is, or was, moved (MovedError is an AskError); a primary is down, and none has taken over yet.
_REDIRECTED = (AskError, TryAgainError)
_PASSING_IN_CLUSTER = (*_REDIRECTED, ClusterDownError)
#: Refusals that pass by themselves, for which redis-py has no class of their own.
_PASSING_CODES: Final = ("BUSY ", "MISCONF ", "NOREPLICAS ")


def may_pass(error: Exception, *, in_cluster: bool) -> bool:
    """Whether the same request may succeed a little later."""
    if isinstance(error, _DENIED) or distrust(error):
        return False
    if in_cluster and isinstance(error, _PASSING_IN_CLUSTER):
        return True
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)


def in_words(error: RedisError, where: str, *, in_cluster: bool) -> StoreError:
    """What `error`, from the server at `where`, means for us."""
    text = str(error)
    if isinstance(error, _DENIED) or distrust(error):
        return _not_let_in(error, where)
    if "WRONGTYPE" in text:
        return StateCorrupt(f"a key of another type stands in the way: {text}", fix="see docs/state.md")
    if isinstance(error, OutOfMemoryError):
        return StoreUnavailable(
            f"Redis at {where} is out of memory and refuses writes",
            fix="raise maxmemory; the worker goes on by itself",
        )
    if may_pass(error, in_cluster=in_cluster):
        why = "no Sentinel names it" if isinstance(error, MasterNotFoundError) else f"{_name(error)}: {text}"
        return StoreUnavailable(f"Redis at {where} does not serve: {why}", fix=_fix(error, in_cluster))
    return _of_another_form(error, where) or StoreError(f"Redis at {where} refused: {text}")


def _not_let_in(error: RedisError, where: str) -> RedisConfigError:
    if reason := distrust(error):
        return RedisConfigError(
            f"the certificate of Redis at {where} is not trusted: {reason}",
            fix="ssl_ca_certs in STREAMPROC_REDIS must name the certificate of the CA that signed it, and the "
            "host must be a name that stands in it",
        )
    return RedisConfigError(
        f"Redis at {where} denies access: {error}",
        fix="check user, password and ACL of STREAMPROC_REDIS",
    )


def _of_another_form(error: RedisError, where: str) -> RedisConfigError | None:
    """STREAMPROC_REDIS says one server, a cluster or Sentinels, and there is something else."""
    text = str(error)
    if isinstance(error, (*_REDIRECTED, ClusterError, ClusterCrossSlotError)):
        return RedisConfigError(f"Redis at {where} is a cluster node", fix=CLUSTER_FIX)
    if "cluster support disabled" in text or "unknown command 'cluster'" in text.lower():
        return RedisConfigError(
            f"Redis at {where} is no cluster", fix="STREAMPROC_REDIS=redis://host:port/db for one server"
        )
    if "unknown command 'sentinel'" in text.lower():
        return RedisConfigError(
            f"no Sentinel, but a server, answers for {where}",
            fix="name Sentinels in STREAMPROC_REDIS, with their port (26379); or redis://host:port/db for one server",
        )
    return None


#: For those who gave the URL of one server, and a node of a cluster answers there.
CLUSTER_FIX: Final = (
    "STREAMPROC_REDIS=redis+cluster://host:port,host:port with some of its nodes (docs/redis.md)"
)
#: The same, of a Sentinel.
SENTINEL_FIX: Final = (
    "STREAMPROC_REDIS=redis+sentinel://host:port,host:port/primary with all Sentinels (docs/redis.md)"
)


def _fix(error: RedisError, in_cluster: bool) -> str:
    if isinstance(error, MasterNotFoundError):
        return (
            "do the Sentinels answer, is this what they call the primary (SENTINEL MASTERS), and do they want a "
            "password (sentinel_password in STREAMPROC_REDIS)?"
        )
    if isinstance(error, _REDIRECTED):
        return "the worker goes on when the slot has moved"
    if in_cluster:
        return "is the cluster whole (redis-cli --cluster check host:port)? The worker goes on when it is"
    return "is the server up, and is STREAMPROC_REDIS right (rediss:// for TLS)?"


def _name(error: RedisError) -> str:
    if isinstance(error, BusyLoadingError):
        return "loading its data"
    return "a slot is being moved" if isinstance(error, _REDIRECTED) else type(error).__name__
