from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

def fill(forms: list[tuple[bytes, ...]], *columns: Sequence[bytes]) -> list[bytes]: ...
def iso_column(at_ms: NDArray[np.int64]) -> list[bytes]: ...
