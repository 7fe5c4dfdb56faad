"""`streamproc servers`: a broker and a Redis to try things out with."""

import asyncio
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from streamproc.simulate.embedded import embedded_servers

#: How often we look whether both still run.
_LOOK_S: Final = 0.5


@click.command("servers")
@click.option("--kafka-port", type=click.IntRange(1, 65_535), default=9092, show_default=True)
@click.option("--redis-port", type=click.IntRange(1, 65_535), default=6379, show_default=True)
def servers_command(kafka_port: int, redis_port: int) -> None:
    """Run a Kafka-compatible broker and a Redis-compatible server, until Ctrl-C.

    To try things out without Docker, on 127.0.0.1 alone: what they hold is gone when they end. They come with the extra
    `embedded`. On the ports of the defaults all other commands find them with no setting at all. If one of them ends by
    itself, so does the other, with an error that says which it was.
    """
    asyncio.run(_serve(Console(), kafka_port, redis_port))


async def _serve(console: Console, kafka_port: int, redis_port: int) -> None:
    asked = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    with tempfile.TemporaryDirectory(prefix="streamproc-servers-") as directory:
        async with embedded_servers(Path(directory), kafka_port=kafka_port, redis_port=redis_port) as servers:
            console.print(f"Kafka  {servers.kafka}\nRedis  {servers.redis}", highlight=False)
            console.print("[dim]Ctrl-C ends them; what they hold is gone then[/]")
            while not asked.is_set():
                servers.check()
                with suppress(TimeoutError):
                    await asyncio.wait_for(asked.wait(), _LOOK_S)
    console.print("[dim]stopped; nothing is left behind[/]")
