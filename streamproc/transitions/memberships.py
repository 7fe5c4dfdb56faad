"""Which segments a customer should be in: raw membership, groups, min dwell (docs/semantics.md, section 6)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import FEATURES, Feature
from streamproc.rules.answers import earliest
from streamproc.rules.evaluate import TRUE, Evaluation
from streamproc.rules.expression import Not
from streamproc.rules.model import Segment
from streamproc.rules.program import Program, Refs, compile_rules
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable, Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Memberships:
    """The memberships of n customers in the s segments of a rules file, dense: [s, n]."""

    inside: Bools
    entered_ms: Ints
    entry_seq: Ints
    #: Rows of segments that the rules file no longer has.
    retired: Table


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """The s segments of a rules file, compiled.

    `enter`, `stay`: the rules for those outside and inside. `alone`: the places of segments without a group;
    `groups`: of those of each group, highest priority first. `id_order` sorts `ids`.
    """

    program: Program
    enter: Refs
    stay: Refs
    dwell_ms: Ints  # int64[s, 1]
    ids: NDArray[np.uint32]
    id_order: Ints
    alone: Ints
    groups: tuple[Ints, ...]


def plan_segments(segments: Sequence[Segment], features: Mapping[str, Feature] = FEATURES) -> SegmentPlan:
    """Compile segments, in file order. `features`: those that their rules may name."""
    stays = [segment.enter if segment.exit is None else Not(segment.exit) for segment in segments]
    program = compile_rules([*(segment.enter for segment in segments), *stays], features)
    ids = np.array([segment.id for segment in segments], np.uint32)
    return SegmentPlan(
        program,
        program.refs(segment.enter for segment in segments),
        program.refs(stays),
        np.array([[segment.min_dwell_ms] for segment in segments], np.int64).reshape(-1, 1),
        ids,
        np.argsort(ids).astype(np.int64),
        np.array([place for place, segment in enumerate(segments) if segment.group is None], np.int64),
        tuple(_groups(segments)),
    )


def read_memberships(table: CustomerTable, plan: SegmentPlan) -> Memberships:
    """The dense form of `table.members`."""
    shape = (len(plan.ids), len(table))
    entered_ms = np.full(shape, NEVER, np.int64)
    entry_seq = np.zeros(shape, np.int64)
    members = table.members
    if len(plan.ids):
        sorted_ids = plan.ids[plan.id_order]
        found = np.minimum(np.searchsorted(sorted_ids, members["segment"]), len(sorted_ids) - 1)
        known = sorted_ids[found] == members["segment"]
        place = plan.id_order[found]
    else:
        known, place = np.zeros(len(members), np.bool_), np.zeros(len(members), np.int64)
    mine, place = (members, place) if known.all() else (members[known], place[known])
    entered_ms[place, mine["row"]] = mine["entered_ms"]
    entry_seq[place, mine["row"]] = mine["entry_seq"]
    return Memberships(entered_ms != NEVER, entered_ms, entry_seq, members[~known])


def write_memberships(table: CustomerTable, plan: SegmentPlan, memberships: Memberships) -> None:
    """The inverse: `table.members` from the dense form."""
    row, place = np.nonzero(memberships.entry_seq.T)
    members = np.empty(len(row), MEMBER_DTYPE)
    members["row"] = row
    members["segment"] = plan.ids[place]
    members["entered_ms"] = memberships.entered_ms[place, row]
    members["entry_seq"] = memberships.entry_seq[place, row]
    if len(memberships.retired):
        members = np.concatenate((members, memberships.retired))
        members = members[np.argsort(members["row"], kind="stable")]
    table.members = members


def wanted_memberships(
    plan: SegmentPlan, evaluation: Evaluation, memberships: Memberships, now_ms: Ints, redefined: Bools
) -> tuple[Bools, Ints]:
    """The memberships that should hold now: bool[s, n], and when a leave that min dwell delays may happen: int64[n].

    `redefined`: bool[n], customers last evaluated under other rules, whom min dwell does not hold.
    """
    inside = memberships.inside
    raw = np.where(inside, evaluation.truths(plan.stay), evaluation.truths(plan.enter))
    wanted: Bools = raw + inside >= TRUE  # true, or unknown and inside already
    dwell_end = np.where(inside, memberships.entered_ms + plan.dwell_ms, INF)
    may_not_leave = inside & (now_ms < dwell_end) & ~redefined
    held_until = np.full(len(now_ms), INF, np.int64)
    if len(plan.alone):
        held = may_not_leave[plan.alone] & ~wanted[plan.alone]
        if held.any():
            wanted[plan.alone] |= held
            held_until = np.where(held, dwell_end[plan.alone], INF).min(axis=0)
    for places in plan.groups:
        _only_first(wanted, places)
        held = may_not_leave[places] & ~wanted[places]
        rows = np.flatnonzero(held.any(axis=0))
        if len(rows):
            here = np.ix_(places, rows)
            wanted[here] = inside[here]
            ends = np.where(held[:, rows], dwell_end[here], INF).min(axis=0)
            held_until[rows] = np.minimum(held_until[rows], ends)
    return wanted, held_until


def next_flip_ms(plan: SegmentPlan, evaluation: Evaluation, inside: Bools) -> Ints:
    """The earliest instant at which a rule that now decides may flip: int64[n]."""
    first_ms = np.empty(inside.shape[1], np.int64)
    earliest(evaluation.flips_ms, inside, plan.stay.node, plan.enter.node, first_ms)
    return first_ms


def _groups(segments: Sequence[Segment]) -> Iterator[Ints]:
    """The places of each group's segments, of which at most one may hold, highest priority first."""
    groups: dict[str, list[int]] = {}
    for place, segment in enumerate(segments):
        if segment.group is not None:
            groups.setdefault(segment.group, []).append(place)
    for places in groups.values():
        yield np.array(sorted(places, key=lambda place: -segments[place].priority), np.int64)


def _only_first(wanted: Bools, places: Ints) -> None:
    """Keep the first wanted membership among `places`."""
    taken = wanted[places[0]].copy()
    for place in places[1:]:
        mine = wanted[place] & ~taken
        taken |= mine
        wanted[place] = mine
