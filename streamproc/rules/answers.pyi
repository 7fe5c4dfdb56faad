import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Truths = NDArray[np.int8]
_Bools = NDArray[np.bool_]

def reach(values: _Ints, exact: _Bools, place: _Ints, bound: _Ints, answers: _Truths) -> None: ...
def join(answers: _Truths, first: int, node: _Ints, mirror: _Truths, start: _Ints) -> None: ...
def flips_of_windows(
    answers: _Truths, falls_ms: _Ints, known_ms: _Ints, place: _Ints, first: int, flips_ms: _Ints
) -> None: ...
def flips_of_ages(
    answers: _Truths, anchors_ms: _Ints, place: _Ints, bound: _Ints, first: int, flips_ms: _Ints
) -> None: ...
def join_flips(
    answers: _Truths, flips_ms: _Ints, first: int, node: _Ints, mirror: _Truths, start: _Ints
) -> None: ...
def earliest(flips_ms: _Ints, inside: _Bools, stay: _Ints, enter: _Ints, out: _Ints) -> None: ...
def deciding(
    answers: _Truths,
    asked: _Ints,
    rows: _Ints,
    rule: _Ints,
    rule_mirror: _Truths,
    first_leaf: _Ints,
    leaf: _Ints,
    first_step: _Ints,
    node: _Ints,
    mirror: _Truths,
    question: _Ints,
    comparison: _Ints,
) -> int: ...
