"""A backtest: all partitions of a history under one or two versions of the rules, on all cores.

Customers of different partitions have nothing to do with each other, so partitions are shared out among processes,
which inherit the history. They meet once: when all have read it, silence begins for all at the same instant.
"""

import asyncio
import multiprocessing
import os
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import IO, Final, NamedTuple

import orjson

from streamproc.backtest.compare import Differences, Divergence, chosen, diverging, explain
from streamproc.backtest.figures import Figures, Follower
from streamproc.backtest.history import History
from streamproc.backtest.replay import Refused, Replay
from streamproc.errors import StreamprocError
from streamproc.together import Together
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import DAY_MS

#: Customers who are evaluated in one go: the more, the less each costs, up to about here.
_CUSTOMERS_MAX: Final = 50_000
#: Refused events that are told.
_LISTED: Final = 20


@dataclass(frozen=True)
class Trial:
    """What is to be tried. versions: the rules, and those to compare them with if there are any.

    silence_ms: how long time goes on after the day (UTC) of the last event. wall_now_ms: what lies behind is refused.
    signals: where to write what the first version publishes, a part for each partition; None: nowhere.
    """

    history: History
    versions: Sequence[Definitions]
    silence_ms: int
    wall_now_ms: int
    signals: Callable[[int], IO[bytes]] | None = None


@dataclass
class Findings:
    """What came of it. figures: by version. until_ms: where time has moved to; 0: no event was accepted."""

    figures: list[Figures]
    differences: dict[str, Differences] = field(default_factory=dict)
    first_refused: list[Refused] = field(default_factory=list)
    until_ms: int = 0

    def absorb(self, other: "Findings") -> None:
        """Add those of other partitions."""
        for mine, theirs in zip(self.figures, other.figures, strict=True):
            mine.absorb(theirs)
        for segment, differences in other.differences.items():
            self.differences.setdefault(segment, Differences()).absorb(differences)
        self.first_refused = sorted([*self.first_refused, *other.first_refused], key=_line)[:_LISTED]


def run(trial: Trial, advance: Callable[[int], None], processes: int | None = None) -> Findings:
    """Replay everything. `processes` None: as many as there are cores.

    `advance` is told the events that are done, of each version; before that, no other thread should run. Raises
    StreamprocError where signals cannot be written.
    """
    partitions = [place for place, logs in enumerate(trial.history.partitions) if logs]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = max(1, min(processes or cores, len(partitions)))
    # The largest first, in turns, so that all have about as much to do.
    partitions.sort(
        key=lambda place: -sum(len(log.values) for log in trial.history.partitions[place].values())
    )
    shares = [partitions[first::count] for first in range(count)]
    if count == 1 or "fork" not in multiprocessing.get_all_start_methods():
        return asyncio.run(_Share(trial, partitions, advance, lambda time_ms: time_ms).run())
    return _run_together(trial, shares, advance)


class _Share:
    """Some partitions, in one process. `meet`: tells the own time, and gives the latest of all."""

    def __init__(
        self,
        trial: Trial,
        partitions: Sequence[int],
        advance: Callable[[int], None],
        meet: Callable[[int], int],
    ) -> None:
        self._trial, self._partitions, self._advance, self._meet = trial, partitions, advance, meet

    async def run(self) -> Findings:
        """All of it."""
        trial = self._trial
        together = Together(_CUSTOMERS_MAX)
        lives = [
            [_Life(definitions, trial, partition, together) for definitions in trial.versions]
            for partition in self._partitions
        ]
        everybody = list(chain.from_iterable(lives))
        await asyncio.gather(*(life.read(self._advance) for life in everybody))
        last_ms = self._meet(max((life.replay.time_ms for life in everybody), default=0))
        findings = Findings([Figures() for _ in trial.versions])
        if last_ms:
            findings.until_ms = (last_ms // DAY_MS + 1) * DAY_MS + trial.silence_ms
        await asyncio.gather(*(life.wait(findings.until_ms) for life in everybody))
        divergences: dict[int, list[Divergence]] = {}
        for partition, of_partition in zip(self._partitions, lives, strict=True):
            ended = Findings([life.end(findings.until_ms) for life in of_partition])
            ended.first_refused = list(of_partition[0].replay.first_refused)
            if len(of_partition) > 1:
                followers = [life.follower for life in of_partition]
                ended.differences, divergences[partition] = diverging(followers)
            findings.absorb(ended)
        told = set(chosen(chain.from_iterable(divergences.values())))
        for partition, of_partition in zip(self._partitions, lives, strict=True):
            mine = [each for each in divergences.get(partition, ()) if each in told]
            logs = trial.history.partitions[partition]
            for found in await explain(mine, trial.versions, logs, of_partition[0].replay):
                findings.differences[found.divergence.segment].tell(found)
        return findings


class _Life:
    """A partition under one version of the rules."""

    def __init__(self, definitions: Definitions, trial: Trial, partition: int, together: Together) -> None:
        partitions = trial.history.partitions
        self.replay = Replay(definitions, trial.wall_now_ms, partition, len(partitions), together)
        self.follower = Follower()
        self._logs = partitions[partition]
        is_first = definitions is trial.versions[0]
        self._out = trial.signals(partition) if trial.signals is not None and is_first else None

    async def read(self, advance: Callable[[int], None]) -> None:
        """All events. `advance` is told those that are done."""
        done = 0
        async for signals in self.replay.through(self._logs):
            self._take(signals)
            advance(self.replay.events - done)
            done = self.replay.events

    async def wait(self, until_ms: int) -> None:
        """The silence behind them."""
        async for signals in self.replay.until(until_ms):
            self._take(signals)

    def _take(self, signals: list[Signal]) -> None:
        self.follower.add(signals)
        if self._out is not None:
            try:
                self._out.writelines(map(as_line, signals))
            except OSError as error:
                fix = "make room where temporary files are (TMPDIR)"
                raise StreamprocError(
                    f"cannot keep the signals: {error.strerror or error}", fix=fix
                ) from None

    def end(self, until_ms: int) -> Figures:
        """All figures."""
        if self._out is not None:
            self._out.close()
        figures, replay = self.follower.end(until_ms), self.replay
        figures.events, figures.refused = replay.events, replay.refused
        figures.repeats, figures.too_late = replay.repeats, replay.too_late
        return figures


def as_line(signal: Signal) -> bytes:
    """A signal as a line of JSON: topic, key, headers and value of its record."""
    record = signal.record
    head = {
        "topic": record.topic,
        "key": (record.key or b"").decode(),
        "headers": {name: (value or b"").decode() for name, value in record.headers},
        "value": orjson.Fragment(record.value or b"null"),
    }
    return orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE)


class _Drained(NamedTuple):
    """All is read, up to this instant."""

    time_ms: int


class _Failed(NamedTuple):
    """Why a process could not go on. `fix`: None for a defect of ours."""

    message: str
    fix: str | None

    def error(self) -> Exception:
        """To be raised instead."""
        return RuntimeError(self.message) if self.fix is None else StreamprocError(self.message, fix=self.fix)


def _run_together(trial: Trial, shares: Sequence[Sequence[int]], advance: Callable[[int], None]) -> Findings:
    # Forked, so that the history is not copied.
    context = multiprocessing.get_context("fork")
    links: list[Connection] = []
    processes = []
    try:
        for share in shares:
            mine, theirs = context.Pipe()
            process = context.Process(target=_work, args=(trial, share, theirs), daemon=True)
            process.start()
            theirs.close()  # or the end of the process would not be noticed
            links.append(mine)
            processes.append(process)
        return _gathered(links, advance)
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _gathered(connections: list[Connection], advance: Callable[[int], None]) -> Findings:
    drained: list[int] = []
    whole: Findings | None = None
    waiting = list(connections)
    while waiting:
        for ready in wait(waiting):
            assert isinstance(ready, Connection)
            try:
                message = ready.recv()
            except EOFError:
                raise RuntimeError("a process of the backtest was killed; was there enough memory?") from None
            match message:
                case int(events):
                    advance(events)
                case _Drained(time_ms):
                    drained.append(time_ms)
                    if len(drained) == len(connections):
                        for connection in connections:
                            connection.send(max(drained))
                case _Failed() as failed:
                    raise failed.error()
                case Findings():
                    waiting.remove(ready)
                    if whole is None:
                        whole = message
                    else:
                        whole.absorb(message)
    assert whole is not None
    return whole


def _work(trial: Trial, share: Sequence[int], link: Connection) -> None:
    """In a process of its own."""

    def meet(time_ms: int) -> int:
        link.send(_Drained(time_ms))
        latest_ms: int = link.recv()
        return latest_ms

    try:
        link.send(asyncio.run(_Share(trial, share, link.send, meet).run()))
    except KeyboardInterrupt:
        pass  # the parent tells
    except StreamprocError as error:
        link.send(_Failed(error.message, error.fix))
    except BaseException:
        link.send(_Failed(traceback.format_exc(), None))


def _line(refused: Refused) -> int:
    return refused.line
