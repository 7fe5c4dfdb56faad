"""A receiver of webhooks: a real HTTP server that verifies what comes, and does to it what a test says."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass(frozen=True)
class Arrival:
    """A POST that was verified. `attempt`: the how-manieth of its id, from 1."""

    id: str
    attempt: int
    at_s: float
    timestamp: int
    body: bytes

    @property
    def customer(self) -> str:
        customer: str = json.loads(self.body).get("userId", "")
        return customer


#: What is done with an arrival: an answer; None ends the connection without one.
Behaviour = Callable[[Arrival], Awaitable[web.StreamResponse | None]]


async def accept(_: Arrival) -> web.StreamResponse | None:
    """204, as soon as it comes."""
    return web.Response(status=204)


@dataclass
class Receiver:
    """`arrivals` in their order; `accepted`: the ids that were answered with 2xx, with repeats."""

    behaviour: Behaviour = accept
    url: str = ""
    arrivals: list[Arrival] = field(default_factory=list)
    accepted: list[str] = field(default_factory=list)
    _attempts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Verify, note, and do what the behaviour says. AssertionError (500, and noted) for what is not signed."""
        body = await request.read()
        headers = dict(request.headers)
        Webhook(SECRET).verify(body, headers)
        id_ = headers["webhook-id"]
        self._attempts[id_] += 1
        arrival = Arrival(id_, self._attempts[id_], time.monotonic(), int(headers["webhook-timestamp"]), body)
        assert json.loads(body)["messageId"] == id_
        self.arrivals.append(arrival)
        answer = await self.behaviour(arrival)
        if answer is None:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if answer.status // 100 == 2:
            self.accepted.append(id_)
        return answer

    def of(self, customer: str) -> list[Arrival]:
        """The arrivals of a customer."""
        return [arrival for arrival in self.arrivals if arrival.customer == customer]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on 127.0.0.1."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    addresses: Any = runner.addresses
    receiver.url = f"http://127.0.0.1:{addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()


async def stall() -> web.StreamResponse:
    """Never answers in time."""
    await asyncio.sleep(30)
    return web.Response()
