"""The faults: each breaks something of a scene and mends it, and says when the dependency was back.

A fault is a coroutine function of the scene and a source of chance. It returns when what it broke is whole again; from
then on the time to recover counts.
"""

import asyncio
import random
import shutil
import signal
from collections.abc import Awaitable, Callable
from typing import Final

import redis

from tests.faults.proxy import Proxy
from tests.faults.scene import SESSION_TIMEOUT_MS, Scene
from tests.faults.steps import POINTS

Fault = Callable[[Scene, random.Random], Awaitable[None]]


async def kill(scene: Scene, chance: random.Random) -> None:
    """kill -9 of a worker."""
    chance.choice(scene.workers).kill()
    scene.supervise()


async def terminate(scene: Scene, chance: random.Random) -> None:
    """SIGTERM of a worker; it must end with 0."""
    worker = chance.choice(scene.workers)
    code, _ = await asyncio.to_thread(worker.terminate, 30)
    if code != 0:
        scene.unexpected.append(f"SIGTERM: ended with {code}")
    scene.supervise()


async def zombie(scene: Scene, chance: random.Random) -> None:
    """SIGSTOP for longer than the session timeout, then SIGCONT: a former owner wakes up."""
    process = chance.choice(scene.workers).process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SESSION_TIMEOUT_MS / 1000 * chance.uniform(1.2, 1.6))
    process.send_signal(signal.SIGCONT)


async def nap(scene: Scene, chance: random.Random) -> None:
    """SIGSTOP for less than the session timeout."""
    process = chance.choice(scene.workers).process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.2, 2.0))
    process.send_signal(signal.SIGCONT)


async def step(scene: Scene, chance: random.Random) -> None:
    """A worker dies at a named point of its way."""
    leaving = scene.workers.pop(chance.randrange(len(scene.workers)))
    leaving.kill()
    scene.restarts += 1
    point = chance.choice(POINTS)
    doomed = scene.start_worker({"FAULTS_STEP": f"{point}:{chance.randint(1, 3)}"})
    for _ in range(80):
        await asyncio.sleep(0.1)
        if doomed.process.poll() is not None:
            break
    scene.supervise()


async def redis_kill(scene: Scene, chance: random.Random) -> None:
    """kill -9 of Redis, for a moment or for longer than a request may take; its append-only file remains."""
    scene.primary.kill()
    await asyncio.sleep(chance.choice([0.1, 1.0, 7.0]))
    scene.primary.start()


async def redis_rewind(scene: Scene, chance: random.Random) -> None:
    """Redis comes back with an older state than it had acknowledged."""
    await _restore(scene, chance.uniform(0.3, 2.0))


async def redis_emptied(scene: Scene, chance: random.Random) -> None:
    """FLUSHALL: workers must refuse to begin anew in silence; the operator restores the last copy."""
    with redis.Redis(port=scene.primary.port) as client:
        copy = await _copy(scene)
        client.flushall()
    await asyncio.sleep(chance.uniform(0.5, 2.0))
    scene.primary.kill()
    _put_back(scene, copy)
    scene.primary.start()


async def failover(scene: Scene, chance: random.Random) -> None:
    """The primary dies while its replica lags; the replica takes over, the former primary follows it."""
    scene.replication_proxy.stall()
    await asyncio.sleep(chance.uniform(0.1, 1.5))
    scene.primary.kill()
    scene.replication_proxy.cut()
    scene.primary, scene.replica = scene.replica, scene.primary
    with redis.Redis(port=scene.primary.port) as client:
        client.execute_command("REPLICAOF", "NO", "ONE")
    scene.redis_proxy.target_port = scene.primary.port
    scene.redis_proxy.cut()
    scene.redis_proxy.heal()
    scene.replication_proxy.heal()
    scene.replica.start()
    scene.follow()


async def clients_killed(scene: Scene, chance: random.Random) -> None:
    """CLIENT KILL of every connection, several times."""
    with redis.Redis(port=scene.primary.port) as client:
        for _ in range(chance.randint(1, 5)):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(chance.uniform(0.05, 0.4))


async def scripts_flushed(scene: Scene, _: random.Random) -> None:
    """SCRIPT FLUSH and FUNCTION FLUSH."""
    with redis.Redis(port=scene.primary.port) as client:
        client.execute_command("SCRIPT", "FLUSH")
        client.execute_command("FUNCTION", "FLUSH")


async def out_of_memory(scene: Scene, chance: random.Random) -> None:
    """`maxmemory` below what is used: every write is refused."""
    with redis.Redis(port=scene.primary.port) as client:
        client.config_set("maxmemory", 1_000_000)
        await asyncio.sleep(chance.uniform(0.5, 6.0))
        client.config_set("maxmemory", 0)


async def redis_cut(scene: Scene, chance: random.Random) -> None:
    """The network between workers and Redis is reset and refused."""
    await _cut(scene.redis_proxy, chance)


async def redis_stalled(scene: Scene, chance: random.Random) -> None:
    """Packets to and from Redis vanish, for longer than a request may take or not."""
    await _stall(scene.redis_proxy, chance.choice([0.5, 2.0, 7.0]))


async def redis_slow(scene: Scene, chance: random.Random) -> None:
    """Every packet to and from Redis is late."""
    await _slow(scene.redis_proxy, chance)


async def kafka_cut(scene: Scene, chance: random.Random) -> None:
    """The network between workers and Kafka is reset and refused."""
    await _cut(scene.kafka_proxy, chance)


async def kafka_stalled(scene: Scene, chance: random.Random) -> None:
    """Packets to and from Kafka vanish, for longer than the session timeout or not."""
    await _stall(scene.kafka_proxy, chance.choice([0.5, 2.0, 6.0]))


async def kafka_slow(scene: Scene, chance: random.Random) -> None:
    """Every packet to and from Kafka is late."""
    await _slow(scene.kafka_proxy, chance)


async def kafka_restart(scene: Scene, _: random.Random) -> None:
    """kill -9 of the broker and a start on its data."""
    scene.kafka.kill()
    scene.kafka.start()


async def rival(scene: Scene, chance: random.Random) -> None:
    """One more worker comes, and one goes soon after: shards change hands twice."""
    scene.start_worker()
    await asyncio.sleep(chance.uniform(1.0, 5.0))
    leaving = scene.workers.pop(chance.randrange(len(scene.workers)))
    leaving.kill()


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        kill, terminate, zombie, nap, step, rival,
        redis_kill, redis_rewind, redis_emptied, failover, clients_killed, scripts_flushed, out_of_memory,
        redis_cut, redis_stalled, redis_slow,
        kafka_cut, kafka_stalled, kafka_slow, kafka_restart,
    )
}  # fmt: skip

#: After these Redis may have lost what it had acknowledged.
LOSSES: Final = frozenset({"redis_rewind", "redis_emptied", "failover"})


async def _cut(proxy: Proxy, chance: random.Random) -> None:
    proxy.cut()
    await asyncio.sleep(chance.uniform(0.2, 6.0))
    proxy.heal()


async def _stall(proxy: Proxy, seconds: float) -> None:
    proxy.stall()
    await asyncio.sleep(seconds)
    proxy.heal()


async def _slow(proxy: Proxy, chance: random.Random) -> None:
    proxy.delay_s = chance.uniform(0.01, 0.2)
    await asyncio.sleep(chance.uniform(1.0, 3.0))
    proxy.heal()


async def _copy(scene: Scene) -> str:
    """A consistent copy of the primary's append-only file; its place."""
    copy = f"{scene.primary.directory}-copy"
    with redis.Redis(port=scene.primary.port) as client:
        client.execute_command("BGREWRITEAOF")
        while (
            client.info("persistence")["aof_rewrite_in_progress"]
            or client.info("persistence")["aof_rewrite_scheduled"]
        ):
            await asyncio.sleep(0.05)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(scene.primary.directory, copy)
    return copy


def _put_back(scene: Scene, copy: str) -> None:
    shutil.rmtree(scene.primary.directory)
    shutil.copytree(copy, scene.primary.directory)


async def _restore(scene: Scene, later_s: float) -> None:
    copy = await _copy(scene)
    await asyncio.sleep(later_s)
    scene.primary.kill()
    _put_back(scene, copy)
    scene.primary.start()
