"""A wire between a client and a server that breaks where a test wants it to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlsplit

Fault = Literal["before", "within", "after"]


class BreakingProxy:
    """Forwards TCP to `host:port`, and breaks the next connections as told by `break_at`."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._faults: list[tuple[Fault, bytes]] = []
        self.broken = 0

    def break_at(self, fault: Fault, marker: bytes, times: int = 1) -> None:
        """Break a connection on each of the next `times` requests that hold `marker`.

        before: the server gets nothing of it; within: the first half; after: all of it, but its reply is
        lost.
        """
        self._faults += [(fault, marker)] * times

    async def serve(self, client: asyncio.StreamReader, reply: asyncio.StreamWriter) -> None:
        """Forward one connection until an end closes it or it is to be broken."""
        server, request = await asyncio.open_connection(*self._target)
        back = asyncio.create_task(self._forward(server, reply))
        try:
            while data := await client.read(1 << 22):
                if self._faults and self._faults[0][1] in data:
                    await self._break(data, self._faults.pop(0)[0], server, request, back)
                    return
                request.write(data)
                await request.drain()
        finally:
            back.cancel()
            for end in (request, reply):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    async def _break(
        self,
        data: bytes,
        fault: Fault,
        server: asyncio.StreamReader,
        request: asyncio.StreamWriter,
        back: "asyncio.Task[None]",
    ) -> None:
        self.broken += 1
        back.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await back
        if fault != "before":
            request.write(data if fault == "after" else data[: len(data) // 2])
            await request.drain()
        if fault == "after":
            await server.read(1)  # the server has answered, so it is done

    @staticmethod
    async def _forward(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                sink.write(data)
                await sink.drain()
        sink.close()


@contextlib.asynccontextmanager
async def breaking_proxy(url: str) -> AsyncIterator[tuple[BreakingProxy, str]]:
    """A proxy in front of the server at `url` (redis://host:port/db), and the URL of the proxy."""
    target = urlsplit(url)
    assert target.hostname is not None
    assert target.port is not None
    proxy = BreakingProxy(target.hostname, target.port)
    listener = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 23)
    port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy, url.replace(f"{target.hostname}:{target.port}", f"127.0.0.1:{port}")
    finally:
        listener.close()
