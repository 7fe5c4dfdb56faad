"""Signals for the customers whose segments or band changed, in the order of docs/semantics.md, section 6."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.decide import CampaignHistory, abort_type, consents_to, read_history, write_history
from streamproc.churn.reasons import reasons
from streamproc.churn.score import ChurnColumns, Score
from streamproc.contracts.outbox import OutRecord
from streamproc.contracts.signal_types import BANDS
from streamproc.contracts.signals import Cause, Evidence, action_signal, audience_signal, churn_signal
from streamproc.contracts.versions import version_of
from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.model import Campaign, Segment
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import Memberships
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable

_LEVELS: Final[dict[str, int]] = {band: level for level, band in enumerate(BANDS)}


@dataclass(slots=True)
class Outcome:
    """What one evaluation of n customers found, before it is told to anybody."""

    now_ms: NDArray[np.int64]
    evaluation: Evaluation
    before: Memberships
    after: Memberships
    churn: ChurnColumns
    score: Score
    churn_known: NDArray[np.bool_]
    band_before: NDArray[np.int8]
    band_after: NDArray[np.int8]
    redefined: NDArray[np.bool_]

    def changed_rows(self) -> list[int]:
        """The customers who have something to publish."""
        moved = (self.after.inside != self.before.inside).any(axis=0)
        changed = moved | (self.band_after != self.band_before)
        changed[self.before.retired["row"][self.before.retired["entered_ms"] != NEVER]] = True
        return [int(row) for row in np.flatnonzero(changed)]


@dataclass(frozen=True, slots=True)
class Signal:
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
    if not rows:
        return []
    campaigns = definitions.ruleset.campaigns
    history = read_history(table, campaigns)
    signals = [
        signal for row in rows for signal in _Teller(row, outcome, table, definitions, origin).tell(history)
    ]
    write_history(table, campaigns, history)
    return signals


class _Teller:
    """Tells one customer's changes."""

    def __init__(
        self, row: int, outcome: Outcome, table: CustomerTable, definitions: Definitions, origin: Origin
    ) -> None:
        self._row, self._outcome, self._table = row, outcome, table
        self._definitions, self._rewinds = definitions, origin.rewinds
        self._customer, self._at_ms = table.ids[row], int(outcome.now_ms[row])
        head = table.head[row]
        from_event = head["cause_offset"] != NEVER
        redefined = bool(outcome.redefined[row])
        self._cause: Cause = "definition" if redefined else "event" if from_event else "time"
        place = f"{origin.topics[head['cause_topic']]}/{origin.partition}/{head['cause_offset']}"
        next_check_ms = int(head["next_check_ms"])
        self._shared: dict[str, Any] = {
            "customer": self._customer,
            "at_ms": self._at_ms,
            "causation_id": place if from_event else f"time/{self._at_ms}",
            "next_check_at_ms": None if next_check_ms == INF else next_check_ms,
        }

    def tell(self, history: CampaignHistory) -> Iterator[Signal]:
        """Exits in file order, entries in file order, churn, actions in file order."""
        segments, outcome, row = self._definitions.ruleset.segments, self._outcome, self._row
        before, after = outcome.before.inside[:, row], outcome.after.inside[:, row]
        left = np.flatnonzero(before & ~after).tolist()
        joined = np.flatnonzero(after & ~before).tolist()
        entered = [segments[place] for place in joined]
        yield from self._retirements()
        for place in left:
            yield self._exit(place, entered)
        for place in joined:
            yield self._entry(place)
        band_before, band_after = int(outcome.band_before[row]), int(outcome.band_after[row])
        if band_before != band_after:
            yield self._churn(band_before, band_after)
        for place, campaign in enumerate(self._definitions.ruleset.campaigns):
            evidence = self._trigger_evidence(campaign, entered, band_before, band_after)
            if evidence is not None:
                yield self._action(place, campaign, evidence, history)

    def _signal(self, kind: str, key: str, record: OutRecord) -> Signal:
        return Signal(self._at_ms, self._customer, kind, key, record)

    def _version(self) -> int:
        """The next version. Call it once for each signal, in the order in which they are told."""
        self._table.head["version"][self._row] += 1
        return version_of(self._rewinds, int(self._table.head["version"][self._row]))

    def _entry(self, place: int) -> Signal:
        segment, after = self._definitions.ruleset.segments[place], self._outcome.after
        record = audience_signal(
            **self._shared,
            entered=True,
            key=segment.key,
            rule_version=segment.version,
            entry_seq=int(after.entry_seq[place, self._row]),
            entered_at_ms=self._at_ms,
            version=self._version(),
            cause=self._cause,
            evidence=self._outcome.evaluation.evidence(segment.enter, self._row),
            displaced_by=None,
        )
        return self._signal("entered", segment.key, record)

    def _exit(self, place: int, entered: Sequence[Segment]) -> Signal:
        """An exit is explained by the rule for leaving, or by the member of the group that took the place."""
        segment, before = self._definitions.ruleset.segments[place], self._outcome.before
        evaluation = self._outcome.evaluation
        leaving_rule = segment.enter if segment.exit is None else segment.exit
        leaves = evaluation.truth_at(leaving_rule, self._row) == (FALSE if segment.exit is None else TRUE)
        rivals = [other for other in entered if segment.group is not None and other.group == segment.group]
        winner = None if leaves or not rivals else rivals[0]
        record = audience_signal(
            **self._shared,
            entered=False,
            key=segment.key,
            rule_version=segment.version,
            entry_seq=int(before.entry_seq[place, self._row]),
            entered_at_ms=int(before.entered_ms[place, self._row]),
            version=self._version(),
            cause=self._cause,
            evidence=evaluation.evidence(winner.enter if winner else leaving_rule, self._row),
            displaced_by=winner.key if winner else None,
        )
        return self._signal("exited", segment.key, record)

    def _retirements(self) -> Iterator[Signal]:
        """Exits from segments that the rules file no longer has."""
        for member in self._outcome.before.retired:
            if member["row"] != self._row or member["entered_ms"] == NEVER:
                continue
            segment_id = int(member["segment"])
            key, rule_version = self._definitions.retired.get(segment_id, (f"{segment_id:08x}", 0))
            record = audience_signal(
                **self._shared,
                entered=False,
                key=key,
                rule_version=rule_version,
                entry_seq=int(member["entry_seq"]),
                entered_at_ms=int(member["entered_ms"]),
                version=self._version(),
                cause="definition",
                evidence=[],
                displaced_by=None,
            )
            yield self._signal("exited", key, record)

    def _churn(self, band_before: int, band_after: int) -> Signal:
        outcome, model = self._outcome, self._definitions.model
        record = churn_signal(
            **self._shared,
            version=self._version(),
            cause=self._cause,
            risk=float(outcome.score.risk[self._row]),
            band=BANDS[band_after],
            previous_band=None if band_before == NEVER else BANDS[band_before],
            horizon_days=model.horizon_days,
            reasons=reasons(model, outcome.churn, outcome.score, self._row, self._at_ms),
            model_version=model.version,
            evidence=[self._crossing(band_before, band_after)],
        )
        return self._signal("churn", BANDS[band_after], record)

    def _crossing(self, band_before: int, band_after: int) -> Evidence:
        """The threshold that was crossed: the new band's own on the way up; the left one's, less hysteresis, down."""
        policy = self._definitions.ruleset.churn
        if band_after < band_before:
            op, threshold = "<", round(policy.thresholds[band_after] - policy.hysteresis, 6)
        else:
            op, threshold = ">=", policy.thresholds[band_after - 1] if band_after > 0 else 0.0
        risk = round(float(self._outcome.score.risk[self._row]), 6)
        return Evidence("churn_risk", risk, op, threshold, "probability", holds=True, exact=True)

    def _trigger_evidence(
        self, campaign: Campaign, entered: Sequence[Segment], band_before: int, band_after: int
    ) -> list[Evidence] | None:
        """Why the campaign is triggered; None: it is not."""
        trigger = campaign.trigger
        if trigger.kind == "enter":
            for segment in entered:
                if segment.key == trigger.target:
                    return self._outcome.evaluation.evidence(segment.enter, self._row)
            return None
        if band_before < _LEVELS[trigger.target] <= band_after:
            return [self._crossing(band_before, band_after)]
        return None

    def _action(
        self, place: int, campaign: Campaign, evidence: list[Evidence], history: CampaignHistory
    ) -> Signal:
        refusal = abort_type(
            campaign,
            now_ms=self._at_ms,
            last_requested_ms=int(history.requested_ms[self._row, place]),
            consented=consents_to(self._table, self._row, campaign.channel),
            redefined=self._cause == "definition",
        )
        history.seq[self._row, place] += 1
        if refusal is None:
            history.requested_ms[self._row, place] = self._at_ms
        record = action_signal(
            **self._shared,
            version=self._version(),
            cause=self._cause,
            requested=refusal is None,
            abort_type=refusal,
            campaign=campaign.key,
            campaign_version=campaign.version,
            campaign_seq=int(history.seq[self._row, place]),
            channel=campaign.channel,
            reason=campaign.reason,
            offer=campaign.offer,
            expires_at_ms=self._at_ms + campaign.expires_after_ms,
            trigger=f"{campaign.trigger.kind} {campaign.trigger.target}",
            evidence=evidence,
        )
        return self._signal("requested" if refusal is None else "suppressed", campaign.key, record)
