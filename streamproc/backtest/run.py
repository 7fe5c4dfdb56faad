"""A backtest: all partitions of a history under one or two versions of the rules, on all cores.

Customers of different partitions have nothing to do with each other, so partitions are shared out among processes,
which inherit the history. Where silence ends for all is known before they begin.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from typing import IO, Final

import numpy as np

from streamproc.backtest.blocks import LISTED, Refused
from streamproc.backtest.chronicle import Chronicle, Lot
from streamproc.backtest.compare import Differences, chosen, diverging, explain
from streamproc.backtest.crew import cores, crew, receive
from streamproc.backtest.figures import Figures, Follower, Requests
from streamproc.backtest.lives import WholeLives
from streamproc.backtest.signal_file import SignalFile
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import DAY_MS

#: A process tells its progress after so many events.
_TOLD_EVENTS: Final = 2_000


@dataclass(frozen=True)
class Trial:
    """What is to be tried. versions: the rules, and those to compare them with if there are any; chronicles: what
    happened, by each of them, in so many partitions.

    silence_ms: how long time goes on after the day (UTC) of the last event. signals: where to write what the first
    version publishes, a part for each partition; None: nowhere.
    """

    chronicles: Sequence[Chronicle]
    partitions: int
    versions: Sequence[Definitions]
    silence_ms: int
    signals: Callable[[int], IO[bytes]] | None = None

    @property
    def until_ms(self) -> int:
        """Where time ends; 0: no event was accepted."""
        last_ms = max(chronicle.time_ms for chronicle in self.chronicles)
        return (last_ms // DAY_MS + 1) * DAY_MS + self.silence_ms if last_ms else 0


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


def run(trial: Trial, advance: Callable[[int], None], processes: int | None = None) -> Findings:
    """Replay everything. `processes` None: as many as there are cores.

    `advance` is told the events that are done, of each version; before that, no other thread should run. Raises
    StreamprocError where signals cannot be written.
    """
    findings = Findings([Figures() for _ in trial.versions], until_ms=trial.until_ms)
    for share in _found(trial, advance, cores() if processes is None else processes):
        findings.absorb(share)
    findings.first_refused = trial.chronicles[0].first_refused[:LISTED]
    for figures, chronicle in zip(findings.figures, trial.chronicles, strict=True):
        figures.events, figures.refused = len(chronicle.rows) + chronicle.refused, chronicle.refused
        advance(chronicle.refused)
    return findings


def _found(trial: Trial, advance: Callable[[int], None], processes: int) -> list[Findings]:
    """What each process finds."""
    shares = _shares(trial, processes)
    if len(shares) <= 1:
        return [_live(trial, share, advance) for share in shares]
    with crew([partial(_work, trial, share) for share in shares]) as links:
        return _gathered(links, advance)


def _shares(trial: Trial, processes: int) -> list[list[int]]:
    """The partitions that have events, in shares of about as many."""
    sizes = np.sum([chronicle.sizes(trial.partitions) for chronicle in trial.chronicles], axis=0)
    shares: list[list[int]] = [[] for _ in range(processes)]
    for place in np.argsort(-sizes, kind="stable").tolist():
        if sizes[place]:  # the largest first, to whoever has least
            min(shares, key=lambda share: sum(sizes[one] for one in share)).append(place)
    return [share for share in shares if share]


def _gathered(links: Sequence[Connection], advance: Callable[[int], None]) -> list[Findings]:
    found: list[Findings] = []
    waiting = list(links)
    while waiting:
        for ready in wait(waiting):
            assert isinstance(ready, Connection)
            message = receive(ready)
            if isinstance(message, Findings):
                found.append(message)
                waiting.remove(ready)
            else:
                advance(message)
    return found


def _work(trial: Trial, share: Sequence[int], link: Connection) -> None:
    """In a process of its own."""
    link.send(_live(trial, share, link.send))


def _live(trial: Trial, share: Sequence[int], advance: Callable[[int], None]) -> Findings:
    """All that happens in some partitions, by each version."""
    lots: list[Lot] = []
    for place, chronicle in enumerate(trial.chronicles):
        same = trial.chronicles.index(chronicle)
        lots.append(lots[same] if same < place else chronicle.lot(share))
    followers = []
    for version, (lot, definitions) in enumerate(zip(lots, trial.versions, strict=True)):
        open_part = trial.signals if version == 0 else None
        lives = WholeLives(lot, definitions, trial.until_ms, open_part is not None, trial.partitions)
        followers.append(_followed(lives, advance, open_part))
    findings = Findings([follower.end(trial.until_ms) for follower in followers])
    if len(followers) > 1:
        findings.differences, divergences = diverging(followers)
        for found in explain(chosen(divergences), trial.versions, lots):
            findings.differences[found.divergence.segment].tell(found)
    return findings


def _followed(
    lives: WholeLives, advance: Callable[[int], None], open_part: Callable[[int], IO[bytes]] | None
) -> Follower:
    follower, told = Follower(), 0
    with ExitStack() as stack:
        file = None if open_part is None else stack.enter_context(SignalFile(open_part))
        for signals in lives.signals():
            follower.add(signals)
            if file is not None:
                file.add(signals)
            if lives.events - told >= _TOLD_EVENTS:
                advance(lives.events - told)
                told = lives.events
        advance(lives.events - told)
        if file is not None:
            file.write()
    figures = follower.figures
    figures.repeats, figures.too_late = lives.counts.repeats, lives.counts.too_late
    for key, requests in lives.campaigns.items():
        figures.campaigns.setdefault(key, Requests()).absorb(requests)
    return follower
