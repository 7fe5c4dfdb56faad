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

    `packed`: its record, as `OutRecord.pack` gives it; empty where nobody reads it. `origin`: as in CustomerTable.
    `action`: what a campaign decided; None: it is no campaign's. `cause`: of a move, as its record has it in JSON.
    """

    at_ms: int
    customer: str
    topic: str
    kind: str
    key: str
    packed: bytes
    origin: int = 0
    action: Action | None = None
    cause: bytes = b""

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
    """Signals, many of one kind put in at a time. A customer's stay in the order in which they are put in.

    What they carry along (reasons, evidence) is not looked at where they get no records.
    """

    def __init__(
        self,
        table: CustomerTable,
        now_ms: Ints,
        origins: Sequence[Origin],
        tell: Callable[[Ints, Versions], Occasions] | None,
    ) -> None:
        """`now_ms`: int64[n], of the customers of `table`. `tell`: the occasions of signals, by the rows of their
        customers and by their versions; None: they get no records.
        """
        self._table, self._now_ms, self._tell = table, now_ms, tell
        self._rewound = np.array([version_of(origin.rewinds, 0) for origin in origins], np.int64)
        self._rows: list[Ints] = []
        self._signals: list[Signal] = []

    def put_moves(self, moves: Moves, kind: str | None = None, because: Cause | None = None) -> None:
        """Audience signals. `kind` None: of their own. `because`: what led to all of them."""
        if not len(moves.rows):
            return
        versions, packed, causes = self._next(moves.rows), None, None
        if self._tell is not None:
            about = self._tell(moves.rows, versions)
            about = about if because is None else about.because(because)
            causes = about.cause
            packed = audience_records(
                about,
                moves.changes,
                versions=versions,
                entry_seq=moves.entry_seq.tolist(),
                entered_ms=moves.entered_ms,
                displaced_by=moves.displaced_by,
                evidence=moves.evidence,
            )
        kinds = [kind or ("entered" if change.entered else "exited") for change in moves.changes]
        keys = [change.key for change in moves.changes]
        self._put(moves.rows, AUDIENCE_TOPIC, kinds, keys, packed, causes=causes)

    def put_risks(self, risks: Risks, kind: str, model: ChurnModel) -> None:
        """Churn signals."""
        versions, packed = self._next(risks.rows), None
        bands = risks.band.tolist()
        if self._tell is not None:
            packed = churn_records(
                self._tell(risks.rows, versions),
                model_version=model.version,
                horizon_days=model.horizon_days,
                versions=versions,
                risks=six_decimals(risks.risk).tolist(),
                bands=bands,
                previous_bands=risks.band_before.tolist(),
                reasons=risks.reasons,
                evidence=risks.evidence,
            )
        self._put(risks.rows, CHURN_TOPIC, repeat(kind), [BANDS[band] for band in bands], packed)

    def put_actions(self, actions: Actions) -> None:
        """Action signals."""
        versions, packed = self._next(actions.rows), None
        if self._tell is not None:
            packed = action_records(
                self._tell(actions.rows, versions),
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
        kinds, keys = [said.kind for said in actions.said], [said.campaign for said in actions.said]
        self._put(actions.rows, ACTION_TOPIC, kinds, keys, packed, actions.said)

    def read(self) -> list[Signal]:
        """All of them, by row."""
        if not self._rows:
            return []
        order = np.argsort(np.concatenate(self._rows), kind="stable")
        return [self._signals[place] for place in order.tolist()]

    def _next(self, rows: Ints) -> list[int]:
        """The versions of the next signals, whose customers are at `rows`, in rising order."""
        # 0 for the first signal of a customer, 1 for the second, and so on.
        turn = np.arange(len(rows)) - np.searchsorted(rows, rows)
        counted = self._table.head["version"]
        counters = counted[rows] + 1 + turn
        counted[rows] = counters  # where a row is repeated, the last one counts
        versions: list[int] = (counters | self._rewound[self._table.origin[rows]]).tolist()
        return versions

    def _put(
        self,
        rows: Ints,
        topic: str,
        kinds: Iterable[str],
        keys: Sequence[str],
        packed: Iterable[bytes] | None,
        actions: Iterable[Action | None] = repeat(None),
        causes: Iterable[bytes] | None = None,
    ) -> None:
        self._rows.append(rows)
        table = self._table
        customers = [table.ids[row] for row in rows.tolist()]
        at_ms, origins = self._now_ms[rows].tolist(), table.origin[rows].tolist()
        nothing = repeat(b"")
        records = nothing if packed is None else packed
        because = nothing if causes is None else causes
        told = map(Signal, at_ms, customers, repeat(topic), kinds, keys, records, origins, actions, because)
        self._signals += told


def crossings(risk: Floats, ops: Iterable[str], thresholds: Floats, holds: Iterable[bool]) -> list[bytes]:
    """The threshold that each customer's risk crossed, as evidence."""
    risks, levels = six_decimals(risk).tolist(), list(map(to_json, thresholds.tolist()))
    forms = [evidence_form("churn_risk", op, "probability") for op in ops]
    crossed = evidence_column(forms, risks, levels, holds, repeat(True, len(risks)))
    return [b"[%b]" % evidence for evidence in crossed]
