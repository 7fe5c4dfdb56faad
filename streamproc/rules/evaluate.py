"""Rules over a frame of n customers: their truth in three values, its evidence, and when it can change.

All rules are answered together: a step of the program is one operation on arrays, however many rules there are. All of
docs/semantics.md, section 6, follows from the truth of `>=` and from maximum and mirror, and the next flip follows from
that of `>=` in the same way.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.forms import to_json
from streamproc.contracts.signal_bytes import evidence_column
from streamproc.contracts.signal_types import Evidence
from streamproc.features.ages import AgeColumns
from streamproc.features.frame import Columns, Frame
from streamproc.features.registry import Feature
from streamproc.features.windows import WindowColumns
from streamproc.rules import answers
from streamproc.rules.expression import And, Comparison, Expr, Not, Or, Text, multiplied
from streamproc.rules.literals import MICROS
from streamproc.rules.program import Pair, Program, Questions, Refs
from streamproc.windows.panes import INF

FALSE: Final = 0
UNKNOWN: Final = 1
TRUE: Final = 2

Truths = NDArray[np.int8]
Instants = NDArray[np.int64]
Bools = NDArray[np.bool_]
#: Places of some customers in the frame: int64[k].
Rows = NDArray[np.int64]

_HOLDS: Final = {FALSE: False, UNKNOWN: None, TRUE: True}


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
        self._by_kind: dict[str, tuple[Questions, Columns | None]] = {
            "window": (program.windows, self._windows),
            "age": (program.ages, self._ages),
            "total": (program.totals, self._totals),
            "relation": (program.relations, self._relations),
        }
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

    @cached_property
    def flips_ms(self) -> Instants:
        """int64[nodes, n]: `flips_at_ms` of every node."""
        program, truth = self._program, self._truth
        flips_ms = np.empty(truth.shape, np.int64)
        flips_ms[: program.first_pair] = INF
        windows, ages = program.windows, program.ages
        if len(windows.place):
            # A window only shrinks: it leaves the bound, or, below it, becomes known to be below.
            known_ms = self._windows_known_ms[windows.place]
            flips_ms[windows.nodes] = np.where(truth[windows.nodes] == TRUE, self._windows.falls_ms, known_ms)
        if len(ages.place):
            # Saturating: an anchor of INF (the age does not run) stays INF. What an age reached, it keeps.
            bound = ages.bound[:, None]
            at_ms = np.minimum(self._ages.anchors_ms[ages.place], INF - bound) + bound
            flips_ms[ages.nodes] = np.where(truth[ages.nodes] == TRUE, INF, at_ms)
        relations = program.relations
        if self._relations is not None and len(relations.place):
            flips_ms[relations.nodes] = self._relations.changes_ms[relations.place]
        for place, pair in enumerate(program.pairs, program.first_pair):
            flips_ms[place] = self._encounter_ms(pair)
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
        """For each customer at `rows`, the comparisons that decide the truth of `expr`, in the rule's order, as JSON.

        All of them if all were needed (a true `and`, a false `or`), else those that sufficed; of an unknown
        expression, those that are unknown. One under a `not` stays as written, and `holds` says what it is.
        """
        nobody = np.zeros(len(rows), np.bool_)
        told: dict[Comparison, Bools] = {}
        columns: list[list[bytes]] = []  # one for each comparison; b"" for those whom it does not concern
        for comparison, decides in self._deciding(expr, rows, ~nobody):
            before = told.get(comparison, nobody)
            told[comparison] = before | decides
            places = np.flatnonzero(decides & ~before)
            column = [b""] * len(rows)
            evidences = self._as_evidences(comparison, rows[places])
            for place, evidence in zip(places.tolist(), evidences, strict=True):
                column[place] = evidence
            columns.append(column)
        return [b"[%b]" % b",".join(filter(None, own)) for own in zip(*columns, strict=True)]

    def _answer(self) -> Truths:
        program = self._program
        truth = np.empty((program.size, self._frame.n), np.int8)
        for asked, columns in self._by_kind.values():
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
        """When a pair may change: with one of its two; while both are vague, when one is known."""
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
            for asked, columns in self._by_kind.values()
            if columns is not None
            for place, feature in enumerate(asked.features)
        }

    def _truth_at(self, expr: Expr, rows: Rows) -> Truths:
        node, negated = self._program.node(expr)
        truth: Truths = self._truth[node][rows]
        return TRUE - truth if negated else truth

    def _deciding(self, expr: Expr, rows: Rows, asked: Bools) -> Iterator[tuple[Comparison, Bools]]:
        """The comparisons of `expr`, and for which of the customers `asked` about each decides: bool[k]."""
        match expr:
            case Comparison():
                yield expr, asked
            case Not(child):
                yield from self._deciding(child, rows, asked)
            case And(children) | Or(children):
                truth = self._truth_at(expr, rows)
                for child in children:
                    # A true `and` and a false `or` have only such children; elsewhere, the others decide nothing.
                    alike = asked & (self._truth_at(child, rows) == truth)
                    if alike.any():
                        yield from self._deciding(child, rows, alike)

    def _as_evidences(self, comparison: Comparison, rows: Rows) -> list[bytes]:
        """What a comparison says of each customer at `rows`."""
        unit = comparison.unit
        values, exact = self._shown(comparison.feature, rows, unit, comparison.factor)
        match comparison.threshold:
            case int(amount):
                thresholds = [to_json(_in_unit([amount], unit)[0])] * len(rows)
            case Text(text):
                thresholds = [to_json(text)] * len(rows)
            case str(name):
                others, other_exact = self._shown(name, rows, unit, comparison.times)
                exact = exact & other_exact
                left = multiplied(name, comparison.times)
                thresholds = [
                    to_json(f"{left}={other}" if is_exact else f"{left}>={other}")
                    for other, is_exact in zip(others, other_exact.tolist(), strict=True)
                ]
        feature, op = multiplied(comparison.feature, comparison.factor), comparison.op
        holds = [_HOLDS[truth] for truth in self._truth_at(comparison, rows).tolist()]
        return evidence_column(feature, op, unit, values, thresholds, holds, exact.tolist())

    def _shown(
        self, name: str, rows: Rows, unit: str, factor: int
    ) -> tuple[Sequence[int | float | str | None], Bools]:
        """A feature's values in `unit`, times a factor, None where there is none; and whether each is exact."""
        feature = self._program.features[name]
        of_all, exact_of_all = self._of(feature, factor)
        values, exact = of_all[rows], exact_of_all[rows]
        if unit == "text":
            return [self._frame.text(feature, row) for row in rows.tolist()], exact
        shown: Sequence[int | float | None] = _in_unit(values.tolist(), unit)
        absent = (values < 0) & ~exact
        if absent.any():
            shown = [
                None if is_absent else value for value, is_absent in zip(shown, absent.tolist(), strict=True)
            ]
        return shown, exact


def _shortfall(exact: NDArray[np.bool_]) -> Truths:
    """What `>=` is where the value falls short: FALSE, or UNKNOWN where it is not exact."""
    return (~exact).view(np.int8)


def _in_unit(amounts: list[int], unit: str) -> Sequence[int | float]:
    """ms, counts and percent as they are, millionths of money as currency units."""
    return amounts if unit in ("ms", "count", "percent") else [amount / MICROS for amount in amounts]
