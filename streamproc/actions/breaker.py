"""The circuit breaker: when far too many customers fall silent at once, it is not the customers.

A producer that is down looks like a shop without customers, and must not lead to a message to everybody. So first
requests that no event caused are counted; too many within an hour, and all requests are held until somebody says that
it is all right. Who is in which segment goes on as ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

MINUTE_MS: Final = 60_000
HOUR_MINUTES: Final = 60
#: Of the customers of a shard, so many (percent), and never fewer than so many, within an hour are too many.
PERCENT_MAX: Final = 5
REQUESTS_MIN: Final = 500


@dataclass(slots=True)
class Breaker:
    """Of one shard. counts: requests by minute (since 1970). held_ms: since when requests are held; None: not held."""

    counts: dict[int, int] = field(default_factory=dict)
    held_ms: int | None = None

    def within_hour(self, instants_ms: Iterable[int]) -> int:
        """The greatest number within an hour if there were requests at these instants, too."""
        counts = dict(self.counts)
        _add(counts, instants_ms)
        ends = [
            minute for minute in counts if minute not in self.counts or counts[minute] != self.counts[minute]
        ]
        return max((_sum(counts, end) for end in ends), default=0)

    def note(self, instants_ms: Iterable[int]) -> None:
        """Count them, and forget what is more than an hour older."""
        _add(self.counts, instants_ms)
        latest = max(self.counts, default=0)
        self.counts = {
            minute: count for minute, count in self.counts.items() if minute > latest - HOUR_MINUTES
        }

    def hold(self, now_ms: int) -> None:
        """Hold requests from now on."""
        self.held_ms = now_ms

    def release(self) -> None:
        """Go on, and count anew."""
        self.held_ms, self.counts = None, {}


def is_too_many(requests: int, customers: int) -> bool:
    """Whether so many within an hour cannot be right, of so many customers."""
    return requests > REQUESTS_MIN and requests * 100 > customers * PERCENT_MAX


def _add(counts: dict[int, int], instants_ms: Iterable[int]) -> None:
    for instant_ms in instants_ms:
        minute = instant_ms // MINUTE_MS
        counts[minute] = counts.get(minute, 0) + 1


def _sum(counts: Mapping[int, int], end: int) -> int:
    return sum(count for minute, count in counts.items() if end - HOUR_MINUTES < minute <= end)
