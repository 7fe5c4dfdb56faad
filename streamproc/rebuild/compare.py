"""Two groups' customers side by side: who differs, and in what."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np

from streamproc.contracts.signal_types import BANDS
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.rules.model import Ruleset
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.state.store import Head, Store
from streamproc.windows.panes import NEVER
from streamproc.windows.table import CustomerTable

#: Differing customers that are named, of each thing.
_TOLD_MAX: Final = 3
#: Customers whose columns are compared in one go.
_AT_ONCE: Final = 5_000


class Example(NamedTuple):
    """One customer who differs: what each group says."""

    customer: str
    blue: Any
    green: Any


@dataclass(slots=True)
class Comparison:
    """What was found. Segments and features are by name; `told`: some of those who differ, by segment, feature or band.

    apart_ms: by how much the times of a shard differ at most. behind: records that green has not applied and blue has;
    negative: the other way round. unequal: customers who differ in what must be the same once both have read the same,
    whenever and in whatever order.
    """

    customers: int = 0
    alike: int = 0
    only_blue: int = 0
    only_green: int = 0
    behind: int = 0
    apart_ms: int = 0
    unequal: int = 0
    segments: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)
    bands: int = 0
    told: dict[str, list[Example]] = field(default_factory=dict)

    def note(self, name: str, example: Example) -> None:
        """Someone differs in this."""
        some = self.told.setdefault(name, [])
        if len(some) < _TOLD_MAX:
            some.append(example)


async def compare(blue: Store, green: Store, ruleset: Ruleset, sample: int | None) -> Comparison:
    """Customers of both groups, each at the earlier of its shard's two times. `sample`: so many of blue's, about.

    Raises StreamprocError if one of the groups has no state, or they have different numbers of partitions.
    """
    heads = await _heads(blue, green)
    found = Comparison()
    for of_blue, of_green in heads:
        found.behind += sum(of_blue.offsets.values()) - sum(of_green.offsets.values())
        apart_ms = abs((of_blue.time_ms or 0) - (of_green.time_ms or 0))
        found.apart_ms = max(found.apart_ms, apart_ms)
        partition = of_blue.partition
        limit = None if sample is None else -(-sample // len(heads))
        one = await _states(blue, partition, limit)
        if limit is None:
            other = await _states(green, partition, None)
            found.only_green += len(other.keys() - one.keys())
        else:
            other = {id_: blob for id_ in one if (blob := await green.get(partition, id_)) is not None}
        found.only_blue += len(one.keys() - other.keys())
        both = [id_ for id_ in one if id_ in other]
        now_ms = min(of_blue.time_ms or 0, of_green.time_ms or 0)
        for first in range(0, len(both), _AT_ONCE):
            ids = both[first : first + _AT_ONCE]
            names = [id_.decode() for id_ in ids]
            tables = (unpack(names, [one[id_] for id_ in ids]), unpack(names, [other[id_] for id_ in ids]))
            _compare(tables, now_ms, ruleset, found)
    return found


async def _heads(blue: Store, green: Store) -> list[tuple[Head, Head]]:
    firsts = (await blue.read_head(0), await green.read_head(0))
    if None in firsts:
        missing = "first" if firsts[0] is None else "second"
        raise StreamprocError(
            f"the {missing} group has no state",
            fix="check its name, STREAMPROC_REDIS and STREAMPROC_TOPIC_PREFIX",
        )
    partitions = {head.partitions for head in firsts if head is not None}
    if len(partitions) > 1:
        raise StreamprocError(f"the groups have different numbers of partitions: {sorted(partitions)}")
    heads = []
    for partition in range(partitions.pop()):
        of_blue, of_green = await blue.read_head(partition), await green.read_head(partition)
        if of_blue is None or of_green is None:
            raise StreamprocError(
                f"shard {partition} is there in one group only",
                fix="let the rebuild end, or the workers begin",
            )
        heads.append((of_blue, of_green))
    return heads


async def _states(store: Store, partition: int, limit: int | None) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    async for part in browse(store, partition):
        found.update(part)
        if limit is not None and len(found) >= limit:
            break
    return dict(list(found.items())[:limit])


def _compare(
    tables: tuple[CustomerTable, CustomerTable], now_ms: int, ruleset: Ruleset, found: Comparison
) -> None:
    blue, _ = tables
    differs, unequal = np.zeros(len(blue), np.bool_), np.zeros(len(blue), np.bool_)
    frames = [Frame(table, np.full(len(table), now_ms)) for table in tables]
    for feature in ruleset.features.values():
        if feature.unit == "text":
            values = [np.array([frame.text(feature, row) for row in range(frame.n)]) for frame in frames]
        else:
            values = [frame.value(feature) for frame in frames]
        rows = np.flatnonzero(values[0] != values[1])
        found.features.update({feature.name: len(rows)} if len(rows) else {})
        differs[rows] = True
        unequal[rows] |= feature.order_free
        for row in rows[:_TOLD_MAX].tolist():
            said = [column[row] for column in values]
            found.note(
                feature.name, Example(blue.ids[row], *(one if one is None else _plain(one) for one in said))
            )
    keys = {segment.id: segment.key for segment in ruleset.segments}
    inside = [_inside(table, keys) for table in tables]
    for row, customer in enumerate(blue.ids):
        for key in sorted(inside[0][row] ^ inside[1][row]):
            found.segments[key] += 1
            found.note(key, Example(customer, key in inside[0][row], key in inside[1][row]))
            differs[row] = True
    bands = [table.head["band"] for table in tables]
    rows = np.flatnonzero(bands[0] != bands[1])
    found.bands += len(rows)
    differs[rows] = True
    for row in rows[:_TOLD_MAX].tolist():
        found.note("band", Example(blue.ids[row], *(_band(column[row]) for column in bands)))
    found.customers += len(blue)
    found.unequal += int(unequal.sum())
    found.alike += len(blue) - int(differs.sum())


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _band(level: int) -> str | None:
    return None if level == NEVER else BANDS[level]


def _inside(table: CustomerTable, keys: Mapping[int, str]) -> list[set[str]]:
    """The segments that each customer is in."""
    found: list[set[str]] = [set() for _ in table.ids]
    for member in table.members[table.members["entered_ms"] != NEVER]:
        if (key := keys.get(int(member["segment"]))) is not None:
            found[member["row"]].add(key)
    return found
