"""What customers do while it is measured: events of simulated lives, given to customers as a distribution says."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import orjson

from streamproc.contracts.instants import to_iso
from streamproc.simulate.lives.population import Plan, Population
from streamproc.simulate.lives.records import recorded
from streamproc.transport.bulk import Outgoing, open_bulk_producer
from streamproc.transport.partitioner import partitions_of
from streamproc.transport.topics import Topics
from tests.integration.worker import Installation

DISTRIBUTIONS: Final = ("uniform", "zipf")
_ZIPF: Final = 1.1
_SEED: Final = 7

#: (topic without prefix, event)
Template = tuple[str, dict[str, Any]]


def name(number: int) -> str:
    """A customer's id."""
    return f"c-{number:08d}"


def draw(distribution: str, customers: int, events: int, seed: int) -> list[int]:
    """Which customer does each event: numbers below `customers`."""
    rng = np.random.default_rng(seed)
    if distribution == "uniform":
        return list(map(int, rng.integers(0, customers, events)))
    weights = np.arange(1, customers + 1) ** -_ZIPF
    ranked = np.searchsorted(np.cumsum(weights) / weights.sum(), rng.random(events))
    return list(map(int, rng.permutation(customers)[np.minimum(ranked, customers - 1)]))


def templates(customers: int = 100, days: int = 30) -> list[Template]:
    """What so many simulated customers did in their last days."""
    plan = Plan(_SEED, days, days * 86_400_000, "USD")
    made = recorded(Population(plan, range(customers)).happenings(), "b")
    return [(record.topic, orjson.loads(record.value)) for record in made]


def records(
    events: Sequence[Template],
    who: list[int],
    prefix: str,
    partitions: int,
    begin_ms: int,
    per_s: int,
    series: str,
) -> Iterator[list[Outgoing]]:
    """Events from `begin_ms` (epoch ms) on, `per_s` a second, in the order of time, some thousands at once."""
    for at in range(0, len(who), 10_000):
        keys = [name(number).encode() for number in who[at : at + 10_000]]
        made = []
        for i, (key, partition) in enumerate(
            zip(keys, partitions_of(keys, partitions).tolist(), strict=True), at
        ):
            topic, template = events[i % len(events)]
            event = {**template, "userId": key.decode(), "messageId": f"{series}-{i}"}
            event.pop("anonymousId", None)
            event["timestamp"] = to_iso(begin_ms + i * 1000 // per_s)
            made.append(Outgoing(prefix + topic, key, orjson.dumps(event), (), partition))
        yield made


async def publish(
    installation: Installation, events: Sequence[Template], who: list[int], begin_ms: int, per_s: int
) -> None:
    """Fill the source topics of an installation."""
    counts = dict.fromkeys(Topics(installation.prefix).channels, installation.partitions)
    async with open_bulk_producer(installation.brokers, counts) as producer:
        for some in records(
            events, who, installation.prefix, installation.partitions, begin_ms, per_s, installation.prefix
        ):
            await producer.send(some)
