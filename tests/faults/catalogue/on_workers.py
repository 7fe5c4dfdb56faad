"""Faults of worker processes: killed, stopped, out of step, one too many."""

import asyncio
import random
import signal

from tests.faults.crew import SESSION_TIMEOUT_MS
from tests.faults.scene import Scene


async def kill(scene: Scene, chance: random.Random) -> None:
    """kill -9 of a worker."""
    chance.choice(scene.crew.workers).kill()
    scene.crew.supervise()


async def terminate(scene: Scene, chance: random.Random) -> None:
    """SIGTERM of a worker; it must end with 0."""
    worker = chance.choice(scene.crew.workers)
    code, _ = await asyncio.to_thread(worker.terminate, 30)
    if code != 0:
        scene.wrong.append(f"SIGTERM: ended with {code}")
    scene.crew.supervise()


async def zombie(scene: Scene, chance: random.Random) -> None:
    """SIGSTOP for longer than the session timeout, then SIGCONT: a former owner wakes up."""
    process = chance.choice(scene.crew.workers).process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SESSION_TIMEOUT_MS / 1000 * chance.uniform(1.2, 1.6))
    process.send_signal(signal.SIGCONT)


async def nap(scene: Scene, chance: random.Random) -> None:
    """SIGSTOP for less than the session timeout."""
    process = chance.choice(scene.crew.workers).process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(chance.uniform(0.2, 2.0))
    process.send_signal(signal.SIGCONT)


async def step(scene: Scene, chance: random.Random) -> None:
    """A worker dies at a named point of its way."""
    leaving = scene.crew.workers.pop(chance.randrange(len(scene.crew.workers)))
    leaving.kill()
    scene.crew.restarts += 1
    point = chance.choice(scene.points)
    doomed = scene.crew.start_worker({"FAULTS_STEP": f"{point}:{chance.randint(1, 3)}"})
    for _ in range(80):
        await asyncio.sleep(0.1)
        if doomed.process.poll() is not None:
            break
    scene.crew.supervise()


async def rival(scene: Scene, chance: random.Random) -> None:
    """One more worker comes, and one goes soon after: shards change hands twice."""
    scene.crew.start_worker()
    await asyncio.sleep(chance.uniform(1.0, 5.0))
    leaving = scene.crew.workers.pop(chance.randrange(len(scene.crew.workers)))
    leaving.kill()


async def two_owners(scene: Scene, chance: random.Random) -> None:
    """Somebody else takes shards away again and again, as a worker would that thinks they are its own.

    Whoever has lost a shard must not commit to it before it has acquired it anew.
    """
    async with scene.store() as store:
        for _ in range(chance.randint(3, 10)):
            partition = chance.randrange(scene.partitions)
            head = await store.read_head(partition)
            assert head is not None
            taken = await store.acquire(
                partition,
                generation=head.generation,
                member=head.member,
                partitions=head.partitions,
                layout=head.layout,
                offsets_if_new={},
                create=False,
            )
            await asyncio.sleep(chance.uniform(0.0, 0.6))
            later = await store.read_head(partition)
            if later is not None and later.owner == taken.owner and later.seq != taken.seq:
                scene.wrong.append(f"shard {partition}: a commit by somebody who had lost it")


async def clock_step(scene: Scene, chance: random.Random) -> None:
    """The workers' wall clock jumps ahead or back, and to the right time again."""
    scene.step_clocks(chance.choice([-20_000, -2_000, 3_000, 15_000]))
    await asyncio.sleep(chance.uniform(1.0, 5.0))
    scene.step_clocks(0)
