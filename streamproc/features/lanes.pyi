import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]

def sum_windows(
    panes: _Ints,
    newest: _Ints,
    widths_ms: _Ints,
    heads: _Ints,
    last_day: int,
    lanes: _Ints,
    windows: _Ints,
    questions: _Ints,
    values: _Ints,
    changes_ms: _Ints,
    falls_ms: _Ints,
    unfolds_ms: _Ints,
) -> None: ...
