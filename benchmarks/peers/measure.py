"""Run a peer on a backlog, measure it on the way, and check what it came to.

How far a peer is, it says itself, ten times a second: Faust from its monitor, Kafka Streams from its metric
`process-total`, Quix from its callback after each message, Bytewax from its fold. Committed offsets would not do: Kafka
Streams moves them every 30 s, Bytewax never. That it told the truth, the check of every window shows afterwards.

Of the work that a framework puts off (Quix writes its state every 5 s, Kafka Streams every 30 s, Bytewax gives out its
windows at the end), only that which falls between 10 % and 95 % is measured; a short run flatters these.
"""

import asyncio
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from benchmarks.peers import results
from benchmarks.peers.results import Windows
from benchmarks.peers.task import Task
from benchmarks.progress import Figures, Progress, cpu_s, figures
from streamproc.transport.brokers import Brokers
from streamproc.transport.topics import Topics
from tests.integration.worker import Installation
from tests.servers.process import DIE_WITH_PARENT

ROOT: Final = Path(__file__).parents[2]
#: Filled by `make peers`.
FETCHED: Final = ROOT / ".cache" / "peers"
_PYTHON: Final = str(FETCHED / "venv" / "bin" / "python")
_FAUST: Final = ("worker", "--loglevel", "WARN", "--without-web")
#: After which every peer may drop an event as late. Records of different partitions come in any order.
GRACE_MINUTES: Final = 60


@dataclass(frozen=True)
class Peer:
    """A program that we are compared with.

    result: reads what it came to; None if it counts nothing. ends: by itself, at the end of the topics.
    """

    what: str
    command: tuple[str, ...]
    result: Callable[[Brokers, Task], Awaitable[Windows]] | None = None
    ends: bool = False


PEERS: Final[Mapping[str, Peer]] = {
    "fetch": Peer("bare aiokafka fetch loop", (sys.executable, "-m", "benchmarks.fetch_loop")),
    "decode": Peer("fetch and typed decoding", (sys.executable, "-m", "benchmarks.fetch_loop", "decode")),
    "faust-nothing": Peer(
        "Faust agent that does nothing", (_PYTHON, "-m", "benchmarks.peers.faust_nothing", *_FAUST)
    ),
    "faust-redis": Peer(
        "Faust agent, Redis pipeline per event",
        (_PYTHON, "-m", "benchmarks.peers.faust_redis", *_FAUST),
        results.in_redis,
    ),
    "faust-table": Peer(
        "Faust agent, windowed table in RocksDB",
        (_PYTHON, "-m", "benchmarks.peers.faust_table", *_FAUST),
        results.in_faust_table,
    ),
    "quix": Peer(
        "Quix Streams, window in RocksDB",
        (_PYTHON, "-m", "benchmarks.peers.quix_window"),
        results.in_quix_window,
    ),
    "bytewax": Peer(
        "Bytewax, window in memory",
        (_PYTHON, "-m", "bytewax.run", "benchmarks.peers.bytewax_window:flow"),
        results.in_bytewax_file,
        ends=True,
    ),
    "kafka-streams": Peer(
        "Kafka Streams, window in RocksDB",
        (
            "java",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp",
            f"{FETCHED}/jars/*:{FETCHED}/classes",
            "KafkaStreamsWindow",
        ),
        results.in_kafka_streams_store,
    ),
}


def fetched() -> list[str]:
    """The peers that can run here: Kafka Streams needs a compiler of Java and Maven."""
    return [peer for peer in PEERS if peer != "kafka-streams" or (FETCHED / "classes").exists()]


class PeerFailed(Exception):
    """A peer did not do the work, or came to another result than the topics have."""


def task_of(peer: str, installation: Installation) -> Task:
    """To do it all from the beginning, under a name that nobody had before."""
    name = f"{installation.prefix}{peer}-{secrets.token_hex(4)}"
    return Task(
        name=name,
        bootstrap=installation.kafka,
        redis=installation.redis,
        topics=list(Topics(installation.prefix).channels),
        partitions=installation.partitions,
        folder=str(installation.directory / name),
    )


async def expected(installation: Installation) -> Windows:
    """What every peer must come to. Raises ValueError if events are so far apart that a peer may call one late."""
    right = await results.recomputed(
        installation.brokers, Topics(installation.prefix).channels, installation.partitions
    )
    minutes = {minute for _, minute in right}
    if max(minutes) - min(minutes) >= GRACE_MINUTES:
        raise ValueError(
            f"the events span more than the {GRACE_MINUTES} minutes of grace that the peers give"
        )
    return right


async def measure(peer: str, installation: Installation, right: Windows, within_s: float = 600) -> Figures:
    """Run one of PEERS, in a process of its own, on everything in the source topics of the installation.

    right: from `expected`. Raises PeerFailed if it ends before its work, is not done `within_s`, or comes to
    anything but `right`.
    """
    task, events = task_of(peer, installation), sum(window.events for window in right.values())
    folder = Path(task.folder)
    folder.mkdir()
    with (folder / "peer.log").open("wb") as log:
        progress = await watch(PEERS[peer], task, events, log, within_s)
    if (result := PEERS[peer].result) is not None:
        wrong = results.difference(await result(installation.brokers, task), right)
        if wrong:
            raise PeerFailed(f"{peer} came to {wrong}")
    shutil.rmtree(folder)
    return figures(peer, progress, events)


async def watch(peer: Peer, task: Task, events: int, log: BinaryIO, within_s: float) -> list[Progress]:
    """Run a peer until it has done so many events and ended in order. Raises PeerFailed with the end of its log."""
    process = await asyncio.create_subprocess_exec(
        *DIE_WITH_PARENT, *peer.command,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PEER_TASK": json.dumps(task._asdict())},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log, cwd=task.folder,
    )  # fmt: skip
    assert process.stdout is not None
    progress = [Progress(0, time.monotonic(), 0.0)]
    try:
        async with asyncio.timeout(within_s):
            async for line in process.stdout:
                if not line.strip().isdigit():
                    log.write(line)
                    continue
                with suppress(FileNotFoundError):  # it said so, and ended
                    progress.append(Progress(int(line), time.monotonic(), cpu_s(process.pid)))
                if progress[-1].done >= events and not peer.ends:
                    process.terminate()
                    break
            code = await process.wait()
    except TimeoutError:
        code = None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code is None or (peer.ends and code != 0) or (not peer.ends and progress[-1].done < events):
        ended = f"still ran after {within_s} s" if code is None else f"ended with {code}"
        tail = Path(log.name).read_text(errors="replace")[-3000:]
        raise PeerFailed(f"{task.name} {ended}; done were {progress[-1].done:,} of {events:,} events\n{tail}")
    return progress
