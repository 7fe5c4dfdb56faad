"""Rules over a frame of n customers: their truth in three values, its evidence, and when it can change.

All rules are answered together: a step of the program is one operation on arrays, however many rules there are. All of
docs/semantics.md, section 6, follows from the truth of `>=` and from maximum and mirror, and the next flip follows from
that of `>=` in the same way.
"""

from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.signal_types import Evidence
from streamproc.features.ages import AgeColumns
from streamproc.features.frame import Columns, Frame
from streamproc.features.registry import Feature
from streamproc.features.windows import WindowColumns
from streamproc.rules import answers
from streamproc.rules.evidence import Answers, Explanations, explanations, tell
from streamproc.rules.expression import Expr
from streamproc.rules.program import Pair, Program, Refs
from streamproc.windows.panes import INF

FALSE: Final = 0
UNKNOWN: Final = 1
TRUE: Final = 2

Truths = NDArray[np.int8]
Instants = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Places of some customers in the frame: int64[k].
Rows = NDArray[np.int64]


class Evaluation:
    """The truth of a program's expressions over one frame. The arrays returned are shared, and so read-only."""

    def __init__(self, frame: Frame, program: Program) -> None:
        self._frame, self._program = frame, program
        self._windows: WindowColumns = frame.windows(
            program.windows.features, program.windows.place, program.windows.bound
        )
        self._ages: AgeColumns = frame.ages(program.ages.features)
        self._totals = frame.totals(program.totals.features)
        relations = program.relations.features
        self._relations = frame.relations(relations, self._windows) if relations else None
        self._columns: tuple[Columns | None, ...] = (self._windows, self._ages, self._totals, self._relations)
        self._truth = self._answer()
        self._truth.setflags(write=False)

    def truth(self, expr: Expr) -> Truths:
        """int8[n]: FALSE, UNKNOWN or TRUE for each customer."""
        return np.asarray(self.truths(self._program.refs((expr,)))[0])

    def truth_at(self, expr: Expr, row: int) -> int:
        """The truth for one customer."""
        node, negated = self._program.node(expr)
        truth = int(self._truth[node, row])
        return TRUE - truth if negated else truth

    def truths(self, refs: Refs) -> Truths:
        """int8[k, n]: the same for k expressions."""
        found: Truths = np.abs(self._truth[refs.node] - refs.mirror)
        found.setflags(write=False)
        return found

    def flips_at_ms(self, expr: Expr) -> Instants:
        """int64[n]: an instant after now up to which, in silence, the truth is what it is now; INF: for ever.

        At that instant the truth may be another, or not: it can be early, never late.
        """
        return np.asarray(self.flips_ms[self._program.node(expr)[0]])

    @property
    def node_truths(self) -> Truths:
        """int8[nodes, n]: the truth of every node."""
        return self._truth

    @cached_property
    def flips_ms(self) -> Instants:
        """int64[nodes, n]: `flips_at_ms` of every node."""
        program, truth = self._program, self._truth
        flips_ms = np.empty(truth.shape, np.int64)
        flips_ms[program.totals.nodes] = INF
        windows, ages = program.windows, program.ages
        if len(windows.place):
            answers.flips_of_windows(
                truth,
                self._windows.falls_ms,
                self._windows_known_ms,
                windows.place,
                windows.first_node,
                flips_ms,
            )
        answers.flips_of_ages(truth, self._ages.anchors_ms, ages.place, ages.bound, ages.first_node, flips_ms)
        relations = program.relations
        if self._relations is not None and len(relations.place):
            flips_ms[relations.nodes] = self._relations.changes_ms[relations.place]
        for place, pair in enumerate(program.pairs, program.first_pair):
            still = pair.feature.kind == pair.other.kind == "total"
            flips_ms[place] = INF if still else self._encounter_ms(pair)
        for level in program.levels:
            children = level.children
            answers.join_flips(
                truth, flips_ms, level.nodes.start, children.node, children.mirror, level.start
            )
        flips_ms.setflags(write=False)
        return flips_ms

    def evidence(self, expr: Expr, row: int) -> list[Evidence]:
        """`evidences` of one customer."""
        return msgspec.json.decode(self.evidences(expr, np.array([row]))[0], type=list[Evidence])

    def evidences(self, expr: Expr, rows: Rows) -> list[bytes]:
        """For each customer at `rows`, the comparisons that decide the truth of `expr`: see `rules.evidence`."""
        about = explanations((expr,), self._program)
        return self.explain(about, np.zeros(len(rows), np.int64), rows)

    def explain(self, about: Explanations, asked: Rows, rows: Rows) -> list[bytes]:
        """The same for many rules, each `asked` about (its place among those of `about`) for a customer at `rows`."""
        return tell(about, asked, rows, Answers(self._truth, self._columns, self._frame.text))

    def _answer(self) -> Truths:
        program = self._program
        truth = np.empty((program.size, self._frame.n), np.int8)
        for asked, columns in zip(program.kinds, self._columns, strict=True):
            if columns is not None and len(asked.place):
                answers.reach(columns.values, columns.exact, asked.place, asked.bound, truth[asked.nodes])
        for place, (feature, factor, other, times) in enumerate(program.pairs, program.first_pair):
            value, exact = self._of(feature, factor)
            other_value, other_exact = self._of(other, times)
            beyond = TRUE - _shortfall(other_exact)  # the other may be greater still
            truth[place] = np.where(value >= other_value, beyond, _shortfall(exact))
        for level in program.levels:
            children = level.children
            answers.join(truth, level.nodes.start, children.node, children.mirror, level.start)
        return truth

    def _encounter_ms(self, pair: Pair) -> Instants:
        """When a pair may change: with one of its two; while both are vague, when one is known. Totals stand still."""
        known_ms = change_ms = np.full(self._frame.n, INF, np.int64)
        for feature in (pair.feature, pair.other):
            if feature.kind == "window":
                place = self._program.windows.features.index(feature)
                known_ms = np.minimum(known_ms, self._windows_known_ms[place])
                change_ms = np.minimum(change_ms, self._windows_change_ms[place])
            elif feature.kind == "relation" and self._relations is not None:
                place = self._program.relations.features.index(feature)
                known_ms = np.minimum(known_ms, self._relations.changes_ms[place])
        if pair.feature.kind == "age":
            change_ms = self._reaches_ms(pair.feature, -(-self._of(pair.other, pair.times)[0] // pair.factor))
        elif pair.other.kind == "age":
            change_ms = self._reaches_ms(pair.other, self._of(pair.feature, pair.factor)[0] // pair.times + 1)
        both_vague = ~(self._of(pair.feature)[1] | self._of(pair.other)[1])
        return np.where(both_vague, known_ms, np.minimum(known_ms, change_ms))

    def _reaches_ms(self, age: Feature, bound: Instants) -> Instants:
        """When an age reaches a bound of each customer; INF where it has, or does not run."""
        anchor_ms = self._ages.anchors_ms[self._program.ages.features.index(age)]
        at_ms = np.minimum(anchor_ms, INF - np.maximum(bound, 0)) + bound
        return np.where((anchor_ms == INF) | (at_ms <= self._frame.now_ms), INF, at_ms)

    @cached_property
    def _windows_known_ms(self) -> Instants:
        return self._windows.known_at_ms()

    @cached_property
    def _windows_change_ms(self) -> Instants:
        return self._windows.changes_at_ms()

    def _of(self, feature: Feature, factor: int = 1) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Values, times a factor, and exactness of one of the program's features."""
        columns, place = self._places[feature.name]
        values = columns.values[place]
        if factor > 1:
            values = np.minimum(values, INF // factor) * factor
        return values, columns.exact[place]

    @cached_property
    def _places(self) -> dict[str, tuple[Columns, int]]:
        """Where the values of each feature are."""
        return {
            feature.name: (columns, place)
            for asked, columns in zip(self._program.kinds, self._columns, strict=True)
            if columns is not None
            for place, feature in enumerate(asked.features)
        }


def _shortfall(exact: NDArray[np.bool_]) -> Truths:
    """What `>=` is where the value falls short: FALSE, or UNKNOWN where it is not exact."""
    return (~exact).view(np.int8)
