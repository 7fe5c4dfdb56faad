"""Bounds on how much background work is done, and beside what."""

from typing import Final

#: After events, more are expected for so long.
_FLOWS_S: Final = 1.0


class Pace:
    """At most `per_s` pieces of work a second, whoever does them. What was not done before cannot be made up for."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._open_at_s = 0.0

    def is_open(self, now_s: float) -> bool:
        """Whether more may be done. `now_s`: of a monotonic clock."""
        return now_s >= self._open_at_s

    def spend(self, pieces: int, now_s: float) -> None:
        """So many are done, or are about to be."""
        self._open_at_s = max(self._open_at_s, now_s) + pieces / self._per_s


class Traffic:
    """Whether a worker has events to do, on any of its shards: background work goes in smaller pieces then."""

    def __init__(self) -> None:
        self._until_s = 0.0

    def note(self, now_s: float) -> None:
        """There were some just now. `now_s`: of a monotonic clock."""
        self._until_s = now_s + _FLOWS_S

    def flows(self, now_s: float) -> bool:
        """Whether there were some lately, and more are to be expected."""
        return now_s < self._until_s
