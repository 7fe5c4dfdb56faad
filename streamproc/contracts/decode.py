"""Records to columns: typed decoding, then one pass per column.

Nothing in a record can raise out of `decode_chunk`: what is not an accepted event becomes a `Failure`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from streamproc.contracts.chunk import Chunk, Record
from streamproc.contracts.columns import EventColumns
from streamproc.contracts.failures import Failure
from streamproc.contracts.meanings import IDENTIFY, NO_CHANNEL, UNKNOWN, Meanings
from streamproc.contracts.subjects import answers, categories, tickets, views

__all__ = ["AHEAD_MS_MAX", "Decoded", "Failure", "Record", "decode_chunk"]

#: A producer's clock may be ahead of ours by this much.
AHEAD_MS_MAX: Final = 300_000


@dataclass(slots=True)
class Decoded:
    """A chunk, decoded.

    failures: in the order of the records. index: int64[n], the position in the chunk of each of the n
    accepted events. unknown_names: accepted track calls whose name has no meaning. currency_mismatches:
    accepted orders whose money is in another currency than the rules', and not counted.
    """

    columns: EventColumns
    failures: list[Failure]
    index: NDArray[np.int64]
    unknown_names: int
    currency_mismatches: int


def decode_chunk(
    records: Sequence[Record],
    *,
    topic: int,
    channel: int | Sequence[int],
    meanings: Meanings,
    wall_now_ms: int,
    correct_skew: bool = False,
) -> Decoded:
    """Decode and check the records of one source topic.

    topic: index into the pipeline's source topics. channel: code of meanings.CHANNELS, one for all or one
    per record. wall_now_ms: epoch ms; an event more than AHEAD_MS_MAX later fails. correct_skew: where an
    event has `receivedAt`, `sentAt` and `originalTimestamp`, take its time from these (never under the event
    clock).
    """
    chunk = Chunk(records, meanings)
    table, events, xxh3_64 = meanings.table, chunk.events, xxhash.xxh3_64_intdigest
    index = np.array(chunk.positions, np.int64)
    code = chunk.codes()
    by_topic = np.broadcast_to(np.asarray(channel, np.int8), len(records))[index]
    channels = np.where(table.channel[code] == NO_CHANNEL, by_topic, table.channel[code])
    activity = table.activity[channels, code]
    view, shown = views(chunk, code, activity)
    survey, score = answers(chunk, code)
    ticket, ticket_hash = tickets(chunk, code)
    cart, cart_micros = chunk.cart(code)
    columns = EventColumns(
        customer=chunk.customers(),
        topic=np.full(len(events), topic, np.int8),
        offset=np.array([records[position].offset for position in chunk.positions], np.int64),
        ts_ms=chunk.timestamps(wall_now_ms + AHEAD_MS_MAX, correct_skew),
        channel=channels,
        message_hash=np.array([xxh3_64(event.message_id.encode()) for event in events], np.uint64),
        counted=code != IDENTIFY,
        activity=activity,
        duration_ms=chunk.durations(code),
        order=table.order[code],
        money_micros=chunk.money(code),
        cart=cart,
        cart_micros=cart_micros,
        consent=chunk.consent(code),
        name=table.name[code],
        tally=table.tally[code],
        valence=table.valence[code],
        view=view,
        shown=shown,
        category=categories(chunk, activity),
        survey=survey,
        score=score,
        ticket=ticket,
        ticket_hash=ticket_hash,
    )
    kept = chunk.kept()
    if len(kept) < len(events):
        columns, index, code = columns.take(kept), index[kept], code[kept]
    return Decoded(
        columns=columns,
        failures=chunk.failures(),
        index=index,
        unknown_names=int(np.count_nonzero(code == UNKNOWN)),
        currency_mismatches=chunk.foreign_orders(),
    )
