"""Faults of Kafka and of the way to it."""

import asyncio
import random
import signal

from tests.faults.load import TOPICS
from tests.faults.network import cut, slow, stall
from tests.faults.scene import Scene


async def kafka_cut(scene: Scene, chance: random.Random) -> None:
    """The network between workers and Kafka is reset and refused."""
    await cut(scene.servers.kafka_proxy, chance)


async def kafka_stalled(scene: Scene, chance: random.Random) -> None:
    """Packets to and from Kafka vanish, for longer than the session timeout or not."""
    await stall(scene.servers.kafka_proxy, chance.choice([0.5, 2.0, 6.0]))


async def kafka_slow(scene: Scene, chance: random.Random) -> None:
    """Every packet to and from Kafka is late."""
    await slow(scene.servers.kafka_proxy, chance)


async def kafka_restart(scene: Scene, _: random.Random) -> None:
    """kill -9 of the broker and a start on its data."""
    scene.servers.kafka.kill()
    scene.servers.kafka.start()


async def retention(scene: Scene, chance: random.Random) -> float | None:
    """Workers are away until retention has removed unread records: they refuse, until an operator accepts the loss."""
    scene.crew.kill_all()
    topic, partition = chance.choice(TOPICS), chance.randrange(scene.partitions)
    head = (await scene.heads())[partition]
    stored = 0 if head is None else head.offsets.get(topic, 0)
    end = stored
    while end <= stored:
        await asyncio.sleep(0.5)
        end = (await scene.logs.ends())[topic, partition]
    until = min(stored + chance.randint(1, 200), end)
    await scene.logs.keep(topic, partition, stored)
    await scene.logs.delete_records(topic, partition, stored, until)
    await scene.crew.check_refusal("retention removed")
    return await scene.accept_loss(until - stored)


async def recreated(scene: Scene, chance: random.Random) -> float | None:
    """A topic is deleted and made anew: workers refuse, until an operator accepts that it begins at 0."""
    scene.load.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.0)
    if await scene.caught_up_s() is None:
        scene.wrong.append("not caught up before a topic was deleted")
    topic = chance.choice(TOPICS)
    for (name, partition), end in (await scene.logs.ends()).items():
        if name == topic:
            await scene.logs.keep(topic, partition, end)
    await scene.logs.recreate(topic)
    await asyncio.sleep(chance.uniform(0.0, 3.0))  # workers notice, or are gone before
    scene.crew.kill_all()
    await scene.crew.check_refusal("made anew")
    recovery_s = await scene.accept_loss(0)
    scene.load.send_signal(signal.SIGCONT)
    return recovery_s
