"""The stores under test."""

from collections.abc import AsyncIterator, Iterator

import pytest
import redis.asyncio

from streamproc.state.memory_store import MemoryStore
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Store
from tests.servers.redis_cluster import LocalCluster, local_cluster


@pytest.fixture(scope="session")
def _cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    # A busy machine must not look like a dead node: there is no replica to take over.
    with local_cluster(tmp_path_factory.mktemp("cluster"), timeout_ms=10_000) as cluster:
        yield cluster


@pytest.fixture
def cluster(_cluster: LocalCluster) -> LocalCluster:
    """Three nodes with nothing in them, each with a third of the slots."""
    for node in _cluster.nodes:
        node.call("FLUSHALL")
    return _cluster


@pytest.fixture(params=["memory", "redis", "cluster"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Each implementation, with nothing in it."""
    if request.param == "memory":
        memory: Store = MemoryStore()
        yield memory
        return
    is_cluster = request.param == "cluster"
    url = request.getfixturevalue("cluster").url if is_cluster else request.getfixturevalue("redis_db")
    on_redis: Store = RedisStore(url, prefix="p.", group="g")
    yield on_redis
    await on_redis.aclose()


@pytest.fixture
async def cluster_store(cluster: LocalCluster) -> AsyncIterator[RedisStore]:
    """A store on a cluster that gives up soon."""
    store = RedisStore(cluster.url, prefix="p.", group="g", attempts=2)
    yield store
    await store.aclose()


@pytest.fixture
async def redis_store(redis_db: str) -> AsyncIterator[RedisStore]:
    """A store on Redis that gives up soon."""
    store = RedisStore(redis_db, prefix="p.", group="g", attempts=2)
    yield store
    await store.aclose()


@pytest.fixture
async def client(redis_db: str) -> AsyncIterator["redis.asyncio.Redis"]:
    """A plain client of the same database: the operator, or somebody who should not be here."""
    async with redis.asyncio.Redis.from_url(redis_db) as client:
        yield client
