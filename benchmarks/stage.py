"""The servers of a measurement: Apache Kafka and Redis as processes of this machine, and installations on them."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiokafka import TopicPartition
from redis.asyncio import Redis

from streamproc.transport.topics import Topics
from tests.integration.worker import Installation, WorkerProcess
from tests.servers.kafka import KafkaProcess
from tests.servers.redis import RedisProcess

_HEAP_MB: Final = 1024
#: As a worker has them by default; the tests' are shorter.
_TIMEOUTS: Final = {"session_timeout_ms": 10_000, "heartbeat_ms": 2_000}
_REST_S: Final = 0.5
#: For answers of a Redis that is busy, or while this process is.
_PATIENCE_S: Final = 60


@dataclass(kw_only=True)
class Broker(KafkaProcess):
    """Apache Kafka with both of Java's compilers: the tests' start quicker with one, and would stay slow."""

    def command(self) -> list[str]:
        """As the tests', but for that; of repeated options the JVM takes the last."""
        *options, main, properties = super().command()
        return [*options, "-XX:TieredStopAtLevel=4", main, properties]


@dataclass
class Site(Installation):
    """Topics, and workers with the packaged rules under the live clock. Each `life` has its own group and state."""

    life: str = "first"
    rules: Path = field(default_factory=Path)
    clock: str = "live"

    @property
    def group(self) -> str:
        return f"{self.prefix}{self.life}"

    def start(self, rules: Path | None = None) -> WorkerProcess:
        """A worker as users start it: the packaged rules unless others are given."""
        return self.worker(rules=rules or "", model="", log_format="json", **_TIMEOUTS)

    @property
    def signal_places(self) -> list[TopicPartition]:
        """Every partition of the signals' topics."""
        topics = Topics(self.prefix).signals
        return [TopicPartition(topic, part) for topic in topics for part in range(self.partitions)]


@dataclass(frozen=True)
class Stage:
    """Servers that are up."""

    kafka: Broker
    redis: RedisProcess
    folder: Path

    def site(self, prefix: str, partitions: int, life: str = "first") -> Site:
        """An installation; its topics need not exist yet."""
        folder = self.folder / f"{prefix}{life}"
        folder.mkdir(parents=True, exist_ok=True)
        return Site(self.kafka.bootstrap, self.redis.url, prefix, folder, partitions=partitions, life=life)

    async def redis_info(self) -> dict[str, object]:
        """What Redis says of itself."""
        async with Redis.from_url(self.redis.url, socket_timeout=_PATIENCE_S) as redis:
            return dict(await redis.info("everything"))

    async def rest(self) -> None:
        """Return once Redis has rewritten its append-only file and freed what was deleted, which both go on beside."""
        while _is_busy(await self.redis_info()):
            await asyncio.sleep(_REST_S)


def _is_busy(info: Mapping[str, object]) -> bool:
    return bool(info["aof_rewrite_in_progress"]) or bool(info["lazyfree_pending_objects"])


@contextmanager
def open_stage() -> Iterator[Stage]:
    """Servers in a folder of their own, which goes with them."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        for server in ("kafka", "redis"):
            (folder / server).mkdir()
        with (
            Broker(directory=folder / "kafka", heap_mb=_HEAP_MB) as kafka,
            RedisProcess(directory=folder / "redis") as redis,
        ):
            yield Stage(kafka, redis, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
