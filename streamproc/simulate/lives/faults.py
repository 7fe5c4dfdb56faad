"""What goes wrong on the way: records that come late, twice, or broken."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from streamproc.simulate.history import MISTAKES
from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import HOUR_MS, MINUTE_MS
from streamproc.simulate.lives.records import EventRecord

#: No customer has this number, so the chances of faults are not those of a life.
_NOBODY: Final = (1 << 63) - 1
_LATE_MS: Final = 6 * HOUR_MS
_REPEATED_MS: Final = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of the records, from 0 to 1, each by itself.

    late: come a minute to 25 hours after they happened, out of order. repeated: come again within 25 minutes, with
    the same messageId. malformed: are broken, so that they are refused.
    """

    late: float = 0.0
    repeated: float = 0.0
    malformed: float = 0.0

    @property
    def none(self) -> bool:
        return not (self.late or self.repeated or self.malformed)


def spoilt(records: Iterable[EventRecord], faults: Faults, seed: int) -> Iterator[EventRecord]:
    """The records in the order in which they arrive; what is still on its way at the end comes last."""
    if faults.none:
        yield from records
        return
    chance, places = Chance(seed), count()
    chance.turn(_NOBODY, 0)
    under_way: list[tuple[int, int, EventRecord]] = []
    for sent in records:
        while under_way and under_way[0][0] <= sent.ts_ms:
            yield heapq.heappop(under_way)[2]
        record = _broken(sent, chance) if chance.draw() < faults.malformed else sent
        if chance.draw() < faults.late:
            arrives_ms = sent.ts_ms + MINUTE_MS + int(_LATE_MS * chance.waiting())
            heapq.heappush(under_way, (arrives_ms, next(places), record))
        else:
            yield record
        if chance.draw() < faults.repeated:
            arrives_ms = sent.ts_ms + 1000 + int(_REPEATED_MS * chance.waiting())
            heapq.heappush(under_way, (arrives_ms, next(places), record))
    while under_way:
        yield heapq.heappop(under_way)[2]


def _broken(record: EventRecord, chance: Chance) -> EventRecord:
    mistake = chance.one(MISTAKES)
    return record._replace(value=mistake(record.value), broken=True)
