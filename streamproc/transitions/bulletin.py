"""Signals on their way out: put in kind by kind, because many are made in one go, and read customer by customer."""

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streamproc.churn.model import ChurnModel
from streamproc.contracts.forms import to_json
from streamproc.contracts.outbox import OutRecord, unpack
from streamproc.contracts.signal_bytes import (
    Occasions,
    action_records,
    audience_records,
    churn_records,
    evidence_column,
    six_decimals,
)
from streamproc.contracts.signal_forms import evidence_form
from streamproc.contracts.signal_types import ACTION_TOPIC, AUDIENCE_TOPIC, BANDS, CHURN_TOPIC, Cause
from streamproc.contracts.signals import Action
from streamproc.contracts.versions import version_of
from streamproc.transitions.definitions import Origin
from streamproc.transitions.moves import Moves
from streamproc.windows.table import CustomerTable

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Versions = Sequence[int]


class Signal(Struct, frozen=True, gc=False):
    """An outgoing signal: when, for whom, what (`kind`), and of which segment, band or campaign (`key`).

    `packed`: its record, as `OutRecord.pack` gives it. `origin`: as in CustomerTable.
    """

    at_ms: int
    customer: str
    topic: str
    kind: str
    key: str
    packed: bytes
    origin: int = 0

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
    reasons: list[bytes]
    evidence: list[bytes]


class Actions(NamedTuple):
    """What campaigns decided for some customers, by rising row, and why, as JSON: columns. Instants: NEVER: none."""

    rows: Ints
    said: Sequence[Action]
    entry: Sequence[int]
    entered_ms: Ints
    expires_ms: Ints
    requests: Sequence[int | None]
    first_requested_ms: Ints
    converted_ms: Ints
    evidence: list[bytes]


class Bulletin:
    """Signals, many of one kind put in at a time. A customer's stay in the order in which they are put in."""

    def __init__(
        self, table: CustomerTable, origins: Sequence[Origin], tell: Callable[[Ints, Versions], Occasions]
    ) -> None:
        """`tell`: the occasions of signals, by the rows of their customers in `table` and by their versions."""
        self._counters, self._origin, self._tell = table.head["version"], table.origin, tell
        self._rewound = np.array([version_of(origin.rewinds, 0) for origin in origins], np.int64)
        self._rows: list[Ints] = []
        self._signals: list[Signal] = []

    def put_moves(self, moves: Moves, kind: str | None = None, because: Cause | None = None) -> None:
        """Audience signals. `kind` None: of their own. `because`: what led to all of them."""
        if not len(moves.rows):
            return
        versions, about = self._next(moves.rows)
        packed = audience_records(
            about if because is None else about.because(because),
            moves.changes,
            versions=versions,
            entry_seq=moves.entry_seq.tolist(),
            entered_ms=moves.entered_ms,
            displaced_by=moves.displaced_by,
            evidence=moves.evidence,
        )
        kinds = [kind or ("entered" if change.entered else "exited") for change in moves.changes]
        keys = [change.key for change in moves.changes]
        self._put(moves.rows, about, AUDIENCE_TOPIC, kinds, keys, packed)

    def put_risks(self, risks: Risks, kind: str, model: ChurnModel) -> None:
        """Churn signals."""
        versions, about = self._next(risks.rows)
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
        self._put(risks.rows, about, CHURN_TOPIC, repeat(kind), [BANDS[band] for band in bands], packed)

    def put_actions(self, actions: Actions) -> None:
        """Action signals."""
        versions, about = self._next(actions.rows)
        packed = action_records(
            about,
            actions.said,
            versions=versions,
            entry=actions.entry,
            entered_ms=actions.entered_ms,
            expires_ms=actions.expires_ms,
            requests=actions.requests,
            first_requested_ms=actions.first_requested_ms,
            converted_ms=actions.converted_ms,
            evidence=actions.evidence,
        )
        kinds = [said.kind for said in actions.said]
        keys = [said.campaign for said in actions.said]
        self._put(actions.rows, about, ACTION_TOPIC, kinds, keys, packed)

    def read(self) -> list[Signal]:
        """All of them, by row."""
        if not self._rows:
            return []
        order = np.argsort(np.concatenate(self._rows), kind="stable")
        return [self._signals[place] for place in order.tolist()]

    def _next(self, rows: Ints) -> tuple[list[int], Occasions]:
        """The versions and occasions of the next signals, whose customers are at `rows`, in rising order."""
        # 0 for the first signal of a customer, 1 for the second, and so on.
        turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
        counters = self._counters[rows] + 1 + turn
        self._counters[rows] = counters  # where a row is repeated, the last one counts
        versions: list[int] = (counters | self._rewound[self._origin[rows]]).tolist()
        return versions, self._tell(rows, versions)

    def _put(
        self,
        rows: Ints,
        about: Occasions,
        topic: str,
        kinds: Iterable[str],
        keys: Sequence[str],
        packed: Sequence[bytes],
    ) -> None:
        self._rows.append(rows)
        origins = self._origin[rows].tolist()
        self._signals += map(Signal, about.at_ms, about.customer, repeat(topic), kinds, keys, packed, origins)


def crossings(risk: Floats, ops: Iterable[str], thresholds: Floats, holds: Iterable[bool]) -> list[bytes]:
    """The threshold that each customer's risk crossed, as evidence."""
    risks, levels = six_decimals(risk).tolist(), list(map(to_json, thresholds.tolist()))
    forms = [evidence_form("churn_risk", op, "probability") for op in ops]
    crossed = evidence_column(forms, risks, levels, holds, repeat(True, len(risks)))
    return [b"[%b]" % evidence for evidence in crossed]
