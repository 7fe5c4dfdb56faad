"""What happens to a network."""

import asyncio
import random

from tests.faults.proxy import Proxy


async def cut(proxy: Proxy, chance: random.Random) -> None:
    proxy.cut()
    await asyncio.sleep(chance.uniform(0.2, 6.0))
    proxy.heal()


async def stall(proxy: Proxy, seconds: float) -> None:
    proxy.stall()
    await asyncio.sleep(seconds)
    proxy.heal()


async def slow(proxy: Proxy, chance: random.Random) -> None:
    proxy.delay_s = chance.uniform(0.01, 0.2)
    await asyncio.sleep(chance.uniform(1.0, 3.0))
    proxy.heal()
