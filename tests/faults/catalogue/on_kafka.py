"""Faults of Kafka and of the way to it."""

import asyncio
import random
import signal

from tests.faults.load import TOPICS
from tests.faults.network import cut, slow, stall
from tests.faults.scene import Scene


async def kafka_cut(scene: Scene, chance: random.Random) -> None:
    """The network between workers and Kafka is reset and refused."""
    await cut(scene.kafka_proxy, chance)


async def kafka_stalled(scene: Scene, chance: random.Random) -> None:
    """Packets to and from Kafka vanish, for longer than the session timeout or not."""
    await stall(scene.kafka_proxy, chance.choice([0.5, 2.0, 6.0]))


async def kafka_slow(scene: Scene, chance: random.Random) -> None:
    """Every packet to and from Kafka is late."""
    await slow(scene.kafka_proxy, chance)


async def kafka_restart(scene: Scene, _: random.Random) -> None:
    """kill -9 of the broker and a start on its data."""
    scene.kafka.kill()
    scene.kafka.start()


async def retention(scene: Scene, chance: random.Random) -> float:
    """Workers are away until retention has removed unread records: they refuse, until an operator accepts the loss."""
    scene.stop_workers()
    topic, partition = chance.choice(TOPICS), chance.randrange(scene.partitions)
    head = (await scene.heads())[partition]
    stored = 0 if head is None else head.offsets.get(topic, 0)
    end = stored
    while end <= stored:
        await asyncio.sleep(0.5)
        end = (await scene.ends())[topic, partition]
    until = min(stored + chance.randint(1, 200), end)
    await scene.lose(topic, partition, stored, until)
    await scene.delete_records(topic, partition, until)
    await scene.check_refusal("retention removed")
    return await scene.accept_loss(until - stored)


async def recreated(scene: Scene, chance: random.Random) -> float:
    """A topic is deleted and made anew: workers refuse, until an operator accepts that it begins at 0."""
    scene.load.send_signal(signal.SIGSTOP)
    await asyncio.sleep(1.0)
    if await scene.caught_up_s(60) is None:
        scene.wrong.append("not caught up before a topic was deleted")
    topic = chance.choice(TOPICS)
    for (name, partition), end in (await scene.ends()).items():
        if name == topic:
            await scene.lose(topic, partition, end, end)
    await scene.recreate(topic)
    await asyncio.sleep(chance.uniform(0.0, 3.0))  # workers notice, or are gone before
    scene.stop_workers()
    await scene.check_refusal("made anew")
    recovery_s = await scene.accept_loss(0)
    scene.load.send_signal(signal.SIGCONT)
    return recovery_s
