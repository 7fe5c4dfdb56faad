"""What customers do while it is measured: events of simulated lives, given to customers as a distribution says."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from streamproc.contracts.instants import to_iso
from streamproc.simulate.lives.population import Plan, Population
from streamproc.simulate.lives.records import recorded
from streamproc.transport.bulk import open_bulk_producer
from streamproc.transport.outlet import Outgoing
from streamproc.transport.partitioner import partitions_of
from streamproc.transport.topics import Topics
from tests.integration.worker import Installation

#: cycle: everybody once, then everybody again, so that no chunk has two events of one customer.
DISTRIBUTIONS: Final = ("uniform", "zipf", "cycle")
_ZIPF: Final = 1.1
SEED: Final = 7
#: Events that are made and sent at once.
_AT_ONCE: Final = 10_000

#: (topic without prefix, event)
Template = tuple[str, dict[str, Any]]


def name(number: int) -> str:
    """A customer's id."""
    return f"c-{number:08d}"


def names(customers: int) -> list[bytes]:
    """The ids of so many customers, as keys."""
    return [name(number).encode() for number in range(customers)]


def draw(distribution: str, customers: int, events: int, seed: int) -> list[int]:
    """Which customer does each event: numbers below `customers`."""
    rng = np.random.default_rng(seed)
    if distribution == "uniform":
        return list(map(int, rng.integers(0, customers, events)))
    if distribution == "cycle":
        return list(map(int, np.resize(rng.permutation(customers), events)))
    weights = np.arange(1, customers + 1) ** -_ZIPF
    ranked = np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(events))
    return list(map(int, rng.permutation(customers)[np.minimum(ranked, customers - 1)]))


def of_partitions(who: Sequence[int], customers: int, partitions: int, kept: Collection[int]) -> list[int]:
    """The draw without those who are on other partitions."""
    place: NDArray[np.int64] = np.asarray(partitions_of(names(customers), partitions))
    numbers = np.asarray(who, np.int64)
    return list(map(int, numbers[np.isin(place[numbers], list(kept))]))


def templates(customers: int = 100, days: int = 30) -> list[Template]:
    """What so many simulated customers did in their last days."""
    plan = Plan(SEED, days, days * 86_400_000, "USD")
    made = recorded(Population(plan, range(customers)).happenings(), "b")
    return [(record.topic, orjson.loads(record.value)) for record in made]


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """Events that wait in the topics: who does one after the other, from `begin_ms` (epoch ms) on, `per_s` a second."""

    events: Sequence[Template]
    who: Sequence[int]
    begin_ms: int
    per_s: int

    def first(self, number: int) -> "Backlog":
        """Only its first events."""
        return Backlog(events=self.events, who=self.who[:number], begin_ms=self.begin_ms, per_s=self.per_s)


def records(backlog: Backlog, prefix: str, partitions: int, series: str = "b") -> Iterator[list[Outgoing]]:
    """The backlog in the order of time, some thousands at once. No two events of a series have one messageId."""
    events, who = backlog.events, backlog.who
    for at in range(0, len(who), _AT_ONCE):
        keys = [name(number).encode() for number in who[at : at + _AT_ONCE]]
        made = []
        for i, (key, partition) in enumerate(
            zip(keys, partitions_of(keys, partitions).tolist(), strict=True), at
        ):
            topic, template = events[i % len(events)]
            event = {**template, "userId": key.decode(), "messageId": f"{series}-{i}"}
            event.pop("anonymousId", None)
            event["timestamp"] = to_iso(backlog.begin_ms + i * 1000 // backlog.per_s)
            made.append(Outgoing(prefix + topic, key, orjson.dumps(event), (), partition))
        yield made


async def publish(installation: Installation, backlog: Backlog) -> None:
    """Fill the source topics of an installation."""
    counts = dict.fromkeys(Topics(installation.prefix).channels, installation.partitions)
    async with open_bulk_producer(installation.brokers, counts) as producer:
        for some in records(backlog, installation.prefix, installation.partitions):
            await producer.send(some)
