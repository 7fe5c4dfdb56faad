"""Is a group's outcome more than chance? And which of many groups are, if all were looked at?"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def p_values(n: Ints, sums: Floats, outcome: Floats, *, less: bool = False) -> Floats:
    """Of g groups out of these customers: the probability that one drawn by lot has such a sum, or a greater one.

    `n`: their sizes; `sums`: of the outcome; `less`: or a smaller one. The mean of n of N customers drawn without
    replacement has the variance (1 - n/N) S² / n, where S² is that of all (Cochran, Sampling Techniques, 1977, theorem
    2.2), and is about normal. Of outcomes 0 and 1 this is the normal form of the hypergeometric test, that is of
    Fisher's exact one.
    """
    total, mean, variance = len(outcome), float(outcome.mean()), float(outcome.var(ddof=1))
    deviation = np.sqrt(n * (1 - n / total) * variance)
    excess = (n * mean - sums) if less else (sums - n * mean)
    z = np.divide(excess, deviation, out=np.zeros(len(n)), where=deviation > 0)
    return np.array([0.5 * math.erfc(each / math.sqrt(2)) for each in z.tolist()])


def q_values(p: Floats) -> Floats:
    """Of each p among all of them: the least false discovery rate at which it counts as found.

    Benjamini, Hochberg (1995), "Controlling the false discovery rate", J. R. Statist. Soc. B 57(1): of m sorted p, the
    i-th becomes the least of p_j m / j over all j >= i.
    """
    m = len(p)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * m / np.arange(1, m + 1)
    found = np.empty(m)
    found[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return found
