"""Signals for the customers whose segments or band changed, in the order of docs/semantics.md, section 6."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypedDict

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streamproc.actions.decide import abort_type, consenting, read_history, write_history
from streamproc.churn.reasons import reasons_of
from streamproc.churn.score import ChurnColumns, Score
from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.signal_types import BANDS
from streamproc.contracts.signals import Cause, Evidence, action_signal, audience_signal, churn_signal
from streamproc.contracts.versions import version_of
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.model import Campaign
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import Memberships
from streamproc.transitions.moves import Move, entries, exits, retirements
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

_LEVELS: Final[dict[str, int]] = {band: level for level, band in enumerate(BANDS)}

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Outcome:
    """What one evaluation of n customers found, before it is told to anybody."""

    now_ms: Ints
    evaluation: Evaluation
    before: Memberships
    after: Memberships
    churn: ChurnColumns
    score: Score
    churn_known: Bools
    band_before: NDArray[np.int8]
    band_after: NDArray[np.int8]
    redefined: Bools

    def changed_rows(self) -> Ints:
        """The customers who have something to publish."""
        moved = (self.after.inside != self.before.inside).any(axis=0)
        changed = moved | (self.band_after != self.band_before)
        changed[self.before.retired["row"][self.before.retired["entered_ms"] != NEVER]] = True
        return np.flatnonzero(changed)


class Signal(Struct, frozen=True, gc=False):
    """An outgoing signal: when, for whom, what (`kind`), and of which segment, band or campaign (`key`)."""

    at_ms: int
    customer: str
    kind: str
    key: str
    record: OutRecord


def publish(outcome: Outcome, table: CustomerTable, definitions: Definitions, origin: Origin) -> list[Signal]:
    """The signals of one evaluation, those of one customer in order.

    Counts them in `version` and notes campaigns in `table`.
    """
    rows = outcome.changed_rows()
    if not len(rows):
        return []
    changes = _changes(rows, outcome, table, origin)
    teller = _Teller(outcome, table, definitions)
    signals = [signal for change in changes for signal in teller.tell(change)]
    table.head["version"][rows] = [change.version for change in changes]
    teller.write_history(table)
    return signals


class Occasion(TypedDict):
    """What every signal says of its customer and its cause. `version` is the signal's own."""

    customer: str
    at_ms: int
    version: int
    cause: Cause
    causation_id: str
    next_check_at_ms: int | None


class _Change(Struct, gc=False):
    """A customer who has something to publish. `version`: that of the last signal so far, without rewinds."""

    row: int
    customer: str
    at_ms: int
    cause: Cause
    causation_id: str
    next_check_at_ms: int | None
    rewinds: int
    version: int
    band_before: int
    band_after: int

    def occasion(self, cause: Cause) -> Occasion:
        """That of the next signal: call it once for each, in the order in which they are told."""
        self.version += 1
        return {
            "customer": self.customer,
            "at_ms": self.at_ms,
            "version": version_of(self.rewinds, self.version),
            "cause": cause,
            "causation_id": self.causation_id,
            "next_check_at_ms": self.next_check_at_ms,
        }


def _changes(rows: Ints, outcome: Outcome, table: CustomerTable, origin: Origin) -> list[_Change]:
    head = table.head[rows]
    columns = zip(
        rows.tolist(),
        outcome.now_ms[rows].tolist(),
        outcome.redefined[rows].tolist(),
        head["cause_topic"].tolist(),
        head["cause_offset"].tolist(),
        head["next_check_ms"].tolist(),
        head["version"].tolist(),
        outcome.band_before[rows].tolist(),
        outcome.band_after[rows].tolist(),
        strict=True,
    )
    return [
        _Change(
            row,
            table.ids[row],
            at_ms,
            "definition" if redefined else "time" if offset == NEVER else "event",
            f"time/{at_ms}" if offset == NEVER else f"{origin.topics[topic]}/{origin.partition}/{offset}",
            None if next_check_ms == INF else next_check_ms,
            origin.rewinds,
            version,
            band_before,
            band_after,
        )
        for row, at_ms, redefined, topic, offset, next_check_ms, version, band_before, band_after in columns
    ]


class _Teller:
    """Tells the changes of one evaluation, customer by customer. What that takes is found for all of them at once."""

    def __init__(self, outcome: Outcome, table: CustomerTable, definitions: Definitions) -> None:
        self._definitions, self._campaigns = definitions, definitions.ruleset.campaigns
        before, after, evaluation = outcome.before, outcome.after, outcome.evaluation
        segments = definitions.ruleset.segments
        self._retirements = retirements(before.retired, definitions.retired)
        self._entries = entries(before, after, segments, evaluation)
        self._exits = exits(before, after, segments, evaluation, self._entries)
        rows = np.flatnonzero(outcome.band_after != outcome.band_before)
        found = reasons_of(definitions.model, outcome.churn, outcome.score, rows, outcome.now_ms[rows])
        risks = outcome.score.risk[rows].tolist()
        self._churn = dict(zip(rows.tolist(), zip(risks, found, strict=True), strict=True))
        channels = {campaign.channel for campaign in self._campaigns}
        self._consenting = {channel: consenting(table, channel) for channel in channels}
        self._history = read_history(table, self._campaigns)

    def tell(self, change: _Change) -> Iterator[Signal]:
        """Exits in file order, entries in file order, churn, actions in file order."""
        for move in self._retirements.get(change.row, ()):
            yield _moved(change, move, "exited", "definition")
        for move in self._exits.get(change.row, ()):
            yield _moved(change, move, "exited", change.cause)
        entered = self._entries.get(change.row, ())
        for move in entered:
            yield _moved(change, move, "entered", change.cause)
        if change.band_before != change.band_after:
            yield self._rebanded(change)
        for place, campaign in enumerate(self._campaigns):
            evidence = self._trigger_evidence(campaign, change, entered)
            if evidence is not None:
                yield self._action(place, campaign, change, evidence)

    def write_history(self, table: CustomerTable) -> None:
        """Note in `table` what campaigns did."""
        write_history(table, self._campaigns, self._history)

    def _rebanded(self, change: _Change) -> Signal:
        model, (risk, reasons) = self._definitions.model, self._churn[change.row]
        record = churn_signal(
            **change.occasion(change.cause),
            risk=risk,
            band=BANDS[change.band_after],
            previous_band=None if change.band_before == NEVER else BANDS[change.band_before],
            horizon_days=model.horizon_days,
            reasons=reasons,
            model_version=model.version,
            evidence=[self._crossing(change)],
        )
        return Signal(change.at_ms, change.customer, "churn", BANDS[change.band_after], record)

    def _crossing(self, change: _Change) -> Evidence:
        """The threshold that was crossed: the new band's own on the way up; the left one's, less hysteresis, down."""
        policy = self._definitions.ruleset.churn
        if change.band_after < change.band_before:
            op, threshold = "<", round(policy.thresholds[change.band_after] - policy.hysteresis, 6)
        else:
            op, threshold = ">=", policy.thresholds[change.band_after - 1] if change.band_after > 0 else 0.0
        risk, _ = self._churn[change.row]
        return Evidence("churn_risk", round(risk, 6), op, threshold, "probability", holds=True, exact=True)

    def _trigger_evidence(
        self, campaign: Campaign, change: _Change, entered: Sequence[Move]
    ) -> Sequence[Evidence] | None:
        """Why the campaign is triggered; None: it is not."""
        trigger = campaign.trigger
        if trigger.kind == "enter":
            return next((move.evidence for move in entered if move.key == trigger.target), None)
        if change.band_before < _LEVELS[trigger.target] <= change.band_after:
            return [self._crossing(change)]
        return None

    def _action(
        self, place: int, campaign: Campaign, change: _Change, evidence: Sequence[Evidence]
    ) -> Signal:
        history, row = self._history, change.row
        refusal = abort_type(
            campaign,
            now_ms=change.at_ms,
            last_requested_ms=int(history.requested_ms[row, place]),
            consented=bool(self._consenting[campaign.channel][row]),
            redefined=change.cause == "definition",
        )
        history.seq[row, place] += 1
        if refusal is None:
            history.requested_ms[row, place] = change.at_ms
        record = action_signal(
            **change.occasion(change.cause),
            requested=refusal is None,
            abort_type=refusal,
            campaign=campaign.key,
            campaign_version=campaign.version,
            campaign_seq=int(history.seq[row, place]),
            channel=campaign.channel,
            reason=campaign.reason,
            offer=campaign.offer,
            expires_at_ms=change.at_ms + campaign.expires_after_ms,
            trigger=f"{campaign.trigger.kind} {campaign.trigger.target}",
            evidence=evidence,
        )
        kind = "requested" if refusal is None else "suppressed"
        return Signal(change.at_ms, change.customer, kind, campaign.key, record)


def _moved(change: _Change, move: Move, kind: Literal["entered", "exited"], cause: Cause) -> Signal:
    record = audience_signal(
        **change.occasion(cause),
        entered=kind == "entered",
        key=move.key,
        rule_version=move.rule_version,
        entry_seq=move.entry_seq,
        entered_at_ms=move.entered_at_ms,
        evidence=move.evidence,
        displaced_by=move.displaced_by,
    )
    return Signal(change.at_ms, change.customer, kind, move.key, record)
