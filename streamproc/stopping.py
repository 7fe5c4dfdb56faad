"""How a worker is told to end: in order by the first signal; at once by a second one, or when the end takes too long.

Ending at once is what a crash is: nothing is lost. Who gets the shards next reads on from what Redis holds.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from typing import Any, Final

import structlog

from streamproc.clock import monotonic_s

_log = structlog.get_logger(__name__)

#: Below the 30 s that compose files and Kubernetes give by default, so that the last word is ours.
END_WITHIN_S: Final = 25.0
#: A second signal so soon is the first one, passed on by a terminal and by a supervisor.
_SAME_S: Final = 1.0
#: Exit code of a worker that had to leave something undone.
UNFINISHED: Final = 1


class Stopping:
    """`asked` is set once the worker is to end.

    `left` tells what is not done yet, for the log. `leave` ends the process with an exit code, there and then.
    """

    def __init__(
        self, left: Callable[[], Mapping[str, Any]], leave: Callable[[int], None] = os._exit
    ) -> None:
        self.asked = asyncio.Event()
        self._left, self._leave = left, leave
        self._signalled_s: float | None = None
        self._last_call: asyncio.TimerHandle | None = None

    def listen(self) -> ExitStack:
        """Take SIGINT and SIGTERM from now on, until the stack is closed."""
        loop = asyncio.get_running_loop()
        stack = ExitStack()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.hear, number)
            stack.callback(loop.remove_signal_handler, number)
        stack.callback(self._be_done)
        return stack

    def hear(self, number: int) -> None:
        """A signal came."""
        now_s = monotonic_s()
        if self._signalled_s is None:
            self._signalled_s = now_s
            _log.info("the worker is to end", signal=signal.Signals(number).name)
            self.asked.set()
            self.hurry()
        elif now_s - self._signalled_s > _SAME_S:
            self._end_now("a second signal", 128 + number)

    def hurry(self) -> None:
        """The end has begun; it may take so long and no longer."""
        if self._last_call is None:
            loop = asyncio.get_running_loop()
            why = f"not done within {END_WITHIN_S:.0f} s"
            self._last_call = loop.call_later(END_WITHIN_S, self._end_now, why, UNFINISHED)

    def _be_done(self) -> None:
        if self._last_call is not None:
            self._last_call.cancel()

    def _end_now(self, why: str, code: int) -> None:
        _log.warning(
            "the worker ends at once; nothing is lost: what is left is done by who gets its partitions",
            why=why,
            exit_code=code,
            **self._left(),
        )
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # a terminal that is gone
                stream.flush()
        self._leave(code)
