import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]

def admit(
    ring: _Ints,
    events: _Ints,
    place: _Ints,
    horizon_ms: int,
    ids: int,
    out: _Ints,
    is_new: NDArray[np.bool_],
) -> int: ...
