"""The instants at which a silent customer could change: a superset, whole seconds only."""

from collections.abc import Iterator
from typing import Any

from tests.reference.churn import BANDS
from tests.reference.customer import Customer
from tests.reference.evaluate import Evaluator
from tests.reference.expression import Expression, comparisons
from tests.reference.features import WINDOWS_BEHIND, age_anchor, ages_of, feature, first_seen
from tests.reference.windows import WINDOWS, Window, first_change_ms

SECOND_MS = 1000


def whole_second(at_ms: int) -> int:
    """The first whole second at or after `at_ms`."""
    return -(-at_ms // SECOND_MS) * SECOND_MS


def windows_behind(name: str) -> list[Window]:
    """The windows that a feature is, or follows from."""
    return [WINDOWS[one] for one in WINDOWS_BEHIND.get(name, (name,)) if one in WINDOWS]


class Candidates:
    """Finds the next instant worth an evaluation, if no event comes first."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        rules = evaluator.rules
        trees = [tree for segment in rules.segments for tree in (segment.enter, segment.exit)]
        trees += [one.trigger.watched for one in rules.campaigns if one.trigger.watched is not None]
        found = [one for tree in trees for one in comparisons(tree)]
        pairs = [pair for _, left, _, right in found for pair in ((left, right), (right, left))]
        ages = ages_of(rules)
        #: What each age, perhaps some times, is compared with: a literal or a feature. (Ages keep distance.)
        self.age_pairs = sorted(
            {
                (one, other)
                for one, other in pairs
                if one[0] == "feature" and one[1] in ages and other[1] not in ages
            },
            key=repr,
        )
        names = {one[1] for one, _ in pairs if one[0] == "feature"}
        self.windows = sorted({window for name in names for window in windows_behind(name)}, key=repr)

    def next_ms(self, customer: Customer, now_ms: int, until_ms: int) -> int | None:
        """The first candidate in (now_ms, until_ms]; None if there is none.

        `now_ms` is the instant of the customer's last evaluation, which published nothing: after one that
        published something, the next second is worth one too (the caller sees to that).
        """
        found = [
            at_ms
            for at_ms in map(whole_second, self.instants(customer, now_ms))
            if now_ms < at_ms <= until_ms
        ]
        crossing = self.band_rise_ms(customer, now_ms, min([until_ms, *found]))
        return min([*found, *crossing], default=None)

    def instants(self, customer: Customer, now_ms: int) -> Iterator[int]:
        """Every candidate but the churn band's, in no order, some of them past."""
        for age, other in self.age_pairs:
            yield from self.age_instants(customer, age, other, now_ms)
        for window in self.windows:
            yield from self.window_instants(customer, window, now_ms)
        for segment in self.evaluator.rules.segments:
            if segment.key in customer.inside:
                yield customer.inside[segment.key].entered_at_ms + segment.min_dwell_ms
        yield self.evaluator.churn_known_at_ms(customer)
        yield from self.evaluator.journeys.instants(customer, now_ms)

    def age_instants(
        self, customer: Customer, age: Expression, other: Expression, now_ms: int
    ) -> Iterator[int]:
        """Where an age reaches what it is compared with, and one millisecond later.

        `>=` and `<` flip where it does, `>` and `<=` later; what is no whole millisecond lies between the two.
        """
        _, name, factor = age
        anchor, _ = age_anchor(customer, name, self.evaluator.rules)
        if anchor is not None:
            reached_ms = anchor + int(self.bound(customer, other, now_ms)) // factor
            yield reached_ms
            yield reached_ms + 1

    def bound(self, customer: Customer, other: Expression, now_ms: int) -> Any:
        """What an age is compared with, as it is now."""
        if other[0] == "literal":
            return other[1]
        _, name, factor = other
        return factor * feature(customer, name, now_ms, self.evaluator.rules)[0]

    def window_instants(self, customer: Customer, window: Window, now_ms: int) -> Iterator[int]:
        """Where the window's value changes next, and where it becomes known."""
        change_ms = first_change_ms(customer, window, now_ms)
        if change_ms is not None:
            yield change_ms
        yield window.known_at_ms(first_seen(customer))

    def band_rise_ms(self, customer: Customer, now_ms: int, until_ms: int) -> list[int]:
        """The first second in (now_ms, until_ms] at which the risk reaches the next band up, if there is
        one.

        Silence never lowers the risk, so the second is found by halving.
        """
        if customer.band is None or customer.band == BANDS[-1]:
            return []
        threshold = self.evaluator.rules.thresholds[BANDS.index(customer.band)]

        def reached(second: int) -> bool:
            risk = self.evaluator.risk(customer, second * SECOND_MS)
            return risk is not None and risk >= threshold

        below, above = now_ms // SECOND_MS, until_ms // SECOND_MS
        if above <= below or not reached(above):
            return []
        while above - below > 1:
            middle = (below + above) // 2
            below, above = (below, middle) if reached(middle) else (middle, above)
        return [above * SECOND_MS]
