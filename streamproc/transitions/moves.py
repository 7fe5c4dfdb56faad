"""Entries into segments and exits from them, with the reason why: all of them found and explained in one go."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_forms import AudienceChange
from streamproc.rules.campaign import WATCH_PREFIX
from streamproc.rules.evaluate import Evaluation
from streamproc.transitions.memberships import Moved, SegmentPlan
from streamproc.windows.panes import NEVER
from streamproc.windows.table import Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_NO_EVIDENCE: Final = b"[]"


class Moves(NamedTuple):
    """Entries into segments, or exits from them, by customer: columns.

    `place`: of the segment in the file. `entry_seq` and `entered_ms` are those of the entry. `evidence`: as JSON.
    `displaced_by`: the segment of the same group that took the place of one that was left.
    """

    rows: Ints
    place: Ints
    entered: Bools
    changes: list[AudienceChange]
    entry_seq: Ints
    entered_ms: Ints
    evidence: list[bytes]
    displaced_by: list[str | None]

    def into(self, place: int) -> Ints:
        """Those that are entries into a segment."""
        return np.flatnonzero(self.entered & (self.place == place))


def moves_in_order(moved: Moved, plan: SegmentPlan) -> Moves:
    """What customers left and entered: of each first the exits, in file order, then the entries; no reasons."""
    order = np.argsort(2 * moved.members["row"] + moved.entered, kind="stable")
    place, entered, members = moved.place[order], moved.entered[order], moved.members[order]
    return moves_of(plan, place, entered, members, [_NO_EVIDENCE] * len(order))


def explain_moves(moved: Moved, plan: SegmentPlan, evaluation: Evaluation) -> Moves:
    """The same with the reasons.

    An exit is explained by the rule for leaving, or by the member of the group that took the place.
    """
    moves = moves_in_order(moved, plan)
    place, entered = moves.place, moves.entered
    rule = np.where(entered, place, place + len(plan.segments))
    moves = moves._replace(evidence=evaluation.explain(plan.reasons, rule, moves.rows))
    left = np.flatnonzero(~entered)
    node, mirror = plan.leave.node[place[left]], plan.leave.mirror[place[left], 0]
    truth = np.abs(evaluation.node_truths[node, moves.rows[left]] - mirror)
    held_on = truth != plan.leaves[place[left]]
    if held_on.any():
        _explain_by_winners(moves, left[held_on], plan)
    return moves


def moves_of(plan: SegmentPlan, place: Ints, entered: Bools, members: Table, evidence: list[bytes]) -> Moves:
    """Of `members`, by customer, who entered (or else left) the segments at `place`."""
    codes = place + len(plan.segments) * entered
    return Moves(
        members["row"],
        place,
        entered,
        [plan.changes[code] for code in codes.tolist()],
        members["entry_seq"],
        members["entered_ms"],
        evidence,
        [None] * len(members),
    )


def retirements(retired: Table, names: Mapping[int, tuple[str, int]]) -> Moves:
    """Exits from segments that the rules file no longer has: the rows of `retired` that are still inside.

    `names`: key and version of such segments, by id.
    """
    left = retired[retired["entered_ms"] != NEVER]
    known = [names.get(segment_id, (f"{segment_id:08x}", 0)) for segment_id in left["segment"].tolist()]
    told = [not key.startswith(WATCH_PREFIX) for key, _ in known]
    left = left[told]
    changes = [
        AudienceChange(key, version, entered=False)
        for (key, version), is_told in zip(known, told, strict=True)
        if is_told
    ]
    nowhere, nothing, nobody = np.full(len(left), -1), [_NO_EVIDENCE] * len(left), [None] * len(left)
    never = np.zeros(len(left), np.bool_)
    return Moves(
        left["row"], nowhere, never, changes, left["entry_seq"], left["entered_ms"], nothing, list(nobody)
    )


def _explain_by_winners(moves: Moves, left: Ints, plan: SegmentPlan) -> None:
    """Exits that the own rule does not explain, by what the customer entered in the same group."""
    groups = [segment.group for segment in plan.segments]
    places, rows = moves.place.tolist(), moves.rows.tolist()
    winners = {
        (rows[at], groups[places[at]]): at
        for at in np.flatnonzero(moves.entered).tolist()
        if groups[places[at]] is not None
    }
    for at in left.tolist():
        winner = winners.get((rows[at], groups[places[at]]))
        if winner is not None:
            moves.displaced_by[at] = moves.changes[winner].key
            moves.evidence[at] = moves.evidence[winner]
