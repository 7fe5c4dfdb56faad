import numpy as np
from numpy.typing import NDArray

_Ints = NDArray[np.int64]

def add(stored: _Ints, more: _Ints, out: _Ints, words: int, greatest: bool) -> int: ...
def keep_panes(panes: _Ints, oldest: _Ints, out: _Ints) -> int: ...
