"""What the campaigns of one shard may still ask for: budgets by the day, and the breaker that holds them all.

A go through many customers cannot count while it decides, as it takes each of them through all its instants. So it
decides under the limits known so far, and `overdrawn` says whether they were too wide; then it is gone through again
under narrower ones. A budget is spent in the order of (instant, customer), whatever the order of deciding.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from streamproc.actions.rulings import DAY_MS, Day, Rulings, Spend
from streamproc.rules.campaign import Campaign, Mode

#: Before any other.
_FIRST: Final = Spend(-1, "")


def share_of(budget: int, partition: int, partitions: int) -> int:
    """What one of so many partitions may spend of a budget: they know nothing of each other, and must keep it."""
    return budget // partitions + (partition < budget % partitions)


@dataclass(slots=True)
class Allowance:
    """Of one shard. shares: by campaign id, what it may ask a day. spent: what it has asked."""

    shares: Mapping[int, int] = field(default_factory=dict)
    spent: dict[Day, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, campaigns: Iterable[Campaign], partition: int, partitions: int, stored: bytes | None
    ) -> "Allowance":
        """`stored`: what `packed` gave the last time."""
        shares = {
            campaign.id: share_of(campaign.budget, partition, partitions)
            for campaign in campaigns
            if campaign.budget is not None
        }
        rows = _DECODER.decode(stored) if stored else []
        return cls(shares, {Day(campaign, day): count for campaign, day, count in rows})

    def packed(self) -> bytes:
        """To be kept with the shard."""
        return msgspec.json.encode(sorted((*day, count) for day, count in self.spent.items()))

    def rulings(self, modes: Mapping[str, Mode], *, is_held: bool) -> Rulings:
        """To begin a go with."""
        exhausted = {
            day: _FIRST
            for day, count in self.spent.items()
            if count >= self.shares.get(day.campaign, count + 1)
        }
        return Rulings(modes, is_held, exhausted)

    def overdrawn(self, rulings: Rulings) -> Rulings | None:
        """What to go through the same customers again with; None: what was decided stands.

        Each time, the first of the requests that went wrong is another, later one: what came before it stays.
        """
        exhausted = {day: first for day, first in rulings.exhausted.items() if first == _FIRST}
        for day, attempts in rulings.attempts.items():
            left = self.shares[day.campaign] - self.spent.get(day, 0)
            if left < len(attempts):
                exhausted[day] = sorted(attempts)[left] if left > 0 else _FIRST
        if exhausted == rulings.exhausted:
            return None
        return Rulings(rulings.modes, rulings.is_held, exhausted)

    def settle(self, rulings: Rulings, time_ms: int) -> None:
        """Count what a go has spent; forget days that are over, behind that of `time_ms` and the one before."""
        for day in rulings.attempts:
            if count := rulings.granted(day):
                self.spent[day] = self.spent.get(day, 0) + count
        oldest = time_ms // DAY_MS - 1
        self.spent = {day: count for day, count in self.spent.items() if day.day >= oldest}


_DECODER: Final = msgspec.json.Decoder(list[tuple[int, int, int]])
