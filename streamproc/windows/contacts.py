"""Contacts: when a customer was written to, and through which channel. What caps on contacts are counted from.

At most 64 of a customer are kept, the latest. So neither the order of events nor repeats matter.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.columns import EventColumns
from streamproc.windows.table import Table

#: `channel`: the code in `meanings.CONSENT_CHANNELS`.
CONTACT_DTYPE: Final = np.dtype([("row", "<i8"), ("channel", "<i8"), ("at_ms", "<i8")])
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
    more = np.empty(len(row), CONTACT_DTYPE)
    more["row"], more["channel"], more["at_ms"] = row, channel, at_ms
    every = np.concatenate([contacts, more])
    every = every.take(np.lexsort((every["channel"], every["at_ms"], every["row"])))
    counts = np.bincount(every["row"], minlength=customers)
    if (counts <= CONTACTS_MAX).all():
        return every
    ends = np.cumsum(counts)
    return every.take(np.flatnonzero(np.arange(len(every)) >= ends[every["row"]] - CONTACTS_MAX))
