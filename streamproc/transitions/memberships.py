"""Which segments a customer should be in: raw membership, groups, min dwell (docs/semantics.md, section 6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.rules.evaluate import Evaluation
from streamproc.rules.model import Segment
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable, Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_UNKNOWN, _TRUE = 1, 2


@dataclass(slots=True)
class Memberships:
    """The memberships of n customers in the s segments of a rules file, dense: [n, s]."""

    inside: Bools
    entered_ms: Ints
    entry_seq: Ints
    #: Rows of segments that the rules file no longer has.
    retired: Table


def read_memberships(table: CustomerTable, segments: Sequence[Segment]) -> Memberships:
    """The dense form of `table.members`."""
    shape = (len(table), len(segments))
    entered_ms = np.full(shape, NEVER, np.int64)
    entry_seq = np.zeros(shape, np.int64)
    members = table.members
    retired = np.ones(len(members), np.bool_)
    for place, segment in enumerate(segments):
        mine = members["segment"] == segment.id
        retired &= ~mine
        entered_ms[members["row"][mine], place] = members["entered_ms"][mine]
        entry_seq[members["row"][mine], place] = members["entry_seq"][mine]
    return Memberships(entered_ms != NEVER, entered_ms, entry_seq, members[retired])


def write_memberships(table: CustomerTable, segments: Sequence[Segment], memberships: Memberships) -> None:
    """The inverse: `table.members` from the dense form."""
    row, place = np.nonzero(memberships.entry_seq)
    members = np.empty(len(row), MEMBER_DTYPE)
    members["row"] = row
    members["segment"] = np.array([segment.id for segment in segments], np.uint32)[place]
    members["entered_ms"] = memberships.entered_ms[row, place]
    members["entry_seq"] = memberships.entry_seq[row, place]
    members = np.concatenate((members, memberships.retired))
    table.members = members[np.argsort(members["row"], kind="stable")]


def wanted_memberships(
    segments: Sequence[Segment],
    evaluation: Evaluation,
    memberships: Memberships,
    now_ms: Ints,
    redefined: Bools,
) -> tuple[Bools, Ints]:
    """The memberships that should hold now: bool[n, s], and when a leave that min dwell delays may happen: int64[n].

    `redefined`: bool[n], customers last evaluated under other rules, whom min dwell does not hold.
    """
    inside = memberships.inside
    wanted = np.empty_like(inside)
    for place, segment in enumerate(segments):
        enter = evaluation.truth(segment.enter)
        leave = 2 - enter if segment.exit is None else evaluation.truth(segment.exit)
        raw = np.where(inside[:, place], 2 - leave, enter)
        wanted[:, place] = (raw == _TRUE) | ((raw == _UNKNOWN) & inside[:, place])

    dwell_ms = np.array([segment.min_dwell_ms for segment in segments], np.int64)
    dwell_end = np.where(inside, memberships.entered_ms + dwell_ms, INF)
    may_not_leave = inside & (now_ms[:, None] < dwell_end) & ~redefined[:, None]
    held_until = np.full(len(now_ms), INF, np.int64)
    for places in _exclusive_sets(segments):
        _only_first(wanted, places)
        held = inside[:, places] & ~wanted[:, places] & may_not_leave[:, places]
        rows = np.flatnonzero(held.any(axis=1))
        if len(rows):
            wanted[rows[:, None], places] = inside[rows[:, None], places]
            ends = np.where(held[rows], dwell_end[rows[:, None], places], INF).min(axis=1)
            held_until[rows] = np.minimum(held_until[rows], ends)
    return wanted, held_until


def next_flip_ms(segments: Sequence[Segment], evaluation: Evaluation, inside: Bools) -> Ints:
    """The earliest instant at which a rule that now decides may flip: int64[n]."""
    earliest = np.full(len(inside), INF, np.int64)
    for place, segment in enumerate(segments):
        flips = evaluation.flips_at_ms(segment.enter)
        if segment.exit is not None:
            flips = np.where(inside[:, place], evaluation.flips_at_ms(segment.exit), flips)
        np.minimum(earliest, flips, out=earliest)
    return earliest


def _exclusive_sets(segments: Sequence[Segment]) -> list[list[int]]:
    """The segments of which at most one may hold, highest priority first; an ungrouped segment is alone."""
    sets: dict[object, list[int]] = {}
    for place, segment in enumerate(segments):
        sets.setdefault(segment.group if segment.group is not None else place, []).append(place)
    return [sorted(places, key=lambda place: -segments[place].priority) for places in sets.values()]


def _only_first(wanted: Bools, places: list[int]) -> None:
    """Keep the first wanted membership among `places`."""
    taken = wanted[:, places[0]].copy()
    for place in places[1:]:
        mine = wanted[:, place] & ~taken
        taken |= mine
        wanted[:, place] = mine
