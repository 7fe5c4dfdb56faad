"""Records to columns: typed decoding, then one pass per column, over the events that may have something for it.

Nothing in a record can raise out of `decode_chunk`: what is not an accepted event becomes a `Failure`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.chunk import Chunk, Record
from streamproc.contracts.columns import EventColumns
from streamproc.contracts.failures import Failure
from streamproc.contracts.meanings import UNKNOWN, Meanings
from streamproc.contracts.outcomes import fill_outcomes
from streamproc.contracts.subjects import fill_answers, fill_tickets
from streamproc.contracts.traits import fill_traits

__all__ = ["AHEAD_MS_MAX", "Decoded", "Failure", "Record", "decode_chunk"]

#: A producer's clock may be ahead of ours by this much.
AHEAD_MS_MAX: Final = 300_000


@dataclass(slots=True)
class Decoded:
    """A chunk, decoded.

    failures: in the order of the records. index: int64[n], the position in the chunk of each of the n
    accepted events. unknown_names: accepted track calls whose name has no meaning. currency_mismatches:
    accepted orders whose money is in another currency than the rules', and not counted. unknown_zones: accepted
    identify calls with a time zone that is none, and not read.
    """

    columns: EventColumns
    failures: list[Failure]
    index: NDArray[np.int64]
    unknown_names: int
    currency_mismatches: int
    unknown_zones: int


def decode_chunk(
    records: Sequence[Record],
    *,
    topic: int,
    origin: int | Sequence[int],
    meanings: Meanings,
    wall_now_ms: int,
    correct_skew: bool = False,
) -> Decoded:
    """Decode and check the records of one source topic.

    topic: index into the pipeline's source topics. origin: code of meanings.ORIGINS, one for all or one
    per record. wall_now_ms: epoch ms; an event more than AHEAD_MS_MAX later fails. correct_skew: where an
    event has `receivedAt`, `sentAt` and `originalTimestamp`, take its time from these (never under the event
    clock).
    """
    chunk = Chunk(records, topic, origin, meanings)
    chunk.refuse_nameless()
    fill_outcomes(chunk)
    fill_answers(chunk)
    fill_tickets(chunk)
    chunk.fill_carts()
    customers = chunk.customers()
    chunk.fill_times(wall_now_ms + AHEAD_MS_MAX, correct_skew)
    chunk.fill_own_durations()
    chunk.fill_money()
    unknown_zones = fill_traits(chunk)
    columns, index, codes = EventColumns(customers, chunk.rows), chunk.index, chunk.codes
    kept = chunk.kept()
    if kept is not None:
        columns, index, codes = columns.take(kept), index[kept], [codes[row] for row in kept.tolist()]
    return Decoded(
        columns=columns,
        failures=chunk.failures(),
        index=index,
        unknown_names=codes.count(UNKNOWN),
        currency_mismatches=chunk.foreign_orders(),
        unknown_zones=chunk.count_kept(unknown_zones),
    )
