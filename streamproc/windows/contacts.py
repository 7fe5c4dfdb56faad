"""Contacts: when a customer was written to, and through which channel. What caps on contacts are counted from.

At most 64 of a customer are kept, the latest. So neither the order of events nor repeats matter.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.windows.panes import as_numbers
from streamproc.windows.table import CONTACT_DTYPE, Table

CONTACTS_MAX: Final = 64

Ints = NDArray[np.int64]


def follow_contacts(contacts: Table, row: Ints, events: EventColumns, customers: int) -> Table:
    """The contacts after new events (`row`: int64[n], their customers): of others, who delivered a message."""
    reached = np.flatnonzero(events.contact >= 0)
    if not len(reached):
        return contacts
    return add_contacts(contacts, row[reached], events.contact[reached], events.ts_ms[reached], customers)


def add_contacts(
    contacts: Table, row: Ints, channel: NDArray[np.integer], at_ms: Ints, customers: int
) -> Table:
    """The contacts and some more, sorted by row, instant, channel: of each customer the latest 64."""
    more = np.stack((row, channel, at_ms), axis=1)
    more = more[np.lexsort((channel, at_ms, row))]
    behind = np.searchsorted(contacts["row"], more[:, 0], side="right")
    every = np.insert(as_numbers(contacts), behind, more, axis=0).view(CONTACT_DTYPE)[:, 0]
    if _is_disordered(every):  # what came later is older
        every = every.take(np.lexsort((every["channel"], every["at_ms"], every["row"])))
    counts = np.bincount(every["row"], minlength=customers)
    if (counts <= CONTACTS_MAX).all():
        return every
    ends = np.cumsum(counts)
    return every.take(np.flatnonzero(np.arange(len(every)) >= ends[every["row"]] - CONTACTS_MAX))


def _is_disordered(contacts: Table) -> bool:
    """Whether contacts of a customer do not stand by instant and channel."""
    row, channel, at_ms = as_numbers(contacts).T
    falls = (at_ms[1:] < at_ms[:-1]) | ((at_ms[1:] == at_ms[:-1]) & (channel[1:] < channel[:-1]))
    return bool((falls & (row[1:] == row[:-1])).any())
