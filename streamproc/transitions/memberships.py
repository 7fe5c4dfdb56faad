"""Which segments a customer should be in: raw membership, groups, min dwell (docs/semantics.md, section 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_forms import AudienceChange
from streamproc.features.registry import FEATURES, Feature
from streamproc.rules.answers import earliest
from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.evidence import Explanations, explanations
from streamproc.rules.expression import Expr, Not
from streamproc.rules.model import Segment
from streamproc.rules.program import Program, Refs, compile_rules
from streamproc.transitions.members import find, held, settle
from streamproc.windows.panes import INF, NEVER, as_numbers
from streamproc.windows.table import MEMBER_DTYPE, CustomerTable, Table

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: A member without its fields, which numpy would move one by one.
_WHOLE: Final = np.dtype((np.void, MEMBER_DTYPE.itemsize))


class Moved(NamedTuple):
    """Who entered or left which segments, by customer and then in the order of the file: columns.

    `members`: as in CustomerTable, but `entered_ms` is that of the entry even where the segment was left.
    """

    place: Ints
    entered: Bools
    members: Table

    def below(self, places: int) -> "Moved":
        """Those of the first so many segments."""
        mine = self.place < places
        return self if mine.all() else Moved(self.place[mine], self.entered[mine], self.members[mine])


@dataclass(frozen=True, slots=True)
class Memberships:
    """The memberships of n customers in the s segments of a rules file.

    `inside`: bool[s, n]. `members`: the segments ever entered, as in CustomerTable, by customer and then in the order
    of the file, where the segment of each has its `place`; so their `keys`, row * s + place, rise. `retired`: those of
    segments that the file no longer has.
    """

    inside: Bools
    members: Table
    place: Ints
    keys: Ints
    retired: Table

    def moved(self, plan: "SegmentPlan", inside: Bools, now_ms: Ints) -> tuple["Memberships", Moved]:
        """When customers have moved to where `inside` (bool[s, n]) says, each at its own instant; and who that was."""
        place, row = np.divmod(np.flatnonzero(inside != self.inside), max(len(now_ms), 1))
        if not len(row):
            return self, Moved(place, inside[place, row], self.members[:0])
        key = row * len(plan.ids) + place
        order = np.argsort(key)
        key, place, row = key[order], place[order], row[order]
        entered, at = inside[place, row], np.searchsorted(self.keys, key)
        first = np.append(self.keys, -1)[at] != key  # never there before
        moved = np.zeros(len(key), MEMBER_DTYPE)
        moved["row"], moved["segment"] = row, plan.ids[place]
        moved[~first] = self.members[at[~first]]
        moved["entered_ms"] = np.where(entered, now_ms[row], moved["entered_ms"])
        moved["entry_seq"] += entered
        members, places, keys = self.members, self.place, self.keys
        if first.any():
            new = at[first]
            members = np.insert(members.view(_WHOLE), new, moved[first].view(_WHOLE)).view(MEMBER_DTYPE)
            places, keys = np.insert(places, new, place[first]), np.insert(keys, new, key[first])
            at = np.searchsorted(keys, key)
        else:
            members = members.copy()
        members[at] = moved
        members["entered_ms"][at[~entered]] = NEVER
        return Memberships(inside, members, places, keys, self.retired), Moved(place, entered, moved)


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """The s segments of a rules file, compiled.

    `enter`, `stay`: the rules for those outside and inside. `order`: the segments without a group, then those of each
    group, highest priority first; `group`: of each of them, -1: none. `reasons`: why the rules to enter (the first s)
    and to leave (from s on) are what they are. `leaves`: what the truth of the latter is where it is for that rule that
    segments are left. `changes`: exits from the segments, then entries.
    """

    program: Program
    segments: tuple[Segment, ...]
    enter: Refs
    stay: Refs
    leave: Refs
    leaves: NDArray[np.int8]
    reasons: Explanations
    changes: tuple[AudienceChange, ...]
    dwell_ms: Ints
    ids: Ints
    order: Ints
    group: Ints

    @property
    def places(self) -> dict[str, int]:
        """Of the segments, by their keys."""
        return {segment.key: place for place, segment in enumerate(self.segments)}


def plan_segments(
    segments: Sequence[Segment], features: Mapping[str, Feature] = FEATURES, beside: Sequence[Expr] = ()
) -> SegmentPlan:
    """Compile segments, in file order. `features`: those that their rules may name. `beside`: what else the program is
    to answer.
    """
    enter = [segment.enter for segment in segments]
    leave = [segment.enter if segment.exit is None else segment.exit for segment in segments]
    stay = [segment.enter if segment.exit is None else Not(segment.exit) for segment in segments]
    program = compile_rules([*enter, *stay, *beside], features)
    ranks = _ranks(segments)
    return SegmentPlan(
        program,
        tuple(segments),
        program.refs(enter),
        program.refs(stay),
        program.refs(leave),
        np.array([FALSE if segment.exit is None else TRUE for segment in segments], np.int8),
        explanations([*enter, *leave], program),
        tuple(
            AudienceChange(segment.key, segment.version, entered)
            for entered in (False, True)
            for segment in segments
        ),
        np.array([segment.min_dwell_ms for segment in segments], np.int64),
        np.array([segment.id for segment in segments], np.int64),
        np.array([place for _, place in ranks], np.int64),
        np.array([group for group, _ in ranks], np.int64),
    )


def read_memberships(table: CustomerTable, plan: SegmentPlan) -> Memberships:
    """Those in `table.members`."""
    members = table.members
    inside = np.zeros((len(plan.ids), len(table)), np.bool_)
    place = np.empty(len(members), np.int64)
    find(as_numbers(members), plan.ids, inside, place)
    retired = members[:0]
    known = place >= 0
    if not known.all():
        retired, members, place = members[~known], members[known], place[known]
    keys = members["row"] * len(plan.ids) + place
    if (keys[1:] < keys[:-1]).any():  # the file had another order when they were written
        order = np.argsort(keys, kind="stable")
        members, place, keys = members[order], place[order], keys[order]
    return Memberships(inside, members, place, keys, retired)


def write_memberships(table: CustomerTable, memberships: Memberships) -> None:
    """The inverse: all of them as `table.members`. Retired segments have been left."""
    members = memberships.members
    if len(memberships.retired):
        retired = memberships.retired.copy()
        retired["entered_ms"] = NEVER
        members = np.concatenate((members, retired))
        members = members[np.argsort(members["row"], kind="stable")]
    table.members = members


def wanted_memberships(
    plan: SegmentPlan, evaluation: Evaluation, memberships: Memberships, now_ms: Ints, redefined: Bools
) -> tuple[Bools, Ints]:
    """The memberships that should hold now: bool[s, n], and when a leave that min dwell delays may happen: int64[n].

    `redefined`: bool[n], customers last evaluated under other rules, whom min dwell does not hold.
    """
    inside = memberships.inside
    wanted = np.empty(inside.shape, np.bool_)
    settle(
        evaluation.node_truths, plan.stay.node, plan.stay.mirror, plan.enter.node, plan.enter.mirror, plan.order,
        plan.group, inside, wanted, np.empty(len(now_ms), np.uint8),
    )  # fmt: skip
    held_until_ms = np.full(len(now_ms), INF, np.int64)
    members, place = memberships.members, memberships.place
    stayers = np.empty(len(members), np.int64)
    stayers = stayers[
        : held(as_numbers(members), place, plan.dwell_ms, now_ms, inside, wanted, redefined, stayers)
    ]
    if len(stayers):
        row, place = members["row"][stayers], place[stayers]
        np.minimum.at(held_until_ms, row, members["entered_ms"][stayers] + plan.dwell_ms[place])
        for one in np.unique(place).tolist():
            # Who is held in one segment of a group is not moved inside the group.
            here = np.ix_(_together(plan, one), row[place == one])
            wanted[here] = inside[here]
    return wanted, held_until_ms


def next_flip_ms(plan: SegmentPlan, evaluation: Evaluation, inside: Bools) -> Ints:
    """The earliest instant at which a rule that now decides may flip: int64[n]."""
    first_ms = np.empty(inside.shape[1], np.int64)
    earliest(evaluation.flips_ms, inside, plan.stay.node, plan.enter.node, first_ms)
    return first_ms


def _ranks(segments: Sequence[Segment]) -> list[tuple[int, int]]:
    """Number of its group (-1: none) and place of each segment; of each group, the highest priority first."""
    groups = list(dict.fromkeys(segment.group for segment in segments if segment.group is not None))
    numbers = [-1 if segment.group is None else groups.index(segment.group) for segment in segments]
    ranked = sorted(range(len(segments)), key=lambda place: (numbers[place], -segments[place].priority))
    return [(numbers[place], place) for place in ranked]


def _together(plan: SegmentPlan, place: int) -> Ints:
    """The segments of which only one may hold, of one of them."""
    group = plan.group[plan.order == place]
    return np.asarray([place]) if group < 0 else plan.order[plan.group == group]
