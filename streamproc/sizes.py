"""How many customers of a shard are in each segment and churn band.

Kept with the head of the shard, in the commit that moves the customers: so they are exact, whatever breaks, and nobody
has to walk over all customers to know them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_types import AUDIENCE_TOPIC, BANDS
from streamproc.instants.advance import Done
from streamproc.state.store import Head
from streamproc.windows.panes import INF
from streamproc.windows.table import CustomerTable

#: Where the head has them.
FIELD: Final = "sizes"
#: What the band of a customer is called who has none yet.
NO_BAND: Final = "none"
_BANDS: Final = (NO_BAND, *BANDS)
_STEPS: Final = {"entered": 1, "exited": -1}

Ints = NDArray[np.int64]


class Sizes(msgspec.Struct, frozen=True):
    """Customers by segment (its key) and by band."""

    segments: dict[str, int] = {}
    bands: dict[str, int] = {}

    def encode(self) -> bytes:
        """As the head has them."""
        return _ENCODER.encode(self)

    def moved(self, told: Mapping[tuple[str, str, str, bytes], int], bands: Ints) -> "Sizes":
        """After a batch. `told`: its signals, counted by (topic, kind, key, cause). `bands`: see `band_changes`."""
        if not told and not bands.any():
            return self
        segments = dict(self.segments)
        for (topic, kind, key, _), count in told.items():
            if topic == AUDIENCE_TOPIC and kind in _STEPS:
                segments[key] = segments.get(key, 0) + _STEPS[kind] * count
        changed = zip(_BANDS, bands.tolist(), strict=True)
        return Sizes(
            {key: count for key, count in segments.items() if count},
            {band: self.bands.get(band, 0) + more for band, more in changed},
        )


def sizes_of(head: Head) -> Sizes | None:
    """What the head says; None: its customers were never counted, by a version that did not."""
    stored = head.extra.get(FIELD)
    if stored is not None:
        return _DECODER.decode(stored)
    return None if head.seq else Sizes()


def band_counts(table: CustomerTable) -> Ints:
    """Customers of a table without a band and in each of them; who has no state is not counted."""
    return _count(table.head["band"][table.head["first_seen_ms"] != INF])


def band_changes(before: Ints, done: Iterable[Done]) -> Ints:
    """By how much the numbers of `band_counts` have changed for customers who are `done`."""
    return sum((_count_done(one) for one in done), -before)


def _count_done(done: Done) -> Ints:
    head = done.table.head
    return _count(head["band"][done.rows & (head["first_seen_ms"] != INF)])


def _count(bands: Ints) -> Ints:
    return np.bincount(bands + 1, minlength=len(_BANDS)).astype(np.int64)


_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder(Sizes)
