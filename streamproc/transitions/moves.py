"""Entries into segments and exits from them, with the reason why: for all of a batch, segment by segment."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from streamproc.contracts.signal_types import Evidence
from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.model import Segment
from streamproc.transitions.memberships import Memberships
from streamproc.windows.panes import NEVER
from streamproc.windows.table import Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Move(Struct, frozen=True, gc=False):
    """An entry or an exit. `entry_seq` and `entered_at_ms` are those of the entry.

    `displaced_by`: the segment of the same group that took the place of one that was left.
    """

    key: str
    rule_version: int
    group: str | None
    entry_seq: int
    entered_at_ms: int
    evidence: Sequence[Evidence]
    displaced_by: str | None = None


#: By row of the customer; those of one customer in file order.
Moves = Mapping[int, Sequence[Move]]


def entries(
    before: Memberships, after: Memberships, segments: Sequence[Segment], evaluation: Evaluation
) -> Moves:
    """The segments that each customer entered."""
    found: dict[int, list[Move]] = defaultdict(list)
    for place, rows in _rows_by_place(after.inside & ~before.inside):
        segment = segments[place]
        evidences = evaluation.evidences(segment.enter, rows)
        columns = zip(
            rows.tolist(),
            after.entry_seq[place][rows].tolist(),
            after.entered_ms[place][rows].tolist(),
            evidences,
            strict=True,
        )
        for row, entry_seq, entered_ms, evidence in columns:
            move = Move(segment.key, segment.version, segment.group, entry_seq, entered_ms, evidence)
            found[row].append(move)
    return found


def exits(
    before: Memberships,
    after: Memberships,
    segments: Sequence[Segment],
    evaluation: Evaluation,
    entered: Moves,
) -> Moves:
    """The segments that each customer left; `entered`: those that each entered.

    An exit is explained by the rule for leaving, or by the member of the group that took the place.
    """
    found: dict[int, list[Move]] = defaultdict(list)
    for place, rows in _rows_by_place(before.inside & ~after.inside):
        segment = segments[place]
        rule, truth = (segment.enter, FALSE) if segment.exit is None else (segment.exit, TRUE)
        leaves = (evaluation.truth(rule)[rows] == truth).tolist()
        winners = [
            None if by_rule else _same_group(segment.group, entered.get(row, ()))
            for row, by_rule in zip(rows.tolist(), leaves, strict=True)
        ]
        evidences = iter(evaluation.evidences(rule, rows[[winner is None for winner in winners]]))
        columns = zip(
            rows.tolist(),
            before.entry_seq[place][rows].tolist(),
            before.entered_ms[place][rows].tolist(),
            winners,
            strict=True,
        )
        for row, entry_seq, entered_ms, winner in columns:
            evidence, displaced_by = (winner.evidence, winner.key) if winner else (next(evidences), None)
            move = Move(
                segment.key, segment.version, segment.group, entry_seq, entered_ms, evidence, displaced_by
            )
            found[row].append(move)
    return found


def retirements(retired: Table, names: Mapping[int, tuple[str, int]]) -> Moves:
    """Exits from segments that the rules file no longer has: the rows of `retired` that are still inside.

    `names`: key and version of such segments, by id.
    """
    found: dict[int, list[Move]] = defaultdict(list)
    for row, segment_id, entered_ms, entry_seq in retired[retired["entered_ms"] != NEVER].tolist():
        key, rule_version = names.get(segment_id, (f"{segment_id:08x}", 0))
        found[row].append(Move(key, rule_version, None, entry_seq, entered_ms, []))
    return found


def _rows_by_place(moved: Bools) -> Iterator[tuple[int, Ints]]:
    """The segments (by place) of which some customers moved, and which."""
    for place in np.flatnonzero(moved.any(axis=1)).tolist():
        yield place, np.flatnonzero(moved[place])


def _same_group(group: str | None, moves: Iterable[Move]) -> Move | None:
    return next((move for move in moves if group is not None and move.group == group), None)
