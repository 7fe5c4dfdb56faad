"""Statistics of proportions: intervals, their difference, how many customers a difference needs, shares as expected.

Each formula with its source. Without scipy, which is needed for nothing else here.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final, NamedTuple

#: Chi-squared with an expectation below this is no chi-squared (Cochran, Biometrics 10(4), 1954).
EXPECTED_MIN: Final = 5.0

_NORMAL: Final = NormalDist()


class Interval(NamedTuple):
    """What a figure may be, both ends included."""

    low: float
    high: float


class Proportion(NamedTuple):
    """So many of so many."""

    having: int
    n: int

    @property
    def rate(self) -> float:
        """0 of nobody."""
        return self.having / self.n if self.n else 0.0


class Sizes(NamedTuple):
    """So many customers in each arm."""

    control: int
    treated: int


def quantile(alpha: float) -> float:
    """z of a two-sided interval that misses the truth with probability `alpha`."""
    return _NORMAL.inv_cdf(1 - alpha / 2)


def wilson(own: Proportion, alpha: float) -> Interval:
    """Wilson's score interval of a proportion; 0 to 1 of nobody.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22(158), 1927; as in
    Newcombe, Statistics in Medicine 17, 857-872, 1998, method 3.
    """
    if not own.n:
        return Interval(0.0, 1.0)
    z = quantile(alpha)
    middle = 2 * own.n * own.rate + z * z
    half = z * math.sqrt(z * z + 4 * own.n * own.rate * (1 - own.rate))
    whole = 2 * (own.n + z * z)
    low = 0.0 if own.having == 0 else (middle - half) / whole
    high = 1.0 if own.having == own.n else (middle + half) / whole
    return Interval(low, high)


def newcombe(treated: Proportion, control: Proportion, alpha: float) -> Interval:
    """The difference of two rates, treated less control: the hybrid score interval, out of Wilson's of both.

    R. G. Newcombe, "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17, 873-890, 1998, method 10.
    """
    lift = treated.rate - control.rate
    own, other = wilson(treated, alpha), wilson(control, alpha)
    return Interval(
        lift - math.hypot(treated.rate - own.low, other.high - control.rate),
        lift + math.hypot(own.high - treated.rate, control.rate - other.low),
    )


def needed(control_rate: float, effect: float, ratio: float, alpha: float, power: float) -> Sizes:
    """How many customers show a difference of `effect` with probability `power`, where `ratio` is treated to control.

    Upwards of the control's rate, or downwards where there is no room above. Normal approximation without a correction
    for continuity: J. L. Fleiss, A. Tytun, H. K. Ury, "A simple approximation for calculating sample sizes for
    comparing independent proportions", Biometrics 36(2), 343-346, 1980.
    """
    other = control_rate + effect if control_rate + effect <= 1 else control_rate - effect
    pooled = (control_rate + ratio * other) / (1 + ratio)
    by_chance = quantile(alpha) * math.sqrt((1 + ratio) * pooled * (1 - pooled))
    by_effect = _NORMAL.inv_cdf(power) * math.sqrt(
        ratio * control_rate * (1 - control_rate) + other * (1 - other)
    )
    control = (by_chance + by_effect) ** 2 / (ratio * effect * effect)
    return Sizes(math.ceil(control), math.ceil(ratio * control))


def chance_of(counts: Sequence[int], shares: Sequence[float]) -> float | None:
    """Pearson's chi-squared test: how often chance makes of `shares` (which sum to 1) counts as far off as these.

    None: too few to say. Where the shares have nobody, a single one is too many.
    """
    total = sum(counts)
    if any(count for count, share in zip(counts, shares, strict=True) if share == 0):
        return 0.0
    expected = [share * total for share in shares if share > 0]
    found = [count for count, share in zip(counts, shares, strict=True) if share > 0]
    if len(found) < 2 or min(expected) < EXPECTED_MIN:
        return None
    x = sum((count - wanted) ** 2 / wanted for count, wanted in zip(found, expected, strict=True))
    return chi_squared_tail(x, len(found) - 1)


def chi_squared_tail(x: float, degrees: int) -> float:
    """P(chi-squared of so many whole degrees of freedom > x).

    By the recurrence of the incomplete gamma function, Q(a + 1, y) = Q(a, y) + y^a e^-y / Gamma(a + 1), with y = x / 2,
    from Q(1/2, y) = erfc(sqrt y) or Q(1, y) = e^-y: Abramowitz, Stegun, Handbook of Mathematical Functions, 6.5.21 and
    26.4.4, 26.4.5.
    """
    if x <= 0:
        return 1.0
    y = x / 2
    a, tail = (0.5, math.erfc(math.sqrt(y))) if degrees % 2 else (1.0, math.exp(-y))
    while a < degrees / 2:
        tail += math.exp(a * math.log(y) - y - math.lgamma(a + 1))
        a += 1
    return min(tail, 1.0)
