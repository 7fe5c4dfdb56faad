import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Bools = NDArray[np.bool_]
_Bytes = NDArray[np.uint8]

def fold(
    heads: _Ints,
    events: _Bytes,
    row: _Ints,
    session_gap_ms: int,
    starts: _Bools,
    duration_ms: _Ints,
    is_latest: _Bools,
    session: _Ints,
) -> None: ...
def mark_active_days(heads: _Ints, row: _Ints, ts_ms: _Ints) -> None: ...
def contribute(
    events: _Bytes,
    row: _Ints,
    at_ms: _Ints,
    starts: _Bools,
    duration_ms: _Ints,
    tiers: _Ints,
    valences: _Ints,
    out: _Ints,
) -> int: ...
