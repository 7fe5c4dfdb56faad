"""Rules tried on the customers that a group knows now: who would come in and who would go, if they were in force.

Nothing is written. Each state is evaluated under the rules to be tried at the time its shard has reached, by the very
evaluation that a worker would give it, and what that would publish is counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
import orjson
import xxhash

from streamproc.errors import StreamprocError
from streamproc.in_force import campaign_modes, segment_names
from streamproc.rules.campaign import WATCH_PREFIX
from streamproc.sources import SOURCES
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.state.store import Store
from streamproc.transitions.definitions import Definitions, Origin
from streamproc.transitions.evaluate import evaluate
from streamproc.transitions.publish import Signal
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable

#: Of each segment and direction so many customers are told, chosen by a hash of the id.
_TOLD: Final = 3


class Change(NamedTuple):
    """A customer who would come into a segment or leave it, and what decides. rank: the lowest are told."""

    rank: int
    customer: str
    entered: bool
    evidence: list[dict[str, Any]]


@dataclass(slots=True)
class SegmentPreview:
    """Of one segment. version: of the rules to be tried; None: they do not have it. live_version: None: it is new.

    inside: how many are inside now; entering, leaving: how many would come in and go.
    """

    version: int | None = None
    live_version: int | None = None
    inside: int = 0
    entering: int = 0
    leaving: int = 0
    told: list[Change] = field(default_factory=list)


@dataclass(slots=True)
class Preview:
    """All segments by key; how many customers were looked at, for how many anything would change, and how many would
    move: come into a segment, or leave one.

    bands: how many would come into each churn band. requests: how many would trigger each campaign; an edited rule
    requests nothing. same: how many were last evaluated under these very rules. campaigns_new, campaigns_gone: keys of
    campaigns that only the one or the other rules have.
    """

    segments: dict[str, SegmentPreview]
    customers: int = 0
    changed: int = 0
    moved: int = 0
    same: int = 0
    bands: Counter[str] = field(default_factory=Counter)
    triggered: Counter[str] = field(default_factory=Counter)
    campaigns_new: list[str] = field(default_factory=list)
    campaigns_gone: list[str] = field(default_factory=list)


async def preview(
    store: Store, definitions: Definitions, customers_max: int | None, advance: Callable[[int], None]
) -> Preview:
    """What would change. customers_max: so many are looked at, evenly of all shards; None: all.

    `advance` is told the customers that are done. Raises StreamprocError if there are none.
    """
    first = await store.read_head(0)
    partitions = first.partitions if first else 0
    found = Preview(
        {segment.key: SegmentPreview(segment.version) for segment in definitions.ruleset.segments}
    )
    if first is not None:
        live, tried = campaign_modes(first), [campaign.key for campaign in definitions.ruleset.campaigns]
        found.campaigns_new = [key for key in tried if key not in live]
        found.campaigns_gone = [key for key in live if key not in tried]
    most = None if customers_max is None else -(-customers_max // max(partitions, 1))
    for partition in range(partitions):
        await _look_through(store, partition, definitions, most, found, advance)
    if not found.customers:
        raise StreamprocError(
            "no customer is known under this prefix and group",
            fix="check STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP",
        )
    return found


async def count_customers(store: Store) -> int:
    """Of all shards."""
    first = await store.read_head(0)
    return sum([await store.customers(partition) for partition in range(first.partitions if first else 0)])


async def _look_through(
    store: Store,
    partition: int,
    definitions: Definitions,
    most: int | None,
    found: Preview,
    advance: Callable[[int], None],
) -> None:
    seen: set[bytes] = set()
    tried = definitions
    async for part in browse(store, partition):
        # Read after the states: they are not younger than it says.
        head = await store.read_head(partition)
        if head is None or head.time_ms is None:
            return
        new = {customer: state for customer, state in part if customer not in seen}
        seen |= new.keys()
        if new:
            table = unpack([customer.decode() for customer in new], list(new.values()))
            names = segment_names(head)
            _count_inside(table, names, definitions, found)
            origin = Origin(SOURCES, partition, head.rewinds)
            now_ms = np.full(len(table), head.time_ms)
            found.same += int((table.head["rules"] == definitions.fingerprint).sum())
            tried = _with_names(tried, names)
            _count(evaluate(table, now_ms, tried, (origin,)), found)
            found.customers += len(table)
            advance(len(table))
        if most is not None and len(seen) >= most:
            return


def _with_names(definitions: Definitions, names: Mapping[int, tuple[str, int]]) -> Definitions:
    """With the segments that live rules have and these have not."""
    own = {segment.id for segment in definitions.ruleset.segments}
    retired = {id_: name for id_, name in names.items() if id_ not in own}
    if retired == definitions.retired:
        return definitions
    return Definitions(definitions.ruleset, definitions.model, retired)


def _count_inside(
    table: CustomerTable, names: Mapping[int, tuple[str, int]], definitions: Definitions, found: Preview
) -> None:
    members = table.members[table.members["entered_ms"] != NEVER]
    own = {segment.id: segment.key for segment in definitions.ruleset.segments}
    ids, counts = np.unique(members["segment"], return_counts=True)
    for id_, count in zip(ids.tolist(), counts.tolist(), strict=True):
        key = own.get(id_) or names.get(id_, (f"{id_:08x}", 0))[0]
        if not key.startswith(WATCH_PREFIX):
            found.segments.setdefault(key, SegmentPreview()).inside += count
    for key, version in names.values():
        if key in found.segments:
            found.segments[key].live_version = version


def _count(signals: list[Signal], found: Preview) -> None:
    found.changed += len({signal.customer for signal in signals})
    found.moved += len({signal.customer for signal in signals if signal.kind in ("entered", "exited")})
    for signal in signals:
        match signal.kind:
            case "entered" | "exited":
                segment = found.segments.setdefault(signal.key, SegmentPreview())
                entered = signal.kind == "entered"
                segment.entering += entered
                segment.leaving += not entered
                _tell(segment, signal, entered=entered)
            case "churn":
                found.bands[signal.key] += 1
            case _:
                found.triggered[signal.key] += 1


def _tell(segment: SegmentPreview, signal: Signal, *, entered: bool) -> None:
    rank = xxhash.xxh32_intdigest(signal.customer.encode())
    alike = [change for change in segment.told if change.entered == entered]
    if len(alike) >= _TOLD:
        if rank >= alike[-1].rank:
            return
        segment.told.remove(alike[-1])
    value = orjson.loads(signal.record.value or b"")
    evidence = value["context"]["streamproc"]["evidence"]
    segment.told.append(Change(rank, signal.customer, entered, evidence))
    segment.told.sort(key=lambda change: (not change.entered, change.rank))
