"""A server process that belongs to the tests: start, stop, kill, start again on the same port and data."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

#: Below Linux's range for outgoing connections (32768…): a client that keeps dialling the port of a stopped
#: server could otherwise be given that very port as its own and connect to itself.
PORTS = range(20_000, 32_000)

#: Before a command, on Linux: the kernel kills it as soon as the thread that started it is gone. Elsewhere nothing.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []


class ServerFailed(Exception):
    """The server did not start or did not stop; the message ends with the tail of its log."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on at the moment."""
    while True:
        port = PORTS.start + secrets.randbelow(len(PORTS))
        with socket.socket() as candidate, contextlib.suppress(OSError):
            candidate.bind(("127.0.0.1", port))
            return port


def serves(answers: Callable[[socket.socket], bool], port: int) -> bool:
    """Whether something listens on 127.0.0.1:port and `answers` is true of a connection to it."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return answers(connection)
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], *, within_s: float) -> bool:
    """Poll `condition` until it is true; false if it is not after `within_s` seconds."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


@dataclass(kw_only=True)
class ServerProcess(ABC):
    """One server on 127.0.0.1:port, with its data and its log under `directory`.

    It runs in a session of its own, so that Ctrl-C reaches only the tests, which stop it in order. On Linux
    it does not outlive the *thread* that started it, however that ends: start it from the main thread.
    """

    directory: Path
    port: int = field(default_factory=free_port)
    ready_within_s: float = 60
    #: How long the last start took, until requests were served.
    start_ms: int = field(default=-1, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self, connection: socket.socket) -> bool:
        """Whether the server at the other end of a fresh connection serves requests."""

    def prepare(self) -> None:  # noqa: B027 (most servers need nothing)
        """What must be done before each start."""

    @property
    def log(self) -> Path:
        """What the server wrote to stdout and stderr, over all its starts."""
        return self.directory / "server.log"

    @property
    def pid(self) -> int:
        """The process id; raises ServerFailed when the server is not running."""
        if self._process is None:
            raise self._failed("is not running")
        return self._process.pid

    def start(self) -> Self:
        """Start on the port and the data; returns once requests are served, else raises ServerFailed."""
        begin_s = time.monotonic()
        self.prepare()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*DIE_WITH_PARENT, *self.command()],
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._process = process
        wait_until(
            lambda: process.poll() is not None or serves(self.answers, self.port),
            within_s=self.ready_within_s,
        )
        if process.poll() is not None:
            self._process = None
            raise self._failed(f"exited with {process.returncode}")
        if not serves(self.answers, self.port):
            self.kill()
            raise self._failed(f"does not answer after {self.ready_within_s} s")
        self.start_ms = round((time.monotonic() - begin_s) * 1000)
        return self

    def stop(self, *, within_s: float = 30) -> None:
        """SIGTERM and wait; SIGKILL and ServerFailed after `within_s`. Nothing if it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._failed(f"ignored SIGTERM for {within_s} s") from None
        self._process = None

    def kill(self) -> None:
        """SIGKILL; `start` then finds what it had on disk. Nothing if it is not running."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Stop in order, then start on the same port and data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _failed(self, what: str) -> ServerFailed:
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
        return ServerFailed(f"{type(self).__name__} on port {self.port} {what}\n{tail}")
