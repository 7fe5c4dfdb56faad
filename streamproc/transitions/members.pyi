import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Truths = NDArray[np.int8]
_Bools = NDArray[np.bool_]

def find(members: _Ints, ids: _Ints, inside: _Bools, place: _Ints) -> None: ...
def settle(
    answers: _Truths,
    stay: _Ints,
    stay_mirror: _Truths,
    enter: _Ints,
    enter_mirror: _Truths,
    order: _Ints,
    group: _Ints,
    inside: _Bools,
    wanted: _Bools,
    taken: NDArray[np.uint8],
) -> None: ...
def held(
    members: _Ints,
    place: _Ints,
    dwell_ms: _Ints,
    now_ms: _Ints,
    inside: _Bools,
    wanted: _Bools,
    redefined: _Bools,
    found: _Ints,
) -> int: ...
