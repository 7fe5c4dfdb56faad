"""The search against one that looks at customer after customer."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from streamproc.discovery.search import (
    LIFT_MIN,
    PAIR_GAIN,
    PAIR_SHARE_MAX,
    Group,
    Search,
    best_cover,
    count_pairs,
    ranked,
    search,
)

NONE_COVERED = np.zeros((0, 40), np.bool_)


def slowly(given: Search) -> list[Group]:
    """`ranked`, by sets and for loops."""
    rows = [row for row in range(len(given.outcome)) if given.train[row]]
    of_all = sum(given.outcome[row] for row in rows) / len(rows)
    sets = [{row for row in rows if own[row]} for own in given.holds]

    def lift(members: set[int]) -> float:
        return sum(given.outcome[row] for row in members) / len(members) / of_all if members else 0.0

    found = []
    for i, first in enumerate(sets):
        for j in range(i, len(sets)):
            members = first & sets[j]
            own = lift(members)
            if len(members) < given.customers_min or (own > 1 / LIFT_MIN if given.less else own < LIFT_MIN):
                continue
            if i != j:
                parts = (lift(first), lift(sets[j]))
                if own > min(parts) / PAIR_GAIN if given.less else own < max(parts) * PAIR_GAIN:
                    continue
                if len(members) > PAIR_SHARE_MAX * min(len(first), len(sets[j])):
                    continue
            score = math.sqrt(len(members) / len(rows)) * abs(own - 1)
            found.append((-score, i != j, i, j))
    return [Group(i, j) for *_, i, j in sorted(found)]


@settings(max_examples=200)
@given(
    arrays(np.bool_, (6, 40)),
    arrays(np.int64, 40, elements=st.integers(0, 1)) | arrays(np.int64, 40, elements=st.integers(0, 500)),
    arrays(np.bool_, 40),
    st.booleans(),
    st.integers(1, 5),
)
def test_groups_are_ranked_as_by_hand(
    holds: np.ndarray, outcome: np.ndarray, train: np.ndarray, less: bool, customers_min: int
) -> None:
    given = Search(holds, outcome.astype(np.float64), train, NONE_COVERED, less, customers_min)
    if not outcome[train].sum():
        return
    found, wanted = ranked(given), slowly(given)
    assert len(found) == len(wanted)
    # Equal scores may differ in their last bit.
    assert set(found) == set(wanted)
    scores = {group: place for place, group in enumerate(wanted)}
    assert [scores[group] for group in found] == pytest.approx(range(len(found)), abs=3)


@given(arrays(np.bool_, (5, 30)), arrays(np.int64, 30, elements=st.integers(0, 10**9)))
def test_counts_are_exact(holds: np.ndarray, outcome: np.ndarray) -> None:
    n, sums = count_pairs(holds, outcome.astype(np.float64))
    for i in range(5):
        for j in range(5):
            both = holds[i] & holds[j]
            assert (n[i, j], sums[i, j]) == (both.sum(), outcome[both].sum())


def conditions(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((60, n)) < 0.25


def planted(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """6 % of the customers, those of conditions 7 and 31, have the outcome three times as often as others."""
    holds = conditions(n, seed)
    share = np.where(holds[7] & holds[31], 0.6, 0.2)
    return holds, (np.random.default_rng(seed + 1).random(n) < share).astype(np.float64)


def halves(n: int) -> np.ndarray:
    return np.arange(n) % 2 == 0


def of(
    holds: np.ndarray, outcome: np.ndarray, covered: np.ndarray | None = None, *, less: bool = False
) -> Search:
    n = holds.shape[1]
    none = np.zeros((0, n), np.bool_)
    return Search(holds, outcome, halves(n), none if covered is None else covered, less, 50)


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_group_is_found_first(seed: int) -> None:
    found, _ = search(of(*planted(4_000, seed)))
    assert found[0].group == (7, 31)
    assert found[0].q < 0.001
    assert 2 < found[0].holdout.lift < 3.5
    assert [each.group for each in found[1:]] == []


@pytest.mark.parametrize("seed", range(3))
def test_a_planted_group_with_less_is_found_only_if_asked_for(seed: int) -> None:
    holds, outcome = planted(4_000, seed)
    assert search(of(holds, 1 - outcome))[0] == []
    assert search(of(holds, 1 - outcome, less=True))[0][0].group == (7, 31)


def test_chance_is_suggested_as_rarely_as_is_said() -> None:
    """Out of 40 populations in which nothing means anything, four may have a suggestion: the false discovery rate."""
    false = 0
    for seed in range(40):
        outcome = (np.random.default_rng(seed + 1_000).random(2_000) < 0.2).astype(np.float64)
        found, tested = search(of(conditions(2_000, seed), outcome))
        assert tested > 0
        false += bool(found)
    assert false <= 4


def test_what_a_segment_names_already_is_not_suggested() -> None:
    holds, outcome = planted(4_000, 1)
    segment = holds[7] & holds[31]
    segment[:400] = False  # nearly the same customers will do
    assert search(of(holds, outcome, segment[None, :]))[0] == []


def test_a_group_inside_segments_that_do_as_well_is_not_suggested() -> None:
    """But one inside a segment that does worse is."""
    holds, outcome = planted(4_000, 1)
    group = holds[7] & holds[31]
    others = np.flatnonzero(~group)
    parts = np.array([group & halves(4_000), group & ~halves(4_000)])
    parts[:, others[: group.sum()]] = outcome[others[: group.sum()]] > 0
    assert search(of(holds, outcome, parts))[0] == []
    wide = np.ones((1, 4_000), np.bool_)
    wide[0, ::3] = False
    assert search(of(holds, outcome, wide))[0][0].group == (7, 31)


def test_a_group_that_is_good_only_by_customers_of_a_better_one_is_not_suggested() -> None:
    rng = np.random.default_rng(3)
    n = 4_000
    core = rng.random(n) < 0.08
    around = core | (rng.random(n) < 0.1)
    outcome = (rng.random(n) < np.where(core, 0.7, 0.2)).astype(np.float64)
    found, _ = search(of(np.array([core, around]), outcome))
    assert [each.group for each in found] == [(0, 0)]


def test_the_holdout_decides() -> None:
    """A group that stands out in one half only is chance."""
    rng = np.random.default_rng(4)
    n = 4_000
    holds = rng.random((20, n)) < 0.2
    share = np.where(holds[3] & halves(n), 0.7, 0.2)
    found, tested = search(of(holds, (rng.random(n) < share).astype(np.float64)))
    assert (found, tested > 0) == ([], True)


def test_the_most_alike_segment_is_named() -> None:
    members = np.array([True, True, True, False])
    covered = np.array([[True, False, False, False], [True, True, False, True]])
    assert best_cover(members, covered, ["a", "b"]) == ("b", 0.5)
    assert best_cover(members, np.array([[False, False, False, True]]), ["a"]) is None
    assert best_cover(members, np.zeros((0, 4), np.bool_), []) is None
