"""The stores under test."""

from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from streamproc.state.memory_store import MemoryStore
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import Store


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Each implementation, with nothing in it."""
    if request.param == "memory":
        memory: Store = MemoryStore()
        yield memory
        return
    on_redis: Store = RedisStore(request.getfixturevalue("redis_db"), prefix="p.", group="g")
    yield on_redis
    await on_redis.aclose()


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
