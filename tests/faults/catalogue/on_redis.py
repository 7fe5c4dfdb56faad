"""Faults of Redis and of the way to it."""

import asyncio
import errno
import random
import shutil
import time
from datetime import datetime

import redis

from tests.faults.network import cut, slow, stall
from tests.faults.scene import Scene

#: The second of a minute at which customers' next silence is in the next minute.
_PLANT_AT_S = 50
_REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")


async def redis_kill(scene: Scene, chance: random.Random) -> None:
    """kill -9 of Redis, for a moment or for longer than a request may take; its append-only file remains."""
    scene.servers.primary.kill()
    await asyncio.sleep(chance.choice([0.1, 1.0, 7.0]))
    scene.servers.primary.start()


async def redis_rewind(scene: Scene, chance: random.Random) -> None:
    """Redis comes back with an older state than it had acknowledged."""
    await _restore(scene, chance.uniform(0.3, 2.0))


async def redis_emptied(scene: Scene, chance: random.Random) -> None:
    """FLUSHALL: workers must refuse to begin anew in silence; the operator restores the last copy."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        copy = await _copy(scene)
        client.flushall()
    await asyncio.sleep(chance.uniform(0.5, 2.0))
    scene.servers.primary.kill()
    _put_back(scene, copy)
    scene.servers.primary.start()


async def backup_restored(scene: Scene, chance: random.Random) -> None:
    """The machine of Redis is lost; the operator restores an RDB snapshot of a while ago, as docs/backup.md says."""
    primary = scene.servers.primary
    backup = scene.directory / "backup.rdb"
    with redis.Redis(port=primary.port) as client:
        before = client.lastsave()
        await asyncio.sleep((before - datetime.now()).total_seconds() + 1)  # it counts seconds
        client.bgsave()
        while client.lastsave() == before:
            await asyncio.sleep(0.05)
    shutil.copy(primary.directory / "dump.rdb", backup)
    await asyncio.sleep(chance.uniform(1.0, 4.0))
    primary.kill()
    shutil.rmtree(primary.directory)
    primary.directory.mkdir()
    shutil.copy(backup, primary.directory / "dump.rdb")
    options = primary.options
    primary.options = (*options, "--appendonly", "no")  # else Redis 7 would begin empty
    primary.start()
    primary.options = options
    with redis.Redis(port=primary.port) as client:
        client.config_set("appendonly", "yes")
        while any(client.info("persistence")[flag] for flag in _REWRITING):
            await asyncio.sleep(0.05)


async def failover(scene: Scene, chance: random.Random) -> None:
    """The primary dies while its replica lags; the replica takes over, the former primary follows it."""
    scene.servers.replication_proxy.stall()
    await asyncio.sleep(chance.uniform(0.1, 1.5))
    scene.servers.primary.kill()
    scene.servers.replication_proxy.cut()
    scene.servers.primary, scene.servers.replica = scene.servers.replica, scene.servers.primary
    with redis.Redis(port=scene.servers.primary.port) as client:
        client.execute_command("REPLICAOF", "NO", "ONE")
    scene.servers.redis_proxy.target_port = scene.servers.primary.port
    scene.servers.redis_proxy.cut()
    scene.servers.redis_proxy.heal()
    scene.servers.replication_proxy.heal()
    scene.servers.replica.start()
    scene.servers.follow()


async def clients_killed(scene: Scene, chance: random.Random) -> None:
    """CLIENT KILL of every connection, several times."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        for _ in range(chance.randint(1, 5)):
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            await asyncio.sleep(chance.uniform(0.05, 0.4))


async def scripts_flushed(scene: Scene, _: random.Random) -> None:
    """SCRIPT FLUSH and FUNCTION FLUSH."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        client.execute_command("SCRIPT", "FLUSH")
        client.execute_command("FUNCTION", "FLUSH")


async def out_of_memory(scene: Scene, chance: random.Random) -> None:
    """`maxmemory` below what is used: every write is refused."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        client.config_set("maxmemory", 1_000_000)
        await asyncio.sleep(chance.uniform(0.5, 6.0))
        client.config_set("maxmemory", 0)


async def evicting(scene: Scene, chance: random.Random) -> None:
    """The operator lets Redis evict: workers must stop, and none may start, until it is `noeviction` again."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        if not await scene.crew.all_refuse("may evict", 20):
            scene.wrong.append("a worker goes on beside a Redis that may evict")
        client.config_set("maxmemory-policy", "noeviction")
    scene.crew.supervise()


async def planted(scene: Scene, chance: random.Random) -> None:
    """Something else writes keys where due lists are to be: commits are refused whole, until the keys are gone."""
    with redis.Redis(port=scene.servers.primary.port) as client:
        # Late in a minute, so that nothing is due in the next one yet, and something soon will be.
        await asyncio.sleep((_PLANT_AT_S - time.time()) % 60)
        minute = int(time.time()) // 60 + 1
        heads = client.keys("sp:*:head")
        keys = [head.removesuffix(b"head") + b"due:%d" % minute for head in heads]
        if not sum(bool(client.set(key, "planted", nx=True)) for key in keys):
            scene.wrong.append(f"nothing could be planted in minute {minute}")
        if not await scene.crew.all_refuse("is a string, expected a list", 30):
            scene.wrong.append("a worker goes on beside a planted key")
        for key in keys:
            if client.type(key) == b"string":
                client.delete(key)
    scene.crew.supervise()


async def disk_full(scene: Scene, chance: random.Random) -> None:
    """No space is left for the append-only file: Redis refuses writes until there is.

    Then the operator has the file written anew, as docs/runbook.md says: the present one may be broken where space ran
    out, and Redis would not start with it again.
    """
    filler = scene.servers.disk_of(scene.servers.primary) / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    await asyncio.sleep(chance.uniform(0.5, 6.0))
    filler.unlink()
    with redis.Redis(port=scene.servers.primary.port) as client:
        while client.info("persistence")["aof_last_write_status"] != "ok":
            await asyncio.sleep(0.05)
        await _rewrite(client)


async def redis_cut(scene: Scene, chance: random.Random) -> None:
    """The network between workers and Redis is reset and refused."""
    await cut(scene.servers.redis_proxy, chance)


async def redis_stalled(scene: Scene, chance: random.Random) -> None:
    """Packets to and from Redis vanish, for longer than a request may take or not."""
    await stall(scene.servers.redis_proxy, chance.choice([0.5, 2.0, 7.0]))


async def redis_slow(scene: Scene, chance: random.Random) -> None:
    """Every packet to and from Redis is late."""
    await slow(scene.servers.redis_proxy, chance)


async def _copy(scene: Scene) -> str:
    """A consistent copy of the primary's append-only file; its place."""
    copy = str(scene.directory / "redis-copy")
    with redis.Redis(port=scene.servers.primary.port) as client:
        await _rewrite(client)
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(scene.servers.primary.directory, copy)
    return copy


async def _rewrite(client: redis.Redis) -> None:
    """Let Redis write its append-only file anew; it may be doing so by itself already."""

    async def over() -> None:
        while any(client.info("persistence")[flag] for flag in _REWRITING):
            await asyncio.sleep(0.05)

    await over()
    client.execute_command("BGREWRITEAOF")
    await over()


def _put_back(scene: Scene, copy: str) -> None:
    shutil.rmtree(scene.servers.primary.directory)
    shutil.copytree(copy, scene.servers.primary.directory)


async def _restore(scene: Scene, later_s: float) -> None:
    copy = await _copy(scene)
    await asyncio.sleep(later_s)
    scene.servers.primary.kill()
    _put_back(scene, copy)
    scene.servers.primary.start()
