"""The timers of one shard: due lists in Redis, the near ones in memory, and the entries that a commit adds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamproc.instants.due import DueIndex
from streamproc.state.keys import due_entry, minute_of
from streamproc.state.store import Head, StateCorrupt, Store
from streamproc.windows.panes import INF
from streamproc.windows.table import CustomerTable


class Entries:
    """What a commit adds to due lists.

    due: by minute. listed: those of these minutes that have had entries before.
    """

    def __init__(self) -> None:
        self.due: dict[int, list[bytes]] = {}
        self.listed: set[int] = set()


class Timers:
    """`minutes`: those (since 1970) that have a list in Redis."""

    def __init__(self, store: Store, minutes: Sequence[int]) -> None:
        self._store = store
        self._due = DueIndex(minutes)

    async def pop(
        self, head: Head, *, passed_ms: int, limit_ms: int, most: int, whole: bool = True
    ) -> tuple[list[str], int, int]:
        """Who is due up to an instant, and that instant, or an earlier one if there are more than `most`.

        And that up to which nobody is due any more: an earlier one if it is not `whole`. `passed_ms`: the same of the
        last commit. Raises StateCorrupt for a list that is gone.
        """
        while (minute := self._due.unloaded(limit_ms)) is not None:
            if self._due.loaded() >= most and not self._due.is_first(minute):
                break
            entries = await self._store.due_entries(head, minute)
            if not entries:
                raise StateCorrupt(
                    f"partition {head.partition}: the due list of minute {minute} is gone: evicted, or deleted "
                    "by something else",
                    fix="in a Redis Cluster try redis-cli --cluster fix first; restore all keys of the shard from one "
                    "backup, or wipe it and rebuild it from the topics",
                )
            # What was due up to the stored time has fired, in the commit that moved the time there.
            ahead = [(due_ms, customer.decode()) for due_ms, customer in entries if due_ms > passed_ms]
            self._due.load(minute, ahead)
        nobody_ms, reached_ms, due = self._due.pop(limit_ms, most, whole=whole)
        return due, reached_ms, max(nobody_ms, passed_ms)

    def schedule(
        self, table: CustomerTable, rows: NDArray[np.bool_], limit_ms: int, entries: Entries
    ) -> None:
        """Add an entry where the next check comes before the entry that exists (entries up to now are used up)."""
        head = table.head
        exists = (head["timer_ms"] > limit_ms) & (head["timer_ms"] != INF)
        next_ms = head["next_check_ms"]
        needed = rows & (next_ms != INF) & (~exists | (next_ms < head["timer_ms"]))
        head["timer_ms"] = np.where(needed, next_ms, np.where(exists, head["timer_ms"], INF))
        for row in np.flatnonzero(needed):
            due_ms, customer = int(next_ms[row]), table.ids[row]
            minute = minute_of(due_ms)
            if minute not in entries.due and self._due.has(minute):
                entries.listed.add(minute)
            entries.due.setdefault(minute, []).append(due_entry(due_ms, customer.encode()))
            self._due.add(due_ms, customer)

    def consumed(self, passed_ms: int) -> list[int]:
        """The minutes that are over; they are forgotten here."""
        return self._due.consumed(passed_ms)
