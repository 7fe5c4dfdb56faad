"""What may be said of a campaign: rates, lift with its interval, and whether any of it is a claim.

A claim needs a control group, arms of the shares that the rules want, windows that are over, enough customers to see
an effect worth seeing, and an interval that leaves out 0. Everything else says why there is none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from streamproc.experiments.design import Design
from streamproc.experiments.journeys import ArmCounts, CampaignCounts
from streamproc.experiments.proportions import (
    Interval,
    Proportion,
    Sizes,
    chance_of,
    needed,
    newcombe,
)

#: Intervals miss the truth so often.
ALPHA: Final = 0.05
#: How often an effect of the wanted size is to be found.
POWER: Final = 0.8
#: Lift that is worth finding, unless told otherwise: 5 points.
EFFECT: Final = 0.05
#: What chance does less often is no chance (Fabijan et al., "Diagnosing sample ratio mismatch in online controlled
#: experiments", KDD 2019, look for it at a level like this).
MISMATCH: Final = 0.001
#: More than this part of the entries whose window is over should have an end.
ENDLESS_MAX: Final = 0.01

Verdict = Literal[
    "higher", "lower", "unclear", "not_enough_data", "windows_open", "arms_mismatch", "no_holdout", "no_goal"
]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Customers who were asked, against the control group.

    variant: None for all of them. alpha: of the lift's interval. interval: of the lift. needed: None where no rate is
    known.
    """

    variant: str | None
    treated: Proportion
    control: Proportion
    alpha: float
    interval: Interval
    needed: Sizes | None
    verdict: Verdict

    @property
    def lift(self) -> float:
        """Difference of the rates, 0 to 1."""
        return self.treated.rate - self.control.rate

    @property
    def relative_lift(self) -> float | None:
        """Part of the control group's rate; None: that is 0."""
        return self.lift / self.control.rate if self.control.having else None

    @property
    def is_claim(self) -> bool:
        """Whether the lift may be claimed."""
        return self.verdict in ("higher", "lower")


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Shares of customers as they should be and are. what: `holdout` or `variants`. p: None where they are too few."""

    what: Literal["holdout", "variants"]
    expected: Mapping[str, float]
    counts: Mapping[str, int]
    p: float | None

    @property
    def is_one(self) -> bool:
        """Chance does not do that."""
        return self.p is not None and self.p < MISMATCH


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """A campaign. comparisons: all who were asked first, then each variant; checks: none if the rules lack it."""

    counts: CampaignCounts
    effect: float
    comparisons: Sequence[Comparison]
    checks: Sequence[Mismatch]

    @property
    def verdict(self) -> Verdict:
        """Of all who were asked."""
        return self.comparisons[0].verdict

    @property
    def suppressed(self) -> Counter[str]:
        """In all arms, by abort type."""
        return sum((own.suppressed for own in self.counts.arms.values()), Counter())


def report(counts: CampaignCounts, design: Design | None, effect: float = EFFECT) -> CampaignReport:
    """What a campaign's counts say. design: None if the rules do not know it; effect: lift worth finding, 0 to 1."""
    arms = [(arm, own) for arm, own in counts.arms.items() if own.entries]
    control = _over(own for arm, own in arms if arm.holdout)
    treated = [(arm.variant, own) for arm, own in arms if not arm.holdout]
    checks = _checks(counts, design) if design is not None else []
    before = _before(counts, design, checks)
    variants = [variant for variant, _ in treated if variant is not None]
    # Bonferroni: of all variants together, one interval or more misses its truth in 5 % of reports at most.
    own_alpha = ALPHA / max(len(variants), 1)
    found = [_compare(None, _over(own for _, own in treated), control, ALPHA, effect, before)]
    if len(variants) > 1:
        found += [
            _compare(variant, _over([own]), control, own_alpha, effect, before)
            for variant, own in treated
            if variant is not None
        ]
    return CampaignReport(counts, effect, found, checks)


def _over(arms: Iterable[ArmCounts]) -> Proportion:
    given = list(arms)
    return Proportion(sum(own.converted for own in given), sum(own.over for own in given))


def _before(counts: CampaignCounts, design: Design | None, checks: Sequence[Mismatch]) -> Verdict | None:
    """Why nothing can be claimed, whatever the rates are; None: it may be."""
    if counts.goal == "none":
        return "no_goal"
    if any(check.is_one for check in checks):
        return "arms_mismatch"
    if design is not None and design.holdout > 0:  # whether or not somebody is in it already
        return None
    has_control = any(own.customers for arm, own in counts.arms.items() if arm.holdout)
    return None if has_control else "no_holdout"


def _compare(
    variant: str | None,
    treated: Proportion,
    control: Proportion,
    alpha: float,
    effect: float,
    before: Verdict | None,
) -> Comparison:
    interval = newcombe(treated, control, alpha)
    sizes = (
        needed(control.rate, effect, treated.n / control.n, alpha, POWER) if treated.n and control.n else None
    )
    if before is not None:
        verdict = before
    elif sizes is None:
        verdict = "windows_open"
    elif control.n < sizes.control or treated.n < sizes.treated:
        verdict = "not_enough_data"
    elif interval.low > 0:
        verdict = "higher"
    else:
        verdict = "lower" if interval.high < 0 else "unclear"
    return Comparison(variant, treated, control, alpha, interval, sizes, verdict)


def _checks(counts: CampaignCounts, design: Design) -> list[Mismatch]:
    """Of customers when they were first asked: what became of them has no part in it."""
    held = sum(own.customers for arm, own in counts.arms.items() if arm.holdout)
    asked = sum(own.customers for arm, own in counts.arms.items() if not arm.holdout)
    shares = {"control": design.holdout, "treated": 1 - design.holdout}
    found = [_check("holdout", shares, {"control": held, "treated": asked})]
    if design.variants:
        # Customers of before there were variants, or of one that is gone, say nothing of those that there are.
        by_variant = dict.fromkeys(design.variant_shares, 0)
        for arm, own in counts.arms.items():
            if arm.variant in by_variant:
                by_variant[arm.variant] += own.customers
        found.append(_check("variants", design.variant_shares, by_variant))
    return found


def _check(
    what: Literal["holdout", "variants"], expected: Mapping[str, float], counts: Mapping[str, int]
) -> Mismatch:
    p = chance_of([counts[name] for name in expected], list(expected.values()))
    return Mismatch(what, expected, counts, p)
