"""Who is due next: the part of a shard's timers that is near enough to be held in memory.

Redis holds a list per minute; the lists of minutes that the shard's time has reached are loaded into one heap. Entries
may be stale (the customer came back and is due later): the customer's state decides, an entry only asks.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Final

from streamproc.windows.panes import INF, MINUTE_MS

_SECOND_MS: Final = 1_000


class DueIndex:
    """The due entries of one shard. `minutes`: the minutes (since 1970) that have a list in Redis."""

    def __init__(self, minutes: Iterable[int]) -> None:
        self._known = set(minutes)  # stored in Redis, not loaded
        self._stored = list(self._known)
        heapify(self._stored)
        self._loaded: set[int] = set()
        self._entries: list[tuple[int, str]] = []

    def next_ms(self) -> int:
        """No customer is due before this instant; INF: nobody is."""
        first_entry = self._entries[0][0] if self._entries else INF
        first_minute = self._stored[0] * MINUTE_MS if self._stored else INF
        return min(first_entry, first_minute)

    def unloaded(self, limit_ms: int) -> int | None:
        """The earliest minute that has instants up to `limit_ms` and is not loaded yet."""
        if self._stored and self._stored[0] * MINUTE_MS <= limit_ms:
            return self._stored[0]
        return None

    def is_first(self, minute: int) -> bool:
        """Whether no loaded entry is due before this minute: nothing fires until it is loaded."""
        return not self._entries or minute * MINUTE_MS <= self._entries[0][0]

    def loaded(self) -> int:
        """Entries held in memory."""
        return len(self._entries)

    def load(self, minute: int, entries: Iterable[tuple[int, str]]) -> None:
        """Take over the list of the earliest unloaded minute."""
        if heappop(self._stored) != minute:
            raise ValueError(f"minute {minute} is not the earliest unloaded one")
        self._known.discard(minute)
        self._loaded.add(minute)
        for entry in entries:
            heappush(self._entries, entry)

    def has(self, minute: int) -> bool:
        """Whether the minute has a list in Redis."""
        return minute in self._known or minute in self._loaded

    def add(self, due_ms: int, customer: str) -> None:
        """Note an entry that was added to the list of its minute."""
        minute = due_ms // MINUTE_MS
        if minute in self._loaded:
            heappush(self._entries, (due_ms, customer))
        elif minute not in self._known:
            self._known.add(minute)
            heappush(self._stored, minute)

    def pop(self, limit_ms: int, most: int, *, whole: bool = True) -> tuple[int, int, list[str]]:
        """The customers due up to an instant, each once.

        At most about `most`: of `whole` instants, at least one of them; else an instant may be left with some that are
        still due at it. Returns the instant up to which nobody is due any more (`limit_ms`, or earlier where there are
        more or a minute is not loaded), that up to which these are due, and the customers.
        """
        unloaded = self.unloaded(limit_ms)
        if unloaded is not None:
            limit_ms = min(limit_ms, unloaded * MINUTE_MS - _SECOND_MS)
        customers: dict[str, None] = {}
        due_ms = 0
        while self._entries and self._entries[0][0] <= limit_ms:
            if not whole and len(customers) >= most:
                passed_ms = self._entries[0][0] - _SECOND_MS
                return passed_ms, max(passed_ms, due_ms), list(customers)
            due_ms, customer = heappop(self._entries)
            customers[customer] = None
            if whole and len(customers) >= most:
                limit_ms = min(limit_ms, due_ms)
        return limit_ms, limit_ms, list(customers)

    def consumed(self, limit_ms: int) -> list[int]:
        """The loaded minutes whose last second is not after `limit_ms`; they are forgotten here."""
        over = [minute for minute in self._loaded if (minute + 1) * MINUTE_MS - _SECOND_MS <= limit_ms]
        self._loaded.difference_update(over)
        return over
