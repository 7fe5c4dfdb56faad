"""The servers of a scene: Kafka, Redis with a replica, and a proxy on each way to them that can be cut.

The disks of both Redis are file systems in memory of their own (as root), so that they can be full.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import redis

from tests.faults.proxy import Proxy
from tests.servers.kafka import SETTINGS, KafkaProcess
from tests.servers.process import free_port
from tests.servers.redis import RedisProcess

_DISK_BYTES: Final = 512 << 20


def mounted(directory: Path) -> bool:
    """Mount a file system in memory on a directory; False if this user may not."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(directory)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def unmount(directory: Path) -> None:
    """The opposite, also while something in it is still open."""
    subprocess.run(["umount", "--lazy", str(directory)], check=True)


@dataclass
class Servers:
    """Servers and proxies, with their data under `directory`. `start` makes them."""

    directory: Path
    disks: list[Path] = field(default_factory=list)

    def start(self) -> None:
        """Kafka with a second listener behind a proxy, Redis and its replica, both behind proxies."""
        proxied = free_port()
        self.kafka_proxy = Proxy(free_port(), proxied).start()
        own = free_port()
        listeners = "PLAINTEXT://127.0.0.1:{},PROXIED://127.0.0.1:{}"
        protocols = SETTINGS["listener.security.protocol.map"] + ",PROXIED:PLAINTEXT"
        controller = free_port()
        self.kafka = KafkaProcess(
            directory=folder(self.directory, "kafka"),
            port=own,
            controller_port=controller,
            settings={
                "listeners": listeners.format(own, proxied) + f",CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": listeners.format(own, self.kafka_proxy.port),
                "listener.security.protocol.map": protocols,
            },
        ).start()
        options = ("--appendfsync", "everysec", "--repl-diskless-sync-delay", "0")
        self.primary = RedisProcess(directory=self._disk("redis-a"), options=options).start()
        self.replication_proxy = Proxy(free_port(), self.primary.port).start()
        self.replica = RedisProcess(directory=self._disk("redis-b"), options=options).start()
        self.follow()
        self.redis_proxy = Proxy(free_port(), self.primary.port).start()

    def follow(self) -> None:
        """Make the replica follow the primary."""
        self.replication_proxy.target_port = self.primary.port
        with redis.Redis(port=self.replica.port) as client:
            client.execute_command("REPLICAOF", "127.0.0.1", self.replication_proxy.port)

    def in_step(self) -> bool:
        """Whether the replica has all that the primary has."""
        with redis.Redis(port=self.primary.port) as client:
            told = client.info("replication")
            follower = told.get("slave0")
            return bool(follower) and follower["state"] == "online" and follower["lag"] <= 1

    def _disk(self, name: str) -> Path:
        """A directory on a file system of its own, if this user may mount one."""
        disk = folder(self.directory, name)
        if mounted(disk):
            self.disks.append(disk)
        return folder(disk, "data")

    def disk_of(self, server: RedisProcess) -> Path:
        """The file system of one Redis. RuntimeError if it has none of its own."""
        disk = server.directory.parent
        if disk not in self.disks:
            raise RuntimeError("disk_full needs to mount a tmpfs: run as root, or leave it out (--only ...)")
        return disk

    def close(self) -> None:
        """End everything, however far `start` came."""
        for name in ("kafka_proxy", "redis_proxy", "replication_proxy"):
            if hasattr(self, name):
                getattr(self, name).close()
        for name in ("kafka", "primary", "replica"):
            if hasattr(self, name):
                getattr(self, name).kill()
        for disk in self.disks:
            unmount(disk)


def folder(directory: Path, name: str) -> Path:
    """A directory in a directory, made if it is not there."""
    made = directory / name
    made.mkdir(parents=True, exist_ok=True)
    return made
