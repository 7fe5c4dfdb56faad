"""Signals for the customers whose segments or band changed, in the order of docs/semantics.md, section 6."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.actions.decide import AbortType, abort_type, consenting, read_history, write_history
from streamproc.churn.reasons import reasons_of
from streamproc.churn.score import ChurnColumns, Score
from streamproc.contracts.signal_bytes import Occasions, occasions
from streamproc.contracts.signal_forms import Action
from streamproc.contracts.signal_types import BANDS, Cause
from streamproc.rules.evaluate import Evaluation
from streamproc.rules.model import Campaign, Trigger
from streamproc.transitions.bulletin import Actions, Bulletin, Risks, Signal, crossings
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.memberships import Memberships, Moved
from streamproc.transitions.moves import Moves, explain_moves, moves_in_order, retirements
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

    def changed_rows(self) -> Ints:
        """The customers who have something to publish."""
        changed = self.band_after != self.band_before
        changed[self.moved.members["row"]] = True
        retired = self.memberships.retired
        changed[retired["row"][retired["entered_ms"] != NEVER]] = True
        return np.flatnonzero(changed)


def publish(
    outcome: Outcome,
    table: CustomerTable,
    definitions: Definitions,
    origins: Sequence[Origin],
    *,
    records: bool = True,
) -> list[Signal]:
    """The signals of one evaluation, those of one customer in order. `records`: whether they get theirs.

    Counts them in `version` and notes campaigns in `table`.
    """
    rows = outcome.changed_rows()
    if not len(rows):
        return []
    tell = None
    if records:
        changed = _occasions(rows, outcome, table, origins)

        def tell(of: Ints, _: Sequence[int]) -> Occasions:
            return changed.take(np.searchsorted(rows, of).tolist())

    bulletin = Bulletin(table, outcome.now_ms, origins, tell)
    _Teller(outcome, definitions, bulletin, records).tell(table)
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


class _Triggers(NamedTuple):
    """Who triggers a campaign, and why: columns."""

    rows: Ints
    evidence: list[bytes]


@dataclass(slots=True)
class _Teller:
    """Puts into a bulletin what one evaluation changed."""

    outcome: Outcome
    definitions: Definitions
    bulletin: Bulletin
    records: bool

    def tell(self, table: CustomerTable) -> None:
        """Exits in file order, entries in file order, churn, actions in file order."""
        outcome, plan = self.outcome, self.definitions.plan
        retired = retirements(outcome.memberships.retired, self.definitions.retired)
        self.bulletin.put_moves(retired, because="definition")
        moves = (
            explain_moves(outcome.moved, plan, outcome.evaluation)
            if self.records
            else moves_in_order(outcome.moved, plan)
        )
        self.bulletin.put_moves(moves)
        self._tell_actions(table, moves, self._tell_bands())

    def _tell_bands(self) -> _Triggers:
        """Whose band rose.

        What was crossed is the new band's own threshold; by a fall, that of the band that was left, less hysteresis.
        """
        outcome, model, policy = self.outcome, self.definitions.model, self.definitions.ruleset.churn
        rows = np.flatnonzero(outcome.band_after != outcome.band_before)
        if not len(rows):
            return _Triggers(rows, [])
        after, before, risk = outcome.band_after[rows], outcome.band_before[rows], outcome.score.risk[rows]
        rose = after > before
        if not self.records:
            nothing = [b""] * len(rows)
            self.bulletin.put_risks(Risks(rows, risk, after, before, nothing, nothing), "churn", model)
            return _at(_Triggers(rows, nothing), np.flatnonzero(rose))
        rises = np.array([0.0, *policy.thresholds])
        falls = np.array([*(round(threshold - policy.hysteresis, 6) for threshold in policy.thresholds), 0.0])
        ops = [">=" if upwards else "<" for upwards in rose.tolist()]
        thresholds = np.where(rose, rises[after], falls[after])
        crossed = crossings(risk, ops, thresholds, repeat(True, len(rows)))
        reasons = reasons_of(model, outcome.churn, outcome.score, rows, outcome.now_ms[rows])
        self.bulletin.put_risks(Risks(rows, risk, after, before, reasons, crossed), "churn", model)
        return _at(_Triggers(rows, crossed), np.flatnonzero(rose))

    def _tell_actions(self, table: CustomerTable, moves: Moves, risen: _Triggers) -> None:
        campaigns = self.definitions.ruleset.campaigns
        triggered = [self._triggers(campaign.trigger, moves, risen) for campaign in campaigns]
        if not any(len(rows) for rows, _ in triggered):
            return
        history = read_history(table, campaigns)
        for place, (campaign, (rows, evidence)) in enumerate(zip(campaigns, triggered, strict=True)):
            if len(rows):
                refusals = self._refusals(campaign, rows, history.requested_ms[rows, place], table)
                history.seq[rows, place] += 1
                requested = rows[[refusal is None for refusal in refusals]]
                history.requested_ms[requested, place] = self.outcome.now_ms[requested]
                said = [_action(campaign, refusal) for refusal in refusals]
                expires_ms = self.outcome.now_ms[rows] + campaign.expires_after_ms
                seq = history.seq[rows, place]
                self.bulletin.put_actions(Actions(rows, said, seq, expires_ms, evidence))
        write_history(table, campaigns, history)

    def _triggers(self, trigger: Trigger, moves: Moves, risen: _Triggers) -> _Triggers:
        if trigger.kind == "enter":
            place = self.definitions.plan.places[trigger.target]
            return _at(_Triggers(moves.rows, moves.evidence), moves.into(place))
        level = _LEVELS[trigger.target]
        reached = self.outcome.band_before[risen.rows] < level
        reached &= level <= self.outcome.band_after[risen.rows]
        return _at(risen, np.flatnonzero(reached))

    def _refusals(
        self, campaign: Campaign, rows: Ints, requested_ms: Ints, table: CustomerTable
    ) -> list[AbortType | None]:
        """`abort_type` of each. `requested_ms`: when the campaign was last requested for them."""
        outcome = self.outcome
        return [
            abort_type(
                campaign, now_ms=now_ms, last_requested_ms=last_ms, consented=consented, redefined=redefined
            )
            for now_ms, last_ms, consented, redefined in zip(
                outcome.now_ms[rows].tolist(),
                requested_ms.tolist(),
                consenting(table, campaign.channel)[rows].tolist(),
                outcome.redefined[rows].tolist(),
                strict=True,
            )
        ]


def _at(triggers: _Triggers, places: Ints) -> _Triggers:
    return _Triggers(triggers.rows[places], [triggers.evidence[place] for place in places.tolist()])


def _action(campaign: Campaign, abort_type: AbortType | None) -> Action:
    return Action(
        abort_type,
        campaign.key,
        campaign.version,
        campaign.channel,
        campaign.reason,
        campaign.offer,
        f"{campaign.trigger.kind} {campaign.trigger.target}",
    )
