"""The named points of a shard's way at which the step killer ends a worker.

`FAULTS_STEP=commit:after:17` kills the process, as `kill -9` does, right after its 17th commit. The points are put
around the program's own functions from outside: the program knows nothing of them.
"""

import functools
import os
import signal
from collections.abc import Callable
from typing import Any, Final, Literal

from streamproc import intake, relay
from streamproc.instants.due import DueIndex
from streamproc.pipeline import Shard
from streamproc.relay import Relay
from streamproc.shards import Shards
from streamproc.state.redis_store import RedisStore
from streamproc.together import Together
from streamproc.transport.reader import Reader

When = Literal["before", "after"]

#: Name -> the object and the attribute that is the step.
STEPS: Final[dict[str, tuple[Any, str]]] = {
    "read": (Reader, "_take"),
    "decode": (intake, "decode_chunk"),
    "put": (Shard, "put"),
    "timer": (DueIndex, "pop"),
    "load": (RedisStore, "load"),
    "live": (Together, "advance"),
    "commit": (RedisStore, "commit"),
    "relay_read": (RedisStore, "outbox_read"),
    "send": (Relay, "_send"),
    "unpack": (relay, "unpack"),
    "trim": (RedisStore, "outbox_trim"),
    "acquire": (RedisStore, "acquire"),
    "seek": (Reader, "seek"),
    "release": (Shards, "release"),
}

#: Every point: a step, before and after.
POINTS: Final = tuple(f"{name}:{when}" for name in STEPS for when in ("before", "after"))


def die() -> None:
    """End this process as SIGKILL does: no handler, no flush."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(point: str, act: Callable[[], None] = die) -> None:
    """Call `act` at the n-th passing of a point, given as `step:before|after:n`. Raises ValueError for any other."""
    name, when, count = point.split(":")
    if name not in STEPS or when not in ("before", "after"):
        raise ValueError(f"no step {point!r}; steps are {', '.join(STEPS)}, each before or after")
    owner, attribute = STEPS[name]
    original = getattr(owner, attribute)
    passed = 0

    def pass_point() -> None:
        nonlocal passed
        passed += 1
        if passed == int(count):
            act()

    setattr(owner, attribute, _around(original, when, pass_point))


def _around(original: Any, when: str, pass_point: Callable[[], None]) -> Any:
    """`original`, sync or async, with a point before or after it."""
    if _is_async(original):

        @functools.wraps(original)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            if when == "before":
                pass_point()
            result = await original(*args, **kwargs)
            if when == "after":
                pass_point()
            return result

        return awaited

    @functools.wraps(original)
    def called(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            pass_point()
        result = original(*args, **kwargs)
        if when == "after":
            pass_point()
        return result

    return called


def _is_async(function: Any) -> bool:
    return bool(function.__code__.co_flags & 0x80)  # CO_COROUTINE
