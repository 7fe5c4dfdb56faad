"""The reference: what must be published for given logs. Plain and slow; written from docs/semantics.md
alone.

It shares no code with the engine.
"""

import heapq
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.reference.apply import REPEAT, TOO_LATE, apply_event
from tests.reference.campaigns_gate import Controls
from tests.reference.candidates import SECOND_MS, Candidates
from tests.reference.churn import ChurnModel
from tests.reference.customer import Customer, Membership
from tests.reference.evaluate import NOT_CONTROLLED, Evaluator, Signal
from tests.reference.features import Value, feature, features_of
from tests.reference.merge import Applied, Failed, apply_order
from tests.reference.partition import partition_of
from tests.reference.record import Logs
from tests.reference.rules import read_rules

Mode = Literal["candidates", "every_second"]


@dataclass(slots=True)
class Result:
    """What a run publishes (per shard, in publishing order), and what it knows of customers at its end."""

    signals: dict[int, list[Signal]] = field(default_factory=dict)
    failed: list[Failed] = field(default_factory=list)
    misplaced: list[Applied] = field(default_factory=list)
    features: dict[str, dict[str, Value]] = field(default_factory=dict)
    memberships: dict[str, dict[str, Membership]] = field(default_factory=dict)
    bands: dict[str, str | None] = field(default_factory=dict)
    risks: dict[str, float | None] = field(default_factory=dict)
    as_of_ms: dict[int, int] = field(default_factory=dict)
    duplicates: int = 0
    too_late: int = 0
    evaluations: int = 0


class Reference:
    """The engine's promise for one rules file, one churn model and a number of partitions."""

    def __init__(self, rules_yaml: str | Path, model_json: Path, partitions: int) -> None:
        self.rules = read_rules(rules_yaml)
        self.model = ChurnModel.load(model_json)
        self.partitions = partitions

    def run(
        self,
        logs: Logs,
        wall_now_ms: int,
        until_ms: int,
        mode: Mode = "candidates",
        also_at_ms: Iterable[int] = (),
        controls: Controls = NOT_CONTROLLED,
    ) -> Result:
        """Replay the logs under the event clock until `until_ms`.

        mode: "every_second" evaluates every customer at every second, as the definition says; "candidates"
        only where something could change. also_at_ms: whole seconds at which all are evaluated besides.
        controls: what operators said of campaigns; of the end of a pause, "every_second" and "candidates" know
        at different times.
        """
        result = Result()
        also = sorted(also_at_ms)
        for shard in range(self.partitions):
            run = Shard(self, shard, result, mode, also, controls)
            run.replay(apply_order(logs, shard, wall_now_ms, self.rules, result.failed), until_ms)
        return result


class Shard:
    """One shard's customers, and the replay of its events."""

    def __init__(
        self,
        reference: Reference,
        shard: int,
        result: Result,
        mode: Mode,
        also_at_ms: list[int],
        controls: Controls,
    ) -> None:
        self.rules = reference.rules
        self.partitions = reference.partitions
        self.shard = shard
        self.result = result
        self.mode = mode
        self.also_at_ms = also_at_ms
        self.evaluator = Evaluator(reference.rules, reference.model, shard, reference.partitions, controls)
        self.candidates = Candidates(self.evaluator)
        self.customers: dict[str, Customer] = {}
        self.waiting: dict[str, deque[Applied]] = defaultdict(deque)

    def replay(self, order: list[Applied], until_ms: int) -> None:
        """Evaluate in the order (instant, customer id), as long as an instant is not after the end."""
        end_ms = max([until_ms, *(applied.at_ms for applied in order[-1:])])
        signals = self.result.signals[self.shard] = []
        for applied in order:
            customer = applied.event.customer
            if partition_of(customer, self.partitions) == self.shard:
                self.waiting[customer].append(applied)
            else:
                self.result.misplaced.append(applied)
        due = [(events[0].at_ms, customer) for customer, events in self.waiting.items()]
        heapq.heapify(due)
        while due and due[0][0] <= end_ms:
            now_ms, customer = heapq.heappop(due)
            published = self.step(customer, now_ms)
            signals += published
            again_ms = self.next_ms(customer, now_ms, end_ms, changed=bool(published))
            if again_ms is not None:
                heapq.heappush(due, (again_ms, customer))
        self.summarize(end_ms)

    def step(self, name: str, now_ms: int) -> list[Signal]:
        """Apply what the customer has for this instant, then evaluate once."""
        customer = self.customers.get(name) or Customer(name)
        last_event = None
        events = self.waiting[name]
        while events and events[0].at_ms == now_ms:
            applied = events.popleft()
            became = apply_event(customer, applied.event, applied.channel, now_ms, self.rules)
            self.result.too_late += became == TOO_LATE
            self.result.duplicates += became == REPEAT
            if became not in (TOO_LATE, REPEAT):
                last_event = applied.coordinates
        if customer.first_seen is None:
            return []  # nothing but late events: not seen yet
        self.customers[name] = customer
        self.result.evaluations += 1
        return self.evaluator.evaluate(customer, now_ms, last_event)

    def next_ms(self, name: str, now_ms: int, end_ms: int, *, changed: bool) -> int | None:
        """When to look at the customer again: at its next event, or before."""
        events = self.waiting[name]
        bound_ms = min(end_ms, events[0].at_ms) if events else end_ms
        found = [events[0].at_ms] if events else []
        customer = self.customers.get(name)
        if customer is not None:
            if changed or self.mode == "every_second":
                found.append(now_ms + SECOND_MS)
            else:
                candidate_ms = self.candidates.next_ms(customer, now_ms, bound_ms)
                found += [candidate_ms] if candidate_ms is not None else []
            found += self.also_after(now_ms)
        return min(found, default=None)

    def also_after(self, now_ms: int) -> list[int]:
        """The first extra instant after `now_ms`, if there is one."""
        at = bisect_right(self.also_at_ms, now_ms)
        return self.also_at_ms[at : at + 1]

    def summarize(self, end_ms: int) -> None:
        """What is known of each customer at the end."""
        self.result.as_of_ms[self.shard] = end_ms
        for name, customer in sorted(self.customers.items()):
            self.result.features[name] = {
                one: feature(customer, one, end_ms, self.rules) for one in features_of(self.rules)
            }
            self.result.memberships[name] = dict(customer.inside)
            self.result.bands[name] = customer.band
            self.result.risks[name] = self.evaluator.risk(customer, end_ms)
