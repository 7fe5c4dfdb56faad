"""A running group to a study: customers as they are now. There is no future, so the present is the target."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.churn.model import ChurnModel
from streamproc.churn.score import score
from streamproc.discovery.study import Study, Target, TargetName, capped, inside, sampled
from streamproc.errors import StreamprocError
from streamproc.features.frame import Frame
from streamproc.features.registry import FEATURES, Feature
from streamproc.in_force import segment_names
from streamproc.rules.literals import MICROS
from streamproc.state.browse import browse
from streamproc.state.layout import unpack
from streamproc.state.store import Head, Store
from streamproc.transitions.definitions import Definitions
from streamproc.transitions.evaluate import churn_columns
from streamproc.windows.panes import DAY_MS, ORDERS
from streamproc.windows.table import CustomerTable, concat

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Totals that the churn model, or a longer history, shows in.
_RHYTHM: Final = ("active_days_total", "events_total", "sessions_total", "usual_gap")
_BOUGHT: Final = ("order", "money", "checkout", "refunds")


async def study_of_living(
    store: Store,
    definitions: Definitions,
    *,
    target: TargetName,
    horizon_days: int,
    customers_max: int,
    advance: Callable[[int], None],
) -> Study:
    """A sample of the customers of all shards who were active in the horizon before now.

    Nothing is written. `advance` is told the customers that are read. Raises StreamprocError if there are none.
    """
    first = await store.read_head(0)
    parts: list[CustomerTable] = []
    at_ms: list[int] = []
    names: dict[int, str] = {}
    shards = first.partitions if first else 0
    for partition in range(shards):
        head = await store.read_head(partition)
        if head is None or head.time_ms is None:
            continue
        names |= {id_: key for id_, (key, _) in segment_names(head).items()}
        table = await _read(store, head, -(-customers_max // shards), horizon_days, advance)
        parts.append(table)
        at_ms += [head.time_ms] * len(table)
    if not at_ms:
        raise StreamprocError(
            f"no customer with activity in the last {horizon_days} days is known under this prefix and group",
            fix="check STREAMPROC_REDIS, STREAMPROC_TOPIC_PREFIX and STREAMPROC_GROUP, or give files of events",
        )
    table, now_ms = concat(parts), np.array(at_ms, np.int64)
    outcome = _risk(table, now_ms, definitions.model) if target == "churn" else _spent(table, now_ms)
    return Study(
        table, now_ms, _target(target, definitions.model), outcome, inside(table, names), horizon_days
    )


async def _read(
    store: Store, head: Head, most: int, horizon_days: int, advance: Callable[[int], None]
) -> CustomerTable:
    """The customers of a shard who were active lately, or some of them, in the order of their ids."""
    assert head.time_ms is not None
    since_ms = head.time_ms - horizon_days * DAY_MS
    found: dict[str, bytes] = {}
    async for part in browse(store, head.partition):
        some = dict(part)
        table = unpack([customer.decode() for customer in some], list(some.values()))
        lately = (table.head["active_days"] > 0) & (table.head["last_activity_ms"] >= since_ms)
        found |= {table.ids[row]: some[table.ids[row].encode()] for row in np.flatnonzero(lately).tolist()}
        advance(len(part))
        # The order of Redis is that of hashes, so the first are a sample.
        if len(found) >= 2 * most:
            break
    ids = sorted(sampled(found, most))
    return unpack(ids, [found[own] for own in ids])


def _risk(table: CustomerTable, now_ms: Ints, model: ChurnModel) -> Floats:
    # In whole millionths, so that sums are the same on every machine.
    return np.asarray(np.round(score(model, churn_columns(table.head), now_ms).risk * 1e6))


def _spent(table: CustomerTable, now_ms: Ints) -> Floats:
    return capped(np.maximum(Frame(table, now_ms).value(FEATURES["money_90d"]), 0), MICROS)


def _target(name: TargetName, model: ChurnModel) -> Target:
    if name == "churn":
        words = f"are expected to have no activity in the next {model.horizon_days} days"
        return Target(name, words, is_share=True, scale=1_000_000, suits=_stands_still)
    return Target(name, "spent in the last 90 days", is_share=False, scale=100, suits=_is_not_about_orders)


def _stands_still(feature: Feature) -> bool:
    """Risk grows in silence, and so do ages, while windows shrink: they would say since when, and not who."""
    return feature.kind == "total" and feature.name not in _RHYTHM


def _is_not_about_orders(feature: Feature) -> bool:
    return ORDERS not in feature.series and not feature.name.startswith(_BOUGHT)
