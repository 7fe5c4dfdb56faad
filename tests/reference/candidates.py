"""The instants at which a silent customer could change: a superset, whole seconds only."""

from collections.abc import Iterator

from tests.reference.churn import BANDS
from tests.reference.customer import Customer
from tests.reference.evaluate import Evaluator
from tests.reference.expression import comparisons
from tests.reference.features import AGES, WINDOWS, Window, age_anchor, feature, first_change_ms, first_seen

SECOND_MS = 1000


def whole_second(at_ms: int) -> int:
    """The first whole second at or after `at_ms`."""
    return -(-at_ms // SECOND_MS) * SECOND_MS


class Candidates:
    """Finds the next instant worth an evaluation, if no event comes first."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        rules = evaluator.rules
        found = [one for s in rules.segments for tree in (s.enter, s.exit) for one in comparisons(tree)]
        pairs = [pair for _, left, _, right in found for pair in ((left, right), (right, left))]
        #: What each age is compared with: ("literal", number) or ("feature", name). (Ages keep distance.)
        self.age_pairs = sorted(
            {(one[1], other) for one, other in pairs if one[1] in AGES and other[1] not in AGES}, key=repr
        )
        self.windows = sorted({WINDOWS[one[1]] for one, _ in pairs if one[1] in WINDOWS}, key=repr)

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
        for name, other in self.age_pairs:
            anchor, _ = age_anchor(customer, name)
            bound = other[1] if other[0] == "literal" else feature(customer, other[1], now_ms)[0]
            if anchor is not None:
                # `>=` and `<` flip where the age reaches the bound, `>` and `<=` one millisecond later
                yield anchor + int(bound)
                yield anchor + int(bound) + 1
        for window in self.windows:
            yield from self.window_instants(customer, window, now_ms)
        for segment in self.evaluator.rules.segments:
            if segment.key in customer.inside:
                yield customer.inside[segment.key].entered_at_ms + segment.min_dwell_ms
        yield self.evaluator.churn_known_at_ms(customer)

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
