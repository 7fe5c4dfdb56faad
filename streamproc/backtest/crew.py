"""Processes for a part of a backtest each, which inherit all that the first one has."""

import gc
import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple

from streamproc.errors import StreamprocError

#: A process makes many objects and no cycles: it looks for these after so many objects only.
_GARBAGE_OBJECTS: Final = 50_000
_KILLED: Final = "a process of the backtest was killed; was there enough memory?"
#: What a process does: it has a link to the first one.
Work = Callable[[Connection], None]


class _Failed(NamedTuple):
    """Why a process could not go on. `fix`: None for a defect of ours."""

    message: str
    fix: str | None

    def error(self) -> Exception:
        """To be raised instead."""
        return RuntimeError(self.message) if self.fix is None else StreamprocError(self.message, fix=self.fix)


def cores() -> int:
    """How many processes make sense: 1 where processes cannot inherit anything."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def crew(works: Sequence[Work]) -> Iterator[list[Connection]]:
    """A process for each work, and the links to them. At the end those that go on are ended.

    No other thread should run when they begin.
    """
    context = multiprocessing.get_context("fork")
    links: list[Connection] = []
    processes = []
    # What there is stays: no process should look through it for garbage, and copy every page on which an object lies.
    gc.freeze()
    try:
        for work in works:
            mine, theirs = context.Pipe()
            process = context.Process(target=_do, args=(work, theirs), daemon=True)
            process.start()
            theirs.close()  # or the end of the process would not be noticed
            links.append(mine)
            processes.append(process)
        yield links
    finally:
        gc.unfreeze()
        for link in links:
            link.close()
        for process in processes:
            process.terminate()
            process.join()


def send(link: Connection, message: object) -> None:
    """Give a process something to do. Raises RuntimeError if it is no longer there."""
    try:
        link.send(message)
    except OSError:
        raise RuntimeError(_KILLED) from None


def receive(link: Connection) -> Any:
    """The next message of a process. Raises what it has failed by."""
    try:
        message = link.recv()
    except (EOFError, OSError):
        raise RuntimeError(_KILLED) from None
    if isinstance(message, _Failed):
        raise message.error()
    return message


def _do(work: Work, link: Connection) -> None:
    gc.set_threshold(_GARBAGE_OBJECTS, 20, 20)
    try:
        work(link)
    except KeyboardInterrupt:
        pass  # the first process tells
    except StreamprocError as error:
        link.send(_Failed(error.message, error.fix))
    except BaseException:
        link.send(_Failed(traceback.format_exc(), None))
