"""Connections to one Redis server: packing, retries, and Redis's errors in words a user can act on.

redis-py's asyncio connection packs arguments in Python (about 1 µs each) and sets a timeout for every reply (more than
that), so commands are packed by hiredis here and sent as bytes, and a timeout is set for an operation as a whole.

An operation (`run`) has one connection to itself; whatever goes wrong, the connection is closed, so that no reply,
WATCH or open transaction is left behind for the next one. Questions that leave nothing behind (`ask`) share one: those
of one round of the event loop go to the server together.
"""

import asyncio
import builtins
import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from importlib.resources import files
from typing import Any, Final, TypeVar, cast

import hiredis
import stamina
from redis.asyncio.connection import AbstractConnection, ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterError,
    ConnectionError,
    MasterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError,
)

from streamproc.gathering import Gathering
from streamproc.state.redis_tls import check_certificates, distrust
from streamproc.state.store import RedisConfigError, StateCorrupt, StoreError, StoreUnavailable

Command = Sequence[bytes | str | int]
T = TypeVar("T")

_DENIED = (AuthenticationError, AuthorizationError, NoPermissionError)
_PASSING = (ConnectionError, TimeoutError, OutOfMemoryError, ReadOnlyError, MasterDownError)
#: Refusals that pass by themselves, for which redis-py has no class of their own.
_PASSING_CODES = ("BUSY ", "MISCONF ", "NOREPLICAS ", "TRYAGAIN ", "CLUSTERDOWN ")
_FIRST_WAIT_S: Final = 0.05
#: Words of the commands that go to the server together: the answers to the last wait for those to the first.
_WORDS_TOGETHER: Final = 4_000


class RedisLink:
    """A pool of connections to the server at `url` (redis://, rediss:// or unix://).

    An operation is tried `attempts` times within `patience_s` seconds, with growing, jittered pauses; one attempt may
    take `socket_timeout_s`. Raises RedisConfigError for a URL that cannot be used; the message never holds the URL,
    which has the password.
    """

    def __init__(
        self, url: str, *, socket_timeout_s: float = 5.0, attempts: int = 6, patience_s: float = 30.0
    ) -> None:
        defaults: dict[str, Any] = {
            "socket_timeout": socket_timeout_s,
            "socket_connect_timeout": socket_timeout_s,
        }
        fixed: dict[str, Any] = {
            "protocol": 2,
            "decode_responses": False,
            "retry": Retry(NoBackoff(), 0),  # retries are decided here, not inside redis-py
            "socket_timeout": None,  # nor timeouts
            "driver_info": None,
        }
        try:
            wanted = {**defaults, **parse_url(url)}
            self._within_s: float | None = wanted["socket_timeout"]
            self._pool = ConnectionPool(**{**wanted, **fixed})
            # refuses unknown options, and does not connect
            connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        except (TypeError, ValueError, RedisError):
            raise RedisConfigError(
                "the Redis URL cannot be used",
                fix="STREAMPROC_REDIS=redis://[user:password@]host:port/db; rediss:// for TLS. "
                "Percent-encode special characters of the password",
            ) from None
        check_certificates(connection)
        options = self._pool.connection_kwargs
        self.where = options.get("path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        self._attempts = attempts
        self._patience_s = patience_s
        self._questions: Gathering[Sequence[Command], list[Any]] = Gathering(
            self._ask_together, weigh=lambda commands: sum(map(len, commands)), most=_WORDS_TOGETHER
        )

    async def run(self, operation: Callable[[AbstractConnection], Awaitable[T]]) -> T:
        """The result of `operation` on a connection of its own, tried again after what can pass by itself.

        `operation` must be safe to repeat when it may have been carried out already.
        """
        return await self._persist(lambda: self.once(operation))

    async def ask(self, *commands: Command) -> list[Any]:
        """The replies to commands that leave nothing behind on the connection and are safe to repeat.

        Others may ask at the same time on the same connection. The first error among the replies is raised.
        """
        return await self._persist(lambda: self._questions.ask(commands))

    async def _ask_together(self, questions: list[Sequence[Command]]) -> list[list[Any] | BaseException]:
        flat = [command for commands in questions for command in commands]
        replies = iter(await self.once(lambda connection: _exchange(connection, flat)))
        answers: list[list[Any] | BaseException] = []
        for commands in questions:
            some = [next(replies) for _ in commands]
            answers.append(_first_error(some) or some)
        return answers

    async def _persist(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """The result of `attempt`, made again after what can pass by itself."""
        try:
            try:
                return await attempt()  # almost always: the machinery of retries costs more than a call
            except RedisError as error:
                if self._attempts == 1 or not _may_pass(error):
                    raise
            await asyncio.sleep(_FIRST_WAIT_S)
            async for retry in stamina.retry_context(
                on=_may_pass,
                attempts=self._attempts - 1,
                timeout=self._patience_s,
                wait_initial=2 * _FIRST_WAIT_S,
                wait_max=2.0,
                wait_jitter=0.1,
            ):
                with retry:
                    return await attempt()
        except RedisError as error:
            raise self._in_words(error) from error
        raise AssertionError("a retry loop ends with a result or an error")

    async def once(self, operation: Callable[[AbstractConnection], Awaitable[T]]) -> T:
        """The result of `operation` on a connection of its own, in one attempt. Raises what redis-py does."""
        try:
            async with asyncio.timeout(self._within_s):
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

    async def call(self, *command: bytes | str | int) -> Any:
        """The reply to one command, as `ask`."""
        return (await self.ask(command))[0]

    async def script(self, script: "Script", keys: Sequence[bytes], args: Command) -> Any:
        """The reply of a script, which must be safe to repeat.

        It is loaded first if the server does not know it (new, restarted).
        """
        return (await self._persist(lambda: self._evaluate(script, keys, args)))[0]

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

    async def _evaluate(self, script: "Script", keys: Sequence[bytes], args: Command) -> list[Any]:
        evaluate = script.call(keys, args)
        try:
            return await self._questions.ask([evaluate])
        except NoScriptError:
            return (await self._questions.ask([script.load, evaluate]))[1:]

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.disconnect()

    def _in_words(self, error: RedisError) -> StoreError:
        text = str(error)
        if isinstance(error, _DENIED) or distrust(error):
            return self._not_let_in(error)
        if "WRONGTYPE" in text:
            return StateCorrupt(f"a key of another type stands in the way: {text}", fix="see docs/state.md")
        if isinstance(error, OutOfMemoryError):
            return StoreUnavailable(
                f"Redis at {self.where} is out of memory and refuses writes",
                fix="raise maxmemory; the worker goes on by itself",
            )
        if _may_pass(error):
            return StoreUnavailable(
                f"Redis at {self.where} does not serve: {_name(error)}: {text}",
                fix="is the server up, and is STREAMPROC_REDIS right (rediss:// for TLS)?",
            )
        if isinstance(error, ClusterError) or text.startswith(("MOVED", "ASK", "CROSSSLOT")):
            return RedisConfigError(f"Redis at {self.where} is a cluster node", fix="use a single primary")
        return StoreError(f"Redis at {self.where} refused: {text}")

    def _not_let_in(self, error: RedisError) -> RedisConfigError:
        if reason := distrust(error):
            return RedisConfigError(
                f"the certificate of Redis at {self.where} is not trusted: {reason}",
                fix="ssl_ca_certs in STREAMPROC_REDIS must name the certificate of the CA that signed it, and the "
                "host must be a name that stands in it",
            )
        return RedisConfigError(
            f"Redis at {self.where} denies access: {error}",
            fix="check user, password and ACL of STREAMPROC_REDIS",
        )


class Script:
    """A Lua file of a package, and the name a server gives it."""

    def __init__(self, name: str, package: str = "streamproc.state") -> None:
        self.source = files(package).joinpath(f"{name}.lua").read_bytes()
        self.sha = hashlib.sha1(self.source, usedforsecurity=False).hexdigest()
        self.load: Command = (b"SCRIPT", b"LOAD", self.source)

    def call(self, keys: Sequence[bytes], args: Command) -> Command:
        """The command that runs it."""
        return (b"EVALSHA", self.sha, len(keys), *keys, *args)


async def exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    """The replies to `commands`, sent at once. All are read before the first error among them is raised."""
    replies = await _exchange(connection, commands)
    if error := _first_error(replies):
        raise error
    return replies


async def _exchange(connection: AbstractConnection, commands: Sequence[Command]) -> list[Any]:
    """The replies to `commands`, errors among them, sent at once."""
    await connection.send_packed_command(b"".join(_pack(tuple(command)) for command in commands))
    return [await _reply(connection) for _ in commands]


async def execute(connection: AbstractConnection, commands: Sequence[Command]) -> bool:
    """Queue `commands` in the transaction that is open on `connection`, and carry it out as one step.

    False, with nothing done, if a watched key has changed. A command that is refused while it is queued (out
    of memory, read-only) raises its error, with nothing done. Raises StateCorrupt if one failed beside others
    that were carried out.
    """
    results = (await exchange(connection, [*commands, (b"EXEC",)]))[-1]
    for result in results or ():
        if isinstance(result, RedisError):
            raise StateCorrupt(
                f"Redis carried out a commit but for one command: {result}",
                fix="something else writes to this Redis; wipe the shard and rebuild it",
            )
    return results is not None


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """`items` in order, at most `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


async def _reply(connection: AbstractConnection) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error


def _first_error(replies: Sequence[Any]) -> RedisError | None:
    return next((reply for reply in replies if isinstance(reply, RedisError)), None)


def _pack(command: tuple[bytes | str | int, ...]) -> bytes:
    # hiredis types its argument as a tuple of exactly one element
    return cast(bytes, hiredis.pack_command(command))  # type: ignore[arg-type]


def _may_pass(error: Exception) -> bool:
    if isinstance(error, _DENIED) or distrust(error):
        return False
    return isinstance(error, _PASSING) or str(error).startswith(_PASSING_CODES)


def _name(error: RedisError) -> str:
    return "loading its data" if isinstance(error, BusyLoadingError) else type(error).__name__
