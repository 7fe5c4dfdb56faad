import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]

def survey(panes: _Ints, newest: _Ints, widths_ms: _Ints, begin: _Ints, unfolds_ms: _Ints) -> None: ...
def sum_windows(
    panes: _Ints,
    begin: _Ints,
    newest: _Ints,
    days: _Ints,
    lanes: _Ints,
    windows: _Ints,
    questions: _Ints,
    sums: _Ints,
    oldest: _Ints,
    leaving: _Ints,
) -> None: ...
