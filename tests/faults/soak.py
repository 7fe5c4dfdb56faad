"""Is memory flat? `python -m tests.faults.soak --minutes 30`, or `make soak`.

One worker with the packaged rules, real Kafka and Redis. First customers get two days of history, and as many message
ids as are remembered: one with more of it costs more, and windows that fill up during the soak would look like a leak.
Then the most that the worker can take is measured, it is given half of that for the given time, and its memory is
looked at: after the warm-up it may grow by 2 % in ten minutes.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from rich.progress import Progress

from streamproc.transport.brokers import Brokers
from streamproc.transport.topics import create_topics
from streamproc.windows.dedup import RING_IDS
from tests.integration.worker import Installation, WorkerProcess
from tests.servers.kafka import KafkaProcess
from tests.servers.process import DIE_WITH_PARENT
from tests.servers.redis import RedisProcess

PREFIX: Final = "soak."
PARTITIONS: Final = 4
CUSTOMERS: Final = 5_000
#: More than one worker can take beside its servers on the same cores.
_FLOOD_PER_S: Final = 20_000
#: With more, a customer's message ids take no more room.
_FILLED: Final = RING_IDS * CUSTOMERS
_HISTORY_MS: Final = 48 * 3_600_000
#: Records beyond that of which the maximum is measured.
_MEASURED: Final = 200_000
_SAMPLE_S: Final = 10
_WARM_UP_SHARE: Final = 0.25
SLOPE_MAX: Final = 0.02  # of the mean, in ten minutes


def start_load(kafka: KafkaProcess, rate: int, seed: int, history_ms: int = 0) -> subprocess.Popen[bytes]:
    """A process that publishes `rate` events per second."""
    arguments = [kafka.bootstrap, PREFIX, PARTITIONS, seed, rate, CUSTOMERS, history_ms]
    command = [sys.executable, "-m", "tests.faults.load", *map(str, arguments)]
    return subprocess.Popen([*DIE_WITH_PARENT, *command])


async def applied(installation: Installation) -> int:
    """Records of all source topics that are applied; re-keyed ones are in two of them."""
    return sum(sum(head.offsets.values()) for head in await installation.heads() if head)


async def flood(installation: Installation, kafka: KafkaProcess, records: int, history_ms: int = 0) -> int:
    """Publish so many records at once; how many there are in all then."""
    last = records + sum((await installation.ends()).values())
    load = start_load(kafka, _FLOOD_PER_S, seed=last, history_ms=history_ms)
    while sum((await installation.ends()).values()) < last:
        await asyncio.sleep(0.5)
    load.terminate()
    load.wait()
    return sum((await installation.ends()).values())


async def drain(installation: Installation, last: int) -> None:
    """Return once the worker has applied so many records."""
    while await applied(installation) < last:
        await asyncio.sleep(0.5)


async def maximum_per_s(installation: Installation, kafka: KafkaProcess) -> float:
    """Records of now a second that the worker applies, once its customers have all the history they can have."""
    await drain(installation, await flood(installation, kafka, _FILLED, _HISTORY_MS))
    begin_s, begun = time.monotonic(), await applied(installation)
    last = await flood(installation, kafka, _MEASURED)
    await drain(installation, last)
    return (last - begun) / (time.monotonic() - begin_s)


def resident_mb(worker: WorkerProcess) -> float:
    """Memory of a process as the kernel counts it, in MiB."""
    for line in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


def slope_per_10_min(samples: list[tuple[float, float]]) -> float:
    """Growth in ten minutes as a share of the mean, by least squares over (seconds, MiB)."""
    slope, _ = statistics.linear_regression(*zip(*samples, strict=True))
    return slope * 600 / statistics.mean(mb for _, mb in samples)


async def run(minutes: float, directory: Path) -> int:
    """One soak; 1 if memory grows, or the worker ends or falls behind."""
    folders = [directory / name for name in ("kafka", "redis", "worker")]
    for folder in folders:
        folder.mkdir()
    retention = {"log.retention.bytes": str(200 << 20), "log.segment.bytes": str(50 << 20)}
    with (
        KafkaProcess(directory=folders[0], settings=retention) as kafka,
        RedisProcess(directory=folders[1]) as server,
    ):
        await create_topics(Brokers(kafka.bootstrap), PREFIX, PARTITIONS)
        installation = Installation(
            kafka.bootstrap, server.url, PREFIX, folders[2], partitions=PARTITIONS, rules=Path(), clock="live"
        )
        worker = installation.worker(
            log_format="json", rules="", model="", session_timeout_ms=10_000
        ).wait_ready()
        try:
            most = await maximum_per_s(installation, kafka)
            print(
                f"maximum: {most:,.0f} records/s; soak at {most / 2:,.0f} for {minutes:g} minutes", flush=True
            )
            load = start_load(kafka, int(most / 2), seed=2)
            samples = await sample(worker, minutes)
            load.terminate()
            load.wait()
            behind = sum((await installation.ends()).values()) - await applied(installation)
        finally:
            installation.stop_all()
    kept = samples[int(len(samples) * _WARM_UP_SHARE) :]
    slope = slope_per_10_min(kept)
    figures = {
        "maximum_per_s": round(most),
        "minutes": minutes,
        "rss_mb": [round(mb, 1) for _, mb in samples[:: max(1, len(samples) // 30)]],
        "slope_per_10_min": round(slope, 5),
        "behind_records": behind,
    }
    print(json.dumps(figures))
    return int(slope > SLOPE_MAX or behind > most * _SAMPLE_S)


async def sample(worker: WorkerProcess, minutes: float) -> list[tuple[float, float]]:
    """(seconds since the start, MiB), every ten seconds."""
    samples = []
    begin_s = time.monotonic()
    with Progress() as progress:
        bar = progress.add_task("soaking", total=minutes * 60)
        while (passed_s := time.monotonic() - begin_s) < minutes * 60:
            assert worker.process.poll() is None, f"the worker ended: {worker.text[-2000:]}"
            samples.append((passed_s, resident_mb(worker)))
            progress.update(bar, completed=passed_s)
            await asyncio.sleep(_SAMPLE_S)
    return samples


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return asyncio.run(run(given.minutes, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
