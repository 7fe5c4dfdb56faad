"""Signals for the customers whose segments or band changed, in the order of docs/semantics.md, section 6."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.reasons import reasons_of
from streamproc.churn.score import ChurnColumns, Score
from streamproc.contracts.signal_bytes import Occasions, occasions
from streamproc.contracts.signal_types import BANDS, Cause
from streamproc.rules.evaluate import Evaluation
from streamproc.transitions.bulletin import Bulletin, Risks, Signal, crossings
from streamproc.transitions.campaigns import Decided
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import Memberships, Moved
from streamproc.transitions.moves import explain_moves, moves_in_order, retirements
from streamproc.transitions.verdicts import Grounds, actions_of
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

__all__ = ["Outcome", "Signal", "publish"]

_LEVELS: Final[dict[str, int]] = {band: level for level, band in enumerate(BANDS)}

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Outcome:
    """What one evaluation of n customers found, before it is told to anybody."""

    now_ms: Ints
    evaluation: Evaluation
    memberships: Memberships
    moved: Moved
    churn: ChurnColumns
    score: Score
    churn_known: Bools
    band_before: NDArray[np.int8]
    band_after: NDArray[np.int8]
    redefined: Bools

    def changed_rows(self, acted: Ints) -> Ints:
        """The customers who have something to publish; `acted`: those about whom campaigns say something."""
        changed = self.band_after != self.band_before
        changed[self.moved.members["row"]] = True
        retired = self.memberships.retired
        changed[retired["row"][retired["entered_ms"] != NEVER]] = True
        changed[acted] = True
        return np.flatnonzero(changed)


def publish(
    outcome: Outcome,
    decided: Decided,
    table: CustomerTable,
    definitions: Definitions,
    origins: Sequence[Origin],
    *,
    records: bool = True,
) -> list[Signal]:
    """The signals of one evaluation, those of one customer in order. `records`: whether they get theirs.

    Counts them in `version`.
    """
    rows = outcome.changed_rows(decided.rows)
    if not len(rows):
        return []
    tell = None
    if records:
        changed = _occasions(rows, outcome, table, origins)

        def tell(of: Ints, _: Sequence[int]) -> Occasions:
            return changed.take(np.searchsorted(rows, of).tolist())

    bulletin = Bulletin(table, outcome.now_ms, origins, tell)
    _Teller(outcome, definitions, bulletin, records).tell(table, decided)
    return bulletin.read()


def _occasions(rows: Ints, outcome: Outcome, table: CustomerTable, origins: Sequence[Origin]) -> Occasions:
    head, at_ms = table.head[rows], outcome.now_ms[rows]
    offsets = head["cause_offset"].tolist()
    causes: list[Cause] = [
        "definition" if redefined else "time" if offset == NEVER else "event"
        for redefined, offset in zip(outcome.redefined[rows].tolist(), offsets, strict=True)
    ]
    causation_ids = [
        f"time/{ms}" if offset == NEVER else origins[origin].of_event(topic, offset)
        for ms, topic, offset, origin in zip(
            at_ms.tolist(), head["cause_topic"].tolist(), offsets, table.origin[rows].tolist(), strict=True
        )
    ]
    customers = [table.ids[row] for row in rows.tolist()]
    next_check_ms = head["next_check_ms"]
    return occasions(customers, at_ms, causes, causation_ids, next_check_ms, next_check_ms != INF)


@dataclass(slots=True)
class _Teller:
    """Puts into a bulletin what one evaluation changed."""

    outcome: Outcome
    definitions: Definitions
    bulletin: Bulletin
    records: bool

    def tell(self, table: CustomerTable, decided: Decided) -> None:
        """Exits in file order, entries in file order, churn, actions in file order."""
        outcome, definitions = self.outcome, self.definitions
        retired = retirements(outcome.memberships.retired, definitions.retired)
        self.bulletin.put_moves(retired, because="definition")
        visible = outcome.moved.below(len(definitions.ruleset.segments))
        self.bulletin.put_moves(
            explain_moves(visible, definitions.plan, outcome.evaluation)
            if self.records
            else moves_in_order(visible, definitions.plan)
        )
        self._tell_bands()
        if decided.said:
            policy = definitions.ruleset.churn
            grounds = Grounds(definitions.plan, outcome.evaluation, outcome.score.risk, policy)
            told = actions_of(
                decided, table, outcome.now_ms, definitions.campaigns, grounds if self.records else None
            )
            self.bulletin.put_actions(told)

    def _tell_bands(self) -> None:
        """Whose band is another.

        What was crossed is the new band's own threshold; by a fall, that of the band that was left, less hysteresis.
        """
        outcome, model, policy = self.outcome, self.definitions.model, self.definitions.ruleset.churn
        rows = np.flatnonzero(outcome.band_after != outcome.band_before)
        if not len(rows):
            return
        after, before, risk = outcome.band_after[rows], outcome.band_before[rows], outcome.score.risk[rows]
        rose = after > before
        if not self.records:
            nothing = [b""] * len(rows)
            self.bulletin.put_risks(Risks(rows, risk, after, before, nothing, nothing), "churn", model)
            return
        rises = np.array([0.0, *policy.thresholds])
        falls = np.array([*(round(threshold - policy.hysteresis, 6) for threshold in policy.thresholds), 0.0])
        ops = [">=" if upwards else "<" for upwards in rose.tolist()]
        thresholds = np.where(rose, rises[after], falls[after])
        crossed = crossings(risk, ops, thresholds, repeat(True, len(rows)))
        reasons = reasons_of(model, outcome.churn, outcome.score, rows, outcome.now_ms[rows])
        self.bulletin.put_risks(Risks(rows, risk, after, before, reasons, crossed), "churn", model)
