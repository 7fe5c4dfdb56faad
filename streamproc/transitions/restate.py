"""What holds of every customer, said anew: after Redis came back with another history than the one last told.

Consumers may then hold changes that never were, of customers for whom nothing changes for long. So each segment and
band is published once more, `cause: restored`; it is no transition, and no campaign hears of it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.reasons import reasons_of
from streamproc.churn.score import score
from streamproc.contracts.signal_bytes import Occasions, occasions
from streamproc.contracts.signal_types import Cause
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.transitions.bulletin import Bulletin, Risks, Signal, crossings
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import churn_columns
from streamproc.transitions.memberships import read_memberships
from streamproc.transitions.moves import Moves
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

_CAUSE: Final[Cause] = "restored"

Ints = NDArray[np.int64]


def restate(table: CustomerTable, now_ms: Ints, definitions: Definitions, origin: Origin) -> list[Signal]:
    """The segments and the band that each customer of `table` is in, at `now_ms` (int64[n]); counts in `version`."""
    bulletin = Bulletin(table, origin.rewinds)
    witness = _Witness(table, now_ms, definitions, bulletin)
    witness.tell_segments()
    witness.tell_bands()
    return bulletin.read()


class _Witness:
    """Puts into a bulletin what holds."""

    def __init__(
        self, table: CustomerTable, now_ms: Ints, definitions: Definitions, bulletin: Bulletin
    ) -> None:
        self._table, self._now_ms, self._definitions = table, now_ms, definitions
        self._bulletin = bulletin

    def tell_segments(self) -> None:
        """In file order, each to those inside and to those outside."""
        plan, segments = self._definitions.plan, self._definitions.ruleset.segments
        memberships = read_memberships(self._table, plan)
        evaluation = Evaluation(Frame(self._table, self._now_ms), plan.program)
        for place, segment in enumerate(segments):
            for is_inside in (True, False):
                rows = np.flatnonzero(memberships.inside[place] == is_inside)
                entered_ms = memberships.entered_ms[place][rows] if is_inside else self._now_ms[rows]
                moves = Moves(
                    segment.key,
                    segment.version,
                    segment.group,
                    rows,
                    memberships.entry_seq[place][rows],
                    entered_ms,
                    evaluation.evidences(segment.enter, rows),
                    [None] * len(rows),
                )
                versions = self._bulletin.versions(rows)
                about = self._occasions(rows, versions)
                self._bulletin.put_moves(moves, about, versions, _CAUSE, entered=is_inside)

    def tell_bands(self) -> None:
        """To those who have one."""
        band, model = self._table.head["band"], self._definitions.model
        rows = np.flatnonzero(band != NEVER)
        columns = churn_columns(self._table)
        found = score(model, columns, self._now_ms)
        risk, mine = found.risk[rows], band[rows]
        thresholds = np.array([0.0, *self._definitions.ruleset.churn.thresholds])[mine]
        reasons = reasons_of(model, columns, found, rows, self._now_ms[rows])
        crossed = crossings(risk, ">=", thresholds, (risk >= thresholds).tolist())
        versions = self._bulletin.versions(rows)
        about = self._occasions(rows, versions)
        self._bulletin.put_risks(
            Risks(rows, risk, mine, mine, reasons, crossed), about, versions, _CAUSE, model
        )

    def _occasions(self, rows: Ints, versions: Sequence[int]) -> Occasions:
        return occasions(
            [self._table.ids[row] for row in rows.tolist()],
            self._now_ms[rows],
            [_CAUSE] * len(rows),
            [f"{_CAUSE}/{version}" for version in versions],
            next_check_ms := self._table.head["next_check_ms"][rows],
            next_check_ms != INF,
        )
