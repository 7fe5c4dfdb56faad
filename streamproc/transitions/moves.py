"""Entries into segments and exits from them, with the reason why: for all of a batch, segment by segment."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.model import Segment
from streamproc.transitions.memberships import Memberships
from streamproc.windows.panes import NEVER
from streamproc.windows.table import Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Moves(NamedTuple):
    """Entries of some customers into one segment, or exits from it: columns, a customer at most once.

    `entry_seq` and `entered_ms` are those of the entry. `evidence`: as JSON. `displaced_by`: the segment of the same
    group that took the place of one that was left.
    """

    key: str
    rule_version: int
    group: str | None
    rows: Ints
    entry_seq: Ints
    entered_ms: Ints
    evidence: Sequence[bytes]
    displaced_by: Sequence[str | None]


def entries(
    before: Memberships, after: Memberships, segments: Sequence[Segment], evaluation: Evaluation
) -> Iterator[Moves]:
    """The segments that customers entered, in file order."""
    for place, rows in _rows_by_place(after.inside & ~before.inside):
        evidence = evaluation.evidences(segments[place].enter, rows)
        yield _moves(segments[place], place, rows, after, evidence, [None] * len(rows))


def exits(
    before: Memberships,
    after: Memberships,
    segments: Sequence[Segment],
    evaluation: Evaluation,
    entered: Sequence[Moves],
) -> Iterator[Moves]:
    """The segments that customers left, in file order; `entered`: those that they entered.

    An exit is explained by the rule for leaving, or by the member of the group that took the place.
    """
    for place, rows in _rows_by_place(before.inside & ~after.inside):
        segment = segments[place]
        rule, truth = (segment.enter, FALSE) if segment.exit is None else (segment.exit, TRUE)
        evidence: list[bytes] = evaluation.evidences(rule, rows)
        displaced_by: list[str | None] = [None] * len(rows)
        held_on = np.flatnonzero(evaluation.truth(rule)[rows] != truth).tolist()
        if held_on and segment.group is not None:
            winners = _winners(segment.group, entered)
            for at in held_on:
                if (winner := winners.get(int(rows[at]))) is not None:
                    displaced_by[at], evidence[at] = winner
        yield _moves(segment, place, rows, before, evidence, displaced_by)


def retirements(retired: Table, names: Mapping[int, tuple[str, int]]) -> Iterator[Moves]:
    """Exits from segments that the rules file no longer has: the rows of `retired` that are still inside.

    `names`: key and version of such segments, by id.
    """
    left = retired[retired["entered_ms"] != NEVER]
    # A customer's first such exits, then the second ones, and so on: the rows of one customer stand together.
    turn = np.arange(len(left)) - np.searchsorted(left["row"], left["row"])
    for now, segment_id in sorted(set(zip(turn.tolist(), left["segment"].tolist(), strict=True))):
        mine = left[(turn == now) & (left["segment"] == segment_id)]
        key, rule_version = names.get(segment_id, (f"{segment_id:08x}", 0))
        nothing = [b"[]"] * len(mine), [None] * len(mine)
        yield Moves(key, rule_version, None, mine["row"], mine["entry_seq"], mine["entered_ms"], *nothing)


def _moves(
    segment: Segment,
    place: int,
    rows: Ints,
    inside: Memberships,
    evidence: Sequence[bytes],
    displaced_by: Sequence[str | None],
) -> Moves:
    """`inside`: the memberships in which the customers at `rows` are inside."""
    return Moves(
        segment.key,
        segment.version,
        segment.group,
        rows,
        inside.entry_seq[place][rows],
        inside.entered_ms[place][rows],
        evidence,
        displaced_by,
    )


def _rows_by_place(moved: Bools) -> Iterator[tuple[int, Ints]]:
    """The segments (by place) of which some customers moved, and which."""
    for place in np.flatnonzero(moved.any(axis=1)).tolist():
        yield place, np.flatnonzero(moved[place])


def _winners(group: str, entered: Sequence[Moves]) -> dict[int, tuple[str, bytes]]:
    """Which member of a group each customer entered, by row, and why."""
    return {
        row: (moves.key, evidence)
        for moves in entered
        if moves.group == group
        for row, evidence in zip(moves.rows.tolist(), moves.evidence, strict=True)
    }
