"""Where to cut a feature: quantiles of its values, rounded to what people write in rules."""

from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.features.registry import Unit
from streamproc.rules.literals import DURATION_UNITS_MS, MICROS

Ints = NDArray[np.int64]

#: Inner edges of five bins.
_QUANTILES: Final = (0.2, 0.4, 0.6, 0.8)
#: A value that so many have is a bin of its own: what is left of the bins is for the others.
_OFTEN: Final = 0.2
#: Counts below are cut beside the quantile, too.
_SMALL: Final = 10
_MANTISSAS: Final = (10, 12, 15, 20, 25, 30, 40, 50, 60, 80)


def _powers(mantissas: tuple[int, ...], unit: int, tens: int) -> list[int]:
    """`mantissas` times tenths of a unit, and so many greater powers of ten."""
    return [mantissa * unit * 10**ten // 100 for ten in range(1, tens + 1) for mantissa in mantissas]


def _durations() -> list[int]:
    minute, hour, day = (DURATION_UNITS_MS[unit] for unit in ("m", "h", "d"))
    return [
        *(n * minute for n in (1, 2, 5, 10, 15, 30)),
        *(n * hour for n in (1, 2, 3, 6, 12)),
        *(n * day for n in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270)),
        *(n * 365 * day for n in range(1, 100)),
    ]


#: What a threshold may be, by unit, ascending.
_READABLE: Final[dict[Unit, Ints]] = {
    "duration": np.array(_durations(), np.int64),
    "money": np.array(_powers(_MANTISSAS, MICROS, 11), np.int64),
    "count": np.array(sorted({*range(1, 11), *(n for n in _powers(_MANTISSAS, 1, 11) if n >= 10)}), np.int64),
    "percent": np.array([*range(5, 100, 5), *chain(range(100, 200, 10), range(200, 1_001, 50))], np.int64),
}


def cuts(values: Ints, unit: Unit) -> list[int]:
    """Where to part these values in about five: each cut c parts those below c from the others.

    Where many have 0 (most customers never opened a ticket), that is one part, and the others are parted by their own
    quartiles.
    """
    if not len(values):
        return []
    zero = values <= 0
    some: list[int] = []
    if zero.mean() > _OFTEN:
        edges = _edges(values[~zero], (0.25, 0.5, 0.75))
        some = [1] if unit == "count" else []
    else:
        edges = _edges(values, _QUANTILES)
    if unit == "count":  # of which many are equal, so that it matters on which side they come
        some += [edge + 1 for edge in edges if edge < _SMALL]
    return sorted({*some, *(readable(edge, unit) for edge in edges)})


def readable(value: int, unit: Unit) -> int:
    """The nearest, by ratio, that a person would write."""
    ladder = _READABLE[unit]
    above = int(np.searchsorted(ladder, value))
    if above == 0:
        return int(ladder[0])
    if above == len(ladder):
        return int(ladder[-1])
    low, high = int(ladder[above - 1]), int(ladder[above])
    return low if value * value < low * high else high


def _edges(values: Ints, quantiles: tuple[float, ...]) -> list[int]:
    if not len(values):
        return []
    found = np.quantile(values, quantiles, method="inverted_cdf")
    return [int(edge) for edge in found if edge > 0]
