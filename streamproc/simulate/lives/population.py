"""All customers together, day by day: only one day's events, and what is yet to follow from them, are in memory."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, count, takewhile

from streamproc.simulate.lives.buying import decide
from streamproc.simulate.lives.campaigns import campaigns_of, forgotten, reachable, send
from streamproc.simulate.lives.chance import Chance
from streamproc.simulate.lives.life import DAY_MS, Diary, Happening, Life, born
from streamproc.simulate.lives.rhythm import plan_first, plan_next
from streamproc.simulate.lives.shop import open_shop
from streamproc.simulate.lives.support import ask, complain, farewell
from streamproc.simulate.lives.visits import Visit, begin, browse, end, onboard, pastime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be simulated: `days` days up to end_ms (epoch ms), which is later than every event."""

    seed: int
    days: int
    end_ms: int
    currency: str

    @property
    def begin_ms(self) -> int:
        return self.end_ms - self.days * DAY_MS


class Population:
    """Customers with the numbers `numbers`. What one does, does not depend on who the others are."""

    def __init__(self, plan: Plan, numbers: range, *, endless: bool = False) -> None:
        """endless: after the plan's days, days go on; in every such span, as many newcomers follow."""
        self._plan, self._numbers, self._endless = plan, numbers, endless
        self._chance, self._shop, self._diary = Chance(plan.seed), open_shop(plan.currency), Diary()
        self._calendar: defaultdict[int, list[Life]] = defaultdict(list)
        self._reachable: list[Life] = []

    def happenings(self) -> Iterator[Happening]:
        """All events in the order of time."""
        spans = count() if self._endless else range(1)
        days = chain.from_iterable(map(self._span, spans))
        if self._endless:
            return days
        return takewhile(lambda happening: happening.ts_ms < self._plan.end_ms, days)

    def _span(self, span: int) -> Iterator[Happening]:
        """The days of a span. The last day of a plan belongs to it in part; else it is the next span's first."""
        first_ms = self._plan.begin_ms + span * self._plan.days * DAY_MS
        last_ms = first_ms + self._plan.days * DAY_MS
        self._let_in(span, first_ms, last_ms)
        first_day, last_day = first_ms // DAY_MS, last_ms // DAY_MS
        for day in range(first_day, last_day + (not self._endless)):
            self._play(day)
            yield from self._diary.tear_out(day)

    def _let_in(self, span: int, first_ms: int, last_ms: int) -> None:
        for number in self._numbers:
            own = number + span * len(self._numbers)
            life = born(own, self._chance, first_ms, last_ms)
            if span == 0 or not life.known:  # in later spans, those who were there are there
                plan_first(life, self._chance)
                self._note(life)

    def _note(self, life: Life) -> None:
        if self._endless or life.next_ms < self._plan.end_ms:
            self._calendar[life.next_ms // DAY_MS].append(life)

    def _play(self, day: int) -> None:
        for campaign in campaigns_of(day):
            self._reachable = [life for life in self._reachable if not forgotten(life, campaign)]
            for life in self._reachable:
                if reachable(life, campaign):
                    self._begin_turn(life)
                    if send(life, self._chance, campaign, self._diary):
                        self._note(life)
        visits = self._calendar.get(day, [])
        for life in visits:  # it grows while we go through it
            if life.next_ms // DAY_MS == day and not life.over:
                self._visit(life)
        self._calendar.pop(day, None)

    def _begin_turn(self, life: Life) -> None:
        life.turns += 1
        self._chance.turn(life.number, life.turns)

    def _visit(self, life: Life) -> None:
        self._begin_turn(life)
        if not life.introduced and (life.email or life.push):
            self._reachable.append(life)
        visit = Visit(life, self._chance, self._shop, self._diary)
        spend(visit)
        life.lured_by = ""
        plan_next(life, self._chance, visit.now_ms)
        if life.over:
            farewell(visit)
        else:
            self._note(life)


def spend(visit: Visit) -> None:
    """A visit from its begin to its end."""
    begin(visit)
    onboard(visit)
    product = browse(visit)
    pastime(visit)
    decide(visit, product)
    if visit.happens(visit.persona.trouble):
        complain(visit)
    ask(visit)
    end(visit)


def customers_for(plan: Plan, events: int, counted: Callable[[int], None] = lambda _: None) -> int:
    """How many customers it takes for so many events. counted: told every customer's number of events."""
    for number in count():
        if events <= 0:
            break
        own = sum(1 for _ in Population(plan, range(number, number + 1)).happenings())
        counted(own)
        events -= own
    return number
