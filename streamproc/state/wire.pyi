import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Bytes = NDArray[np.uint8]
_Floats = NDArray[np.float64]

def pack(
    version: int,
    wanted: NDArray[np.bool_],
    base_ms: _Ints,
    head: _Ints,
    tables: list[_Ints],
    orders: _Bytes,
    widths_ms: _Ints,
    series: int,
    channels: int,
    ids: _Ints,
    decay: _Floats,
) -> list[bytes]: ...
def read_counts(states: list[bytes], orders: _Bytes, counts: _Ints) -> int: ...
def unpack(
    states: list[bytes],
    counts: _Ints,
    head: _Ints,
    tables: list[_Ints],
    orders: _Bytes,
    widths_ms: _Ints,
    series: int,
    channels: int,
    ids: _Ints,
    decay: _Floats,
) -> int: ...
