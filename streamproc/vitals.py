"""Is the worker alive, is it ready, and is Redis still fit to hold its state?"""

import asyncio
from typing import Final

import structlog

from streamproc.api.health import Health
from streamproc.clock import monotonic_s, wall_ms
from streamproc.shards import Shards
from streamproc.state.redis_store import RedisStore
from streamproc.state.store import StoreUnavailable

_log = structlog.get_logger(__name__)

#: A shard that has work and commits nothing for this long is not alive.
_STALLED_S: Final = 60.0
#: How often Redis is asked whether state is still safe in it.
_REDIS_S: Final = 5.0
#: An idle shard asks Kafka several times a second.
_UNHEARD_MS: Final = 10_000


class RedisWatch:
    """Looks at Redis now and then. `problem`: why it could not be asked last time; empty: it could."""

    def __init__(self, store: RedisStore) -> None:
        self.problem = ""
        self._store = store
        self._warned: list[str] = []

    async def look(self) -> None:
        """Log new warnings. Raises RedisConfigError if Redis is set up so that it may lose state, StoreUnavailable."""
        warnings = await self._store.check_server()
        for warning in warnings:
            if warning not in self._warned:
                _log.warning("redis", warning=warning)
        self._warned = warnings

    async def run(self) -> None:
        """Look for ever. Raises RedisConfigError."""
        while True:
            await asyncio.sleep(_REDIS_S)
            try:
                await self.look()
                self.problem = ""
            except StoreUnavailable as error:  # the shards notice, and wait for it
                self.problem = error.message


class Heartbeat:
    """Liveness: every shard with queued records commits now and then. Readiness: shards are held."""

    def __init__(self, shards: Shards, redis: RedisWatch) -> None:
        self._shards, self._redis = shards, redis
        self._progress: dict[int, tuple[int, float]] = {}  # partition -> (seq, since when)

    def live(self) -> Health:
        now_s = monotonic_s()
        for partition, held in self._shards.held.items():
            if held.stopping:  # it waits for Redis or Kafka, and to be killed would not help
                self._progress.pop(partition, None)
                continue
            seq, since_s = self._progress.get(partition, (-1, now_s))
            if held.shard.head.seq != seq or not len(held.shard.inbox):
                self._progress[partition] = (held.shard.head.seq, now_s)
            elif now_s - since_s > _STALLED_S:
                return Health(
                    False, f"shard {partition} has records and committed nothing for {_STALLED_S:.0f} s"
                )
        return Health(True, f"{len(self._shards.held)} shards")

    def ready(self) -> Health:
        held, waiting = self._shards.held.items(), sorted(self._shards.waiting())
        if waiting:
            return Health(False, f"shards {waiting} wait for Redis or Kafka")
        if not held:
            return Health(False, "no shards assigned yet")
        if self._redis.problem:
            return Health(False, self._redis.problem)
        unheard = [partition for partition, one in held if one.unheard_ms(wall_ms()) > _UNHEARD_MS]
        return Health(not unheard, f"Kafka does not answer for shards {unheard}" if unheard else "running")
