import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]
_Codes = NDArray[np.uint8]

def pack(
    version: int,
    wanted: NDArray[np.bool_],
    base_ms: _Ints,
    head: _Ints,
    head_codes: _Codes,
    tables: list[_Ints],
    codes: list[_Codes],
    widths_ms: _Ints,
    series: int,
    valued: int,
) -> list[bytes]: ...
def read_counts(states: list[bytes], counts: _Ints) -> int: ...
def unpack(
    states: list[bytes],
    counts: _Ints,
    head: _Ints,
    head_codes: _Codes,
    tables: list[_Ints],
    codes: list[_Codes],
    widths_ms: _Ints,
    series: int,
    valued: int,
) -> int: ...
