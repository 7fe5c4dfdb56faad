"""The faults: each breaks something of a scene and mends it.

A fault is a coroutine function of the scene and a source of chance. It returns when what it broke is whole again, and
then the time to recover counts; or the seconds that recovery took, if it had to look at that itself.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final

from tests.faults.catalogue.on_input import poisoned, slow_consumer
from tests.faults.catalogue.on_kafka import (
    kafka_cut,
    kafka_restart,
    kafka_slow,
    kafka_stalled,
    recreated,
    retention,
)
from tests.faults.catalogue.on_redis import (
    backup_restored,
    clients_killed,
    disk_full,
    evicting,
    failover,
    out_of_memory,
    planted,
    redis_cut,
    redis_emptied,
    redis_kill,
    redis_rewind,
    redis_slow,
    redis_stalled,
    scripts_flushed,
)
from tests.faults.catalogue.on_workers import (
    clock_step,
    kill,
    nap,
    rival,
    step,
    terminate,
    two_owners,
    zombie,
)
from tests.faults.scene import Scene

Fault = Callable[[Scene, random.Random], Awaitable[float | None]]

#: What may well come together.
PAIRS: Final[tuple[tuple[Fault, Fault], ...]] = (
    (redis_kill, rival),
    (redis_stalled, kill),
    (redis_cut, terminate),
    (kafka_restart, kill),
    (failover, kill),
    (kafka_cut, clients_killed),
    (out_of_memory, rival),
)


async def overlap(scene: Scene, chance: random.Random) -> None:
    """Two faults at once: shards change hands while Redis or Kafka is away."""
    await asyncio.gather(*(fault(scene, chance) for fault in chance.choice(PAIRS)))


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        kill, terminate, zombie, nap, step, rival, overlap, two_owners, clock_step,
        redis_kill, redis_rewind, redis_emptied, backup_restored, failover, clients_killed, scripts_flushed,
        out_of_memory, evicting, planted, disk_full, redis_cut, redis_stalled, redis_slow,
        kafka_cut, kafka_stalled, kafka_slow, kafka_restart, retention, recreated,
        poisoned, slow_consumer,
    )
}  # fmt: skip

#: After these Redis may have lost what it had acknowledged.
LOSSES: Final = frozenset({"redis_rewind", "redis_emptied", "backup_restored", "failover", "overlap"})
