"""How long does a worker take to end, and with what code, when what it needs is away? `python -m tests.faults.stops`.

Two workers under load; one server is killed or frozen (it takes connections and answers nothing), and a second later
both workers get SIGTERM.
"""

import argparse
import asyncio
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from streamproc.stopping import END_WITHIN_S
from streamproc.transport.brokers import Brokers
from streamproc.transport.topics import create_topics
from tests.faults.rolling import PARTITIONS, RULES, Fleet, loaded
from tests.integration.worker import Installation
from tests.servers.kafka import KafkaProcess
from tests.servers.process import ServerProcess
from tests.servers.redis import RedisProcess


def freeze(server: ServerProcess) -> None:
    os.kill(server.pid, signal.SIGSTOP)


#: What happens to Kafka and to Redis.
CASES: Final[dict[str, tuple[Callable[[ServerProcess], None] | None, ...]]] = {
    "nothing": (None, None),
    "redis killed": (None, ServerProcess.kill),
    "redis frozen": (None, freeze),
    "kafka killed": (ServerProcess.kill, None),
    "kafka frozen": (freeze, None),
    "both frozen": (freeze, freeze),
}


async def stop_within(name: str, directory: Path) -> list[tuple[int, float]]:
    """Exit code and seconds of each worker."""
    folders = [directory / part for part in ("kafka", "redis", "workers")]
    for folder in folders:
        folder.mkdir(parents=True)
    with KafkaProcess(directory=folders[0]) as kafka, RedisProcess(directory=folders[1]) as server:
        await create_topics(Brokers(kafka.bootstrap), "stops.", PARTITIONS)
        installation = Installation(
            kafka.bootstrap,
            server.url,
            "stops.",
            folders[2],
            partitions=PARTITIONS,
            rules=RULES,
            clock="live",
        )
        fleet = Fleet(installation, named=())
        try:
            async with loaded(installation, 1_000, 2_000):
                await fleet.start_all(["a", "b"])
                await asyncio.sleep(2)
                for server_, harm in zip((kafka, server), CASES[name], strict=True):
                    if harm is not None:
                        harm(server_)
                await asyncio.sleep(1)
                begin_s = time.monotonic()
                for worker in fleet.workers.values():
                    worker.process.send_signal(signal.SIGTERM)

                async def ended(worker_name: str) -> tuple[int, float]:
                    code = await asyncio.to_thread(fleet.workers[worker_name].wait, 60)
                    return code, time.monotonic() - begin_s

                return await asyncio.gather(*map(ended, fleet.workers))
        finally:
            installation.stop_all()
            for part in (kafka, server):
                part.kill()  # a frozen one would not stop


async def run(names: list[str], directory: Path) -> int:
    """1 if a worker took longer than it may."""
    slowest_s = 0.0
    for name in names:
        found = await stop_within(name, directory / name.replace(" ", "-"))
        seconds = [second for _, second in found]
        slowest_s = max(slowest_s, *seconds)
        codes = sorted({code for code, _ in found})
        print(
            f"{name:14} {statistics.median(seconds):6.2f} s {max(seconds):6.2f} s  exit {codes}", flush=True
        )
    return int(slowest_s > END_WITHIN_S + 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="*", choices=sorted(CASES), default=list(CASES))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stops-") as folder:
        return asyncio.run(run(given.only, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
