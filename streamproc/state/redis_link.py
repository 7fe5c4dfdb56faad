"""Requests to the server that holds some keys, made again while what is wrong may pass by itself."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Protocol, TypeVar

import stamina
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, RedisError

from streamproc.state.redis_errors import in_words, may_pass
from streamproc.state.redis_node import Command, RedisNode, exchange

T = TypeVar("T")

_FIRST_WAIT_S: Final = 0.05


class Route(Protocol):
    """The way to a server. `where`: for messages."""

    in_cluster: bool

    @property
    def where(self) -> str: ...

    @property
    def node(self) -> RedisNode | None:
        """The server, as far as is known."""

    async def find(self, error: RedisError | None) -> RedisNode:
        """The server, looked for anew where it may have changed: after `error`, or because none is known.

        Raises what redis-py does.
        """


@dataclass(frozen=True, slots=True)
class Patience:
    """A request is tried `attempts` times within `within_s` seconds, with growing, jittered pauses."""

    attempts: int
    within_s: float


class RedisLink:
    """Requests to the server at the end of `route`, which may be another one from request to request."""

    def __init__(self, route: Route, patience: Patience) -> None:
        self._route, self._patience = route, patience
        self.in_cluster = route.in_cluster

    @property
    def where(self) -> str:
        """Where the server is, for messages."""
        return self._route.where

    async def run(self, operation: Callable[[AbstractConnection], Awaitable[T]]) -> T:
        """The result of `operation` on a connection of its own, tried again after what can pass by itself.

        `operation` must be safe to repeat when it may have been carried out already.
        """
        return await self._persist(lambda node: node.once(operation))

    async def once(self, operation: Callable[[AbstractConnection], Awaitable[T]]) -> T:
        """The result of `operation` on a connection of its own, in one attempt. Raises what redis-py does."""
        return await (self._route.node or await self._route.find(None)).once(operation)

    async def ask(self, *commands: Command) -> list[Any]:
        """The replies to commands that leave nothing behind on the connection and are safe to repeat.

        Others may ask at the same time on the same connection. The first error among the replies is raised.
        """
        return await self._persist(lambda node: node.ask(commands))

    async def call(self, *command: bytes | str | int) -> Any:
        """The reply to one command, as `ask`."""
        return (await self.ask(command))[0]

    async def script(self, script: "Script", keys: Sequence[bytes], args: Command) -> Any:
        """The reply of a script, which must be safe to repeat.

        It is loaded first if the server does not know it (new, restarted).
        """
        return (await self._persist(lambda node: _evaluate(node, script, keys, args)))[0]

    async def script_then(
        self, script: "Script", keys: Sequence[bytes], args: Command, then: Command
    ) -> list[Any]:
        """The replies of a script and of a command behind it, which may keep the connection waiting."""
        evaluate = script.call(keys, args)

        async def operation(connection: AbstractConnection) -> list[Any]:
            try:
                return await exchange(connection, [evaluate, then])
            except NoScriptError:
                return (await exchange(connection, [script.load, evaluate, then]))[1:]

        return await self.run(operation)

    async def reach(self) -> RedisNode:
        """The server, found if it was not known. It is not asked anything."""
        return await self._persist(_itself)

    async def _persist(self, attempt: Callable[[RedisNode], Awaitable[T]]) -> T:
        """The result of `attempt`, made again after what can pass by itself."""
        try:
            try:  # almost always: the machinery of retries costs more than a call
                return await attempt(self._route.node or await self._route.find(None))
            except RedisError as error:
                if self._patience.attempts == 1 or not self._may_pass(error):
                    raise
                failed = error
            await asyncio.sleep(_FIRST_WAIT_S)
            async for retry in stamina.retry_context(
                on=self._may_pass,
                attempts=self._patience.attempts - 1,
                timeout=self._patience.within_s,
                wait_initial=2 * _FIRST_WAIT_S,
                wait_max=2.0,
                wait_jitter=0.1,
            ):
                with retry:
                    try:
                        return await attempt(await self._route.find(failed))
                    except RedisError as error:
                        failed = error
                        raise
        except RedisError as error:
            raise in_words(error, self.where, in_cluster=self.in_cluster) from error
        raise AssertionError("a retry loop ends with a result or an error")

    def _may_pass(self, error: Exception) -> bool:
        return may_pass(error, in_cluster=self.in_cluster)


class Script:
    """A Lua file of a package, and the name a server gives it."""

    def __init__(self, name: str, package: str = "streamproc.state") -> None:
        self.source = files(package).joinpath(f"{name}.lua").read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()
        self.load: Command = (b"SCRIPT", b"LOAD", self.source)

    def call(self, keys: Sequence[bytes], args: Command) -> Command:
        """The command that runs it."""
        return (b"EVALSHA", self.sha, len(keys), *keys, *args)


async def _evaluate(node: RedisNode, script: Script, keys: Sequence[bytes], args: Command) -> list[Any]:
    evaluate = script.call(keys, args)
    try:
        return await node.ask([evaluate])
    except NoScriptError:
        return (await node.ask([script.load, evaluate]))[1:]


async def _itself(node: RedisNode) -> RedisNode:
    return node


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
