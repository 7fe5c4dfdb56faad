"""Totals of n customers: what stands still until something happens.

All are int64: counts, money in millionths, durations in ms, and texts as the codes that `text_hash` gives them. One
without a value is NO_VALUE and not exact, so that every comparison with it is unknown.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from streamproc.contracts.hashes import text_hash
from streamproc.features.registry import Feature
from streamproc.windows.panes import DAY_MS
from streamproc.windows.table import CustomerTable, Table, spread
from streamproc.windows.words import CONSENT, SURVEY, TICKET, suppressed

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_Total = Callable[[CustomerTable, Feature], Ints]

NO_VALUE: Final = -1
_DAY_HOURS: Final = 24


class TotalColumns:
    """f totals of n customers: int64[f, n] and bool[f, n]."""

    def __init__(self, table: CustomerTable, features: Sequence[Feature]) -> None:
        self.values: Ints = np.empty((len(features), len(table)), np.int64)
        for place, feature in enumerate(features):
            self.values[place] = _TOTALS.get(feature.source, _of_head)(table, feature)
        self.exact: Bools = self.values != NO_VALUE


def best_hours(hours: Table, customers: int) -> Ints:
    """The hours (UTC) in which customers are most often active, of equal ones the first: int64[customers], or
    NO_VALUE. `hours`: as in CustomerTable.
    """
    best = np.full(customers, NO_VALUE, np.int64)
    if len(hours):
        row = hours["row"]
        first = np.flatnonzero(np.diff(row, prepend=-1))
        ranks = hours["count"] * _DAY_HOURS - hours["hour"]
        best[row[first]] = -np.maximum.reduceat(ranks, first) % _DAY_HOURS
    return best


def favorite_category(table: CustomerTable, row: int) -> str | None:
    """The text behind `favorite_category` of one customer."""
    places = np.flatnonzero(table.categories["row"] == row)
    if not len(places):
        return None
    mine = table.categories[places]
    return str(
        mine["name"][int(np.argmax(mine["count"]))].decode()
    )  # sorted by name: the first of equal ones


def _of_head(table: CustomerTable, feature: Feature) -> Ints:
    column: Ints = table.head[feature.source]
    return column


def _of_tally(table: CustomerTable, feature: Feature) -> Ints:
    return spread(table.tallies, table.tallies["tally"] == feature.code, "count", len(table), 0)


def _order_average(table: CustomerTable, _: Feature) -> Ints:
    orders, money = table.head["orders"], table.head["money_micros"]
    return np.where(orders > 0, money // np.maximum(orders, 1), NO_VALUE)


def _usual_gap(table: CustomerTable, _: Feature) -> Ints:
    head = table.head
    gaps, days = head["active_days"] - 1, head["last_day"] - head["first_day"]
    return np.where(gaps >= 1, days * DAY_MS // np.maximum(gaps, 1), NO_VALUE)


def _views(table: CustomerTable, feature: Feature) -> Ints:
    mine = table.views["row"][table.views["view"] == feature.code]
    return np.bincount(mine, minlength=len(table))


def _best_hour(table: CustomerTable, _: Feature) -> Ints:
    return best_hours(table.hours, len(table))


def _favorite_category(table: CustomerTable, _: Feature) -> Ints:
    codes = np.full(len(table), NO_VALUE, np.int64)
    mine = table.categories
    mine = mine[np.lexsort((mine["name"], -mine["count"], mine["row"]))]
    row, first = np.unique(mine["row"], return_index=True)
    codes[row] = [text_hash(name.decode()) for name in mine["name"][first].tolist()]
    return codes


def _open_tickets(table: CustomerTable, _: Feature) -> Ints:
    opened = (table.words["about"] == TICKET) & (table.words["value"] == 1)
    return np.bincount(table.words["row"][opened], minlength=len(table))


def _survey(table: CustomerTable, feature: Feature) -> Ints:
    mine = (table.words["about"] == SURVEY) & (table.words["key"] == feature.code)
    return spread(table.words, mine, "value", len(table), NO_VALUE)


def _consent(table: CustomerTable, feature: Feature) -> Ints:
    mine = (table.words["about"] == CONSENT) & (table.words["key"] == feature.code)
    return spread(table.words, mine, "value", len(table), 0)


def _suppressed(table: CustomerTable, _: Feature) -> Ints:
    return suppressed(table.words, len(table)).astype(np.int64)


def _funnel(table: CustomerTable, feature: Feature) -> Ints:
    """Steps done; the funnel may have had more of them before somebody edited it without raising its version."""
    steps = spread(table.funnels, table.funnels["funnel"] == feature.code, "steps", len(table), 0)
    return np.minimum(steps, feature.whole)


def _funnel_left(table: CustomerTable, feature: Feature) -> Ints:
    return feature.whole - _funnel(table, feature)


#: Feature.source to the values; a source that is not here is a field of the fixed row.
_TOTALS: Final[dict[str, _Total]] = {
    "tally": _of_tally,
    "order_average": _order_average,
    "usual_gap": _usual_gap,
    "views": _views,
    "best_hour": _best_hour,
    "favorite_category": _favorite_category,
    "open_tickets": _open_tickets,
    "survey": _survey,
    "consent": _consent,
    "suppressed": _suppressed,
    "funnel": _funnel,
    "funnel_left": _funnel_left,
}
