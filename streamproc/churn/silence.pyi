import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

def scores(
    past: _Floats,
    last_activity_ms: _Ints,
    now_ms: _Ints,
    model: _Floats,
    terms: _Floats,
    logit: _Floats,
    risk: _Floats,
) -> None: ...
def crossings(
    past: _Floats,
    last_activity_ms: _Ints,
    now_ms: _Ints,
    model: _Floats,
    rows: _Ints,
    threshold: _Floats,
    guess_ms: _Ints,
    search_ms: int,
    crossing_ms: _Ints,
) -> None: ...
