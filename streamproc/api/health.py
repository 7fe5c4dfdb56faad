"""`/livez`, `/readyz`, `/metrics` of a worker, and of the webhooks.

Alive means that something moves: a shard that has work but commits nothing for long is dead, whatever its process
says. Ready means that shards are held and their stores answer.
"""

import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streamproc.errors import StreamprocError
from streamproc.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe is told: fine or not, and why."""

    ok: bool
    detail: str


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serve at this address until the context ends; with port 0 nothing is served.

    Raises StreamprocError if the address cannot be used.
    """
    if port == 0:
        yield
        return
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            # Newer Pythons say of a host without any address of ours no more than that none could be used.
            if isinstance(error, socket.gaierror) or error.errno in (errno.EADDRNOTAVAIL, None):
                raise StreamprocError(
                    f"{host} is no address of this machine, and the HTTP server cannot listen there",
                    fix="set STREAMPROC_HTTP_HOST to one of its own, or to 0.0.0.0 for all of them",
                ) from error
            raise StreamprocError(
                f"port {port} on {host} cannot be used: {error.strerror}",
                fix="set STREAMPROC_HTTP_PORT to a free port, or to 0 for no HTTP server",
            ) from error
        yield
    finally:
        await runner.cleanup()


def create_http_app(
    metrics: Metrics, live: Callable[[], Health], ready: Callable[[], Health], guard: Middleware
) -> web.Application:
    """The routes of a process's HTTP server. `live` and `ready` are asked at each request that `guard` lets in."""

    async def livez(_: web.Request) -> web.Response:
        return _answer(live())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready())

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application(middlewares=[guard])
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    return app


def _answer(health: Health) -> web.Response:
    return web.json_response({"ok": health.ok, "detail": health.detail}, status=200 if health.ok else 503)
