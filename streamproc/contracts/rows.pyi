from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.chunk import Record
from streamproc.contracts.events import Event

class Begun:
    rows: bytearray
    codes: list[int]
    customers: list[str | None]
    looks: list[tuple[int, int]]
    odd_customers: list[int]
    sent: list[int]
    latest_ms: int

def begin(
    events: list[Event],
    records: Sequence[Record],
    topic: int,
    origins: Sequence[int],
    codes: Mapping[str | None, int],
    plain: bytes,
    looks: bytes,
    reserved: str,
) -> Begun: ...
def is_whole(index: NDArray[np.intp], size: int) -> bool: ...
def pick(items: list[Any], index: NDArray[np.intp]) -> list[Any]: ...
def pick_rows(rows: NDArray[np.void], size: int, index: NDArray[np.intp]) -> bytearray: ...
