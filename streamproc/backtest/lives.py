"""The whole lives of customers, from their first event to the end of silence, by the worker's own steps.

A worker goes through time batch by batch, because events come so; here all have come. Customers do not depend on each
other, so many are taken from the beginning to the end together, and nobody's state is put away in between.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from streamproc.actions.allowance import Allowance
from streamproc.actions.rulings import Day, Rulings, Spend
from streamproc.backtest.chronicle import Lot
from streamproc.backtest.figures import Requests
from streamproc.instants.advance import Done, Lives, Plan, advance, rounds
from streamproc.sources import SOURCES
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import NEVER
from streamproc.windows.table import NO_STEP, CustomerTable, new_customers

#: Customers who are taken together: the more, the less each round costs them, and the more memory they take.
_TOGETHER: Final = 2_000


@dataclass(slots=True)
class WholeLives:
    """The customers of a lot under one version of the rules, until an instant (epoch ms).

    records: whether signals get theirs. partitions: how many there are in all. counts: what has happened so far.
    campaigns: once all signals were read, by key: where entries have come to, and what was spent of budgets.
    """

    lot: Lot
    definitions: Definitions
    until_ms: int
    records: bool
    partitions: int
    counts: Lives = field(default_factory=Lives)
    campaigns: dict[str, Requests] = field(default_factory=dict)
    _tried: Lives = field(default_factory=Lives)

    def signals(self) -> Iterator[list[Signal]]:
        """What a worker would publish, those of one customer in their order, by and by. `origin` is the partition."""
        rulings = yield from self._rulings()
        for signals, done in self._live(self.lot, rulings, self.counts, records=self.records):
            if done is not None:
                self._note_journeys(done)
            yield signals
        self._note_spent(rulings)

    def _rulings(self) -> Generator[list[Signal], None, list[Rulings]]:
        """By partition, under which budgets last. Yields nothing, by and by.

        Customers compete for them, so some lives are lived anew: of those for whom narrower limits decide otherwise.
        """
        campaigns = self.definitions.ruleset.campaigns
        numbers = range(int(self.lot.partition.max(initial=-1)) + 1)
        allowances = [Allowance.of(campaigns, number, self.partitions, None) for number in numbers]
        rulings = [allowance.rulings({}, is_held=False) for allowance in allowances]
        lot, counts = self.lot, self._tried
        while len(lot.ids) and self._has_budgets:
            for _ in self._live(lot, rulings, counts, records=False):
                yield []
            counts = Lives()
            anew: set[str] = set()
            for number, allowance in enumerate(allowances):
                before, narrower = rulings[number], allowance.overdrawn(rulings[number])
                if narrower is not None:
                    mine = before.at_odds(narrower)
                    narrower.attempts |= _without(before.attempts, mine)
                    rulings[number] = narrower
                    anew |= mine
            lot = self.lot.part(np.flatnonzero([customer in anew for customer in self.lot.ids]))
        return [one.anew() for one in rulings]

    def _live(
        self, lot: Lot, rulings: Sequence[Rulings], counts: Lives, *, records: bool
    ) -> Iterator[tuple[list[Signal], Done | None]]:
        origins = [Origin(SOURCES, number, rulings=one) for number, one in enumerate(rulings)]
        for begin in range(0, len(lot.ids), _TOGETHER):
            end = min(begin + _TOGETHER, len(lot.ids))
            events, plan = lot.course(begin, end, self.until_ms)
            table = new_customers(lot.ids[begin:end])
            table.origin = lot.partition[begin:end]
            limit_ms = np.full(end - begin, self.until_ms, np.int64)
            yield from rounds(
                table, events, plan, limit_ms, self.definitions, origins, counts, records=records
            )

    def _note_journeys(self, done: Done) -> None:
        journeys = done.table.journeys
        journeys = journeys[done.rows[journeys["row"]]]
        for campaign in self.definitions.ruleset.campaigns:
            mine = journeys[journeys["campaign"] == campaign.id]
            if not len(mine):
                continue
            is_open, has_asked = mine["step"] != NO_STEP, mine["first_ms"] != NEVER
            requests = self.campaigns.setdefault(campaign.key, Requests())
            requests.entries += int(mine["seq"].sum())
            requests.waiting += int(np.count_nonzero(is_open & ~has_asked))
            requests.under_way += int(np.count_nonzero(has_asked))

    def _note_spent(self, rulings: Sequence[Rulings]) -> None:
        keys = {campaign.id: campaign.key for campaign in self.definitions.ruleset.campaigns}
        for one in rulings:
            for day in one.attempts:
                self.campaigns[keys[day.campaign]].spent[day.day] += one.granted(day)

    @property
    def events(self) -> int:
        """How many have been gone through; under budgets, each is at least twice."""
        found = sum(one.applied + one.repeats + one.too_late for one in (self.counts, self._tried))
        return found // 2 if self._has_budgets else found

    @property
    def _has_budgets(self) -> bool:
        return any(campaign.budget is not None for campaign in self.definitions.ruleset.campaigns)


def _without(attempts: Mapping[Day, list[Spend]], customers: Set[str]) -> dict[Day, list[Spend]]:
    """Those of all other customers."""
    return {day: [one for one in mine if one.customer not in customers] for day, mine in attempts.items()}


def state_at(lot: Lot, customer: int, definitions: Definitions, at_ms: int) -> CustomerTable:
    """One customer of a lot (by place) as evaluated at an instant, with nothing that was evaluated later."""
    events, plan = lot.course(customer, customer + 1, at_ms)
    before = np.flatnonzero(plan.evaluate_ms <= at_ms)
    plan = Plan(plan.row[before], plan.apply_ms[before], plan.evaluate_ms[before], at_ms, closed=False)
    table = new_customers([lot.ids[customer]])
    origin = Origin(SOURCES, int(lot.partition[customer]))
    (done,) = advance(table, events.take(before), plan, definitions, origin).done
    return done.table
