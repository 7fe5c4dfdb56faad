"""Arms: their shares, that they stay, and that they have nothing to do with each other.

Customers have fixed ids, so the figures are the same in every run: a p-value is not a matter of luck.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare
from xxhash import xxh3_64_intdigest

from streamproc.actions.arms import is_held_out, variant
from streamproc.rules.campaign import Campaign, ContactPolicy, Step, Trigger

CUSTOMERS: Final = [f"u-{number}" for number in range(100_000)]
NOBODY: Final = ContactPolicy()
#: What chance does less often than this is a defect.
P_MIN: Final = 0.001
#: Of the first twenty: who is held out at 30 % of "rescue" or 10 % of all, and the variants of 1 : 1 : 2.
HELD: Final = ["u-3", "u-7", "u-14", "u-16", "u-18", "u-19"]
VARIANTS: Final = [2, 0, 0, 1, 2, 1, 2, 2, 2, 2, 0, 2, 2, 0, 0, 1, 0, 1, 1, 1]


def campaign(key: str = "rescue", *, holdout: float = 0.0, variants: Sequence[int] = ()) -> Campaign:
    return Campaign(
        key=key,
        name=key,
        version=1,
        trigger=Trigger("enter", "dormant", "enter dormant"),
        steps=(Step(0, ("email",), "No visit"),),
        again_ms=0,
        expires_after_ms=1,
        attribution_ms=1,
        id=1,
        holdout=holdout,
        variants=tuple((f"v{place}", weight) for place, weight in enumerate(variants)),
    )


def held_out(of: Campaign, policy: ContactPolicy = NOBODY) -> list[bool]:
    return [is_held_out(of, policy, customer) for customer in CUSTOMERS]


def fits(found: Iterable[object], shares: Sequence[float]) -> bool:
    """Whether so many of each value (in sorted order) are what chance makes of `shares`."""
    counts = [count for _, count in sorted(Counter(found).items())]
    return bool(chisquare(counts, [share * sum(counts) for share in shares]).pvalue > P_MIN)


def independent(first: Iterable[object], second: Iterable[object]) -> bool:
    counts = Counter(zip(first, second, strict=True))
    rows, columns = (sorted({pair[side] for pair in counts}) for side in (0, 1))
    table = [[counts[row, column] for column in columns] for row in rows]
    return bool(chi2_contingency(table, correction=False).pvalue > P_MIN)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("key", ["rescue", "winback", "ü/1"])
def test_a_holdout_has_its_share(key: str, share: float) -> None:
    assert fits(held_out(campaign(key, holdout=share)), [1 - share, share])


@pytest.mark.parametrize("share", [0.02, 0.25])
def test_the_holdout_of_all_campaigns_has_its_share(share: float) -> None:
    """And is the same people in each of them."""
    policy = ContactPolicy(holdout=share)
    found = held_out(campaign("rescue"), policy)
    assert fits(found, [1 - share, share])
    assert found == held_out(campaign("winback"), policy)


def test_a_campaigns_holdout_comes_out_of_the_others() -> None:
    """10 % of the 95 % that are not in the control group of all."""
    found = held_out(campaign(holdout=0.1), ContactPolicy(holdout=0.05))
    assert fits(found, [0.95 * 0.9, 1 - 0.95 * 0.9])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nobody_and_everybody(share: float) -> None:
    assert set(held_out(campaign(holdout=share))) == {share == 1}
    assert set(held_out(campaign(), ContactPolicy(holdout=share))) == {share == 1}


@pytest.mark.parametrize("weights", [(1, 1), (1, 3), (7, 2, 1), (1,) * 10])
def test_variants_have_their_weights(weights: Sequence[int]) -> None:
    of = campaign(variants=weights)
    assert fits(
        (variant(of, customer) for customer in CUSTOMERS), [weight / sum(weights) for weight in weights]
    )


def test_no_variants() -> None:
    assert variant(campaign(), "u-1") is None


def test_arms_stay_under_another_version() -> None:
    """Nothing but key, share and weights decides."""
    of = campaign(holdout=0.2, variants=(1, 2))
    later = replace(of, version=7, name="Other", steps=(), priority=3, id=9, mode="dry", line=40)
    for customer in CUSTOMERS[:5_000]:
        assert is_held_out(of, NOBODY, customer) == is_held_out(later, NOBODY, customer)
        assert variant(of, customer) == variant(later, customer)


def test_arms_are_those_that_are_written_down() -> None:
    """A change of the hash would move customers from arm to arm in a running experiment."""
    of = campaign(holdout=0.3, variants=(1, 1, 2))
    held = [customer for customer in CUSTOMERS[:20] if is_held_out(of, ContactPolicy(holdout=0.1), customer)]
    assert held == HELD
    assert [variant(of, customer) for customer in CUSTOMERS[:20]] == VARIANTS


def test_a_greater_share_takes_nobody_out() -> None:
    """Who is held out at 5 % is held out at 10 %, too."""
    few, more = held_out(campaign(holdout=0.05)), held_out(campaign(holdout=0.1))
    assert all(wide for narrow, wide in zip(few, more, strict=True) if narrow)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (campaign("rescue", holdout=0.3), campaign("winback", holdout=0.3)),
        (campaign("a", holdout=0.1), campaign("b", holdout=0.5)),
    ],
)
def test_holdouts_of_two_campaigns_are_independent(first: Campaign, second: Campaign) -> None:
    assert independent(held_out(first), held_out(second))


def test_variants_of_two_campaigns_are_independent() -> None:
    first, second = campaign("rescue", variants=(1, 1)), campaign("winback", variants=(1, 2, 1))
    assert independent(
        (variant(first, customer) for customer in CUSTOMERS),
        (variant(second, customer) for customer in CUSTOMERS),
    )


def test_holdout_and_variant_of_a_campaign_are_independent() -> None:
    """And both are of the control group of all."""
    of = campaign(holdout=0.2, variants=(1, 2))
    variants = [variant(of, customer) for customer in CUSTOMERS]
    everywhere = held_out(campaign(), ContactPolicy(holdout=0.2))
    assert independent(held_out(of), variants)
    assert independent(everywhere, variants)
    assert independent(everywhere, held_out(of))


@given(
    customer=st.text(min_size=1, max_size=40),
    key=st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True),
    share=st.floats(0, 1),
    everywhere=st.floats(0, 1),
    weights=st.lists(st.integers(1, 1_000), min_size=2, max_size=10),
)
def test_the_definition(customer: str, key: str, share: float, everywhere: float, weights: list[int]) -> None:
    """As written: hash / 2**64 < share, of any text; variants against cumulative weights."""

    def hashed(salt: str) -> float:
        return float(xxh3_64_intdigest(f"{salt}/{customer}".encode()) / 2**64)

    of = campaign(key, holdout=share, variants=weights)
    expected = hashed("holdout") < everywhere or hashed(f"holdout/{key}") < share
    assert is_held_out(of, ContactPolicy(holdout=everywhere), customer) == expected
    place = variant(of, customer)
    assert place is not None
    at = hashed(f"variant/{key}") * sum(weights)
    assert sum(weights[:place]) <= at + 1e-9
    assert at - 1e-9 <= sum(weights[: place + 1])
