"""Why rules are true or false of some customers: the comparisons that decide, as JSON.

All of them if all were needed (a true `and`, a false `or`), else those that sufficed; of an unknown rule, those that
are unknown. One under a `not` stays as written, and `holds` says what it is. Many rules and customers are explained in
one go, however few of them are alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.forms import Form, to_json
from streamproc.contracts.signal_bytes import evidence_column
from streamproc.contracts.signal_forms import evidence_form
from streamproc.features.frame import Columns
from streamproc.features.registry import Feature
from streamproc.rules import answers
from streamproc.rules.expression import And, Comparison, Expr, Not, Or, Text, multiplied
from streamproc.rules.literals import MICROS
from streamproc.rules.program import Program, Refs, as_refs
from streamproc.windows.panes import INF

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_HOLDS: Final = (False, None, True)  # by truth


@dataclass(frozen=True, slots=True)
class Operands:
    """A feature for each of c comparisons: of which of the program's kinds (-1: there is none), where among those, and
    what it is multiplied by.
    """

    features: tuple[Feature | None, ...]
    kind: Ints
    place: Ints
    factor: Ints


@dataclass(frozen=True, slots=True)
class Explanations:
    """What there is to say about k rules.

    `rules`: their nodes. `leaves`: their comparisons from left to right, as places in `comparisons`; those of a rule
    from its `first_leaf` to the next one's. `steps`: the nodes on the way to each leaf, from its `first_step` on,
    mirrored so that they equal the rule where they decide it.
    """

    rules: Refs
    first_leaf: Ints
    leaves: Ints
    first_step: Ints
    steps: Refs
    comparisons: tuple[Comparison, ...]
    nodes: Refs  # of `comparisons`
    left: Operands
    right: Operands
    forms: tuple[Form, ...]
    thresholds: tuple[bytes, ...]  # those that are the same for all customers
    is_text: Bools
    is_money: Bools


@dataclass(frozen=True, slots=True)
class Answers:
    """What was found of n customers. `columns`: by kind, in the program's order. `text`: a feature of one customer."""

    truth: NDArray[np.int8]
    columns: Sequence[Columns | None]
    text: Callable[[Feature, int], str | None]


def explanations(rules: Sequence[Expr], program: Program) -> Explanations:
    """Compile them; `program`: has answers to all of `rules`."""
    paths = [list(_paths(rule, program, negated=False, path=())) for rule in rules]
    leaves = [leaf for own in paths for leaf in own]
    place = {
        comparison: number for number, comparison in enumerate(dict.fromkeys(leaf for leaf, _ in leaves))
    }
    units = [comparison.unit for comparison in place]
    return Explanations(
        rules=program.refs(rules),
        first_leaf=_offsets(paths),
        leaves=np.array([place[leaf] for leaf, _ in leaves], np.int64),
        first_step=_offsets([path for _, path in leaves]),
        steps=as_refs([step for _, path in leaves for step in path]),
        comparisons=tuple(place),
        nodes=program.refs(place),
        left=_operands(program, [(each.feature, each.factor) for each in place]),
        right=_operands(
            program,
            [(each.threshold if isinstance(each.threshold, str) else None, each.times) for each in place],
        ),
        forms=tuple(
            evidence_form(multiplied(each.feature, each.factor), each.op, each.unit) for each in place
        ),
        thresholds=tuple(_threshold(each) for each in place),
        is_text=np.array([unit == "text" for unit in units], np.bool_),
        is_money=np.array([unit not in ("text", "ms", "count", "percent") for unit in units], np.bool_),
    )


def tell(about: Explanations, asked: Ints, rows: Ints, found: Answers) -> list[bytes]:
    """Of each rule `asked` (its place among those of `about`), why it is what it is for the customer at `rows`."""
    leaves = int((about.first_leaf[asked + 1] - about.first_leaf[asked]).sum())
    question, comparison = np.empty(leaves, np.int64), np.empty(leaves, np.int64)
    count = answers.deciding(
        found.truth, asked, rows, about.rules.node, about.rules.mirror, about.first_leaf, about.leaves,
        about.first_step, about.steps.node, about.steps.mirror, question, comparison,
    )  # fmt: skip
    question, comparison = question[:count], comparison[:count]
    row = rows[question]
    said = _say(about, comparison, row, found)
    ends = np.searchsorted(question, np.arange(len(asked) + 1)).tolist()
    return [b"[%b]" % b",".join(said[begin:end]) for begin, end in pairwise(ends)]


def _say(about: Explanations, comparison: Ints, row: Ints, found: Answers) -> list[bytes]:
    """What each comparison says of the customer at `row`."""
    which = comparison.tolist()
    truth = np.abs(found.truth[about.nodes.node[comparison], row] - about.nodes.mirror[comparison, 0])
    values, exact = _shown(about, about.left, comparison, row, found)
    thresholds = [about.thresholds[each] for each in which]
    paired = np.flatnonzero(about.right.kind[comparison] >= 0)
    if len(paired):
        others, other_exact = _shown(about, about.right, comparison[paired], row[paired], found)
        exact[paired] &= other_exact
        for place, other, is_exact in zip(paired.tolist(), others, other_exact.tolist(), strict=True):
            each = about.comparisons[which[place]]
            left = multiplied(str(each.threshold), each.times)
            thresholds[place] = to_json(f"{left}={other}" if is_exact else f"{left}>={other}")
    forms = [about.forms[each] for each in which]
    return evidence_column(
        forms, values, thresholds, [_HOLDS[each] for each in truth.tolist()], exact.tolist()
    )


def _shown(
    about: Explanations, operands: Operands, comparison: Ints, row: Ints, found: Answers
) -> tuple[list[int | float | str | None], Bools]:
    """Values in the units of the comparisons, None where there is none; and whether each is exact."""
    values, exact = np.empty(len(row), np.int64), np.empty(len(row), np.bool_)
    kind, place = operands.kind[comparison], operands.place[comparison]
    for number, columns in enumerate(found.columns):
        mine = np.flatnonzero(kind == number)
        if columns is not None and len(mine):
            here = place[mine], row[mine]
            values[mine], exact[mine] = columns.values[here], columns.exact[here]
    factor = operands.factor[comparison]
    amounts: list[int] = (np.minimum(values, INF // factor) * factor).tolist()
    shown: list[int | float | str | None] = [
        amount / MICROS if is_money else amount
        for amount, is_money in zip(amounts, about.is_money[comparison].tolist(), strict=True)
    ]
    for at in np.flatnonzero((values < 0) & ~exact).tolist():
        shown[at] = None
    for at in np.flatnonzero(about.is_text[comparison]).tolist():
        feature = operands.features[comparison[at]]
        assert feature is not None
        shown[at] = found.text(feature, int(row[at]))
    return shown, exact


def _paths(
    rule: Expr, program: Program, *, negated: bool, path: tuple[tuple[int, bool], ...]
) -> Iterator[tuple[Comparison, tuple[tuple[int, bool], ...]]]:
    """The comparisons of a rule, each with the nodes that must agree with the rule for it to decide.

    A true `and` and a false `or` have only children that are so too; elsewhere, the others decide nothing. `negated`:
    under an odd number of `not`.
    """
    match rule:
        case Comparison():
            yield rule, path
        case Not(child):
            yield from _paths(child, program, negated=not negated, path=path)
        case And(children) | Or(children):
            for child in children:
                node, mirrored = program.node(child)
                step = (node, mirrored != negated)
                yield from _paths(child, program, negated=negated, path=(*path, step))


def _offsets(parts: Sequence[Sequence[object]]) -> Ints:
    """Where each begins if they stand one after the other, and where the last one ends."""
    return np.array([0, *accumulate(map(len, parts))], np.int64)


def _operands(program: Program, named: Sequence[tuple[str | None, int]]) -> Operands:
    features = [None if name is None else program.features[name] for name, _ in named]
    places = [(-1, 0) if feature is None else program.column(feature) for feature in features]
    kind, place = np.array(places, np.int64).reshape(-1, 2).T
    factor = np.array([factor for _, factor in named], np.int64)
    return Operands(tuple(features), kind.copy(), place.copy(), factor)


def _threshold(comparison: Comparison) -> bytes:
    match comparison.threshold:
        case int(amount):
            exact = comparison.unit in ("ms", "count", "percent")
            return to_json(amount if exact else amount / MICROS)
        case Text(text):
            return to_json(text)
        case str():
            return b""  # another feature's value
