"""All conjunctions of at most two conditions, ranked on one half of the customers and tested on the other.

The score of a group is share^.5 * |lift - 1|: the lift counts by what it is more (or less) than 1, since otherwise the
group of everybody would win. This is one of the measures of Klösgen (1996), "Explora: a multipattern and multistrategy
discovery assistant".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamproc.discovery.figures import p_values, q_values

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: A group must have so many times the outcome of all, on either half. Below, nobody would write a campaign for it.
LIFT_MIN: Final = 1.2
#: A pair must do so many times better than either of its conditions alone, and leave out a tenth of its customers.
PAIR_GAIN: Final = 1.1
PAIR_SHARE_MAX: Final = 0.9
#: A group whose customers are so nearly those of a segment (Jaccard) is not overlooked.
COVERED: Final = 0.5
#: A group must do so many times better than a segment, or the segment will do for the customers of both. More than of
#: pairs: the lift of a group that was chosen for it is rather too high, that of a segment is not.
SEGMENT_GAIN: Final = 1.25
#: So many of a group's customers must be in no better group, and in no segment that does nearly as well.
NEW_SHARE: Final = 0.5
#: So many groups are taken to the other half, of so many looked at.
CANDIDATES: Final = 50
_LOOKED_AT: Final = 5_000
#: False discovery rate on the holdout.
Q_MAX: Final = 0.10
SUGGESTIONS: Final = 10


class Group(NamedTuple):
    """One condition, or two: places among the conditions; `second` is `first` of a single one."""

    first: int
    second: int


class Figures(NamedTuple):
    """Of a group in one half: customers, the mean of their outcome, and how many times that of all it is."""

    customers: int
    mean: float
    lift: float


class _Candidate(NamedTuple):
    """A group to be tested. new: its members (bool[n]) who are in no better one, and in no segment that
    does as well."""

    group: Group
    members: Bools
    new: Bools


@dataclass(frozen=True, slots=True)
class Found:
    """A group that is no chance. p, q: of those of its members in the holdout who are `new`."""

    group: Group
    members: Bools
    train: Figures
    holdout: Figures
    p: float
    q: float


@dataclass(frozen=True, slots=True)
class Search:
    """What is searched. holds: bool[c, n]; outcome: float64[n], none below 0; train: bool[n], the other half is held
    out; covered: bool[s, n], the members of segments that there are.

    less: look for groups with less of the outcome. customers_min: so many a group must have in the first half.
    """

    holds: Bools
    outcome: Floats
    train: Bools
    covered: Bools
    less: bool
    customers_min: int


def search(given: Search) -> tuple[list[Found], int]:
    """The groups found, best first by the score of the first half; and how many were tested on the other."""
    candidates = list(_candidates(given))
    if not candidates:
        return [], 0
    held_out = ~given.train
    outcome = given.outcome[held_out]
    n = np.array([int(each.new[held_out].sum()) for each in candidates])
    sums = np.array([float(outcome[each.new[held_out]].sum()) for each in candidates])
    p = p_values(n, sums, outcome, less=given.less)
    q = q_values(p)
    found = []
    for place, each in enumerate(candidates):
        holdout, new = (figures_of(own[held_out], outcome) for own in (each.members, each.new))
        if q[place] <= Q_MAX and all(_enough(own.lift, less=given.less) for own in (holdout, new)):
            train = figures_of(each.members[given.train], given.outcome[given.train])
            found.append(Found(each.group, each.members, train, holdout, float(p[place]), float(q[place])))
    return found[:SUGGESTIONS], len(candidates)


def figures_of(members: Bools, outcome: Floats) -> Figures:
    """Of the members among these customers."""
    n = int(members.sum())
    mean = float(outcome[members].mean()) if n else 0.0
    of_all = float(outcome.mean())
    return Figures(n, mean, mean / of_all if of_all else 0.0)


def jaccard(members: Bools, others: Bools) -> Floats:
    """How much alike a group is to each of others (bool[s, n]): in both, divided by in either."""
    both = (others & members).sum(axis=1)
    either = (others | members).sum(axis=1)
    return np.asarray(both / np.maximum(either, 1), np.float64)


def ranked(given: Search) -> list[Group]:
    """Groups of the first half that are large, different and better than their parts; the best first."""
    holds, outcome = given.holds[:, given.train], given.outcome[given.train]
    n, sums = count_pairs(holds, outcome)
    lift = np.divide(sums, n, out=np.zeros_like(sums), where=n > 0) / outcome.mean()
    single, size = np.diag(lift), np.diag(n)
    kept = np.triu(np.ones(n.shape, np.bool_)) & (n >= given.customers_min)
    kept &= (lift <= 1 / LIFT_MIN) if given.less else (lift >= LIFT_MIN)
    best = np.minimum.outer(single, single) if given.less else np.maximum.outer(single, single)
    gains = (lift <= best / PAIR_GAIN) if given.less else (lift >= best * PAIR_GAIN)
    gains &= n <= PAIR_SHARE_MAX * np.minimum.outer(size, size)
    np.fill_diagonal(gains, val=True)
    kept &= gains
    first, second = np.nonzero(kept)
    score = np.sqrt(n[first, second] / len(outcome)) * np.abs(lift[first, second] - 1)
    # Of equal ones a single condition comes first, then the earlier conditions.
    order = np.lexsort((second, first, first != second, -score))[:_LOOKED_AT]
    return [Group(int(first[place]), int(second[place])) for place in order.tolist()]


def count_pairs(holds: Bools, outcome: Floats) -> tuple[Floats, Floats]:
    """Of all pairs of conditions, at [i, j], for whom both hold: how many, and the sum of their outcome.

    As products of matrices. Counts are exact in single precision, up to 2^24; so are, in double, sums of whole
    outcomes.
    """
    ones = holds.astype(np.float32)
    n = (ones @ ones.T).astype(np.float64)
    if set(np.unique(outcome).tolist()) <= {0.0, 1.0}:
        return n, ((ones * outcome.astype(np.float32)) @ ones.T).astype(np.float64)
    whole = holds.astype(np.float64)
    return n, (whole * outcome) @ whole.T


def _candidates(given: Search) -> Iterator[_Candidate]:
    """The best groups that are no segments already, and not large or different only by customers of better groups or
    of segments that do as well.
    """
    train = given.train
    outcome = given.outcome[train]
    lifts = np.array([figures_of(segment[train], outcome).lift for segment in given.covered])
    told = np.zeros(len(train), np.bool_)
    taken = 0
    for group in ranked(given):
        if taken == CANDIDATES:
            return
        members = given.holds[group.first] & given.holds[group.second]
        if len(given.covered) and float(jaccard(members, given.covered).max()) >= COVERED:
            continue
        lift = figures_of(members[train], outcome).lift
        as_good = (lifts <= lift * SEGMENT_GAIN) if given.less else (lifts * SEGMENT_GAIN >= lift)
        new = members & ~told & ~given.covered[as_good].any(axis=0)
        own, own_new = members[train], new[train]
        if own_new.sum() < NEW_SHARE * own.sum():
            continue
        if not _enough(figures_of(own_new, outcome).lift, less=given.less):
            continue
        told |= members
        taken += 1
        yield _Candidate(group, members, new)


def _enough(lift: float, *, less: bool) -> bool:
    return lift <= 1 / LIFT_MIN if less else lift >= LIFT_MIN


def best_cover(members: Bools, covered: Bools, names: Sequence[str]) -> tuple[str, float] | None:
    """The segment that a group is most alike to, with the Jaccard index; None: it shares nobody with any."""
    if not len(names):
        return None
    alike = jaccard(members, covered)
    place = int(np.argmax(alike))
    return (names[place], float(alike[place])) if alike[place] > 0 else None
