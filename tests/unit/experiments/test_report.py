"""What is claimed, and what is not: by figures, and by 200 simulated experiments with a lift and without."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import pytest

from streamproc.experiments.design import Design, designs
from streamproc.experiments.journeys import ArmCounts, CampaignCounts, Journeys
from streamproc.experiments.report import CampaignReport, report
from streamproc.experiments.signals import Arm
from streamproc.experiments.words import verdict, warnings
from streamproc.rules.campaign import ContactPolicy
from tests.unit.experiments.signals import Experiment, rescue

SIMULATIONS: Final = 200
#: Of the first one. Of 2,000 others, 96 % of intervals held the truth, with a lift and without.
SEED: Final = 1_000
#: Of the control group. To find 5 points more, 686 customers are needed in each of two equal arms.
RATE: Final = 0.1
LIFT: Final = 0.05


def arm(over: int, converted: int, customers: int | None = None) -> ArmCounts:
    everybody = over if customers is None else customers
    return ArmCounts(entries=everybody, customers=everybody, ended=over, over=over, converted=converted)


def counts(
    control: ArmCounts | None, treated: ArmCounts, goal: str = "activity", **variants: ArmCounts
) -> CampaignCounts:
    own = {Arm("rescue", None, False): treated} if treated.entries else {}
    if control is not None:
        own[Arm("rescue", None, True)] = control
    own |= {Arm("rescue", name, False): each for name, each in variants.items()}
    return CampaignCounts("rescue", own, goal)


def main_sentence(found: CampaignReport) -> str:
    return verdict(found, found.comparisons[0])


def test_a_lift_is_claimed() -> None:
    """With its interval, and what it is of the control group's rate."""
    found = report(counts(arm(2_000, 400), arm(2_000, 500)), None)
    (own,) = found.comparisons
    assert (found.verdict, own.is_claim) == ("higher", True)
    assert (own.lift, own.relative_lift) == pytest.approx((0.05, 0.25))
    assert own.interval == pytest.approx((0.0241, 0.0758), abs=1e-4)
    assert main_sentence(found) == (
        "25.0% of those asked came back in time, 20.0% of the control group: 5.0 points more "
        "(95% interval +2.4 to +7.6)."
    )


def test_harm_is_claimed_as_well() -> None:
    found = report(counts(arm(2_000, 500), arm(2_000, 400), "order"), None)
    assert found.verdict == "lower"
    assert "20.0% of those asked ordered in time" in main_sentence(found)
    assert "5.0 points fewer" in main_sentence(found)


def test_an_interval_with_nothing_in_it_is_no_claim() -> None:
    found = report(counts(arm(2_000, 400), arm(2_000, 430)), None)
    assert found.verdict == "unclear"
    assert main_sentence(found) == "No claim: the lift may be anything from -1.0 to +4.0 points."


def test_too_few_customers_are_no_claim_however_they_differ() -> None:
    """Few chance hits are what one remembers."""
    found = report(counts(arm(50, 2), arm(450, 220)), None)
    assert found.comparisons[0].interval.low > 0.2
    assert found.verdict == "not_enough_data"
    assert "a lift of 5 points takes 2" in main_sentence(found)
    assert "there are 50 and 450" in main_sentence(found)


def test_a_small_effect_takes_more() -> None:
    given = counts(arm(2_000, 400), arm(2_000, 500))
    assert report(given, None, 0.02).verdict == "not_enough_data"
    assert report(given, None, 0.1).verdict == "higher"


def test_no_claim_without_a_control_group() -> None:
    found = report(counts(None, arm(9_000, 3_000)), None)
    assert found.verdict == "no_holdout"
    assert "`holdout: 10%`" in main_sentence(found)


def test_a_control_group_that_nobody_is_in() -> None:
    """Of a few customers, that is chance; of many, something is wrong."""
    assert report(counts(None, arm(9, 3)), Design(0.1)).verdict == "windows_open"
    assert report(counts(None, arm(9_000, 3_000)), Design(0.1)).verdict == "arms_mismatch"
    assert report(counts(None, arm(9_000, 3_000)), Design(0.0)).verdict == "no_holdout"


def test_no_claim_while_windows_are_open() -> None:
    """Nor without a goal."""
    found = report(counts(arm(0, 0, 500), arm(0, 0, 500)), None)
    assert found.verdict == "windows_open"
    assert main_sentence(found).startswith("Not enough data")
    assert report(counts(arm(2_000, 0), arm(2_000, 0), "none"), None).verdict == "no_goal"


def test_arms_that_are_not_as_they_should_be() -> None:
    """A lift of such arms may be a lift of who is in them."""
    given = counts(arm(1_000, 200, 1_300), arm(9_000, 3_000, 10_000))
    assert report(given, Design(0.115)).verdict == "higher"
    found = report(given, Design(0.1))
    assert found.verdict == "arms_mismatch"
    assert main_sentence(found) == "No claim: the arms are not as they should be."
    (line,) = warnings(found)
    assert line == (
        "the arms are not as they should be: control 11.5% of customers instead of 10.0%, treated 88.5% of customers "
        "instead of 90.0%. That is no chance; if the rules' shares were changed, look at customers since then"
    )


def test_a_control_group_that_the_rules_do_not_have() -> None:
    assert report(counts(arm(20, 2), arm(9_000, 3_000)), Design(0.0)).verdict == "arms_mismatch"


def test_variants_that_do_not_have_their_weights() -> None:
    design = Design(0.5, (("short", 1), ("long", 3)))
    nobody = ArmCounts()
    even = counts(arm(2_000, 400), nobody, short=arm(1_000, 300), long=arm(1_000, 300))
    assert report(even, design).verdict == "arms_mismatch"
    (line,) = warnings(report(even, design))
    assert "short 50.0% of customers instead of 25.0%, long 50.0%" in line
    fair = CampaignCounts(
        "rescue",
        {
            Arm("rescue", name, held): arm(n, n // 4)
            for name, n in (("short", 500), ("long", 1_500))
            for held in (0, 1)
        },
        "activity",
    )
    assert [check.is_one for check in report(fair, design).checks] == [False, False]


def test_variants_that_the_rules_no_longer_have() -> None:
    """They say nothing of the others."""
    given = counts(
        arm(2_000, 400), arm(500, 100), gone=arm(500, 100), short=arm(500, 100), long=arm(500, 100)
    )
    _, variants = report(given, Design(0.5, (("short", 1), ("long", 1)))).checks
    assert (variants.counts, variants.is_one) == ({"short": 500, "long": 500}, False)


def test_each_variant_against_the_whole_control_group() -> None:
    """With intervals that hold together: 97.5 % each of two."""
    found = report(counts(arm(3_000, 600), ArmCounts(), short=arm(3_000, 640), long=arm(3_000, 780)), None)
    main, long, short = sorted(found.comparisons, key=lambda own: own.variant or "")
    assert (main.variant, main.treated.n, main.alpha) == (None, 6_000, 0.05)
    assert (long.verdict, short.verdict) == ("higher", "unclear")
    assert (long.alpha, short.alpha) == (0.025, 0.025)
    assert long.control.n == short.control.n == 3_000
    assert "of variant long came back" in verdict(found, long)
    assert "97.5% interval" in verdict(found, long)


def test_entries_that_do_not_end_and_those_cut_off_are_told() -> None:
    given = counts(arm(500, 100), arm(500, 120))
    given.endless, given.cut = 10, 7
    (cut,) = warnings(report(given, None))
    assert cut == "entries left out, for they began before the first signal that was read: 7"
    given.endless = 11
    endless, _ = warnings(report(given, None))
    assert endless.startswith("entries without an end, though their window is over: 11.")


def test_shares_that_the_rules_want() -> None:
    """A campaign's own control group comes out of those who are not in that of all."""
    campaign = rescue(holdout=0.1, variants=(("a", 1), ("b", 3)))
    own = designs([campaign], ContactPolicy(holdout=0.05))["rescue"]
    assert own.holdout == pytest.approx(0.145)
    assert own.variant_shares == {"a": 0.25, "b": 0.75}


# -- whole experiments: customers are assigned, signals are read, counted, reported


def simulated(experiment: Experiment, simulations: int = SIMULATIONS) -> Sequence[CampaignReport]:
    """Each with customers of its own."""
    design = designs([experiment.campaign], ContactPolicy())["rescue"]
    found = []
    for seed in range(SEED, SEED + simulations):
        journeys = Journeys()
        journeys.add(experiment.signals(seed))
        (own,) = journeys.counts()
        found.append(report(own, design))
    return found


def covered(found: Sequence[CampaignReport], lift: float) -> float:
    """How often the interval holds the truth."""
    intervals = [own.comparisons[0].interval for own in found]
    return sum(low <= lift <= high for low, high in intervals) / len(intervals)


def test_a_planted_lift_is_recovered_within_its_interval() -> None:
    """Of 5 points: 95 % of intervals hold it, and 80 % of experiments of the needed size find it."""
    found = simulated(Experiment(rescue(), RATE, {None: LIFT}, 1_560))
    assert 0.93 <= covered(found, LIFT) <= 0.975
    verdicts = Counter(own.verdict for own in found)
    assert verdicts["higher"] >= 0.75 * SIMULATIONS
    assert verdicts["lower"] == 0
    middle = sum(own.comparisons[0].lift for own in found) / SIMULATIONS
    assert middle == pytest.approx(LIFT, abs=0.003)


def test_without_a_lift_none_is_claimed() -> None:
    """5 % false claims are what a 95 % interval is, in arms of unequal size, too."""
    found = simulated(Experiment(rescue(holdout=0.3), RATE, {None: 0}, 2_200))
    assert 0.93 <= covered(found, 0) <= 0.975
    verdicts = Counter(own.verdict for own in found)
    assert verdicts["higher"] + verdicts["lower"] <= 0.07 * SIMULATIONS
    assert verdicts["unclear"] >= 0.9 * SIMULATIONS
    assert verdicts["arms_mismatch"] <= 1


def test_variants_without_a_lift_claim_none_together() -> None:
    """Of two, 5 % of experiments have a false claim at most; without a correction it would be 9 %."""
    variants = (("short", 1), ("long", 1))
    found = simulated(
        Experiment(rescue(holdout=0.4, variants=variants), RATE, {"short": 0, "long": 0}, 2_800), 100
    )
    assert all(len(own.comparisons) == 3 for own in found)
    verdicts = Counter(each.verdict for own in found for each in own.comparisons[1:])
    assert verdicts["unclear"] >= 0.8 * verdicts.total()
    assert sum(any(each.is_claim for each in own.comparisons[1:]) for own in found) <= 6


def test_a_lift_of_one_variant_is_its_own() -> None:
    """The other one, without, does not get it."""
    variants = (("short", 1), ("long", 1))
    experiment = Experiment(rescue(holdout=0.3, variants=variants), RATE, {"short": 0, "long": 0.1}, 6_000)
    (found,) = simulated(experiment, 1)
    assert {own.variant: own.verdict for own in found.comparisons} == {
        None: "higher",
        "long": "higher",
        "short": "unclear",
    }
