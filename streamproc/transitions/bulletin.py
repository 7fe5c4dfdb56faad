"""Signals on their way out: put in group by group, because many are made in one go, and read customer by customer."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streamproc.churn.model import ChurnModel
from streamproc.contracts.outbox import OutRecord, unpack
from streamproc.contracts.signal_bytes import (
    Occasions,
    audience_records,
    churn_records,
    evidence_column,
    six_decimals,
)
from streamproc.contracts.signal_types import AUDIENCE_TOPIC, BANDS, CHURN_TOPIC
from streamproc.contracts.versions import version_of
from streamproc.transitions.moves import Moves
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Signal(Struct, frozen=True, gc=False):
    """An outgoing signal: when, for whom, what (`kind`), and of which segment, band or campaign (`key`).

    `packed`: its record, as `OutRecord.pack` gives it.
    """

    at_ms: int
    customer: str
    topic: str
    kind: str
    key: str
    packed: bytes

    @property
    def record(self) -> OutRecord:
        """What is sent."""
        return unpack(self.packed)


class Risks(NamedTuple):
    """Of some customers, each there once, the risk, its band and the one before, and why, as JSON: columns."""

    rows: Ints
    risk: Floats
    band: NDArray[np.int8]
    band_before: NDArray[np.int8]
    reasons: Sequence[bytes]
    evidence: Sequence[bytes]


class Bulletin:
    """Signals of one kind of change are a group, each of another customer. Those of one customer stay in order."""

    def __init__(self, table: CustomerTable, rewinds: int) -> None:
        self._counters, self._rewinds = table.head["version"], rewinds
        self._rows: list[Ints] = []
        self._signals: list[Signal] = []

    def versions(self, rows: Ints) -> list[int]:
        """Those of the next group, which is of the customers at `rows`. Counts them in the table."""
        self._counters[rows] += 1
        return [version_of(self._rewinds, counter) for counter in self._counters[rows].tolist()]

    def put(
        self,
        rows: Ints,
        about: Occasions,
        topic: str,
        kind: str,
        keys: Iterable[str],
        packed: Sequence[bytes],
    ) -> None:
        """A group of packed records, and what they are of. Each has the version that it was given."""
        self._rows.append(rows)
        self._signals += map(Signal, about.at_ms, about.customer, repeat(topic), repeat(kind), keys, packed)

    def put_moves(
        self, moves: Moves, about: Occasions, versions: Sequence[int], kind: str, *, entered: bool
    ) -> None:
        """Audience signals. `about`: the occasions of the customers that moved."""
        packed = audience_records(
            about,
            entered=entered,
            key=moves.key,
            rule_version=moves.rule_version,
            versions=versions,
            entry_seq=moves.entry_seq.tolist(),
            entered_ms=moves.entered_ms,
            displaced_by=moves.displaced_by,
            evidence=moves.evidence,
        )
        self.put(moves.rows, about, AUDIENCE_TOPIC, kind, repeat(moves.key), packed)

    def put_risks(
        self, risks: Risks, about: Occasions, versions: Sequence[int], kind: str, model: ChurnModel
    ) -> None:
        """Churn signals. `about`: the occasions of the customers whose risk it is."""
        bands = risks.band.tolist()
        packed = churn_records(
            about,
            model_version=model.version,
            horizon_days=model.horizon_days,
            versions=versions,
            risks=six_decimals(risks.risk).tolist(),
            bands=bands,
            previous_bands=risks.band_before.tolist(),
            reasons=risks.reasons,
            evidence=risks.evidence,
        )
        self.put(risks.rows, about, CHURN_TOPIC, kind, [BANDS[band] for band in bands], packed)

    def read(self) -> list[Signal]:
        """All of them, by row."""
        if not self._rows:
            return []
        order = np.argsort(np.concatenate(self._rows), kind="stable")
        return [self._signals[place] for place in order.tolist()]


def crossings(risk: Floats, op: str, thresholds: Floats, holds: Iterable[bool]) -> list[bytes]:
    """The threshold that each customer's risk crossed, as evidence."""
    risks = six_decimals(risk).tolist()
    certain = repeat(True, len(risks))
    crossed = evidence_column("churn_risk", op, "probability", risks, thresholds.tolist(), holds, certain)
    return [b"[%b]" % evidence for evidence in crossed]
