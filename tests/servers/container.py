"""Servers in Docker containers, for machines where a daemon answers."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from testcontainers.core.container import DockerContainer

from tests.servers.process import ServerFailed, serves, wait_until


@contextmanager
def serving(
    image: str,
    *,
    port: int,
    port_inside: int,
    answers: Callable[[socket.socket], bool],
    environment: Mapping[str, str] | None = None,
    command: str = "",
    ready_within_s: float = 120,
) -> Iterator[None]:
    """Run `image`, its `port_inside` published as `port`, until the context ends or the tests die.

    Raises ServerFailed when it does not answer within `ready_within_s` of its start (pulling not counted).
    """
    container = DockerContainer(image).with_bind_ports(port_inside, port).with_envs(**(environment or {}))
    if command:
        container.with_command(command)
    with container:
        if not wait_until(lambda: serves(answers, port), within_s=ready_within_s):
            log = b"".join(container.get_logs()).decode(errors="replace")[-2000:]
            raise ServerFailed(f"{image} does not answer on port {port}\n{log}")
        yield
