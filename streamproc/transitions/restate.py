"""What holds of every customer, said anew: after Redis came back with another history than the one last told.

Consumers may then hold changes that never were, of customers for whom nothing changes for long. So each segment and
band is published once more, `cause: restored`; it is no transition, and no campaign hears of it.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.reasons import reasons_of
from streamproc.churn.score import score
from streamproc.contracts.signal_types import BANDS
from streamproc.contracts.signals import Evidence, audience_signal, churn_signal
from streamproc.contracts.versions import version_of
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import Evaluation
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import churn_columns
from streamproc.transitions.memberships import read_memberships
from streamproc.transitions.publish import Occasion, Signal
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

_CAUSE: Final = "restored"


def restate(
    table: CustomerTable, now_ms: NDArray[np.int64], definitions: Definitions, origin: Origin
) -> list[Signal]:
    """The segments and the band that each customer of `table` is in, at `now_ms` (int64[n]); counts in `version`."""
    witness = _Witness(table, now_ms, definitions, origin)
    return [signal for row in range(len(table)) for signal in witness.testify(row)]


class _Witness:
    """Says what holds."""

    def __init__(
        self, table: CustomerTable, now_ms: NDArray[np.int64], definitions: Definitions, origin: Origin
    ) -> None:
        self._table, self._now_ms, self._definitions = table, now_ms, definitions
        self._rewinds = origin.rewinds
        self._memberships = read_memberships(table, definitions.plan)
        evaluation, rows = Evaluation(Frame(table, now_ms), definitions.plan.program), np.arange(len(table))
        self._evidence = [
            evaluation.evidences(segment.enter, rows) for segment in definitions.ruleset.segments
        ]
        columns = churn_columns(table)
        self._score = score(definitions.model, columns, now_ms)
        self._reasons = reasons_of(definitions.model, columns, self._score, rows, now_ms)

    def testify(self, row: int) -> Iterator[Signal]:
        """Segments in file order, then the band if there is one."""
        for place in range(len(self._definitions.ruleset.segments)):
            yield self._segment(row, place)
        if self._table.head["band"][row] != NEVER:
            yield self._band(row, int(self._table.head["band"][row]))

    def _occasion(self, row: int) -> Occasion:
        head = self._table.head
        head["version"][row] += 1
        version = version_of(self._rewinds, int(head["version"][row]))
        next_check_ms = int(head["next_check_ms"][row])
        return {
            "customer": self._table.ids[row],
            "at_ms": int(self._now_ms[row]),
            "version": version,
            "cause": _CAUSE,
            "causation_id": f"{_CAUSE}/{version}",
            "next_check_at_ms": None if next_check_ms == INF else next_check_ms,
        }

    def _segment(self, row: int, place: int) -> Signal:
        segment, memberships = self._definitions.ruleset.segments[place], self._memberships
        inside = bool(memberships.inside[place, row])
        at_ms = int(self._now_ms[row])
        record = audience_signal(
            **self._occasion(row),
            entered=inside,
            key=segment.key,
            rule_version=segment.version,
            entry_seq=int(memberships.entry_seq[place, row]),
            entered_at_ms=int(memberships.entered_ms[place, row]) if inside else at_ms,
            evidence=self._evidence[place][row],
            displaced_by=None,
        )
        return Signal(at_ms, self._table.ids[row], _CAUSE, segment.key, record)

    def _band(self, row: int, band: int) -> Signal:
        model, at_ms = self._definitions.model, int(self._now_ms[row])
        risk = float(self._score.risk[row])
        threshold = self._definitions.ruleset.churn.thresholds[band - 1] if band else 0.0
        crossed = Evidence(
            "churn_risk",
            round(risk, 6),
            ">=",
            threshold,
            "probability",
            holds=bool(risk >= threshold),
            exact=True,
        )
        record = churn_signal(
            **self._occasion(row),
            risk=risk,
            band=BANDS[band],
            previous_band=BANDS[band],
            horizon_days=model.horizon_days,
            reasons=self._reasons[row],
            model_version=model.version,
            evidence=[crossed],
        )
        return Signal(at_ms, self._table.ids[row], _CAUSE, BANDS[band], record)
