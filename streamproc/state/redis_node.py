"""One Redis server: its connections, in single attempts.

redis-py's asyncio connection packs arguments in Python (about 1 µs each) and sets a timeout for every reply (more than
that), so commands are packed in `resp` and sent as bytes, and a timeout is set for an operation as a whole.

An operation (`once`) has one connection to itself; whatever goes wrong, the connection is closed, so that no reply,
WATCH or open transaction is left behind for the next one. Questions that leave nothing behind (`ask`) share one: those
of one round of the event loop go to the server together.
"""

import builtins
from asyncio import timeout
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError, ResponseError, TimeoutError

from streamproc.gathering import Gathering
from streamproc.state.resp import pack_commands
from streamproc.state.store import StateCorrupt

Command = Sequence[bytes | str | int]
T = TypeVar("T")

#: Words of the commands that go to the server together: the answers to the last wait for those to the first.
_WORDS_TOGETHER: Final = 4_000


class RedisNode:
    """The server that the connections of `pool` lead to; an operation may take `within_s`. Raises what redis-py does.

    `where`: for messages.
    """

    def __init__(
        self, pool: ConnectionPool, where: str, *, within_s: float | None, in_cluster: bool = False
    ) -> None:
        self.where, self.in_cluster = where, in_cluster
        self._pool, self._within_s = pool, within_s
        self._questions: Gathering[Sequence[Command], list[Any]] = Gathering(
            self._ask_together, weigh=lambda commands: sum(map(len, commands)), most=_WORDS_TOGETHER
        )

    @property
    def node(self) -> "RedisNode":
        """See Route.node: of this node there is no other."""
        return self

    async def find(self, _: RedisError | None) -> "RedisNode":
        """See Route.find."""
        return self

    async def once(self, operation: Callable[[AbstractConnection], Awaitable[T]]) -> T:
        """The result of `operation` on a connection of its own."""
        try:
            async with timeout(self._within_s):
                connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                try:
                    return await operation(connection)
                except BaseException:
                    await connection.disconnect(nowait=True)
                    raise
                finally:
                    await self._pool.release(connection)
        except builtins.TimeoutError as error:
            raise TimeoutError(f"no reply within {self._within_s:g} s") from error

    async def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The replies to commands that leave nothing behind on the connection; the first error among them is raised.

        Others may ask at the same time on the same connection.
        """
        return await self._questions.ask(commands)

    async def _ask_together(self, questions: list[Sequence[Command]]) -> list[list[Any] | BaseException]:
        flat = [command for commands in questions for command in commands]
        replies = iter(await self.once(lambda connection: _exchange(connection, flat)))
        answers: list[list[Any] | BaseException] = []
        for commands in questions:
            some = [next(replies) for _ in commands]
            answers.append(_first_error(some) or some)
        return answers

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.disconnect()


async def exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    """The replies to `commands`, sent at once. All are read before the first error among them is raised."""
    replies = await _exchange(connection, commands)
    if error := _first_error(replies):
        raise error
    return replies


async def _exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    """The replies to `commands`, errors among them, sent at once."""
    await connection.send_packed_command(pack_commands(commands))
    return [await _reply(connection) for _ in commands]


async def execute(connection: AbstractConnection, commands: Sequence[Command]) -> bool:
    """Queue `commands` in the transaction that is open on `connection`, and carry it out as one step.

    False, with nothing done, if a watched key has changed. A command that is refused while it is queued (out
    of memory, read-only, its slot is being moved) raises its error, with nothing done. Raises StateCorrupt if one
    failed beside others that were carried out.
    """
    results = (await exchange(connection, [*commands, (b"EXEC",)]))[-1]
    for result in results or ():
        if isinstance(result, RedisError):
            raise StateCorrupt(
                f"Redis carried out a commit but for one command: {result}",
                fix="something else writes to this Redis; wipe the shard and rebuild it",
            )
    return results is not None


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _first_error(replies: Sequence[Any]) -> RedisError | None:
    return next((reply for reply in replies if isinstance(reply, RedisError)), None)
