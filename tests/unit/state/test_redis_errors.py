"""What Redis's errors mean to a user, on one server and in a cluster."""

import pytest
from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AuthenticationError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)

from streamproc.state.redis_errors import in_words, may_pass
from streamproc.state.store import RedisConfigError, StateCorrupt, StoreError, StoreUnavailable

MOVED = MovedError("7 127.0.0.1:7001")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("gone"),
        ReadOnlyError("read only"),
        OutOfMemoryError("full"),
        ResponseError("MISCONF x"),
    ],
)
def test_what_passes_anywhere(error: RedisError) -> None:
    for in_cluster in (False, True):
        assert may_pass(error, in_cluster=in_cluster)
        assert isinstance(in_words(error, "h:1", in_cluster=in_cluster), StoreUnavailable)


@pytest.mark.parametrize("error", [MOVED, TryAgainError("later"), ClusterDownError("down")])
def test_what_passes_in_a_cluster_only(error: RedisError) -> None:
    """Elsewhere it means that the URL has the wrong form."""
    assert may_pass(error, in_cluster=True)
    assert isinstance(in_words(error, "h:1", in_cluster=True), StoreUnavailable)
    assert not may_pass(error, in_cluster=False)
    wrong = in_words(error, "h:1", in_cluster=False)
    assert isinstance(wrong, RedisConfigError)
    assert "redis+cluster://" in wrong.fix


@pytest.mark.parametrize("error", [AuthenticationError("no"), NoPermissionError("no"), ResponseError("odd")])
def test_what_never_passes(error: RedisError) -> None:
    for in_cluster in (False, True):
        assert not may_pass(error, in_cluster=in_cluster)
        assert not isinstance(in_words(error, "h:1", in_cluster=in_cluster), StoreUnavailable)


@pytest.mark.parametrize(
    ("error", "kind", "says", "fix"),
    [
        (
            MasterNotFoundError("of no interest"),
            StoreUnavailable,
            "no Sentinel names it",
            "sentinel_password",
        ),
        (ResponseError("WRONGTYPE of a key"), StateCorrupt, "another type", "docs/state.md"),
        (NoPermissionError("no +xadd"), RedisConfigError, "denies access", "ACL"),
        (
            ResponseError("This instance has cluster support disabled"),
            RedisConfigError,
            "no cluster",
            "redis://",
        ),
        (ResponseError("unknown command 'SENTINEL', with"), RedisConfigError, "no Sentinel", "26379"),
        (ResponseError("odd"), StoreError, "refused: odd", ""),
    ],
)
def test_in_words(error: RedisError, kind: type[StoreError], says: str, fix: str) -> None:
    found = in_words(error, "h:1", in_cluster=False)
    assert type(found) is kind
    assert says in found.message
    assert fix in found.fix
    assert "h:1" in found.message or kind is StateCorrupt
