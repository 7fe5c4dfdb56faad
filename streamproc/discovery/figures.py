"""Is a group's outcome more than chance? And which of many groups are, if all were looked at?"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def p_values(n: Ints, sums: Floats, outcome: Floats, *, less: bool = False) -> Floats:
    """Of g groups out of these customers: the probability that one drawn by lot has such a sum, or a greater one.

    `n`: their sizes; `sums`: of the outcome; `less`: or a smaller one. Of outcomes 0 and 1 this is Fisher's exact test;
    of others see `_by_moments`.
    """
    if set(np.unique(outcome).tolist()) <= {0.0, 1.0}:
        total, having = len(outcome), int(outcome.sum())
        if less:
            having, sums = total - having, n - sums
        pairs = zip(n.tolist(), sums.tolist(), strict=True)
        return np.array([_hypergeometric_tail(total, having, size, round(own)) for size, own in pairs])
    return _by_moments(n, sums, outcome, sign=-1 if less else 1)


def _hypergeometric_tail(total: int, having: int, n: int, k: int) -> float:
    """P(at least k of n drawn without replacement have it, as so many of all do), summed in logarithms."""
    least, most = max(k, n + having - total, 0), min(n, having)
    if least > most:
        return 0.0
    whole = _log_choices(total, n)
    logs = [
        _log_choices(having, each) + _log_choices(total - having, n - each) - whole
        for each in range(least, most + 1)
    ]
    greatest = max(logs)
    return min(1.0, math.exp(greatest) * sum(math.exp(each - greatest) for each in logs))


def _log_choices(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _by_moments(n: Ints, sums: Floats, outcome: Floats, *, sign: int) -> Floats:
    """By mean, variance and skewness of a sum of n of N drawn without replacement.

    The variance is n (1 - n/N) S², where S² is that of all (Cochran, Sampling Techniques, 1977, theorem 2.2). Amounts
    are skewed, so the normal tail Q(z) gets the first term of Edgeworth's series, with f = n/N: Q(z) + phi(z) (z² - 1)
    skewness (1 - 2f) / (6 sqrt(n (1 - f))) (Robinson, Ann. Statist. 6(5), 1978), where that is more: rather too large
    a p than one too small.
    """
    total, mean, variance = len(outcome), float(outcome.mean()), float(outcome.var(ddof=1))
    f = n / total
    deviation = np.sqrt(n * (1 - f) * variance)
    z = sign * np.divide(sums - n * mean, deviation, out=np.zeros(len(n)), where=deviation > 0)
    skewness = float(((outcome - mean) ** 3).mean()) / max(variance, 1e-300) ** 1.5
    own = sign * skewness * (1 - 2 * f) / np.sqrt(np.maximum(n * (1 - f), 1e-300))
    normal = np.array([0.5 * math.erfc(each / math.sqrt(2)) for each in z.tolist()])
    term = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z**2 - 1) * own / 6
    return np.asarray(np.clip(normal + np.maximum(term, 0.0), 0.0, 1.0))


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
