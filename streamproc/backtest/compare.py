"""Two versions of the rules on the same customers: who was in a segment at other times, and why.

Who differs is told at the first instant at which one version moves a customer and the other does not. Why is asked of
both there: the customer's own life is gone through up to that instant, and the rule that decides is explained.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final

import numpy as np
import xxhash
from msgspec import Struct

from streamproc.backtest.chronicle import Lot
from streamproc.backtest.figures import Follower
from streamproc.backtest.lives import state_at
from streamproc.contracts.signal_types import Evidence
from streamproc.features.frame import Frame
from streamproc.rules.evaluate import FALSE, TRUE, Evaluation
from streamproc.rules.expression import Expr
from streamproc.rules.model import Segment
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import NEVER

#: Of each segment so many customers are told, chosen by a hash of the id.
_TOLD: Final = 3

Moves = Mapping[tuple[str, str], Sequence[int]]


class Divergence(Struct, frozen=True, order=True):
    """At `at_ms`, version `moved` (0 or 1) of the rules moves a customer into or out of a segment, the other does not.

    rank: those with the lowest are told.
    """

    rank: int
    segment: str
    customer: str
    at_ms: int
    moved: int
    entered: bool


class Side(Struct, frozen=True):
    """What one version says there. inside: whether the customer is in the segment now. note: what the rule alone does
    not explain; empty: `evidence` does.
    """

    inside: bool
    evidence: list[Evidence]
    note: str = ""


class Difference(Struct, frozen=True):
    """A divergence, and what both versions say of it."""

    divergence: Divergence
    sides: tuple[Side, Side]


@dataclass(slots=True)
class Differences:
    """Of one segment. `customers`: who differs; `only`: those of them who were ever inside by one version alone."""

    customers: int = 0
    only: list[int] = field(default_factory=lambda: [0, 0])
    told: list[Difference] = field(default_factory=list)

    def absorb(self, other: "Differences") -> None:
        """Add other customers'."""
        self.customers += other.customers
        self.only = [mine + theirs for mine, theirs in zip(self.only, other.only, strict=True)]
        self.tell(*other.told)

    def tell(self, *more: Difference) -> None:
        """Tell these, too, as far as they are among the first few."""
        self.told = nsmallest(_TOLD, [*self.told, *more], key=lambda one: one.divergence)


def diverging(followers: Sequence[Follower]) -> tuple[dict[str, Differences], list[Divergence]]:
    """Of each segment who differs between two versions; and those of them that may have to be told."""
    one, other = (follower.moves for follower in followers)
    found: dict[str, Differences] = defaultdict(Differences)
    divergences = []
    for segment, customer in one.keys() | other.keys():
        divergence = _first(one, other, segment, customer)
        if divergence is None:
            continue
        of_segment = found[segment]
        of_segment.customers += 1
        for version, moves in enumerate((other, one)):
            of_segment.only[version] += (segment, customer) not in moves
        divergences.append(divergence)
    return dict(found), chosen(divergences)


def chosen(divergences: Iterable[Divergence]) -> list[Divergence]:
    """Those that are told, of each segment a few."""
    by_segment: dict[str, list[Divergence]] = defaultdict(list)
    for divergence in divergences:
        by_segment[divergence.segment].append(divergence)
    return [each for some in by_segment.values() for each in nsmallest(_TOLD, some)]


def _first(one: Moves, other: Moves, segment: str, customer: str) -> Divergence | None:
    mine, theirs = one.get((segment, customer), ()), other.get((segment, customer), ())
    if mine == theirs:
        return None
    same = next((at for at, pair in enumerate(zip(mine, theirs, strict=False)) if pair[0] != pair[1]), -1)
    if same < 0:
        same = min(len(mine), len(theirs))
    moved = 0 if same < len(mine) and (same >= len(theirs) or mine[same] < theirs[same]) else 1
    at_ms = (mine, theirs)[moved][same]
    rank = xxhash.xxh32_intdigest(customer.encode())
    return Divergence(rank, segment, customer, at_ms, moved, entered=same % 2 == 0)


def explain(
    divergences: Sequence[Divergence], versions: Sequence[Definitions], lots: Sequence[Lot]
) -> list[Difference]:
    """Why they are. `lots`: the events of their customers, by version."""
    places = [{customer: place for place, customer in enumerate(lot.ids)} for lot in lots]
    found = []
    for divergence in divergences:
        one, other = (
            _side(divergence, definitions, lot, of_lot.get(divergence.customer))
            for definitions, lot, of_lot in zip(versions, lots, places, strict=True)
        )
        found.append(Difference(divergence, (one, other)))
    return found


def _side(divergence: Divergence, definitions: Definitions, lot: Lot, customer: int | None) -> Side:
    segment = _segment(definitions, divergence.segment)
    if segment is None:
        return Side(inside=False, evidence=[], note="these rules have no such segment")
    if customer is None:
        return Side(inside=False, evidence=[], note="by these rules no event of the customer is accepted")
    table = state_at(lot, customer, definitions, divergence.at_ms)
    mine = table.members[table.members["segment"] == segment.id]
    inside = bool(len(mine)) and int(mine["entered_ms"][0]) != NEVER
    evaluation = Evaluation(Frame(table, np.array([divergence.at_ms])), definitions.plan.program)
    leave: Expr = segment.enter if segment.exit is None else segment.exit
    evidence = evaluation.evidence(segment.enter if divergence.entered else leave, 0)
    return Side(inside, evidence, _note(segment, evaluation, entered=divergence.entered, inside=inside))


def _note(segment: Segment, evaluation: Evaluation, *, entered: bool, inside: bool) -> str:
    """What the rule to enter, or that to leave, does not explain of where the customer is."""
    if entered:
        fits = evaluation.truth_at(segment.enter, 0) == TRUE
        return "fits, but is in another segment of its group" if fits and not inside else ""
    leaves = (
        evaluation.truth_at(segment.enter, 0) == FALSE
        if segment.exit is None
        else evaluation.truth_at(segment.exit, 0) == TRUE
    )
    if leaves == inside:
        return (
            "is held by its min dwell, or its group" if inside else "another segment of its group came first"
        )
    return ""


def _segment(definitions: Definitions, key: str) -> Segment | None:
    return next((segment for segment in definitions.ruleset.segments if segment.key == key), None)
