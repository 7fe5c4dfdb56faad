"""A TCP proxy that can be cut, stalled and slowed: the network between a worker and one server.

It runs in a thread with an event loop of its own. `advertise` rewrites nothing: a Kafka broker behind a proxy must
advertise the proxy's port as its own.
"""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any, Self

_PIECE_BYTES = 65_536


class Proxy:
    """Forwards connections of `port` to `target_port`, both on 127.0.0.1."""

    def __init__(self, port: int, target_port: int) -> None:
        self.port, self.target_port = port, target_port
        self.delay_s = 0.0
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._server: asyncio.Server | None = None

    def start(self) -> Self:
        self._thread.start()
        self._call(self._serve())
        return self

    def close(self) -> None:
        self.cut()
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self) -> None:
        """Reset all connections and refuse new ones."""
        self._refusing = True
        self._flowing.set()
        self._call(self._drop_all())

    def stall(self) -> None:
        """Keep connections open and pass nothing on: what a lost route looks like."""
        self._flowing.clear()

    def heal(self) -> None:
        """Everything as it was."""
        self.delay_s = 0.0
        self._refusing = False
        self._flowing.set()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def _end(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _drop_all(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, far_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pass_on(reader, far_writer), self._pass_on(far_reader, writer))
        finally:
            self._writers -= both
            for end in both:
                end.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while piece := await reader.read(_PIECE_BYTES):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                while not self._flowing.is_set():
                    await asyncio.sleep(0.02)
                writer.write(piece)
                await writer.drain()
        writer.transport.abort()
