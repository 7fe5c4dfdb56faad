"""Entries into segments and exits from them, with the reason why: found segment by segment, told by customer."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_forms import AudienceChange
from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.model import Segment
from streamproc.transitions.memberships import Memberships
from streamproc.windows.panes import NEVER
from streamproc.windows.table import Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
T = TypeVar("T")


class Moves(NamedTuple):
    """Entries into segments, or exits from them: columns. `group`: of the segment, if they are of one.

    `entry_seq` and `entered_ms` are those of the entry. `evidence`: as JSON. `displaced_by`: the segment of the same
    group that took the place of one that was left.
    """

    group: str | None
    changes: Sequence[AudienceChange]
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
        yield moves_of(segments[place], place, rows, after, evidence, [None] * len(rows), entered=True)


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
        yield moves_of(segment, place, rows, before, evidence, displaced_by, entered=False)


def retirements(retired: Table, names: Mapping[int, tuple[str, int]]) -> Moves:
    """Exits from segments that the rules file no longer has: the rows of `retired` that are still inside.

    `names`: key and version of such segments, by id.
    """
    left = retired[retired["entered_ms"] != NEVER]
    changes = [
        AudienceChange(*names.get(segment_id, (f"{segment_id:08x}", 0)), entered=False)
        for segment_id in left["segment"].tolist()
    ]
    nothing, nobody = [b"[]"] * len(left), [None] * len(left)
    return Moves(None, changes, left["row"], left["entry_seq"], left["entered_ms"], nothing, nobody)


def moves_of(
    segment: Segment,
    place: int,
    rows: Ints,
    inside: Memberships,
    evidence: Sequence[bytes],
    displaced_by: Sequence[str | None],
    *,
    entered: bool,
) -> Moves:
    """Of one segment. `inside`: the memberships in which the customers at `rows` are inside."""
    return Moves(
        segment.group,
        [AudienceChange(segment.key, segment.version, entered)] * len(rows),
        rows,
        inside.entry_seq[place][rows],
        inside.entered_ms[place][rows],
        evidence,
        displaced_by,
    )


def by_row(parts: Sequence[Moves]) -> Moves:
    """All of them, customer by customer; those of one customer stay in order. There must be some."""
    rows = np.concatenate([moves.rows for moves in parts])
    order = np.argsort(rows, kind="stable")
    places = order.tolist()

    def in_order(columns: Iterable[Sequence[T]]) -> list[T]:
        column = list(chain.from_iterable(columns))
        return [column[place] for place in places]

    return Moves(
        None,
        in_order(moves.changes for moves in parts),
        rows[order],
        np.concatenate([moves.entry_seq for moves in parts])[order],
        np.concatenate([moves.entered_ms for moves in parts])[order],
        in_order(moves.evidence for moves in parts),
        in_order(moves.displaced_by for moves in parts),
    )


def _rows_by_place(moved: Bools) -> Iterator[tuple[int, Ints]]:
    """The segments (by place) of which some customers moved, and which."""
    for place in np.flatnonzero(moved.any(axis=1)).tolist():
        yield place, np.flatnonzero(moved[place])


def _winners(group: str, entered: Sequence[Moves]) -> dict[int, tuple[str, bytes]]:
    """Which member of a group each customer entered, by row, and why."""
    return {
        row: (change.key, evidence)
        for moves in entered
        if moves.group == group
        for row, change, evidence in zip(moves.rows.tolist(), moves.changes, moves.evidence, strict=True)
    }
