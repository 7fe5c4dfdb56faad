"""A study to suggestions: rules with what became of the customers they would have named."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from streamproc.discovery.conditions import find_conditions, without_target
from streamproc.discovery.search import Figures, Found, Search, best_cover, figures_of, search
from streamproc.discovery.study import Study
from streamproc.features.frame import Frame
from streamproc.rules.expression import Comparison, Expr, all_of, comparisons
from streamproc.rules.model import Ruleset
from streamproc.windows.panes import DAY_MS

#: So many customers of a half must be in a group, and so many with and without the outcome be expected among them.
_CUSTOMERS_MIN: Final = 50
_EXPECTED_MIN: Final = 5
_SHARE_MIN: Final = 0.02


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A rule that names a group: its conditions, of those who were active lately, as all were who were looked at.

    overlaps: the segment of the rules in force that is most alike, and the Jaccard index
    of the two; None: it shares nobody with any.
    """

    conditions: Expr
    rule: Expr
    train: Figures
    holdout: Figures
    p: float
    q: float
    overlaps: tuple[str, float] | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What came of a study. train, holdout: of all customers; conditions: looked at, with all their pairs; tested: so
    many groups on the holdout.
    """

    study: Study
    less: bool
    train: Figures
    holdout: Figures
    conditions: int
    tested: int
    suggestions: list[Suggestion]


def suggest(study: Study, ruleset: Ruleset, *, less: bool) -> Discovery:
    """The groups that have more of the target than others (`less`: less of it), and are no segment of `ruleset` yet."""
    train = study.train()
    suited = {name: one for name, one in ruleset.features.items() if study.target.suits(one)}
    frame = Frame(study.table, study.now_ms)
    conditions = without_target(find_conditions(frame, suited, ruleset.currency, train), study.outcome, train)
    names = sorted(study.segments)
    covered = np.array([study.segments[name] for name in names], np.bool_).reshape(len(names), frame.n)
    given = Search(conditions.holds, study.outcome, train, covered, less, _customers_min(study, train.sum()))
    found, tested = search(given)
    everybody = np.ones(frame.n, np.bool_)
    return Discovery(
        study=study,
        less=less,
        train=figures_of(everybody[train], study.outcome[train]),
        holdout=figures_of(everybody[~train], study.outcome[~train]),
        conditions=len(conditions.rules),
        tested=tested,
        suggestions=[
            Suggestion(
                conditions=(named := _named(each, conditions.rules)),
                rule=_lately(named, study.horizon_days),
                train=each.train,
                holdout=each.holdout,
                p=each.p,
                q=each.q,
                overlaps=best_cover(each.members, covered, names),
            )
            for each in found
        ],
    )


def _named(found: Found, rules: tuple[Expr, ...]) -> Expr:
    places = dict.fromkeys(found.group)
    return all_of([rules[place] for place in places])


def _lately(conditions: Expr, horizon_days: int) -> Expr:
    """With the bound of `recency`: without it the rule would name the long gone, too, of whom nothing was learned."""
    horizon_ms = horizon_days * DAY_MS
    for one in comparisons(conditions):
        match one:
            case Comparison("recency", "<", int(threshold)) if threshold <= horizon_ms:
                return conditions
    return all_of([conditions, Comparison("recency", "<=", horizon_ms, "ms")])


def _customers_min(study: Study, customers: int) -> int:
    """The normal form of the test needs five of each outcome; of amounts there is none, and fifty customers do."""
    share = float((study.outcome > 0).mean())
    rarer = min(share, 1 - share) or 1.0
    return max(_CUSTOMERS_MIN, int(_SHARE_MIN * customers), int(_EXPECTED_MIN / rarer) + 1)
