"""`/livez`, `/readyz`, `/metrics` of a worker.

Alive means that something moves: a shard that has work but commits nothing for long is dead, whatever its process
says. Ready means that shards are held and their stores answer.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streamproc.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe is told: fine or not, and why."""

    ok: bool
    detail: str


def create_http_app(
    metrics: Metrics, live: Callable[[], Health], ready: Callable[[], Health], guard: Middleware
) -> web.Application:
    """The routes of a worker's HTTP server. `live` and `ready` are asked at each request that `guard` lets in."""

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
