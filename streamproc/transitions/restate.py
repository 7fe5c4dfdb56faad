"""What holds of every customer, said anew: after Redis came back with another history than the one last told.

Consumers may then hold changes that never were, of customers for whom nothing changes for long. So each segment and
band is published once more, `cause: restored`; it is no transition, and no campaign hears of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
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
from streamproc.transitions.moves import Moves, moves_of
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable

_CAUSE: Final[Cause] = "restored"

Ints = NDArray[np.int64]


def restate(table: CustomerTable, now_ms: Ints, definitions: Definitions, origin: Origin) -> list[Signal]:
    """The segments and the band that each customer of `table` is in, at `now_ms` (int64[n]); counts in `version`."""
    witness = _Witness(table, now_ms, definitions)
    bulletin = Bulletin(table, now_ms, (origin,), witness.occasions)
    bulletin.put_moves(witness.segments(), _CAUSE)
    bulletin.put_risks(witness.risks(), _CAUSE, definitions.model)
    return bulletin.read()


@dataclass(frozen=True, slots=True)
class _Witness:
    """Says what holds."""

    table: CustomerTable
    now_ms: Ints
    definitions: Definitions

    def segments(self) -> Moves:
        """In file order: who is inside, and who is not."""
        plan, table = self.definitions.plan, self.table
        memberships = read_memberships(table, plan)
        row, place = np.divmod(np.arange(memberships.inside.size), max(len(plan.segments), 1))
        inside = memberships.inside[place, row]
        said = np.zeros(len(row), MEMBER_DTYPE)
        said[memberships.keys] = memberships.members
        said["row"], said["entered_ms"] = row, np.where(inside, said["entered_ms"], self.now_ms[row])
        visible = place < len(self.definitions.ruleset.segments)
        row, place, inside, said = row[visible], place[visible], inside[visible], said[visible]
        evaluation = Evaluation(Frame(table, self.now_ms), plan.program)
        return moves_of(plan, place, inside, said, evaluation.explain(plan.reasons, place, row))

    def risks(self) -> Risks:
        """Of those who have a band."""
        model, rows = self.definitions.model, np.flatnonzero(self.table.head["band"] != NEVER)
        columns = churn_columns(self.table.head)
        found = score(model, columns, self.now_ms)
        risk, band = found.risk[rows], self.table.head["band"][rows]
        thresholds = np.array([0.0, *self.definitions.ruleset.churn.thresholds])[band]
        reached = crossings(risk, repeat(">=", len(rows)), thresholds, (risk >= thresholds).tolist())
        reasons = reasons_of(model, columns, found, rows, self.now_ms[rows])
        return Risks(rows, risk, band, band, reasons, reached)

    def occasions(self, rows: Ints, versions: Sequence[int]) -> Occasions:
        """Of the signals that have these versions."""
        next_check_ms = self.table.head["next_check_ms"][rows]
        return occasions(
            [self.table.ids[row] for row in rows.tolist()],
            self.now_ms[rows],
            [_CAUSE] * len(rows),
            [f"{_CAUSE}/{version}" for version in versions],
            next_check_ms,
            next_check_ms != INF,
        )
