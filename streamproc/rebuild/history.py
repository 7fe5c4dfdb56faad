"""How far the logs reach back, against what windows look back on."""

from collections.abc import Mapping, Sequence
from typing import Final

from aiokafka.structs import TopicPartition

from streamproc.clock import wall_ms
from streamproc.contracts.instants import to_iso
from streamproc.errors import StreamprocError
from streamproc.transport.ages import offsets_at, oldest_ms
from streamproc.transport.brokers import Brokers

_DAY_MS: Final = 86_400_000
#: The longest window of all features.
REACH_MS: Final = 90 * _DAY_MS

#: Where logs begin and end, by topic (without prefix) and partition.
Bounds = Mapping[str, Sequence[tuple[int, int]]]


async def begins_of(
    brokers: Brokers, prefix: str, bounds: Bounds, from_ms: int | None, *, accept_partial: bool
) -> dict[str, list[int]]:
    """The offset at which each log is to be read from, by topic and partition.

    `from_ms`: leave out what is older. Raises StreamprocError if that, or retention, takes away what windows look back
    on, unless it is accepted.
    """
    firsts = {topic: [first for first, _ in each] for topic, each in bounds.items()}
    if from_ms is not None:
        places = [TopicPartition(prefix + topic, p) for topic in bounds for p in range(len(bounds[topic]))]
        found = await offsets_at(brokers, places, from_ms)
        if wall_ms() - from_ms < REACH_MS and not accept_partial:
            raise StreamprocError(
                f"--from {to_iso(from_ms)} leaves out what windows look back on: {REACH_MS // _DAY_MS} days",
                fix="an earlier instant; or take less: --accept-partial",
            )
        return {
            topic: [
                max(first, found.get(TopicPartition(prefix + topic, p), (end, 0))[0])
                for p, (first, end) in enumerate(each)
            ]
            for topic, each in bounds.items()
        }
    cut = [
        TopicPartition(prefix + topic, p)
        for topic, each in firsts.items()
        for p, first in enumerate(each)
        if first > 0
    ]
    if cut and not accept_partial:
        await _check_reach(brokers, cut)
    return firsts


async def _check_reach(brokers: Brokers, cut: Sequence[TopicPartition]) -> None:
    now_ms = wall_ms()
    oldest = await oldest_ms(brokers, cut)
    shortest = max(cut, key=lambda place: oldest.get(place, now_ms))
    begins_ms = oldest.get(shortest, now_ms)
    if now_ms - begins_ms >= REACH_MS:
        return
    days = (now_ms - begins_ms) / _DAY_MS
    raise StreamprocError(
        f"retention has removed the beginning of {len(cut)} logs: {shortest.topic}[{shortest.partition}] reaches back "
        f"{days:.1f} days, to {to_iso(begins_ms)}; windows look back {REACH_MS // _DAY_MS}",
        fix="restore a backup of Redis instead, which forgets nothing; or take what there is: --accept-partial. "
        "Customers then count as first seen when their records begin, so nobody is called silent too early",
    )
