"""How good a risk is: ranking, calibration and overall error, on labelled states."""

import math

import msgspec
import numpy as np
import numpy.typing as npt

from streamproc.churn.score import Floats

Bools = npt.NDArray[np.bool_]


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one risk on one set of labelled states."""

    states: float  # their number (a mean over folds need not be whole)
    churned: float  # share of the states whose customer churned
    auc: float  # among all states
    auc_near: float  # among customers active within the horizon before their state
    brier: float
    ece: float


def measure(risk: Floats, churned: Bools, near: Bools) -> Quality:
    """All figures of `risk` (float64[n], n > 0) against `churned` (bool[n])."""
    return Quality(
        states=len(risk),
        churned=float(churned.mean()),
        auc=auc(risk, churned),
        auc_near=auc(risk[near], churned[near]),
        brier=brier(risk, churned),
        ece=expected_calibration_error(risk, churned),
    )


def auc(score: Floats, positive: Bools) -> float:
    """The probability that a positive scores above a negative, ties counting half (Mann-Whitney).

    NaN where one of both does not occur.
    """
    _, rank, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return math.nan
    above = mean_rank[rank[positive]].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def brier(risk: Floats, positive: Bools) -> float:
    """Mean squared difference of risk and outcome."""
    return float(np.mean((risk - positive) ** 2))


def log_loss(risk: Floats, positive: Bools) -> float:
    """Mean negative log likelihood of the outcomes; risk strictly inside (0, 1)."""
    return float(-np.mean(np.where(positive, np.log(risk), np.log1p(-risk))))


def expected_calibration_error(risk: Floats, positive: Bools, bins: int = 10) -> float:
    """Mean |risk - observed share| over `bins` groups of equal size, in order of risk."""
    order = np.argsort(risk, kind="stable")
    groups = np.array_split(order, bins)
    gaps = [abs(float(np.sum(risk[group] - positive[group]))) for group in groups]
    return sum(gaps) / len(risk)
