"""Files of events to a study: customers as the engine has them at a past date, and what became of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamproc.backtest.blocks import Refused
from streamproc.backtest.history import History, Log, Logs
from streamproc.backtest.replay import Replay
from streamproc.contracts.decode import decode_chunk
from streamproc.contracts.instants import to_iso
from streamproc.discovery.study import Study, Target, TargetName, capped, inside, sampled
from streamproc.errors import StreamprocError
from streamproc.fitting.reading import repeated
from streamproc.rules.literals import MICROS
from streamproc.sources import SOURCES, origins_of
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.transitions.definitions import Definitions
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import CustomerTable, concat

_CHUNK: Final = 8_000
#: Customers who are unpacked at a time.
_UNPACKED: Final = 1_000
#: Refused events that are listed.
_LISTED: Final = 20

T = TypeVar("T")
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class _Record(NamedTuple):
    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(slots=True)
class Events:
    """The accepted events of a history, topic by topic.

    ids: of customers, by code. topic, place: where an event stands in the logs. counted: what the engine would count,
    which no repeat is. refused: of the lines that are no events, and first_refused some of them.
    """

    ids: list[str]
    customer: Ints
    ts_ms: Ints
    active: Bools
    ordered: Bools
    money_micros: Ints
    topic: Ints
    place: Ints
    counted: Bools
    refused: int = 0
    first_refused: list[Refused] = field(default_factory=list)

    def between(self, begin_ms: int, end_ms: int) -> Bools:
        """Those that happened from an instant on, and before another."""
        return (self.ts_ms >= begin_ms) & (self.ts_ms < end_ms)


def decoded(
    history: History, definitions: Definitions, wall_now_ms: int, advance: Callable[[int], None]
) -> Events:
    """All events of a history of one partition. Raises StreamprocError if none is accepted."""
    (logs,) = history.partitions
    codes: dict[str, int] = {}
    parts: list[tuple[NDArray[np.generic], ...]] = []
    refused: list[Refused] = []
    n_refused = 0
    for topic, log in logs.items():
        code = SOURCES.index(topic)
        for chunk in _chunks(enumerate(log.values), _CHUNK):
            records = [_Record(place, value) for place, value in chunk]
            found = decode_chunk(
                records,
                topic=code,
                origin=origins_of(code, records),
                meanings=definitions.ruleset.meanings,
                wall_now_ms=wall_now_ms,
            )
            n_refused += len(found.failures)
            refused += [Refused(log.lines[one.offset], one) for one in found.failures[:_LISTED]]
            own = found.columns
            who = np.array([codes.setdefault(one, len(codes)) for one in own.customer], np.int64)
            parts.append((
                who, own.ts_ms.copy(), own.activity.copy(), own.order.copy(), own.money_micros.copy(),
                own.message_hash.copy(), np.full(len(who), code, np.int64), own.offset.copy(),
            ))  # fmt: skip
            advance(len(records))
    if not codes:
        fix = "`streamproc validate FILE` says what is wrong with each line"
        raise StreamprocError(
            f"no line is an event that is accepted ({history.lines.records:,} read)", fix=fix
        )
    who, ts_ms, active, ordered, money, message, topics, places = map(
        np.concatenate, zip(*parts, strict=True)
    )
    counted = ~(repeated(who, message, ts_ms) | _again(who, message, ts_ms))
    refused.sort(key=lambda one: one.line)
    return Events(
        list(codes), who, ts_ms, active, ordered, money, topics, places, counted, n_refused, refused[:_LISTED]
    )


def as_of_default(events: Events, horizon_days: int) -> int:
    """The latest midnight (UTC, epoch ms) after which a whole horizon is known."""
    return (int(events.ts_ms.max()) // DAY_MS - horizon_days) * DAY_MS


def check_as_of(events: Events, as_of_ms: int, horizon_days: int) -> None:
    """Raises StreamprocError if there is nothing before the date, or no whole horizon after it."""
    first_ms, last_ms = int(events.ts_ms.min()), int(events.ts_ms.max())
    known = f"the events are of {to_iso(first_ms)[:10]} to {to_iso(last_ms)[:10]}"
    if as_of_ms <= first_ms:
        raise StreamprocError(
            f"no event happened before {to_iso(as_of_ms)[:10]}: {known}",
            fix=f"there must be more than --horizon-days ({horizon_days}) of history; half a year is good",
        )
    if last_ms < as_of_ms + (horizon_days - 1) * DAY_MS:
        raise StreamprocError(
            f"what became of customers in {horizon_days} days after {to_iso(as_of_ms)[:10]} is not known: {known}",
            fix="take an earlier --as-of, or fewer --horizon-days",
        )


async def study_of(
    history: History,
    events: Events,
    definitions: Definitions,
    *,
    target: TargetName,
    as_of_ms: int,
    horizon_days: int,
    customers_max: int,
    wall_now_ms: int,
    advance: Callable[[int, int], None],
) -> Study:
    """Customers active in the horizon before the date, as they were at it, and the target in the horizon after it.

    Nothing at the date or later has a part in the states. `advance` is told the events done, of how many.
    """
    horizon_ms = horizon_days * DAY_MS
    lately = events.counted & events.active & events.between(as_of_ms - horizon_ms, as_of_ms)
    chosen = sampled(
        [events.ids[code] for code in np.unique(events.customer[lately]).tolist()], customers_max
    )
    is_chosen = np.array([own in chosen for own in events.ids], np.bool_)[events.customer]
    past = is_chosen & (events.ts_ms < as_of_ms)
    table = await _states(_part(history, events, past), definitions, as_of_ms, wall_now_ms, advance)
    after = is_chosen & events.counted & events.between(as_of_ms, as_of_ms + horizon_ms)
    outcome = _outcome(table, events, after, target)
    names = {segment.id: segment.key for segment in definitions.ruleset.segments}
    return Study(
        table,
        np.full(len(table), as_of_ms),
        target_of(target, horizon_days),
        outcome,
        inside(table, names),
        horizon_days,
    )


def target_of(name: TargetName, horizon_days: int) -> Target:
    """What becomes of customers within a horizon."""
    match name:
        case "churn":
            return Target(name, f"have no activity in the next {horizon_days} days", is_share=True)
        case "order":
            return Target(name, f"order in the next {horizon_days} days", is_share=True)
        case "money":
            return Target(name, f"spend in the next {horizon_days} days", is_share=False, scale=100)


def _part(history: History, events: Events, kept: Bools) -> Logs:
    """The logs with some of their records only."""
    (logs,) = history.partitions
    part: Logs = {}
    for topic, log in logs.items():
        places = events.place[kept & (events.topic == SOURCES.index(topic))].tolist()
        part[topic] = Log([log.values[place] for place in places])
        part[topic].lines.extend(log.lines[place] for place in places)
    return part


async def _states(
    logs: Logs,
    definitions: Definitions,
    as_of_ms: int,
    wall_now_ms: int,
    advance: Callable[[int, int], None],
) -> CustomerTable:
    """All states after these logs and silence up to the date, in the order of ids."""
    total = sum(len(log.values) for log in logs.values())
    replay = Replay(definitions, wall_now_ms)
    done = 0
    async for _ in replay.through(logs):
        advance(replay.events - done, total)
        done = replay.events
    async for _ in replay.until(as_of_ms):
        pass
    found: dict[str, bytes] = {}
    async for part in browse(replay.store, 0):
        found |= {customer.decode(): state for customer, state in part}
    ids = sorted(found)
    tables = [unpack(some, [found[own] for own in some]) for some in _chunks(ids, _UNPACKED)]
    return concat(tables) if tables else unpack([], [])


def _outcome(table: CustomerTable, events: Events, after: Bools, target: TargetName) -> NDArray[np.float64]:
    row_of = {own: row for row, own in enumerate(table.ids)}
    rows = np.array([row_of.get(own, -1) for own in events.ids], np.int64)[events.customer]
    after = after & (rows >= 0)
    match target:
        case "churn":
            outcome = np.ones(len(table))
            outcome[rows[after & events.active]] = 0.0
            return outcome
        case "order":
            outcome = np.zeros(len(table))
            outcome[rows[after & events.ordered]] = 1.0
            return outcome
        case "money":
            micros = np.zeros(len(table), np.int64)
            np.add.at(micros, rows[after & events.ordered], events.money_micros[after & events.ordered])
            return capped(np.maximum(micros, 0), MICROS)


def _again(customer: Ints, message: NDArray[np.uint64], ts_ms: Ints) -> Bools:
    """Events that are one before them once more: of the same customer, messageId and time."""
    order = np.lexsort((ts_ms, message, customer))
    same = np.zeros(len(order), np.bool_)
    for column in (customer, message, ts_ms):
        own = column[order]
        same[1:] |= own[1:] != own[:-1]
    same[1:] = ~same[1:]
    again = np.empty(len(order), np.bool_)
    again[order] = same
    return again


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some
