"""deploy/healthcheck.py, started as Docker starts it, asks a real HTTP server."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from streamproc.api.access import create_guard
from streamproc.api.health import Health, create_http_app, serving
from streamproc.metrics import Metrics
from tests.servers.process import free_port

SCRIPT = Path(__file__).parents[2] / "deploy" / "healthcheck.py"


async def check(host: str | None, port: int | None) -> tuple[int, str, str]:
    """Exit code and output of the script, of a worker with these settings."""
    settings = {"STREAMPROC_HTTP_HOST": host, "STREAMPROC_HTTP_PORT": None if port is None else str(port)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(SCRIPT)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], **{name: value for name, value in settings.items() if value}},
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


async def answer(health: Health, host: str, token: str = "") -> tuple[int, str, str]:
    """What the script says of a server that listens on `host`, whose process is in this health."""
    port = free_port()
    app = create_http_app(Metrics(), lambda: health, lambda: health, create_guard(host, token))
    async with serving(app, host, port):
        return await check(host, port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::", "::1"])
async def test_alive(host: str) -> None:
    """Whichever address it listens on, and whatever token others need."""
    if ":" in host and not socket.has_ipv6:
        pytest.fail("no IPv6 here")
    assert await answer(Health(True, "3 shards"), host, "secret") == (
        0,
        '{"ok": true, "detail": "3 shards"}\n',
        "",
    )


async def test_not_alive() -> None:
    code, output, _ = await answer(Health(False, "shard 3 has records"), "127.0.0.1")
    assert (code, output) == (1, '{"ok": false, "detail": "shard 3 has records"}\n')


async def test_nothing_answers() -> None:
    port = free_port()
    code, _, errors = await check("0.0.0.0", port)
    assert code == 1
    assert errors.startswith(f"/livez on 0.0.0.0 port {port}: ")
    assert "Traceback" not in errors


async def test_nothing_is_served() -> None:
    """With port 0 there is nothing to ask."""
    assert await check(None, 0) == (0, "", "")
