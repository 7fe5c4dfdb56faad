"""A primary, a replica and three Sentinels that watch them, as local processes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.servers.process import wait_until
from tests.servers.redis import RedisProcess

PRIMARY = "mymaster"


@dataclass(kw_only=True)
class SentinelProcess(RedisProcess):
    """One Sentinel: it calls the primary at `watched` dead after `silent_ms`; two of them agree on a failover."""

    watched: int
    silent_ms: int

    def prepare(self) -> None:
        """Write the file that it keeps its knowledge in."""
        self._config.write_text(
            f"bind 127.0.0.1\nport {self.port}\ndir {self.directory}\n"
            f"sentinel monitor {PRIMARY} 127.0.0.1 {self.watched} 2\n"
            f"sentinel down-after-milliseconds {PRIMARY} {self.silent_ms}\nsentinel failover-timeout {PRIMARY} 4000\n"
        )

    def command(self) -> list[str]:
        """The server in its other mode."""
        return [str(self.executable), str(self._config), "--sentinel"]

    def facts(self) -> dict[str, Any]:
        """What it knows of the primary, in redis-py's words."""
        with redis.Redis(port=self.port) as client:
            found: dict[str, Any] = client.sentinel_master(PRIMARY)
        return found

    @property
    def _config(self) -> Path:
        return self.directory / "sentinel.conf"


@dataclass
class WatchedRedis:
    """Two servers, of which one follows the other, and their Sentinels."""

    servers: list[RedisProcess]
    sentinels: list[SentinelProcess]

    @property
    def url(self) -> str:
        """For STREAMPROC_REDIS."""
        places = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{places}/{PRIMARY}/0"

    def primary(self) -> RedisProcess:
        """By what a Sentinel says."""
        port = self.sentinels[0].facts()["port"]
        return next(server for server in self.servers if server.port == port)

    def replica(self) -> RedisProcess:
        """The other one."""
        primary = self.primary()
        return next(server for server in self.servers if server is not primary)

    def fail_over(self) -> None:
        """As an operator plans it."""
        with redis.Redis(port=self.sentinels[0].port) as client:
            client.sentinel_failover(PRIMARY)


@contextmanager
def watched_redis(directory: Path, *, silent_ms: int = 1_000) -> Iterator[WatchedRedis]:
    """All of them, once the Sentinels know each other and the replica."""
    with ExitStack() as stack:

        def started(server: RedisProcess) -> RedisProcess:
            server.directory.mkdir()
            stack.callback(server.kill)
            return server.start()

        at_once = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        primary = started(RedisProcess(directory=directory / "a", options=at_once))
        following = (*at_once, "--replicaof", f"127.0.0.1 {primary.port}")
        replica = started(RedisProcess(directory=directory / "b", options=following))
        with redis.Redis(port=primary.port) as client:
            client.set("x", "1")
            assert client.wait(1, 10_000) == 1
        sentinels = [
            SentinelProcess(directory=directory / f"s{n}", watched=primary.port, silent_ms=silent_ms)
            for n in range(3)
        ]
        for sentinel in sentinels:
            started(sentinel)

        def agree() -> bool:
            facts = [sentinel.facts() for sentinel in sentinels]
            return all((one["num-other-sentinels"], one["num-slaves"]) == (2, 1) for one in facts)

        assert wait_until(agree, within_s=30)
        yield WatchedRedis([primary, replica], sentinels)
