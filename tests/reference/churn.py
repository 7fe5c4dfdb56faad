"""The churn score, from the formulas (score of silence, history and rate), one customer at a time."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DAY_MS = 86_400_000
BANDS = ("low", "medium", "high", "critical")
#: The log odds of P0, and those of the risk, are held inside plus and minus this.
LOGIT_LIMIT = 35.0


@dataclass(frozen=True, slots=True)
class History:
    """What the score needs of a customer's active days (UTC day numbers)."""

    span_days: int  # from the first to the last active day
    days: int  # how many
    e30: float  # each day weighted with exp(-(last - day) / 30), and so on
    e90: float
    e_tau: float  # 0 if the model does not forget


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """The parameters of a model file; `p0` or `sc5` may be null, not both."""

    version: str
    horizon_days: float
    tau_days: float | None
    p0: dict[str, float] | None
    sc5: dict[str, float] | None

    @classmethod
    def load(cls, path: Path) -> "ChurnModel":
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(raw["version"], raw["horizon_days"], raw["tau_days"], raw["p0"], raw["sc5"])

    def history(self, active_days: set[int]) -> History:
        """Sums over a set of at least one active day."""
        last = max(active_days)

        def decayed(tau: float) -> float:
            return math.fsum(math.exp((day - last) / tau) for day in active_days)

        return History(
            span_days=last - min(active_days),
            days=len(active_days),
            e30=decayed(30.0),
            e90=decayed(90.0),
            e_tau=decayed(self.tau_days) if self.tau_days is not None else 0.0,
        )

    def risk(self, past: History, silence_ms: int) -> float:
        """Probability-like score in (0, 1) after `silence_ms` without activity."""
        rec = silence_ms / DAY_MS
        logit = self.logit_p0(past, rec) if self.p0 is not None else 0.0
        if self.sc5 is not None:
            w = self.sc5
            logit = (
                w["w0"]
                + w["w1"] * logit
                + w["w2"] * math.log(1 + rec)
                - w["w3"] * math.log(past.days)
                - w["w4"] * math.log(1 + past.e30 * math.exp(-rec / 30))
                - w["w5"] * math.log(1 + past.e90 * math.exp(-rec / 90))
            )
        return 1 / (1 + math.exp(-bounded(logit)))

    def logit_p0(self, past: History, rec: float) -> float:
        """ln(P0 / (1 - P0)): P0 = 1 - (1 - q) / (1 + D) is the probability of no activity in the horizon.

        D = a / (b + x) * ((alpha + T + rec) / (alpha + T)) ^ (r + x), the odds of having left for good;
        q = ((alpha + T + rec) / (alpha + T + rec + H)) ^ (r + x), of nothing in H days from one who has not.
        So P0 / (1 - P0) = (D + q) / (1 - q).
        """
        assert self.p0 is not None
        if self.tau_days is None:
            x, age = float(past.days - 1), float(past.span_days)
        else:
            first = math.exp(-past.span_days / self.tau_days)
            x, age = max(0.0, past.e_tau - first), self.tau_days * (1 - first)
        r, alpha, a, b = (self.p0[name] for name in ("r", "alpha", "a", "b"))
        odds_left = math.exp(
            min(700.0, math.log(a / (b + x)) + (r + x) * math.log((alpha + age + rec) / (alpha + age)))
        )
        ln_nothing = (r + x) * math.log((alpha + age + rec) / (alpha + age + rec + self.horizon_days))
        return bounded(math.log((odds_left + math.exp(ln_nothing)) / -math.expm1(ln_nothing)))


def bounded(logit: float) -> float:
    return max(-LOGIT_LIMIT, min(LOGIT_LIMIT, logit))


def band_of(risk: float, thresholds: tuple[float, float, float]) -> str:
    """The highest band whose threshold the risk reaches."""
    return BANDS[sum(risk >= threshold for threshold in thresholds)]


def next_band(
    present: str | None, risk: float, thresholds: tuple[float, float, float], hysteresis: float
) -> str:
    """The band after an evaluation: up at once, down only beyond the hysteresis."""
    reached = band_of(risk, thresholds)
    if present is None or BANDS.index(reached) > BANDS.index(present):
        return reached
    level = BANDS.index(present)
    while level > 0 and risk < thresholds[level - 1] - hysteresis:
        level -= 1
    return BANDS[level]
