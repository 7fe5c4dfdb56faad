"""Addresses at which nothing can be served name the setting that is wrong."""

import socket

import pytest
from aiohttp import web

from streamproc.api.health import serving
from streamproc.errors import StreamprocError


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_a_host_that_is_not_ours_is_not_the_fault_of_the_port(host: str) -> None:
    """192.0.2.1 is for documentation: no machine has it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StreamprocError, match=f"{host} is no address of this machine") as refusal:
        async with serving(web.Application(), host, port):
            pass
    assert "STREAMPROC_HTTP_HOST" in refusal.value.fix
    assert "STREAMPROC_HTTP_PORT" not in refusal.value.fix


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StreamprocError, match=f"port {port} on 127.0.0.1 cannot be used") as refusal:
            async with serving(web.Application(), "127.0.0.1", port):
                pass
    assert "STREAMPROC_HTTP_PORT" in refusal.value.fix
