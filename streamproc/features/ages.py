"""Ages of n customers: time since something, each from an anchor.

All are int64 in ms. What never happened is at least as long ago as the customer is known: not exact.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.meanings import TALLIES
from streamproc.features.registry import Feature
from streamproc.windows.panes import INF, NEVER
from streamproc.windows.table import CustomerTable, spread
from streamproc.windows.words import SURVEY, TICKET

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_Anchor = Callable[[CustomerTable, Feature], Ints]

_CHECKOUTS: Final = list(TALLIES).index("checkouts")


class AgeColumns:
    """f ages of n customers. `anchors_ms`: int64[f, n], the instants they count from; INF where one does not run."""

    def __init__(self, table: CustomerTable, now_ms: Ints, features: Sequence[Feature]) -> None:
        self.anchors_ms: Ints = np.empty((len(features), len(table)), np.int64)
        for place, feature in enumerate(features):
            self.anchors_ms[place] = _ANCHORS[feature.source](table, feature)
        never = self.anchors_ms == NEVER
        np.copyto(self.anchors_ms, table.head["first_seen_ms"], where=never)
        self.exact: Bools = ~never
        self.values: Ints = now_ms - np.minimum(self.anchors_ms, now_ms)


def _head(column: str) -> _Anchor:
    return lambda table, _: table.head[column]


def _of_channel(table: CustomerTable, feature: Feature) -> Ints:
    last_ms: Ints = table.head["last_ms"][:, feature.code]
    return last_ms


def _of_tally(table: CustomerTable, feature: Feature) -> Ints:
    return _last_of_tally(table, feature.code)


def _last_of_tally(table: CustomerTable, tally: int) -> Ints:
    return spread(table.tallies, table.tallies["tally"] == tally, "last_ms", len(table), NEVER)


def _of_survey(table: CustomerTable, feature: Feature) -> Ints:
    mine = (table.words["about"] == SURVEY) & (table.words["key"] == feature.code)
    return spread(table.words, mine, "ts_ms", len(table), NEVER)


def _of_cart(column: str) -> _Anchor:
    return lambda table, _: np.where(table.head["cart_items"] > 0, table.head[column], INF)


def _of_checkout(table: CustomerTable, _: Feature) -> Ints:
    last_ms = _last_of_tally(table, _CHECKOUTS)
    return np.where(last_ms > table.head["last_order_ms"], last_ms, INF)


def _of_open_ticket(table: CustomerTable, _: Feature) -> Ints:
    opened = np.flatnonzero((table.words["about"] == TICKET) & (table.words["value"] == 1))
    oldest_ms = np.full(len(table), INF, np.int64)
    np.minimum.at(oldest_ms, table.words["row"][opened], table.words["ts_ms"][opened])
    return oldest_ms


def _of_funnel(table: CustomerTable, feature: Feature) -> Ints:
    under_way = (table.funnels["funnel"] == feature.code) & (table.funnels["steps"] < feature.whole)
    return spread(table.funnels, under_way, "last_ms", len(table), INF)


#: Feature.source to the instant that the age counts from: NEVER if it never came, INF if the age does not run.
_ANCHORS: Final[dict[str, _Anchor]] = {
    "first_seen": _head("first_seen_ms"),
    "activity": _head("last_activity_ms"),
    "order": _head("last_order_ms"),
    "channel": _of_channel,
    "tally": _of_tally,
    "survey": _of_survey,
    "cart_change": _of_cart("cart_changed_ms"),
    "cart_start": _of_cart("cart_since_ms"),
    "checkout": _of_checkout,
    "open_ticket": _of_open_ticket,
    "funnel": _of_funnel,
}
