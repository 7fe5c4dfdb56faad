"""Risk bands with hysteresis (docs/semantics.md, section 6)."""

import numpy as np
import numpy.typing as npt

#: A band's code is its position in BANDS; this stands for "no band yet".
NO_BAND = -1

#: Lowest risks of medium, high and critical, in rising order.
Thresholds = tuple[float, float, float]


def decide(
    thresholds: Thresholds,
    hysteresis: float,
    risk: npt.NDArray[np.float64],
    band: npt.NDArray[np.int8],
    known: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int8]:
    """The band of each customer after one evaluation.

    risk: float64[n]; band: int8[n], the present band's code or -1; known: bool[n], false leaves the band as
    it is. hysteresis >= 0 is how far below its threshold the risk must be for a band to be left downwards.
    """
    reached = np.zeros(len(risk), np.int8)
    kept = np.zeros(len(risk), np.int8)  # the highest band that this risk does not push down
    for threshold in thresholds:
        reached += risk >= threshold
        kept += risk >= threshold - hysteresis
    decided = np.maximum(reached, np.minimum(band, kept))
    return np.where(known, decided, band)


def threshold_above(thresholds: Thresholds, band: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
    """The risk at which each band next rises: float64[n]; inf in the top band, -inf without a band.

    In silence the risk never falls, so after `decide` this is the only way a band can change.
    """
    rises = np.array([-np.inf, *thresholds, np.inf])
    return rises[band.astype(np.intp) + 1]
