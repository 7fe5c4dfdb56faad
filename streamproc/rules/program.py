"""Rules compiled to columns: which questions are asked of which features, and how their answers combine.

Every distinct question is asked once for all rules. A *node* is a question or an `or` of nodes; an `and` is a negated
`or` of negations. Nodes are ordered so that each depends on earlier ones only, in as many levels as rules are deep, and
one level of all rules is one step.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import FEATURES, Feature
from streamproc.features.relations import windows_of
from streamproc.rules.expression import And, Comparison, Expr, Not, Or
from streamproc.rules.normal import in_at_least

Ints = NDArray[np.int64]

#: What |truth - MIRROR| is for: false is 0 and true is 2.
MIRROR: Final = 2


@dataclass(frozen=True, slots=True)
class Refs:
    """Some nodes: `node`: int64[k]; `mirror`: int8[k, 1], MIRROR where the negation is meant, else 0."""

    node: Ints
    mirror: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Questions:
    """`features[place[i]] >= bound[i]`, for every i; the answers are the nodes `first_node` and following.

    `features` also has those of this kind that pairs compare, and that relations are made of.
    """

    features: tuple[Feature, ...]
    place: Ints
    bound: Ints
    first_node: int

    @property
    def nodes(self) -> slice:
        return slice(self.first_node, self.first_node + len(self.place))


class Pair(NamedTuple):
    """`factor * feature >= times * other`"""

    feature: Feature
    factor: int
    other: Feature
    times: int


@dataclass(frozen=True, slots=True)
class Level:
    """Nodes that are an `or` of some earlier ones: those of `children` from each `start` to the next."""

    nodes: slice
    children: Refs
    start: Ints


@dataclass(frozen=True)
class Program:
    """Compiled rules. `pairs`: nodes that compare two features, from `first_pair` on."""

    windows: Questions
    ages: Questions
    totals: Questions
    relations: Questions
    pairs: tuple[Pair, ...]
    first_pair: int
    levels: tuple[Level, ...]
    size: int
    features: Mapping[str, Feature]
    _nodes: dict[Expr, int]

    def node(self, expr: Expr) -> tuple[int, bool]:
        """The node that answers `expr`, and whether by its negation. Raises KeyError if it was not compiled."""
        return _find(in_at_least(expr), self._nodes)

    def refs(self, exprs: Iterable[Expr]) -> Refs:
        """The same for some expressions."""
        return as_refs([self.node(expr) for expr in exprs])

    @property
    def kinds(self) -> tuple[Questions, ...]:
        """What is asked, by kind."""
        return self.windows, self.ages, self.totals, self.relations

    def column(self, feature: Feature) -> tuple[int, int]:
        """Of which of `kinds` a feature that was compiled is, and where it is among those features."""
        return next(
            (kind, asked.features.index(feature))
            for kind, asked in enumerate(self.kinds)
            if feature in asked.features
        )


def compile_rules(exprs: Sequence[Expr], features: Mapping[str, Feature] = FEATURES) -> Program:
    """The program that answers all of `exprs` and every part of them. `features`: those they may name."""
    depth: dict[Expr, int] = {}
    for expr in exprs:
        _measure(in_at_least(expr), depth)
    leaves = [expr for expr in depth if isinstance(expr, Comparison)]
    paired = [leaf for leaf in leaves if isinstance(leaf.threshold, str)]
    pairs = tuple(
        Pair(features[leaf.feature], leaf.factor, features[str(leaf.threshold)], leaf.times)
        for leaf in paired
    )
    beside = [feature for pair in pairs for feature in (pair.feature, pair.other)]
    named = [*beside, *(features[leaf.feature] for leaf in leaves)]
    beside += windows_of([feature for feature in named if feature.kind == "relation"])
    nodes: dict[Expr, int] = {}
    asked: list[Questions] = []
    for kind in ("window", "age", "total", "relation"):
        mine = [
            leaf for leaf in leaves if isinstance(leaf.threshold, int) and features[leaf.feature].kind == kind
        ]
        more = [feature for feature in beside if feature.kind == kind]
        asked.append(_questions(mine, [features[leaf.feature] for leaf in mine], more, len(nodes)))
        _number(mine, nodes)
    first_pair = len(nodes)
    _number(paired, nodes)
    levels = []
    for height in range(1, max(depth.values(), default=0) + 1):
        joints = [expr for expr, own in depth.items() if own == height]
        levels.append(_level(joints, nodes))
        _number(joints, nodes)
    windows, ages, totals, relations = asked
    return Program(
        windows,
        ages,
        totals,
        relations,
        pairs=pairs,
        first_pair=first_pair,
        levels=tuple(levels),
        size=len(nodes),
        features=features,
        _nodes=nodes,
    )


def _measure(expr: Expr, depth: dict[Expr, int]) -> int:
    """Note how many levels each part of `expr` needs; negations need none of their own."""
    if isinstance(expr, Not):
        return _measure(expr.child, depth)
    if expr not in depth:
        children = () if isinstance(expr, Comparison) else expr.children
        depth[expr] = 1 + max((_measure(child, depth) for child in children), default=-1)
    return depth[expr]


def _number(exprs: Sequence[Expr], nodes: dict[Expr, int]) -> None:
    nodes.update({expr: node for node, expr in enumerate(exprs, len(nodes))})


def _questions(
    leaves: Sequence[Comparison], named: Sequence[Feature], more_features: Sequence[Feature], first_node: int
) -> Questions:
    """`named`: the feature of each leaf."""
    features = list(dict.fromkeys([*named, *more_features]))
    return Questions(
        tuple(features),
        np.array([features.index(feature) for feature in named], np.int64),
        np.array([leaf.threshold for leaf in leaves], np.int64),
        first_node,
    )


def _level(joints: Sequence[Expr], nodes: dict[Expr, int]) -> Level:
    children: list[list[tuple[int, bool]]] = []
    for expr in joints:
        assert isinstance(expr, And | Or)
        found = [_find(child, nodes) for child in expr.children]
        children.append([(node, negated != isinstance(expr, And)) for node, negated in found])
    sizes = np.array([len(own) for own in children], np.int64)
    return Level(
        slice(len(nodes), len(nodes) + len(joints)),
        as_refs(list(chain.from_iterable(children))),
        np.cumsum(sizes) - sizes,
    )


def _find(expr: Expr, nodes: dict[Expr, int]) -> tuple[int, bool]:
    """The node of an expression in `>=`, and whether its negation is meant. An `and` is a negated node."""
    if isinstance(expr, Not):
        node, negated = _find(expr.child, nodes)
        return node, not negated
    return nodes[expr], isinstance(expr, And)


def as_refs(found: Sequence[tuple[int, bool]]) -> Refs:
    """Nodes, and whether the negation of each is meant."""
    return Refs(
        np.array([node for node, _ in found], np.int64),
        np.array([[MIRROR * negated] for _, negated in found], np.int8).reshape(-1, 1),
    )
