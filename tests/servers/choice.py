"""Which server a run of the tests uses, and what the machine offers for the choice."""

import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

DOCKER_SOCKET = "/var/run/docker.sock"


@dataclass(frozen=True)
class Choice:
    """One of the servers that can serve the tests; nothing runs until `serve` is entered."""

    kind: Literal["given", "docker", "process", "stand-in"]
    #: For the header of the run: what it is, and why nothing more real was taken.
    label: str
    #: Given an empty directory: a context that runs the server and whose value is its address.
    serve: Callable[[Path], AbstractContextManager[str]]


@cache
def docker_answers() -> bool:
    """Whether a Docker daemon answers a ping on its usual socket within two seconds."""
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.settimeout(2)
        try:
            daemon.connect(DOCKER_SOCKET)
            daemon.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in daemon.recv(64)
        except OSError:
            return False


def packaged(package: str, pattern: str) -> Path:
    """The one file that matches `pattern` inside an installed package; FileNotFoundError if there is none."""
    spec = find_spec(package)
    for folder in spec.submodule_search_locations or () if spec else ():
        for path in Path(folder).glob(pattern):
            return path
    raise FileNotFoundError(f"{package} with {pattern} is not installed: make setup")
