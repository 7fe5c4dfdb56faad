"""The latest word on something: consent to a channel, the answer to a survey, whether a ticket is open, ...

Of all that events say about one thing, what the event with the greatest (timestamp, upper half of the message's hash)
says holds; of equal ones, the first applied. So neither order nor repeats matter; only tickets, of which 16 are
remembered, depend on the order once there are more.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.contracts.meanings import CONSENT_CHANNELS
from streamproc.windows.merge import settle
from streamproc.windows.panes import NEVER, as_numbers
from streamproc.windows.table import WORD_DTYPE, Table, spread

#: What a word is about. Its key: the code of the channel (CONSENT, ANSWERED) or of the survey, the hash of the ticket,
#: or 0. Its value: granted, the score, open, on the suppression list, the code of the time zone, or 1.
CONSENT, SURVEY, TICKET, SUPPRESSED, TIME_ZONE, ANSWERED = range(6)
TICKETS_MAX: Final = 16
#: Of a message's hash, the upper half tells two of one instant apart: the lower one would be 4 bytes of each word.
_TIE_SHIFT: Final = np.uint64(32)

Ints = NDArray[np.int64]


def follow_words(words: Table, row: Ints, events: EventColumns, customers: int) -> Table:
    """The words after new events (apply order; `row`: int64[n], their customers), sorted by row, about, key."""
    said, answered, moved = (
        np.flatnonzero(column) for column in (events.consent >= 0, events.survey >= 0, events.ticket)
    )
    quiet = np.flatnonzero(~events.counted)
    if not len(said) and not len(answered) and not len(moved) and not len(quiet):
        return words
    parts = _quiet_words(row, events, quiet) if len(quiet) else []
    for channel in range(len(CONSENT_CHANNELS)) if len(said) else ():
        given = said[(events.consent[said] >> (2 * channel)) & 1 == 1]
        granted = (events.consent[given] >> (2 * channel + 1)) & 1
        parts.append(_words(row, events, given, CONSENT, channel, granted))
    if len(answered):
        parts.append(_words(row, events, answered, SURVEY, events.survey[answered], events.score[answered]))
    if len(moved):
        opened = events.ticket[moved] > 0
        parts.append(_words(row, events, moved, TICKET, events.ticket_hash[moved], opened))
    if not parts:
        return words
    latest = _settled(words, np.concatenate(parts))
    if len(moved):
        full = np.bincount(latest["row"][latest["about"] == TICKET], minlength=customers) > TICKETS_MAX
        if full.any():
            return _forget_tickets(words, parts[-1], latest, np.flatnonzero(full))
    return latest


def suppressed(words: Table, customers: int) -> NDArray[np.bool_]:
    """Who is on the suppression list: bool[customers]."""
    listed = np.zeros(customers, np.bool_)
    listed[words["row"][(words["about"] == SUPPRESSED) & (words["value"] == 1)]] = True
    return listed


def time_zones(words: Table, customers: int) -> NDArray[np.uint32]:
    """The codes (`contracts.time_zones`) of the time zones that customers told, 0: none."""
    return spread(words, words["about"] == TIME_ZONE, "value", customers, 0).astype(np.uint32)


def answered_ms(words: Table, customers: int) -> Ints:
    """When customers last reacted to a message through each channel: int64[channels, customers], NEVER: not yet."""
    answered = words[words["about"] == ANSWERED]
    latest = np.full((len(CONSENT_CHANNELS), customers), NEVER, np.int64)
    latest[answered["key"], answered["row"]] = answered["ts_ms"]
    return latest


def _quiet_words(row: Ints, events: EventColumns, quiet: Ints) -> list[Table]:
    """What only identify calls and outcomes say; `quiet`: their places."""
    listed, zoned, reacted = (
        quiet[found]
        for found in (
            events.suppressed[quiet] != 0,
            events.time_zone[quiet] != 0,
            events.answered[quiet] >= 0,
        )
    )
    parts = []
    if len(listed):
        parts.append(_words(row, events, listed, SUPPRESSED, 0, events.suppressed[listed] > 0))
    if len(zoned):
        parts.append(_words(row, events, zoned, TIME_ZONE, 0, events.time_zone[zoned]))
    if len(reacted):
        parts.append(_words(row, events, reacted, ANSWERED, events.answered[reacted], np.ones(len(reacted))))
    return parts


def _words(
    row: Ints,
    events: EventColumns,
    chosen: Ints,
    about: int,
    key: NDArray[np.generic] | int,
    value: NDArray[np.generic],
) -> Table:
    entries = np.empty(len(chosen), WORD_DTYPE)
    entries["row"], entries["about"], entries["key"], entries["value"] = row[chosen], about, key, value
    entries["ts_ms"], entries["tie"] = events.ts_ms[chosen], events.message_hash[chosen] >> _TIE_SHIFT
    return entries


def _settled(words: Table, more: Table) -> Table:
    """Of the words about one thing, the one that holds. `words`: sorted; `more`: applied in this order."""
    more = more.take(np.lexsort((more["key"], more["about"], more["row"])))
    out = np.empty(len(words) + len(more), WORD_DTYPE)
    return out[: settle(as_numbers(words), as_numbers(more), as_numbers(out))]


def _forget_tickets(before: Table, tickets: Table, latest: Table, rows: Ints) -> Table:
    """Redo the tickets of customers who have too many, one event after the other."""
    kept = [latest[~(np.isin(latest["row"], rows) & (latest["about"] == TICKET))]]
    for customer in rows:
        known = before[(before["row"] == customer) & (before["about"] == TICKET)]
        for place in np.flatnonzero(tickets["row"] == customer):
            known = _settled(known, tickets[place : place + 1])
            if len(known) > TICKETS_MAX:
                known = np.delete(known, np.lexsort((known["key"], known["ts_ms"], known["value"]))[0])
        kept.append(known)
    words = np.concatenate(kept)
    return words[np.lexsort((words["key"], words["about"], words["row"]))]
