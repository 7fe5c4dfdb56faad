"""Histories for tests, and what comes of them."""

from collections.abc import Iterable, Sequence

from streamproc.backtest.chronicle import Chronicle
from streamproc.backtest.history import HistoricEvent, History
from streamproc.backtest.reading import ChronicleReader
from streamproc.backtest.replay import Replay
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.publish import Signal

DAY_MS = 86_400_000


def history_of(events: Iterable[HistoricEvent], partitions: int = 1) -> History:
    """Of so many partitions."""
    history = History.of(partitions)
    history.put(events, "test")
    return history


def chronicles_of(
    events: Iterable[HistoricEvent], versions: Sequence[Definitions], wall_now_ms: int, partitions: int = 1
) -> list[Chronicle]:
    """The same by each version of the rules."""
    meanings = [version.ruleset.meanings for version in versions]
    with ChronicleReader(partitions, meanings, wall_now_ms, processes=1) as reader:
        reader.put(events, "test")
        return reader.chronicles()


async def replayed(
    events: Iterable[HistoricEvent], definitions: Definitions, wall_now_ms: int, silence_ms: int
) -> tuple[Replay, list[Signal]]:
    """One partition's replay, and all of its signals, until so long after the day of the last event."""
    replay = Replay(definitions, wall_now_ms)
    logs = history_of(events).partitions[0]
    signals = [signal async for some in replay.through(logs) for signal in some]
    until_ms = (replay.time_ms // DAY_MS + 1) * DAY_MS + silence_ms
    signals += [signal async for some in replay.until(until_ms) for signal in some]
    return replay, signals
